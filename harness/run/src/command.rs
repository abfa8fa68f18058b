//! A program of the user's: executed once, with what it needs to know of the run, and ended with whoever
//! waits for it. It reaches nodes, wherever they live, at ports of this machine's loopback.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use harness_core::{
    event::{Ending, Ran},
    scenario::Plan,
};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    door::{Door, Hindrances},
    testbed::Testbed,
};
use crate::program::{How, Program};

/// Of what it writes, so much is evidence: its end.
const KEPT: usize = 64 * 1024;

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
    /// Executes it, records what happens meanwhile, and says how it ended. Its output is in `logs`.
    pub(super) async fn run(&self, logs: &Path, record: impl Fn(Ran)) -> Ran {
        let (hindered, mut hindrance) = mpsc::channel(1);
        let running = self.execute(logs, hindered, || record(Ran::Began));
        tokio::pin!(running);
        let mut told = false;
        let ran = loop {
            tokio::select! {
                // What comes with its end is why it ended so.
                biased;
                Some(why) = hindrance.recv(), if !told => {
                    told = true;
                    record(Ran::Hindered(why));
                }
                ran = &mut running => break ran,
            }
        };
        ran.unwrap_or_else(|why| Ran::NotRun(why.to_string()))
    }

    async fn execute(
        &self,
        logs: &Path,
        hindered: Hindrances,
        began: impl FnOnce(),
    ) -> io::Result<Ran> {
        // For as long as the program runs.
        let mut doors = Vec::new();
        for node in self.nodes {
            doors.push((node, Door::to(self.bed, node, hindered.clone()).await?));
        }
        let folder = self.folder()?;
        let program = self.program(&doors, &folder, logs)?;
        let harness = self.bed.harness.as_ref();
        let harness = harness.ok_or_else(|| io::Error::other("nobody would end it"))?;
        let limit = self.limit.unwrap_or(LONGEST);
        let kept = program.run(harness, limit, KEPT, began).await?;
        fs::write(logs.join(format!("{}.log", self.name)), &kept.last)?;
        let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let how = match kept.how {
            Some(How::Exited(code)) => Ending::Exited(code),
            Some(How::Signalled(number)) => Ending::Signalled(number),
            None => Ending::TimedOut { ms },
        };
        let (bytes, last, left) = (kept.bytes, last_line(&kept.last), kept.left);
        Ok(Ran::Ended { how, bytes, last, left })
    }

    fn program<'f>(
        &self,
        doors: &[(&String, Door)],
        folder: &'f Path,
        logs: &Path,
    ) -> io::Result<Program<'f>> {
        let run_dir = logs.parent().unwrap_or(logs);
        let state = |node: &str| if self.bed.is_up(node) { "running" } else { "down" };
        let nodes: Vec<_> = doors
            .iter()
            .map(|(node, door)| json!({ "name": node, "rpc": door.url(), "state": state(node) }))
            .collect();
        let told =
            json!({ "run_dir": run_dir, "scenario": self.scenario.scenario, "nodes": nodes });
        let input = logs.join(format!("{}.json", self.name));
        fs::write(&input, format!("{told:#}\n"))?;
        let input = fs::canonicalize(input)?;

        let env = |name: &str, value: &OsStr| (format!("HARNESS_{name}"), value.to_owned());
        let mut vars = vec![
            env("RUN_DIR", run_dir.as_os_str()),
            env("SCENARIO", self.scenario.scenario.as_ref()),
            env("NODES", self.nodes.join(" ").as_ref()),
        ];
        for (node, door) in doors {
            let name = node.to_uppercase().replace('-', "_");
            vars.push(env(&format!("RPC_{name}"), door.url().as_ref()));
            vars.push(env(&format!("STATE_{name}"), state(node).as_ref()));
        }
        let mut words: Vec<OsString> = self.words.iter().map(OsString::from).collect();
        if let Some(program) = words.first_mut().filter(|_| self.words[0].contains('/')) {
            *program = folder.join(&*program).into_os_string();
        }
        Ok(Program { words, folder, input, env: vars })
    }

    /// The scenario's.
    fn folder(&self) -> io::Result<PathBuf> {
        let parent = self.scenario.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        fs::canonicalize(parent.unwrap_or(Path::new(".")))
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.chars().take(Ran::LONGEST).collect()
}
