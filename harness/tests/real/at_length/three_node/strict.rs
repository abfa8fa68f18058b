//! A foreign node that refuses all that is not in the core of the contract, and takes its time. What
//! it was not blamed for here, it was blamed for once.

use std::{
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use harness_core::profile::SHIPPED;

use super::{Ran, shipped};
use crate::support::{Fake, fake};

/// The shipped scenario with one more line in every group of nodes.
fn with(line: &str) -> String {
    shipped().replace("mine = true\n", &format!("mine = true\n{line}\n"))
}

fn node() -> String {
    fake(Fake::Strict).to_str().unwrap().to_owned()
}

/// The core of the contract, and loopback beside, for where there is nothing else.
struct Profile {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Profile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (_, core) = SHIPPED.iter().find(|(name, _)| *name == "core").unwrap();
        let text = core
            .replace("[\"198.18.0.0/15\"]", "[\"127.0.0.0/8\"]")
            .replace("[variables]", "[variables]\nloopback = \"STRICT_LOOPBACK\"");
        let file = folder.path().join("strict.toml");
        fs::write(&file, text).unwrap();
        Self { file, _folder: folder }
    }
}

/// A run on processes, each in a network namespace of its own: the node refuses loopback.
fn ran(scenario: &str, more: &[&str]) -> Ran {
    let node = node();
    Ran::new(scenario, &[&["--node-bin", &node, "--network", "namespace"], more].concat())
}

fn assert_passes(ran: &Ran) {
    assert_eq!(ran.code(), 0, "{}", ran.words());
    ran.nothing_is_left();
}

/// Runs of three nodes beside each other, and beside the controls: more of them than a small machine
/// can watch would be inconclusive, and rightly.
static TWO_LANES: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];

#[test]
fn three_node_passes_unchanged_with_a_foreign_binary_on_docker() {
    let ran = Ran::on("docker", &shipped(), &["--node-bin", &node()]);
    assert_eq!(ran.code(), 0, "{}", ran.words());
    let words = ran.words();
    assert!(words.contains("by the node's own count"), "it lists nobody: {words}");
}

#[test]
fn three_node_passes_unchanged_with_a_foreign_binary_on_processes() {
    assert_passes(&ran(&shipped(), &[]));
}

#[test]
fn three_node_passes_on_loopback_where_a_profile_says_that_the_node_takes_it() {
    let _lane = TWO_LANES[1].lock().unwrap_or_else(PoisonError::into_inner);
    let (profile, node) = (Profile::new(), node());
    let loopback = ["--node-bin", &node, "--network", "loopback"];
    let refused = Ran::new(&shipped(), &loopback);
    assert_eq!(refused.code(), 4, "{}", refused.words());
    assert!(refused.words().contains("refuses loopback addresses"), "{}", refused.words());
    let profile = ["--node-profile", profile.file.to_str().unwrap()];
    let ran = Ran::new(&shipped(), &[&loopback[..], &profile].concat());
    assert_passes(&ran);
    let said = "nodes live on this host's loopback addresses: as was asked for";
    assert!(ran.words().contains(said), "{}", ran.words());
}

#[test]
fn a_scenarios_argument_replaces_ours() {
    let _lane = TWO_LANES[0].lock().unwrap_or_else(PoisonError::into_inner);
    let ran = ran(&with("args = [\"--name\", \"other\"]"), &[]);
    assert_passes(&ran);
    let log = fs::read_to_string(ran.run_dir().join("logs/seed.log")).unwrap();
    assert!(log.contains("called other"), "{log}");
}

#[test]
fn answers_that_take_two_and_a_half_seconds_are_answers() {
    let _lane = TWO_LANES[1].lock().unwrap_or_else(PoisonError::into_inner);
    // Each of its samples takes as long, so one phase is enough.
    let slow = with("env = { STRICT_LATE_MS = \"2500\" }").replace("by = 5", "by = 2");
    let (discover, _) = slow.split_once("[[phases]]\nname = \"restart the seed\"").unwrap();
    assert_passes(&ran(discover, &["--timeout-factor", "4"]));
}

#[test]
fn a_node_that_answers_few_questions_is_asked_when_it_wants() {
    let _lane = TWO_LANES[0].lock().unwrap_or_else(PoisonError::into_inner);
    let ran = ran(&with("env = { STRICT_RPC_PER_SECOND = \"4\" }"), &[]);
    assert_passes(&ran);
    let events = fs::read_to_string(ran.run_dir().join("events.jsonl")).unwrap();
    assert!(events.contains("{\"busy\":{\"retry_ms\":1000}}"), "it refused some");
}

#[test]
fn a_node_that_starts_slowly_and_needs_sigkill_passes_in_its_own_time() {
    let slow = "env = { STRICT_START_MS = \"6000\", STRICT_STUBBORN = \"1\" }";
    let scenario = with(slow).replace("within = \"60s\"", "within = \"30s\"");
    let ran = ran(&scenario, &[]);
    assert_passes(&ran);
    assert!(ran.words().contains("needed SIGKILL"), "{}", ran.words());
}

#[test]
fn selftest_runs_the_controls_that_fit() {
    let _lane = TWO_LANES[1].lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(["selftest", "--jobs", "2", "--node-bin", &node()])
        .args(["nothing is broken", "says null", "restart: nobody is started", "peers: discovery"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    assert!(
        words.contains("left out, nodes of this kind do not fit: check peers: discovery is off"),
        "{words}"
    );
    assert!(words.contains("everything: nothing is broken"), "{words}");
}
