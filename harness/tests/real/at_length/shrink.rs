//! Generated scenarios and smaller ones, over real runs: a night that goes on after a kill, and a planted
//! failure that is found under everything else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::support::{HARNESS, PATIENCE, lines, our_node, script};

/// One node does not exchange addresses, so it has the seed alone; all else does not matter. The block time is
/// everybody's: the difficulty follows from it, so a node with another one takes no block of the others.
const PLANTED: &str = r#"
[scenario]
description = "somebody is deaf, and much else is done"
[[nodes]]
name = "seed"
seed = true
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500" }
[[nodes]]
name = "deaf"
env = { HEGEMON_PQ_DISCOVERY = "off", HEGEMON_BLOCK_TIME_MS = "500" }
[[nodes]]
name = "also-deaf"
count = 2
env = { HEGEMON_PQ_DISCOVERY = "off", HEGEMON_BLOCK_TIME_MS = "500" }
[[phases]]
name = "mine"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 1
within = "60s"
for = "500ms"
[[phases]]
name = "a fault"
[[phases.faults]]
fault = "pause"
nodes = "also-deaf-2"
downtime = "1s"
[[phases.checks]]
check = "same-chain"
nodes = "*"
within = "60s"
for = "500ms"
[[phases]]
name = "fails"
[[phases.faults]]
fault = "kill"
nodes = "seed"
downtime = "1s"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 3
within = "4s"
for = "500ms"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 1
within = "60s"
for = "500ms"
[[phases]]
name = "never comes"
[[phases.checks]]
check = "alive"
nodes = "*"
within = "5s"
"#;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(HARNESS);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn harness(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn words(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn only(folder: &Path) -> PathBuf {
    let mut all: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The one that is a bundle: of a run that was killed with the night, half a one is left.
fn whole(folder: &Path) -> PathBuf {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut whole: Vec<PathBuf> = all.filter(|run| run.join("manifest.json").exists()).collect();
    assert_eq!(whole.len(), 1, "{whole:?}");
    whole.remove(0)
}

#[tokio::test]
async fn a_planted_failure_is_all_that_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (here, node) = (folder.path(), our_node().await);
    fs::write(here.join("planted.toml"), PLANTED).unwrap();
    let node = ["--provider", "process", "--node-bin", node.to_str().unwrap()];
    let failing = harness(here, &[&["scenario", "./planted.toml", "--quiet"], &node[..]].concat());
    assert_eq!(failing.status.code(), Some(1), "{}", words(&failing));
    let bundle = only(&here.join("runs"));
    let bundle = bundle.to_str().unwrap();
    let output = harness(here, &["shrink", bundle, "--tries", "1"]);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("peers: did not hold for N by the deadline"), "{said}");
    assert!(said.contains("nothing smaller fails"), "{said}");
    let shrunk = only(&here.join("shrunk"));
    let small = fs::read_to_string(shrunk.join("shrunk.toml")).unwrap();
    for gone in ["pause", "kill", "height-advances", "same-chain", "alive", "BLOCK_TIME"] {
        assert!(!small.contains(gone), "{gone}\n{small}");
    }
    assert_eq!(small.matches("[[phases]]").count(), 1, "{small}");
    assert_eq!(small.matches("[[phases.checks]]").count(), 1, "{small}");
    // Two that exchange nothing never hear of each other; the seed alone has a session with each.
    assert!(small.contains("HEGEMON_PQ_DISCOVERY"), "{small}");
    // Its evidence is that of a failure.
    let kept = only(&only(&shrunk.join("runs")));
    let verified = harness(here, &["verify", kept.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(0), "{}", words(&verified));
    assert!(words(&verified).contains("FAIL shrunk"), "{}", words(&verified));
    // What is small already stays, and what passes is refused.
    let file = shrunk.join("shrunk.toml");
    let again = harness(here, &["validate", file.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(0), "{}", words(&again));
}

#[tokio::test]
async fn generated_scenarios_run_unattended_and_a_kill_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    // It dies in the middle of whatever is asked of it: every run fails soon.
    let text = format!("#!/bin/sh\nexec timeout 3 {} \"$@\"\n", our_node().await.display());
    let mortal = script(here, "mortal", &text);
    let mut running = command(
        here,
        &[
            "generate",
            "--run",
            "--seeds",
            "3..7",
            "--nodes",
            "3",
            "--node-bin",
            mortal.to_str().unwrap(),
        ],
    )
    .spawn()
    .unwrap();
    let deadline = Instant::now() + PATIENCE * 3;
    while lines(&here.join("generated"), "generated.jsonl") < 3 {
        assert!(Instant::now() < deadline && running.try_wait().unwrap().is_none(), "no run ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let out = only(&here.join("generated"));
    let output = harness(here, &["generate", "--resume", out.to_str().unwrap(), "--jobs", "2"]);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("going on after ")
            && said.contains("0 of 4 generated scenarios passed, exit 1: 4"),
        "{said}"
    );
    for seed in 3..7 {
        assert!(said.contains(&format!("seed {seed}  ")), "{said}");
        let kept = whole(&out.join(format!("runs/generated-{seed}")));
        let named = kept.strip_prefix(&out).unwrap().display().to_string();
        assert!(said.contains(&named), "{named} in {said}");
        let verified = harness(here, &["verify", kept.to_str().unwrap()]);
        assert_eq!(verified.status.code(), Some(0), "{}", words(&verified));
        // The file is the seed's.
        let asked = ["generate", "--seed", &seed.to_string(), "--nodes", "3"];
        let file =
            fs::read_to_string(out.join(format!("scenarios/generated-{seed}.toml"))).unwrap();
        assert_eq!(String::from_utf8(harness(here, &asked).stdout).unwrap(), file);
    }
}
