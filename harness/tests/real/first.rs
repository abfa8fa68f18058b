//! The scenario that `harness init` writes: it passes on our node, and fails where its README says.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::HARNESS;

/// A repository with a first scenario, changed by `change`; what a run of it comes to, and why.
fn ran(change: impl FnOnce(String) -> String) -> (i32, Value) {
    let folder = tempfile::tempdir().unwrap();
    let harness = |arguments: &[&str]| {
        Command::new(HARNESS).args(arguments).current_dir(folder.path()).output().unwrap()
    };
    let init = harness(&["init"]);
    assert!(init.status.success(), "{init:?}");
    let scenario = folder.path().join("scenarios/first/scenario.toml");
    let text = fs::read_to_string(&scenario).unwrap();
    fs::write(&scenario, change(text)).unwrap();
    let run = ["scenario", "scenarios/first", "--provider", "process", "--quiet"];
    let output = harness(&run);
    let verdict = verdict(&folder.path().join("runs"));
    (output.status.code().unwrap(), verdict)
}

fn verdict(runs: &Path) -> Value {
    let run = fs::read_dir(runs).unwrap().next().unwrap().unwrap();
    serde_json::from_slice(&fs::read(run.path().join("verdict.json")).unwrap()).unwrap()
}

#[test]
fn the_first_scenario_passes_on_our_node() {
    let (code, verdict) = ran(|text| text);
    assert_eq!((code, &verdict["verdict"]), (0, &"pass".into()), "{verdict:#}");
}

#[test]
fn without_miners_the_first_scenario_fails_where_its_readme_says() {
    let (code, verdict) = ran(|text| {
        assert_eq!(text.matches("mine = true\n").count(), 2);
        text.replace("mine = true\n", "")
    });
    assert_eq!((code, &verdict["verdict"]), (1, &"fail".into()), "{verdict:#}");
    let reason = verdict["reason"].as_str().unwrap();
    assert!(reason.contains("height-advances"), "{reason}");
}
