//! A harness that runs two fake nodes until something ends it, with a state directory of its own.

use std::{
    fs,
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Fake, PATIENCE, docker_cli, engine_objects, fake, processes_in};

/// Fake nodes answer nonsense, so its check is undecided until its time is over: long enough for
/// anything that is done to the run.
const SCENARIO: &str = r#"
[scenario]
description = "a run to be ended"
[[nodes]]
name = "seed"
seed = true
[[nodes]]
name = "node"
[[phases]]
name = "wait"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 1
within = "60s"
"#;

/// What is tried.
pub(crate) const HARNESS: &str = env!("CARGO_BIN_EXE_harness");

/// A harness under way.
pub(crate) struct Trial {
    pub(crate) child: Child,
    pub(crate) folder: tempfile::TempDir,
}

impl Trial {
    /// Starts a run and waits until its nodes are there.
    pub(crate) fn new(provider: &str) -> Self {
        let trial = Self::with(provider, &fake(Fake::StaticOurs), |_| ());
        trial.wait("its nodes are started", || trial.event("all-started").is_some());
        trial
    }

    /// The same with another node, and with what the caller does to the command; waits for nothing.
    pub(crate) fn with(provider: &str, node: &Path, change: impl FnOnce(&mut Command)) -> Self {
        Self::by(|_| Command::new(HARNESS), provider, node, change)
    }

    /// The same with a program that executes the harness somewhere else, and gets its arguments.
    pub(crate) fn by(
        program: impl FnOnce(&Path) -> Command,
        provider: &str,
        node: &Path,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("test.toml"), SCENARIO).unwrap();
        let command = program(folder.path());
        Self::start(folder, command, provider, node, change)
    }

    /// Another scenario, in a folder with whatever else it needs.
    pub(crate) fn of(folder: tempfile::TempDir, scenario: &str) -> Self {
        fs::write(folder.path().join("test.toml"), scenario).unwrap();
        Self::start(folder, Command::new(HARNESS), "process", &fake(Fake::StaticOurs), |_| ())
    }

    fn start(
        folder: tempfile::TempDir,
        mut command: Command,
        provider: &str,
        node: &Path,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        command
            .args([
                "scenario",
                "./test.toml",
                "--no-progress",
                "--provider",
                provider,
                "--node-bin",
            ])
            .arg(node);
        command
            .current_dir(folder.path())
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A group of its own, as a shell gives it: what is sent to all of it must not reach the
        // watchdog.
        command.process_group(0);
        change(&mut command);
        let child = command.spawn().unwrap();
        Self { child, folder }
    }

    /// Another verb of the same harness, for the same user.
    pub(crate) fn harness(&self, arguments: &[&str]) -> (i32, String) {
        harness(&self.folder.path().join("state"), arguments)
    }

    pub(crate) fn kill(&mut self, signal: &str, whom: &str) {
        let status = Command::new("kill").args([signal, "--", whom]).status().unwrap();
        assert!(status.success(), "kill {signal} {whom}");
    }

    /// Waits for the harness's end; its exit code and its words.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the harness does not end");
            thread::sleep(Duration::from_millis(10));
        };
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut words).unwrap();
        (status.code(), words)
    }

    pub(crate) fn dir(&self) -> Option<PathBuf> {
        let mut runs = fs::read_dir(self.folder.path().join("runs")).ok()?;
        runs.next()?.ok()?.path().canonicalize().ok()
    }

    pub(crate) fn run(&self) -> String {
        self.dir().unwrap().to_str().unwrap().rsplit_once('-').unwrap().1.to_owned()
    }

    /// The first event of a kind.
    pub(crate) fn event(&self, kind: &str) -> Option<Value> {
        self.first_event(|event| event["event"] == kind)
    }

    /// The first one of a kind about a node, which is there.
    pub(crate) fn event_of(&self, kind: &str, node: &str) -> Value {
        self.first_event(|event| event["event"] == kind && event["node"] == node).unwrap()
    }

    fn first_event(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let events = fs::read_to_string(self.dir()?.join("events.jsonl")).ok()?;
        // The last line may be half written.
        events.lines().filter_map(|line| serde_json::from_str(line).ok()).find(wanted)
    }

    /// Whether an event of a kind has this text in it.
    pub(crate) fn event_with(&self, kind: &str, text: &str) -> bool {
        let path = self.dir().unwrap().join("events.jsonl");
        let events = fs::read_to_string(path).unwrap_or_default();
        let kind = format!("\"event\":\"{kind}\"");
        events.lines().any(|line| line.contains(&kind) && line.contains(text))
    }

    pub(crate) fn watchdog_log(&self) -> String {
        fs::read_to_string(self.dir().unwrap().join("watchdog.log")).unwrap_or_default()
    }

    pub(crate) fn watchdog_ends(&self) {
        // It looks ten times in a row before it believes an engine, and that may be busy.
        const ITS_PATIENCE: Duration = Duration::from_secs(90);
        let watchdog = format!("watchdog --run {}", self.run());
        let deadline = Instant::now() + ITS_PATIENCE;
        while !named(&watchdog).is_empty() {
            assert!(Instant::now() < deadline, "the watchdog does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn entries(&self) -> usize {
        fs::read_dir(self.folder.path().join("state/hegemon-testbed/runs"))
            .map_or(0, Iterator::count)
    }

    pub(crate) fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {what}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// By an independent look.
    pub(crate) fn nothing_is_left(&self) {
        let (dir, run) = (self.dir().unwrap(), self.run());
        assert!(!dir.join("scratch").exists(), "the scratch directory");
        assert_eq!(processes_in(&dir), Vec::<String>::new());
        assert_eq!(named(&run), Vec::<String>::new(), "a watchdog or a node");
        assert_eq!(self.entries(), 0, "the run's entry");
        assert_ne!(docker_cli(&["version"]), "", "without an engine nothing can be said");
        assert_eq!(
            engine_objects(&format!("org.hegemon.testbed.run={run}")),
            "",
            "objects of the engine"
        );
    }
}

impl Drop for Trial {
    /// A test that failed half-way leaves nothing either: the watchdog sees to that.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let Some(dir) = self.dir() else { return };
        let run = dir
            .to_string_lossy()
            .rsplit_once('-')
            .map(|(_, run)| run.to_owned())
            .unwrap_or_default();
        let deadline = Instant::now() + PATIENCE;
        while !named(&run).is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Processes with this text in their command line.
pub(crate) fn named(text: &str) -> Vec<String> {
    let lines = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

/// Runs the harness to its end with this state directory.
pub(crate) fn harness(state: &Path, arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(arguments)
        .env("XDG_STATE_HOME", state)
        .output()
        .unwrap();
    (
        status.code().unwrap(),
        format!("{}{}", String::from_utf8_lossy(&stderr), String::from_utf8_lossy(&stdout)),
    )
}
