//! Comparisons over real runs: of a node with itself, killed on the way, and with one that dies.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::{HARNESS, PATIENCE, lines, our_node, script};

/// The shortest network that has a pace: one node that mines.
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

struct Trial {
    folder: tempfile::TempDir,
    node: PathBuf,
}

impl Trial {
    async fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("mines")).unwrap();
        fs::write(folder.path().join("mines/scenario.toml"), scenario).unwrap();
        let node = our_node().await;
        Self { folder, node }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(HARNESS);
        command.arg("compare").args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn compare(&self, a: &Path, b: &Path, runs: &str) -> Command {
        let [a, b] = [a, b].map(|build| build.to_str().unwrap());
        self.command(&[a, b, "-s", "./mines", "-n", runs, "--provider", "process", "--seed", "7"])
    }

    fn out(&self) -> PathBuf {
        let mut all = fs::read_dir(self.folder.path().join("comparisons")).unwrap();
        all.next().unwrap().unwrap().path()
    }

    fn result(&self) -> Value {
        let text = fs::read_to_string(self.out().join("compare.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn words(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A few runs of a node with itself, killed in the middle: it goes on, and says of every figure what remains possible.
/// That chance makes it say more is rare, and no mistake: so that is not asked for here.
#[tokio::test]
async fn a_node_is_compared_with_itself_and_a_kill_changes_nothing() {
    // Long enough to be looked at: a run that was not measured is a run less.
    let trial = Trial::new(&MINES.replace("500ms", "2s")).await;
    let mut running = trial.compare(&trial.node, &trial.node, "6").spawn().unwrap();
    let deadline = Instant::now() + PATIENCE * 3;
    while lines(&trial.folder.path().join("comparisons"), "compare.jsonl") < 4 {
        assert!(Instant::now() < deadline && running.try_wait().unwrap().is_none(), "no run ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    let out = trial.out();
    let output = trial.command(&["--resume", out.to_str().unwrap()]).output().unwrap();
    assert!(words(&output).contains("going on after "), "{}", words(&output));
    let result = trial.result();
    let code = result["exit_code"].as_i64();
    assert_eq!(output.status.code().map(i64::from), code, "{}", words(&output));
    assert!(matches!(code, Some(0 | 1)), "{result:#}");
    let statements = result["statements"].as_array().unwrap();
    let of: Vec<_> = statements.iter().map(|one| one["of"].as_str().unwrap()).collect();
    assert_eq!(of, ["passes", "memory", "processor time per block"]);
    assert_eq!(statements[0]["a"]["passed"], 6, "{result:#}");
    assert_eq!(statements[0]["words"], "no difference larger than 48.9 points (-48.9 to +48.9)");
    for figure in &statements[1..] {
        let [low, high] = [0, 1].map(|end| figure["ratio"]["possible"][end].as_f64().unwrap());
        assert!(0.0 < low && low <= high && figure["ratio"]["detectable"].is_f64(), "{figure:#}");
    }
    assert!(fs::read_to_string(out.join("compare.md")).unwrap().contains("MiB"));
    let kept = fs::read_dir(out.join("runs")).unwrap().count();
    assert_eq!(kept, 0, "passing runs are digests");
    let ledger = fs::read_to_string(out.join("compare.jsonl")).unwrap();
    assert_eq!(ledger.matches("\"digest\":\"").count(), 12, "{ledger}");
}

#[tokio::test]
async fn a_node_that_dies_is_worse() {
    let trial = Trial::new(&MINES.replace("500ms", "3s")).await;
    let text = format!("#!/bin/sh\nexec timeout 2 {} \"$@\"\n", trial.node.display());
    let mortal = script(trial.folder.path(), "mortal", &text);
    let output = trial.compare(&trial.node, &mortal, "6").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("passes worse: "), "{}", words(&output));
    let result = trial.result();
    assert_eq!(result["statements"][0]["b"]["passed"], 0, "{result:#}");
    let page = fs::read_to_string(trial.out().join("compare.md")).unwrap();
    assert!(page.contains("runs/1-0001-B-0/"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused_and_starts_nothing() {
    let trial = Trial::new(MINES).await;
    let node = trial.node.to_str().unwrap();
    for (arguments, why) in [
        (&[node, "./none"][..], "there is no such file"),
        (&[node, "none", "--provider", "process"], "needs --provider docker"),
        (&[node, node, "-s", "./none"], "none"),
        (&["--rev", "HEAD"], "no two revisions"),
        (&["--rev", "HEAD..no-such-revision"], "no revision `no-such-revision`"),
        (&["--resume", "none"], "no comparison to go on with"),
        (&[node], "2 values"),
        (&[], "required"),
    ] {
        let output = trial.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", words(&output));
        assert!(words(&output).contains(why), "{arguments:?}: {}", words(&output));
    }
    assert!(!trial.folder.path().join("comparisons").exists());
    let output = trial.compare(Path::new("/none"), &trial.node, "2").output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", words(&output));
}
