//! The doctor on a real engine: what it says, what it exits with, and that nothing of it stays.

use std::{process::Command, time::Instant};

use serde_json::Value;

use super::trial::HARNESS;
use crate::support::{PATIENCE, docker_cli};

/// The exit code, and each subject's grade and words.
fn examine(program: &[&str], engine: &str) -> (i32, Vec<(String, String, String)>) {
    let state = tempfile::tempdir().unwrap();
    let output = Command::new(program[0])
        .args(&program[1..])
        .args(["doctor", "--nodes", "100", "--json", "--provider", "docker", "--out"])
        .arg(state.path())
        .env("XDG_STATE_HOME", state.path())
        .env("DOCKER_HOST", engine)
        .output()
        .unwrap();
    let said: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    let line = |it: &Value| {
        let words = format!("{}; {}", text(it, "says"), text(it, "remedy"));
        (text(it, "subject"), text(it, "grade"), words)
    };
    (output.status.code().unwrap(), said.as_array().unwrap().iter().map(line).collect())
}

fn of<'a>(said: &'a [(String, String, String)], subject: &str) -> (&'a str, &'a str) {
    let found = said.iter().find(|(name, ..)| name == subject);
    let (_, grade, words) = found.unwrap_or_else(|| panic!("no {subject} in {said:?}"));
    (grade, words)
}

fn nothing_is_left() {
    for what in [["ps", "-aq"], ["network", "ls"]] {
        let arguments =
            [&what[..], &["--filter", "name=hegemon-doctor", "--format", "{{.ID}}"]].concat();
        // Somebody else may be asking a doctor, too.
        let deadline = Instant::now() + PATIENCE;
        while !docker_cli(&arguments).is_empty() {
            assert!(Instant::now() < deadline, "{what:?}");
        }
    }
}

#[test]
fn a_doctor_looks_at_everything_and_leaves_nothing() {
    let (code, said) = examine(&[HARNESS], "");
    assert_eq!(code, 0, "{said:#?}");
    let (grade, words) = of(&said, "engine");
    assert!(grade == "good" && words.contains("by the usual socket") && words.contains("API 1."));
    let (grade, words) = of(&said, "containers");
    assert!(grade == "good" && words.contains("reached at its container address"), "{words}");
    for subject in
        ["subnets", "neighbours", "descriptors", "disk", "clock", "namespaces", "runs", "node"]
    {
        of(&said, subject);
    }

    let (code, said) = examine(&["unshare", "--map-root-user", "--net", HARNESS], "");
    assert_eq!(code, 3, "{said:#?}");
    let (grade, words) = of(&said, "containers");
    assert!(grade == "bad" && words.contains("no container can be reached from here"), "{words}");

    let (code, said) = examine(&[HARNESS], "unix:///nowhere.sock");
    assert_eq!(code, 3, "{said:#?}");
    let (grade, words) = of(&said, "engine");
    assert!(grade == "bad" && words.contains("by DOCKER_HOST"), "{words}");
    nothing_is_left();
}
