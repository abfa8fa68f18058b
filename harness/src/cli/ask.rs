//! `rpc` and `logs`: what a kept network's nodes say.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use harness_core::{exit::ExitCode, text::printable};

use super::{
    args::{LogsArgs, RpcArgs},
    network::the_one,
    output, ps,
};
use crate::{
    lease::{NodeOnHost, RunOnHost},
    provider::Direct,
    run::{http::Http, interrupt::Interrupt, link::Connect},
};

/// A node that takes longer is said not to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a log is looked at for more.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn rpc(args: &RpcArgs) -> ExitCode {
    let run = match the_one(args.run.as_deref()).await {
        Ok(run) => run,
        Err(code) => return code,
    };
    let address = match node(&run, &args.node).and_then(|node| within_reach(&run, node)) {
        Ok(address) => address,
        Err(why) => {
            output::error(&why);
            return ExitCode::Usage;
        }
    };
    let link = Http::through(Arc::new(Direct)).connect(address, PATIENCE);
    let asked = tokio::time::timeout(PATIENCE, link.ask(&args.method, &args.params)).await;
    match asked {
        Ok(Ok(answer)) => {
            output::result(&serde_json::to_string_pretty(&answer).unwrap_or_default());
            ExitCode::Pass
        }
        Ok(Err(miss)) => {
            output::error(&format!("{}: {}", args.node, printable(&miss.to_string())));
            ExitCode::Fail
        }
        Err(_) => {
            output::error(&format!("{}: no answer in {} s", args.node, PATIENCE.as_secs()));
            ExitCode::Fail
        }
    }
}

pub(super) async fn logs(args: &LogsArgs, interrupt: Interrupt) -> ExitCode {
    let run = match the_one(args.run.as_deref()).await {
        Ok(run) => run,
        Err(code) => return code,
    };
    let chosen: Result<Vec<&NodeOnHost>, String> = if args.nodes.is_empty() {
        Ok(run.nodes.iter().collect())
    } else {
        args.nodes.iter().map(|name| node(&run, name)).collect()
    };
    let chosen = match chosen {
        Ok(chosen) => chosen,
        Err(why) => {
            output::error(&why);
            return ExitCode::Usage;
        }
    };
    let width = chosen.iter().map(|node| node.name.len()).max().unwrap_or(0);
    let shown = if run.provider.as_deref() == Some("docker") {
        of_containers(&chosen, args, width, interrupt).await
    } else {
        of_files(&run, &chosen, args, width, interrupt).await
    };
    match shown {
        Ok(()) => ExitCode::Pass,
        Err(why) => {
            output::error(&format!("the logs cannot be read: {why}"));
            ExitCode::Environment
        }
    }
}

fn node<'a>(run: &'a RunOnHost, name: &str) -> Result<&'a NodeOnHost, String> {
    let names = || run.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = run.nodes.iter().find(|node| node.name == name);
    found.ok_or_else(|| format!("no node `{name}` in network {}; there is {}", run.run, names()))
}

/// An address of a network namespace means nothing outside it, or somebody else.
fn within_reach(run: &RunOnHost, node: &NodeOnHost) -> Result<SocketAddr, String> {
    let address = node.rpc.ok_or_else(|| format!("where {} answers is not known", node.name))?;
    if run.provider.as_deref() == Some("process") && !address.ip().is_loopback() {
        return Err(format!(
            "{} is in a network namespace of its own, at {address}: `harness up` without --network, or --network loopback, starts nodes that can be asked from here",
            node.name
        ));
    }
    Ok(address)
}

fn line(name: &str, width: usize, text: &str) {
    output::result(&format!("{name:width$} | {}", printable(text)));
}

/// A node's log as it grows, by whole lines.
struct Growing {
    name: String,
    path: PathBuf,
    at: u64,
    rest: Vec<u8>,
}

impl Growing {
    fn more(&mut self) -> io::Result<Vec<String>> {
        /// Read at once: a log may be as large as the disk.
        const PIECE: u64 = 1 << 20;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let read = file.take(PIECE).read_to_end(&mut self.rest)?;
        self.at += read as u64;
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }

    /// Where its last lines begin.
    fn skip_to_last(&mut self, lines: usize) -> io::Result<()> {
        let mut last = std::collections::VecDeque::new();
        loop {
            let more = self.more()?;
            if more.is_empty() {
                break;
            }
            last.extend(more);
            while last.len() > lines {
                last.pop_front();
            }
        }
        let width: u64 = last.iter().map(|line: &String| line.len() as u64 + 1).sum();
        self.at = self.at.saturating_sub(width + self.rest.len() as u64);
        self.rest.clear();
        Ok(())
    }
}

async fn of_files(
    run: &RunOnHost,
    nodes: &[&NodeOnHost],
    args: &LogsArgs,
    width: usize,
    interrupt: Interrupt,
) -> io::Result<()> {
    let dir = run.dir.clone().ok_or_else(|| io::Error::other("its directory is not known"))?;
    let of = |node: &&NodeOnHost| Growing {
        name: node.name.clone(),
        path: dir.join("scratch/nodes").join(&node.name).join("node.log"),
        at: 0,
        rest: Vec::new(),
    };
    let mut logs: Vec<Growing> = nodes.iter().map(of).collect();
    if let Some(lines) = args.tail {
        for log in &mut logs {
            log.skip_to_last(lines)?;
        }
    }
    loop {
        let mut any = false;
        for log in &mut logs {
            for text in log.more()? {
                any = true;
                line(&log.name, width, &text);
            }
        }
        if any {
            continue;
        }
        if !args.follow {
            return Ok(());
        }
        tokio::select! {
            // Who asks us to stop is heard first.
            biased;
            _ = interrupt.raised() => return Ok(()),
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

async fn of_containers(
    nodes: &[&NodeOnHost],
    args: &LogsArgs,
    width: usize,
    interrupt: Interrupt,
) -> io::Result<()> {
    let (_, engine) = ps::look().await.map_err(io::Error::other)?;
    let engine = engine.ok_or_else(|| io::Error::other("the engine does not answer"))?;
    let reading = nodes.iter().map(|node| {
        let container = node.id.split_whitespace().next_back().unwrap_or_default();
        engine.log(container, args.tail, args.follow, |bytes| {
            line(&node.name, width, String::from_utf8_lossy(&bytes).trim_end())
        })
    });
    tokio::select! {
        // Who asks us to stop is heard first.
        biased;
        _ = interrupt.raised() => Ok(()),
        read = futures_util::future::try_join_all(reading) => read.map(drop).map_err(io::Error::other),
    }
}
