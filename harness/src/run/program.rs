//! A program of the user's: executed once, with what it needs to know of the run, and ended with whoever
//! waits for it. It reaches nodes, wherever they live, at ports of this machine's loopback.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
    time::Duration,
};

use harness_core::{
    event::{Ending, Ran},
    scenario::Plan,
};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::TcpListener,
    process::Command,
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};

use super::testbed::Testbed;
use crate::{binary::run_keeping_last, provider::Dial};

/// Of what it writes, so much is evidence: its end.
const KEPT: usize = 64 * 1024;

/// Connections to one node at a time: a node takes no more from anybody.
const CONNECTIONS: usize = 32;

/// A program may take so long where its check does not say: the check ends it before.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// One program, ready to go.
pub(super) struct Job<'a> {
    /// It and its arguments.
    pub(super) words: &'a [String],
    /// How long it may take.
    pub(super) limit: Option<Duration>,
    /// Of its files.
    pub(super) name: String,
    /// Whom it is about.
    pub(super) nodes: &'a [String],
    pub(super) bed: &'a Testbed,
    pub(super) scenario: &'a Plan,
}

impl Job<'_> {
    /// Executes it, and says how it ended. Its output is in `logs`.
    pub(super) async fn run(&self, logs: &Path, began: impl FnOnce()) -> Ran {
        let output = logs.join(format!("{}.log", self.name));
        let ran = async {
            // For as long as the program runs.
            let mut doors = Vec::new();
            for node in self.nodes {
                doors.push((node, Door::to(self.bed, node).await?));
            }
            let command = self.command(&doors, logs)?;
            let limit = self.limit.unwrap_or(LONGEST);
            let kept = run_keeping_last(command, limit, KEPT, began).await?;
            fs::write(&output, &kept.last)?;
            let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            let how = kept.status.map_or(Some(Ending::TimedOut { ms }), ending);
            let how =
                how.ok_or_else(|| io::Error::other("the kernel does not say how it ended"))?;
            Ok(Ran::Ended { how, bytes: kept.bytes, last: last_line(&kept.last) })
        };
        ran.await.unwrap_or_else(|why: io::Error| Ran::NotRun(why.to_string()))
    }

    fn command(&self, doors: &[(&String, Door)], logs: &Path) -> io::Result<Command> {
        let run_dir = logs.parent().unwrap_or(logs);
        let folder = self.folder()?;
        let state = |node: &str| if self.bed.is_up(node) { "running" } else { "down" };
        let nodes: Vec<_> = doors
            .iter()
            .map(|(node, door)| json!({ "name": node, "rpc": door.url(), "state": state(node) }))
            .collect();
        let told =
            json!({ "run_dir": run_dir, "scenario": self.scenario.scenario, "nodes": nodes });
        let input = logs.join(format!("{}.json", self.name));
        fs::write(&input, format!("{told:#}\n"))?;

        let [program, args @ ..] = self.words else {
            return Err(io::Error::other("no program is named"));
        };
        let path = if program.contains('/') { folder.join(program) } else { program.into() };
        let mut command = Command::new(path);
        command.args(args).current_dir(folder).stdin(File::open(&input)?);
        command.env("HARNESS_RUN_DIR", run_dir).env("HARNESS_SCENARIO", &self.scenario.scenario);
        command.env("HARNESS_NODES", self.nodes.join(" "));
        for (node, door) in doors {
            let name = node.to_uppercase().replace('-', "_");
            command.env(format!("HARNESS_RPC_{name}"), door.url());
            command.env(format!("HARNESS_STATE_{name}"), state(node));
        }
        Ok(command)
    }

    /// The scenario's.
    fn folder(&self) -> io::Result<PathBuf> {
        let parent = self.scenario.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::canonicalize(parent.unwrap_or(Path::new(".")))
    }
}

fn ending(status: ExitStatus) -> Option<Ending> {
    status.code().map(Ending::Exited).or_else(|| status.signal().map(Ending::Signalled))
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().take(Ran::LONGEST).collect()
}

/// Before a port is listened on again after an error: it must not cost a core.
const DOOR_AGAIN: Duration = Duration::from_millis(100);

/// A port of this machine behind which a node's JSON-RPC is, also where only the provider gets to it.
pub(super) struct Door {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Door {
    pub(super) async fn to(bed: &Testbed, node: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let link = bed.link(node);
        let dialler = bed.provider.dialler();
        let serving = tokio::spawn(async move {
            let (mut open, room) = (JoinSet::new(), Arc::new(Semaphore::new(CONNECTIONS)));
            loop {
                let Ok((mut from, _)) = listener.accept().await else {
                    // No descriptor for a moment, or whoever came went again: the door stays.
                    tokio::time::sleep(DOOR_AGAIN).await;
                    continue;
                };
                // The latest: a node may be somewhere else after a restart.
                let to = link.as_ref().and_then(|link| link.borrow().as_ref()?.rpc.address());
                let (Ok(turn), Some(to)) = (Arc::clone(&room).acquire_owned().await, to) else {
                    continue;
                };
                let dialler: Arc<dyn Dial> = Arc::clone(&dialler);
                open.spawn(async move {
                    if let Ok(mut to) = dialler.dial(to).await {
                        // One that breaks is closed on both sides, as the node would.
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                    drop(turn);
                });
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, serving })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
