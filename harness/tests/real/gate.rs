//! A gate over real runs: it accepts, rejects and says why, and a gate that was killed goes on as if it had not been.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::support::{HARNESS, PATIENCE, lines, our_node, processes_in};

/// The shortest network that can pass: one node that mines.
const MINES: &str = r#"
[scenario]
description = "one node mines"
[[nodes]]
name = "seed"
seed = true
mine = true
[[phases]]
name = "mine"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 1
within = "60s"
for = "500ms"
"#;

/// Three runs of four must pass, more probably than not: five runs.
const GATE: &str = "[gate]\nshare = \"75%\"\nconfidence = \"75%\"\n[[scenarios]]\nscenario = \"./mines\"\nprovider = \"process\"\n";

struct Trial {
    folder: tempfile::TempDir,
    /// The one that is there: a gate would have the released kind of it built.
    node: PathBuf,
}

impl Trial {
    async fn new(scenario: &str, gate: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mines")).unwrap();
        fs::write(folder.path().join("mines/scenario.toml"), scenario).unwrap();
        fs::write(folder.path().join("release.toml"), gate).unwrap();
        Self { folder, node: our_node().await }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(HARNESS);
        command.arg("gate").args(arguments).current_dir(self.folder.path());
        if !arguments.contains(&"--resume") && !arguments.contains(&"--node-bin") {
            command.arg("--node-bin").arg(&self.node);
        }
        command
    }

    fn gate(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn made(&self) -> PathBuf {
        let mut gates = fs::read_dir(self.folder.path().join("gates")).unwrap();
        gates.next().unwrap().unwrap().path()
    }

    fn result(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.made().join("gate.json")).unwrap()).unwrap()
    }

    /// Bundles that were kept.
    fn kept(&self) -> usize {
        fs::read_dir(self.made().join("runs")).map_or(0, Iterator::count)
    }
}

fn words(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn a_good_build_is_accepted_and_its_bundles_are_digests() {
    let trial = Trial::new(MINES, GATE).await;
    let output = trial.gate(&["release.toml", "--jobs", "2", "--seed", "7"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(words(&output).contains("ACCEPTED after 5 runs"), "{}", words(&output));
    assert_eq!((trial.result()["decision"].as_str(), trial.kept()), (Some("accepted"), 0));
    let ledger = fs::read_to_string(trial.made().join("gate.jsonl")).unwrap();
    assert_eq!(ledger.lines().filter(|line| line.contains("\"digest\":\"")).count(), 5, "{ledger}");
}

#[tokio::test]
async fn a_bad_build_is_rejected_at_its_first_failure_with_the_evidence() {
    let trial = Trial::new(&MINES.replace("mine = true\n", "").replace("60s", "3s"), GATE).await;
    // The second one begins beside it, and is told to end: nothing of it is left when the gate has ended.
    let output = trial.gate(&["release.toml", "--jobs", "2"]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert_eq!(processes_in(trial.folder.path()), Vec::<String>::new());
    let runs = trial.result()["runs"].as_u64();
    assert!((1..=2).contains(&trial.kept()) && runs == Some(trial.kept() as u64), "{runs:?}");
    let page = fs::read_to_string(trial.made().join("gate.md")).unwrap();
    assert!(page.contains("height-advances") && page.contains("runs/1-000"), "{page}");
}

#[tokio::test]
async fn what_cannot_run_is_the_environment_and_bad_files_start_nothing() {
    let trial = Trial::new(MINES, &GATE.replace("[[sc", "retries = 1\n[[sc")).await;
    let none = trial.folder.path().join("none");
    let output = trial.gate(&["release.toml", "--node-bin", none.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    assert!(words(&output).contains("said nothing 2 times in a row"), "{}", words(&output));
    for (text, why) in [
        (GATE.replace("75%", "100%"), "from 50% to 99.9%"),
        (GATE.replace("./mines", "./none"), "none"),
        (String::new(), "missing `[[scenarios]]`"),
    ] {
        let trial = Trial::new(MINES, &text).await;
        let output = trial.gate(&["release.toml"]);
        assert_eq!(output.status.code(), Some(64), "{}", words(&output));
        assert!(
            words(&output).contains(why) && !trial.folder.path().join("gates").exists(),
            "{}",
            words(&output)
        );
    }
}

/// The gate's own process is killed when some runs have ended and one is under way.
#[tokio::test]
async fn a_killed_gate_goes_on_and_comes_to_its_decision() {
    let trial = Trial::new(MINES, GATE).await;
    let mut gate = spawn(&mut trial.command(&["release.toml", "--seed", "7"]));
    let deadline = Instant::now() + PATIENCE * 3;
    while lines(&trial.folder.path().join("gates"), "gate.jsonl") < 3 {
        assert!(Instant::now() < deadline && gate.try_wait().unwrap().is_none(), "no run ended");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    gate.kill().unwrap();
    gate.wait().unwrap();
    let folder = trial.made();
    let ended = lines(&trial.folder.path().join("gates"), "gate.jsonl") - 1;
    assert!((2..5).contains(&ended), "{ended} runs ended");
    let output = trial.gate(&["--resume", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert!(words(&output).contains(&format!("going on after {ended} runs")), "{}", words(&output));
    assert_eq!(trial.result()["runs"].as_u64(), Some(5));
    let again = trial.gate(&["--resume", folder.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(0), "what is decided stays so: {}", words(&again));
}

/// A signal ends the run that is under way, after clean-up, and the gate with its number.
#[tokio::test]
async fn an_interrupted_gate_says_how_to_go_on() {
    let trial = Trial::new(MINES, GATE).await;
    let gate = spawn(trial.command(&["release.toml"]).stderr(Stdio::piped()));
    let deadline = Instant::now() + PATIENCE * 3;
    while lines(&trial.folder.path().join("gates"), "gate.jsonl") < 2 {
        assert!(Instant::now() < deadline, "no run ended");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = rustix::process::Pid::from_raw(gate.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let output = gate.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", words(&output));
    assert!(words(&output).contains("--resume"), "{}", words(&output));
    assert_eq!(trial.result()["decision"].as_str(), Some("undecided"));
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).spawn().unwrap()
}
