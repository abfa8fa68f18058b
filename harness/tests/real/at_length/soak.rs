//! Short soaks over real processes: one passes, one finds what leaks, one that was killed goes on, and one that was
//! interrupted says what it saw.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{Fake, HARNESS, PATIENCE, fake, lines, processes_in};

/// Two nodes, of which one is frozen for a moment in every window.
const TWO: &str = r#"
[scenario]
description = "two nodes and a storm"
[[nodes]]
name = "seed"
seed = true
mine = true
[[nodes]]
name = "node"
[nodes.env]
STRICT_LEAK_MIB = "0"
[[phases]]
name = "storm"
[[phases.storm]]
faults = ["pause"]
nodes = "node"
every = "1s"
for = "1500ms"
downtime = "200ms"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 1
within = "60s"
for = "500ms"
"#;

struct Trial(tempfile::TempDir);

impl Trial {
    fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("two")).unwrap();
        fs::write(folder.path().join("two/scenario.toml"), scenario).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(HARNESS);
        command.arg("soak").args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// A soak in windows of five seconds.
    fn soak(&self, lasts: &str) -> Command {
        let node = fake(Fake::Strict);
        let mut command = self.command(&["./two", "--for", lasts, "--window", "5s", "--seed", "7"]);
        command.args(["--provider", "process", "--network", "namespace", "--node-bin"]).arg(node);
        command
    }

    fn folder(&self) -> PathBuf {
        let mut soaks = fs::read_dir(self.0.path().join("soaks")).unwrap();
        soaks.next().unwrap().unwrap().path()
    }

    fn result(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.folder().join("soak.json")).unwrap()).unwrap()
    }

    fn page(&self) -> String {
        fs::read_to_string(self.folder().join("soak.md")).unwrap()
    }

    /// Bundles that were kept.
    fn kept(&self) -> Vec<PathBuf> {
        let windows = fs::read_dir(self.folder().join("windows")).unwrap();
        windows.map(|window| window.unwrap().path()).collect()
    }

    /// Waits until a window has ended.
    fn window(&self, soak: &mut Child) {
        let deadline = Instant::now() + PATIENCE * 3;
        while lines(&self.0.path().join("soaks"), "soak.jsonl") < 3 {
            assert!(Instant::now() < deadline, "no window ended");
            assert!(soak.try_wait().unwrap().is_none(), "the soak ended");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn words(output: &Output) -> String {
    let (said, noted) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(said), String::from_utf8_lossy(noted))
}

/// What was asked for, a network, then windows.
#[test]
fn a_network_that_holds_passes_and_its_last_window_verifies() {
    let trial = Trial::new(TWO);
    let output = trial.soak("15s").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(words(&output).contains("PASSED"), "{}", words(&output));
    let (result, kept) = (trial.result(), trial.kept());
    // A machine that is busy makes windows longer, and fewer.
    assert!(result["passed_seconds"].as_f64().unwrap() >= 15.0, "{result}");
    assert_eq!(kept.len(), 1, "passing ones are not kept, but for the last: {}", trial.page());
    assert_eq!(result["networks"].as_array().map(Vec::len), Some(1));
    assert_eq!(result["not_measured"].as_array().map(Vec::len), Some(0), "{result}");
    let verified = Command::new(HARNESS).arg("verify").arg(&kept[0]).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", words(&verified));
    assert_eq!(processes_in(trial.0.path()), Vec::<String>::new());
    // What is decided stays so.
    let again = trial.command(&["--resume", trial.folder().to_str().unwrap()]).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{}", words(&again));
}

#[test]
fn what_leaks_is_found_before_the_time_is_over() {
    let trial = Trial::new(&TWO.replace("MIB = \"0\"", "MIB = \"2\""));
    let output = trial.soak("2m").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let result = trial.result();
    let reasons = result["reasons"].to_string();
    assert!(reasons.contains("the memory of node grows by"), "{reasons}");
    assert!(!reasons.contains("seed"), "an honest one is not accused: {reasons}");
    let windows = result["windows"].as_u64().unwrap();
    assert!((3..12).contains(&windows), "{}", trial.page());
}

/// The soak's own process is killed when a window has ended: its network goes with it, and a new one begins.
#[test]
fn a_killed_soak_goes_on_in_a_new_network() {
    let trial = Trial::new(TWO);
    let mut soak = trial.soak("15s").spawn().unwrap();
    trial.window(&mut soak);
    soak.kill().unwrap();
    soak.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !processes_in(trial.0.path()).is_empty() {
        assert!(Instant::now() < deadline, "left: {:?}", processes_in(trial.0.path()));
        std::thread::sleep(Duration::from_millis(20));
    }
    let folder = trial.folder();
    // Its watchdog has removed what it made.
    let scratch = || {
        let inside = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        inside.filter(|path| path.join("scratch").exists()).count()
    };
    while scratch() > 0 {
        assert!(Instant::now() < deadline, "a scratch directory is left");
        std::thread::sleep(Duration::from_millis(20));
    }
    let before = lines(&trial.0.path().join("soaks"), "soak.jsonl");
    let output = trial.command(&["--resume", folder.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(lines(&trial.0.path().join("soaks"), "soak.jsonl") > before, "{}", words(&output));
    assert!(trial.result()["passed_seconds"].as_f64().unwrap() >= 15.0, "{}", trial.page());
    assert!(trial.page().contains("Not one network, but 2"), "{}", trial.page());
    assert_eq!(trial.kept().len(), 1, "what the kill cut off is gone");
}

#[test]
fn an_interrupted_soak_says_what_it_saw() {
    let trial = Trial::new(TWO);
    let mut soak = trial.soak("1h").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    trial.window(&mut soak);
    let pid = rustix::process::Pid::from_raw(soak.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = soak.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", words(&output));
    assert!(words(&output).contains("--resume"), "{}", words(&output));
    let result = trial.result();
    assert_eq!(result["decision"].as_str(), Some("undecided"));
    assert!(result["passed_seconds"].as_f64().unwrap() >= 5.0, "{result}");
    assert_eq!(processes_in(trial.0.path()), Vec::<String>::new());
}

#[test]
fn what_cannot_be_repeated_starts_nothing() {
    let storm = TWO.find("[[phases.storm]]").unwrap();
    let checks = TWO.find("[[phases.checks]]").unwrap();
    let stops = "[[phases.faults]]\nfault = \"stop\"\nnodes = \"node\"\n[[phases.faults]]\nfault = \"start\"\nnodes = \"node\"\n";
    let trial = Trial::new(&format!("{}{stops}{}", &TWO[..storm], &TWO[checks..]));
    for (arguments, code, why) in [
        (&["./two", "--for", "1h"][..], 4, "leaves something behind"),
        (&["./two"], 64, "--for"),
        (&["./two", "--for", "1s"], 64, "from 10s"),
        (&["./two", "--for", "1h", "--window", "2h"], 64, "to 1h"),
        (&["--resume", "two"], 64, "no soak to go on with"),
    ] {
        let output = trial.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", words(&output));
        assert!(words(&output).contains(why), "{}", words(&output));
    }
    assert!(!trial.0.path().join("soaks").exists());
}
