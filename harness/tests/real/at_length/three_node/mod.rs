//! Real nodes, as processes: the shipped scenario passes, and a node that ends at its start is told with its words.
//!
//! These tests build this workspace's node in release mode. One that cannot run fails; none is
//! skipped. `strict`: the same scenario with a foreign node, as strict as a released one.

mod strict;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// The shipped scenario.
fn shipped() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/three-node/scenario.toml");
    fs::read_to_string(path).unwrap()
}

/// The same with shorter deadlines, as a text to break.
fn impatient() -> String {
    shipped().replace("within = \"60s\"", "within = \"12s\"")
}

struct Ran {
    output: Output,
    folder: tempfile::TempDir,
}

impl Ran {
    fn new(scenario: &str, arguments: &[&str]) -> Self {
        Self::on("process", scenario, arguments)
    }

    fn on(provider: &str, scenario: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("test.toml"), scenario).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["scenario", "./test.toml", "--provider", provider, "--no-progress"])
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        Self { output, folder }
    }

    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn words(&self) -> String {
        format!(
            "{}{}",
            String::from_utf8_lossy(&self.output.stderr),
            String::from_utf8_lossy(&self.output.stdout)
        )
    }

    fn run_dir(&self) -> PathBuf {
        let runs: Vec<_> = fs::read_dir(self.folder.path().join("runs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(runs.len(), 1, "one run, one directory");
        runs[0].clone()
    }

    fn verdict(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.run_dir().join("verdict.json")).unwrap())
            .unwrap()
    }

    /// When the first event of that name was recorded, in milliseconds.
    fn at(&self, name: &str) -> u64 {
        let events = fs::read_to_string(self.run_dir().join("events.jsonl")).unwrap();
        let mut events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.find(|event| event["event"] == name).unwrap()["at_ms"].as_u64().unwrap()
    }

    fn nothing_is_left(&self) {
        assert!(!self.run_dir().join("scratch").exists(), "states of nodes are left");
        let dir = self.run_dir().display().to_string();
        let left = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok());
        assert_eq!(
            left.filter(|line| String::from_utf8_lossy(line).contains(&dir)).count(),
            0,
            "processes are left"
        );
    }
}

#[test]
fn three_nodes_pass() {
    let ran = Ran::new(&shipped(), &[]);
    assert_eq!(ran.code(), 0, "{}", ran.words());
    assert_eq!(ran.verdict()["verdict"], "pass");
    ran.nothing_is_left();
}

#[test]
fn a_node_that_exits_at_start_is_reported_with_its_code_and_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let node = folder.path().join("node.sh");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'hegemon-node 9.9.9 (hegemon-testbed)'; exit 0; }\n\
                  i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo \"line $i\"; done\n\
                  printf '\\033[31mno space left on device\\033[0m\\n' >&2; exit 7\n";
    fs::write(&node, script).unwrap();
    fs::set_permissions(&node, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = Ran::new(&impatient(), &["--node-bin", node.to_str().unwrap()]);
    assert_eq!(ran.code(), 1, "{}", ran.words());
    let words = ran.words();
    assert!(
        words.contains("exited unplanned (code 7)") && words.contains("no space left on device"),
        "{words}"
    );
    assert!(
        !words.contains("line 11\n") && words.contains("line 12\n"),
        "the last 50 lines, and no more: {words}"
    );
    assert_eq!(
        fs::read_to_string(ran.run_dir().join("logs/seed.log")).unwrap().lines().count(),
        61,
        "the log itself is complete"
    );
    assert!(ran.at("node-exited") - ran.at("node-started") < 2000, "reported within 2 s");
    ran.nothing_is_left();
}
