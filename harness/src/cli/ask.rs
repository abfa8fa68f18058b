//! `rpc` and `logs`: what a kept network's nodes say.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use harness_core::{exit::ExitCode, text::printable};
use harness_run::{http::Http, interrupt::Interrupt, link::Connect};

use super::{
    args::{LogsArgs, RpcArgs},
    network::the_one,
    output, ps,
};
use crate::{
    lease::{NodeOnHost, RunOnHost},
    provider::{Direct, lines::LineAssembler},
};

/// A node that takes longer is said not to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a log is looked at for more.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn rpc(args: &RpcArgs) -> ExitCode {
    let run = match the_one(args.run.as_deref(), |_| true).await {
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
            output::result(&escaped(&serde_json::to_string_pretty(&answer).unwrap_or_default()));
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
    let run = match the_one(args.run.as_deref(), |_| true).await {
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
pub(super) fn within_reach(run: &RunOnHost, node: &NodeOnHost) -> Result<SocketAddr, String> {
    let container = |what: &String| {
        what.starts_with("container ") && what.ends_with(&format!("-{}", node.name))
    };
    if run.provider.as_deref() == Some("docker") && !run.objects.iter().any(container) {
        return Err(format!(
            "the container of {} is not there any more, or its engine does not answer",
            node.name
        ));
    }
    let address = node.rpc.ok_or_else(|| {
        format!(
            "{} does not run, so nothing of it is published; `harness watch` restarts nodes",
            node.name
        )
    })?;
    if run.provider.as_deref() == Some("process") && !address.ip().is_loopback() {
        return Err(format!(
            "{} is in a network namespace of its own, at {address}: `harness up` without --network, or --network loopback, starts nodes that can be asked from here",
            node.name
        ));
    }
    Ok(address)
}

fn line(name: &str, width: usize, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    output::result(&format!("{name:width$} | {}", printable(text.trim_end())));
}

/// JSON in which nothing writes on a terminal: what JSON itself leaves as it is, is escaped as JSON has it.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter == '\n' || printable(letter.encode_utf8(&mut [0; 4])) == letter.to_string() {
            out.push(letter);
        } else {
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        }
    }
    out
}

/// A node's log as it grows, line by line.
struct Growing {
    name: String,
    path: PathBuf,
    at: u64,
    lines: LineAssembler,
}

impl Growing {
    /// The next lines; `None` if there is nothing more yet.
    fn more(&mut self) -> io::Result<Option<Vec<Vec<u8>>>> {
        /// Read at once: a log may be as large as the disk.
        const PIECE: u64 = 1 << 20;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let (mut bytes, mut lines) = (Vec::new(), Vec::new());
        self.at += file.take(PIECE).read_to_end(&mut bytes)? as u64;
        self.lines.push(&bytes, &mut lines);
        Ok((!bytes.is_empty()).then_some(lines))
    }

    /// What is there now, or only the last lines of it.
    fn show(&mut self, last: usize, width: usize) -> io::Result<()> {
        let mut kept = VecDeque::new();
        while let Some(lines) = self.more()? {
            kept.extend(lines);
            while last < kept.len() {
                kept.pop_front();
            }
            if last == usize::MAX {
                kept.drain(..).for_each(|bytes| line(&self.name, width, &bytes));
            }
        }
        kept.iter().for_each(|bytes| line(&self.name, width, bytes));
        Ok(())
    }

    /// A last line without an end is a line as well.
    fn end(&mut self, width: usize) {
        let mut lines = Vec::new();
        self.lines.flush(&mut lines);
        lines.iter().for_each(|bytes| line(&self.name, width, bytes));
    }
}

/// What they write from here on, until a signal.
async fn follow(logs: &mut [Growing], width: usize, interrupt: Interrupt) -> io::Result<()> {
    loop {
        tokio::select! {
            // Who asks us to stop is heard first.
            biased;
            _ = interrupt.raised() => return Ok(()),
            () = tokio::time::sleep(AGAIN) => {}
        }
        for log in &mut *logs {
            log.show(usize::MAX, width)?;
        }
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
        lines: LineAssembler::default(),
    };
    let mut logs: Vec<Growing> = nodes.iter().map(of).collect();
    for log in &mut logs {
        log.show(args.tail.unwrap_or(usize::MAX), width)?;
    }
    if args.follow {
        follow(&mut logs, width, interrupt).await?;
    }
    logs.iter_mut().for_each(|log| log.end(width));
    Ok(())
}

async fn of_containers(
    nodes: &[&NodeOnHost],
    args: &LogsArgs,
    width: usize,
    interrupt: Interrupt,
) -> io::Result<()> {
    let (_, engine) = ps::look().await.map_err(io::Error::other)?;
    let engine = engine.ok_or_else(|| io::Error::other("the engine does not answer"))?;
    let reading = nodes.iter().map(async |node| {
        let container = node.id.split_whitespace().next_back().unwrap_or_default();
        let line = |bytes: Vec<u8>| line(&node.name, width, &bytes);
        if args.follow {
            engine.follow((&node.name, container), args.tail, line).await
        } else {
            engine.log(container, args.tail, line).await
        }
    });
    tokio::select! {
        // Who asks us to stop is heard first.
        biased;
        _ = interrupt.raised() => Ok(()),
        read = futures_util::future::try_join_all(reading) => read.map(drop).map_err(io::Error::other),
    }
}
