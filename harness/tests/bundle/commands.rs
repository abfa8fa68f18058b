//! What `harness verify` and `harness rerun` say of bundles.

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use crate::{DISCOVER, NODES, copy::Copy, found, good, said};

fn harness(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harness")).args(arguments).output().unwrap()
}

#[test]
fn codes_of_verify_and_rerun() {
    let copy = Copy::new();
    let path = copy.folder.path().to_str().unwrap();
    let digest = good().dir.digest().unwrap().to_string();
    let code = |arguments: &[&str]| harness(arguments).status.code().unwrap();
    let whole = harness(&["verify", path, "--expect-digest", &digest]);
    let words = String::from_utf8(whole.stdout).unwrap();
    assert_eq!(whole.status.code(), Some(0), "{words}");
    assert!(
        words.contains(&digest) && words.contains("WHOLE: ") && words.contains("PASS test"),
        "{words}"
    );
    let other = "0".repeat(64);
    assert_eq!(code(&["verify", path, "--expect-digest", &other]), 1);
    for usage in [
        &["verify"][..],
        &["verify", "/nowhere/at/all"],
        &["verify", path, "--expect-digest", "12"],
        &["rerun", "/nowhere/at/all"],
    ] {
        assert_eq!(code(usage), 64, "{usage:?}");
    }
    fs::remove_file(copy.path("logs/seed.log")).unwrap();
    let broken = harness(&["verify", path, "--format", "jsonl"]);
    let lines: Vec<serde_json::Value> = String::from_utf8(broken.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (broken.status.code(), &lines[0]["problem"]["file"]),
        (Some(1), &"logs/seed.log".into())
    );
    assert_eq!(
        (&lines[1]["bundle"]["whole"], &lines[1]["bundle"]["verdict"]),
        (&false.into(), &"pass".into())
    );
    // By its old name.
    let refused = harness(&["replay", path]);
    assert!(
        refused.status.code() == Some(64)
            && String::from_utf8_lossy(&refused.stderr).contains("--unverified")
    );
}

#[test]
fn report_derives_its_verdicts_and_says_what_does_not_fit() {
    let copy = Copy::new();
    let path = copy.folder.path().to_str().unwrap();
    let out = tempfile::tempdir().unwrap();
    let page = out.path().join("page.html");
    let report = |bundles: &[&str]| {
        let mut arguments = vec!["report", "--out", page.to_str().unwrap()];
        arguments.extend(bundles);
        let output = harness(&arguments);
        (output.status.code(), fs::read_to_string(&page).unwrap_or_default())
    };
    assert_eq!(report(&["/nowhere/at/all"]), (Some(64), String::new()));
    let (code, one) = report(&[path]);
    assert!(code == Some(0) && one.contains("PASS</span>test") && one.contains("is whole"));
    // Somebody's verdict is not what follows from the events.
    copy.change("verdict.json", |text| text.replace("\"pass\"", "\"fail\""));
    let (code, one) = report(&[path]);
    assert!(
        code == Some(1)
            && one.contains("NOT WHOLE</span>test")
            && one.contains("it would say PASS")
    );
    let markdown = harness(&["report", "--markdown", path]);
    let markdown = String::from_utf8(markdown.stdout).unwrap();
    assert!(markdown.starts_with("### NOT WHOLE") && !markdown.contains("### PASS"), "{markdown}");
    let whole = good().dir.path().to_str().unwrap();
    let (code, two) = report(&[whole, path]);
    assert!(code == Some(1) && two.contains("1 NOT WHOLE, 1 PASS"), "{two}");
    fs::remove_file(copy.path("plan.json")).unwrap();
    assert_eq!(report(&[path]).0, Some(64), "nothing follows from it");
}

/// A job of GitHub's has the findings on its page, failures beside the change, and outputs for its later steps.
#[test]
fn a_github_job_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), format!("{NODES}{DISCOVER}")).unwrap();
    let (summary, out) = (folder.path().join("summary"), folder.path().join("out"));
    fs::write(&summary, "before\n").unwrap();
    let run = |actions: &str| {
        Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["scenario", "./a.toml", "--provider", "process", "--node-bin", "/nowhere/node"])
            .arg("--no-progress")
            .current_dir(folder.path())
            .env("GITHUB_ACTIONS", actions)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_OUTPUT", &out)
            .output()
            .unwrap()
    };
    let output = run("true");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("\n::warning title=ENVIRONMENT a::"), "{words}");
    // Between the first line and ours nothing is a command, whatever a node writes.
    let token = words.lines().next().unwrap().strip_prefix("::stop-commands::").unwrap();
    assert!(words.contains(&format!("\n::{token}::\n::warning")), "{words}");
    let (page, outputs) =
        (fs::read_to_string(&summary).unwrap(), fs::read_to_string(&out).unwrap());
    assert!(page.starts_with("before\n### ENVIRONMENT a\n"), "{page}");
    assert!(outputs.starts_with("verdict=environment\ndigest="), "{outputs}");
    let bundle = outputs.lines().find_map(|line| line.strip_prefix("bundle=")).unwrap();
    let digest = outputs.lines().find_map(|line| line.strip_prefix("digest=")).unwrap();
    let whole = harness(&["verify", bundle, "--expect-digest", digest]);
    assert_eq!(whole.status.code(), Some(0));
    let shown = harness(&["report", "--markdown", bundle]);
    assert_eq!((shown.status.code(), page.contains("run ")), (Some(0), true));
    assert!(String::from_utf8_lossy(&shown.stdout).starts_with("### ENVIRONMENT a\n"));
    // Of several runs there is one verdict, and no evidence that is that of all.
    let several = || {
        Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(["scenario", "./a.toml", "./a.toml", "--provider", "process"])
            .args(["--node-bin", "/nowhere/node", "--no-progress"])
            .current_dir(folder.path())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", &out)
            .output()
            .unwrap()
    };
    fs::write(&out, "").unwrap();
    assert_eq!(several().status.code(), Some(3));
    assert_eq!(fs::read_to_string(&out).unwrap(), "verdict=environment\n");
    let elsewhere = String::from_utf8_lossy(&run("").stdout).into_owned();
    assert!(!elsewhere.contains("::warning"), "{elsewhere}");
    assert_eq!(fs::read_to_string(&summary).unwrap(), page);
}

#[test]
fn rerun_runs_the_same_plan_and_seed_again_and_leaves_a_bundle() {
    let copy = Copy::new();
    let out = tempfile::tempdir().unwrap();
    let runs = out.path().to_str().unwrap();
    // A binary that does not start: a run that needs no node, and is over at once.
    let arguments = [
        "rerun",
        copy.folder.path().to_str().unwrap(),
        "--provider",
        "process",
        "--node-bin",
        "/nowhere/node",
        "--out",
        runs,
        "--no-progress",
    ];
    let output = harness(&arguments);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let bundle = fs::read_dir(out.path()).unwrap().next().unwrap().unwrap().path();
    let verified = found(&bundle);
    assert_eq!(said(&verified), Vec::<String>::new());
    let (again, before) =
        (verified.plan.unwrap().plan, found(copy.folder.path()).plan.unwrap().plan);
    assert_eq!(
        (&again.text, again.seed, &again.scenario),
        (&before.text, before.seed, &before.scenario)
    );
    assert!(Duration::from_secs(30) == again.timeout && again.timeout == before.timeout);
}
