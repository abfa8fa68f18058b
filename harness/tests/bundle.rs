//! Bundles of every way out of a run verify to the verdict that they say, and no change to one goes
//! unnoticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::join_all;
use harness::{
    evidence::{RunDir, verify},
    provider::Provider,
    run::interrupt::Interrupt,
};
use harness_core::{
    bundle::{Chain, Entry, Link, Manifest, Sha256Hex},
    event::{Event, Sink},
    exit::Signal,
    verify::Verified,
};
use proptest::prelude::*;
use support::{
    Done, When,
    fake::{Fake, Faults},
    run, run_with,
};

const NODES: &str = r#"
[scenario]
timeout = "30s"
[[nodes]]
name = "seed"
seed = true
mine = true
[[nodes]]
name = "node"
count = 2
mine = true
"#;

const DISCOVER: &str = r#"
[[phases]]
name = "discover"
checks = [
    { check = "peers", nodes = "*", more_than = 1, within = "3s", for = "300ms" },
    { check = "height-advances", nodes = "node", by = 3, within = "3s", for = "300ms" },
    { check = "alive", nodes = "*", within = "6s", for = "300ms" },
]
"#;

const RESTART: &str = r#"
[[phases]]
name = "restart"
faults = [{ fault = "restart", nodes = "seed", downtime = "500ms" }]
checks = [
    { check = "height-advances", nodes = "node", by = 3, within = "5s", for = "300ms", during = "fault" },
    { check = "recovers", nodes = "*", peers_at_least = 2, height_by = 1, within = "5s", for = "300ms" },
    { check = "same-chain", nodes = "*", above = "fault", within = "5s", for = "500ms" },
]
"#;

async fn one(phases: String, faults: Faults) -> Done {
    run(&format!("{NODES}{phases}"), Fake::new(faults), Interrupt::default()).await
}

/// Stopped by a signal as soon as an event of this kind is recorded.
async fn interrupted(event: &'static str, signal: Signal) -> Done {
    let interrupt = Interrupt::default();
    let raise = interrupt.clone();
    let stop = When(event, move || {
        raise.raise(signal);
    });
    let fake: Arc<dyn Provider> = Fake::new(Faults::default());
    run_with(&format!("{NODES}{DISCOVER}{RESTART}"), fake, interrupt, vec![Box::new(stop)]).await
}

fn found(dir: &Path) -> Verified {
    verify(dir, None).unwrap()
}

fn said(verified: &Verified) -> Vec<String> {
    verified.problems.iter().map(ToString::to_string).collect()
}

/// Twenty ways out of a run, with the exit code of each.
#[tokio::test(flavor = "multi_thread")]
async fn bundles_of_all_verdicts_verify_to_the_same_verdict() {
    let both = || format!("{DISCOVER}{RESTART}");
    let timeout = format!("{NODES}{DISCOVER}")
        .replace("timeout = \"30s\"", "timeout = \"1s\"")
        .replace("more_than = 1", "more_than = 7");
    let d = || Faults::default();
    let runs: Vec<(u8, Faults, String)> = vec![
        (0, d(), both()),
        (0, d(), DISCOVER.to_owned()),
        (0, Faults { core_only: true, ..d() }, both()),
        (0, Faults { ends_with: Some((None, Some(15))), ..d() }, both()),
        (1, Faults { no_mining: true, ..d() }, DISCOVER.to_owned()),
        (1, Faults { no_discovery: true, ..d() }, DISCOVER.to_owned()),
        (1, Faults { fork: true, ..d() }, both()),
        (1, Faults { exits: Some(("node-2", 7)), ..d() }, DISCOVER.to_owned()),
        (
            1,
            Faults { logs: Some(("node-1", "panicked at \u{1b}[31m\u{1}]]>&<\u{fffe}")), ..d() },
            DISCOVER.to_owned(),
        ),
        (1, Faults { peers: Some(serde_json::Value::Null), ..d() }, DISCOVER.to_owned()),
        (1, Faults { ends_with: Some((Some(134), None)), ..d() }, both()),
        (2, Faults { noop_restart: true, ..d() }, RESTART.to_owned()),
        (2, Faults { noop_start: true, ..d() }, RESTART.to_owned()),
        (2, Faults { ghost: true, ..d() }, RESTART.to_owned()),
        (3, Faults { start_fails: true, ..d() }, DISCOVER.to_owned()),
        (3, Faults { leaks: true, ..d() }, DISCOVER.to_owned()),
        (70, Faults { start_panics: true, ..d() }, DISCOVER.to_owned()),
    ];
    let one = join_all(
        runs.into_iter().map(async |(code, faults, phases)| (code, one(phases, faults).await)),
    );
    let signals =
        async {
            let signals = [
                ("check-started", Signal::Terminate),
                ("fault-effective", Signal::Interrupt),
                ("teardown-started", Signal::Hangup),
            ];
            join_all(signals.map(async |(event, signal)| {
                (128 + signal.number(), interrupted(event, signal).await)
            }))
            .await
        };
    let timed_out = async { (1, run(&timeout, Fake::new(d()), Interrupt::default()).await) };
    let (mut done, signals, timed_out) = tokio::join!(one, signals, timed_out);
    done.extend(signals);
    done.push(timed_out);
    assert!(done.len() >= 20);
    for (number, (code, done)) in done.iter().enumerate() {
        let verified = found(done.dir.path());
        assert_eq!(said(&verified), Vec::<String>::new(), "{number}: {:#}", done.json());
        assert_eq!(
            (verified.verdict.as_ref().unwrap().exit_code, done.verdict.exit_code),
            (*code, *code),
            "{number}: {:#}",
            done.json()
        );
        assert_eq!(
            verified.verdict.unwrap().to_bytes().unwrap(),
            fs::read(done.dir.path().join("verdict.json")).unwrap()
        );
        let xml = fs::read_to_string(done.dir.path().join("junit.xml")).unwrap();
        let red = xml.contains("<failure") || xml.contains("<error");
        assert_eq!(red, *code != 0, "{xml}");
        assert!(
            !xml.chars().any(|c| (c.is_control() && !"\n\t".contains(c)) || c == '\u{fffe}'),
            "{xml:?}"
        );
    }
}

/// A disk that says only at the end that it is full.
struct FullAtLast;

impl Sink for FullAtLast {
    fn take(&mut self, _: &Event) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        Err(io::Error::other("no space left"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_could_not_be_kept_is_no_pass() {
    let done = run_with(
        &format!("{NODES}{DISCOVER}"),
        Fake::new(Faults::default()),
        Interrupt::default(),
        vec![Box::new(FullAtLast)],
    )
    .await;
    assert_eq!(
        (done.verdict.exit_code, done.json()["exit_code"].as_u64()),
        (3, Some(3)),
        "{:#}",
        done.json()
    );
    assert!(done.verdict.reason.unwrap().contains("no space left"));
    assert!(!found(done.dir.path()).is_whole(), "the reason is not among the events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_cannot_be_written_leaves_no_verdict() {
    // A folder is where the file should be.
    let touch = |dir: &RunDir| fs::create_dir_all(dir.path().join("manifest.json/x")).unwrap();
    let done = support::run_in(
        tempfile::tempdir().unwrap(),
        &format!("{NODES}{DISCOVER}"),
        Fake::new(Faults::default()),
        touch,
    )
    .await;
    assert_eq!(done.verdict.exit_code, 3);
    assert!(!done.dir.path().join("verdict.json").exists());
    assert!(!found(done.dir.path()).is_whole());
}

/// A bundle that passed, made once.
fn good() -> &'static Done {
    static GOOD: OnceLock<Done> = OnceLock::new();
    GOOD.get_or_init(|| {
        let make = || {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(one(format!("{DISCOVER}{RESTART}"), Faults::default()))
        };
        let done = std::thread::spawn(make).join().unwrap();
        assert_eq!(said(&found(done.dir.path())), Vec::<String>::new());
        done
    })
}

/// A copy of it to tamper with.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = good().dir.path();
        fs::create_dir(folder.path().join("logs")).unwrap();
        for file in names(from) {
            fs::copy(from.join(&file), folder.path().join(&file)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn change(&self, file: &str, change: impl FnOnce(String) -> String) {
        let (before, path) = (self.text(file), self.path(file));
        let after = change(before.clone());
        assert_ne!(before, after, "a tampering that does nothing");
        fs::write(path, after).unwrap();
    }

    fn lines(&self, change: impl FnOnce(&mut Vec<String>)) {
        self.change("events.jsonl", |text| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            lines.concat_lines()
        });
    }

    /// Makes the manifest fit the files as they are now.
    fn fit_manifest(&self, change: impl FnOnce(&mut Manifest)) {
        let mut manifest: Manifest = serde_json::from_str(&self.text("manifest.json")).unwrap();
        for Entry { path, bytes, sha256 } in &mut manifest.files {
            let content = fs::read(self.path(path)).unwrap();
            (*bytes, *sha256) = (content.len() as u64, Sha256Hex::of(&[&content]));
        }
        change(&mut manifest);
        fs::write(self.path("manifest.json"), manifest.to_bytes().unwrap()).unwrap();
    }

    /// It is noticed, and this is among the reasons.
    #[track_caller]
    fn is_noticed(&self, reasons: &[&str]) {
        let verified = found(self.folder.path());
        assert!(!verified.is_whole());
        let said = said(&verified).join("\n");
        for reason in reasons {
            assert!(said.contains(reason), "{reason}\n---\n{said}");
        }
    }
}

trait ConcatLines {
    fn concat_lines(&self) -> String;
}

impl ConcatLines for Vec<String> {
    fn concat_lines(&self) -> String {
        self.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn names(dir: &Path) -> Vec<String> {
    let logs = fs::read_dir(dir.join("logs"))
        .unwrap()
        .map(|log| format!("logs/{}", log.unwrap().file_name().to_str().unwrap()));
    ["events.jsonl", "plan.json", "verdict.json", "junit.xml", "manifest.json"]
        .map(str::to_owned)
        .into_iter()
        .chain(logs)
        .collect()
}

/// The line of the first event of a kind, from 0.
fn first(lines: &[String], event: &str) -> usize {
    lines.iter().position(|line| line.contains(&format!("\"event\":\"{event}\""))).unwrap()
}

/// All values of the chain anew: what somebody does who knows how.
fn chained(lines: &mut [String]) -> Sha256Hex {
    let mut chain = Chain::default();
    for line in lines {
        let mut event = Link::read(line.as_bytes()).unwrap().event;
        chain.seal(&mut event);
        *line = String::from_utf8(event).unwrap();
    }
    chain.last()
}

#[test]
fn a_dropped_line_is_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| drop(lines.remove(20)));
    copy.is_noticed(&[
        "events.jsonl:21: the chain breaks",
        "events.jsonl:21: event 21 where 20 should be",
        "manifest.json: says",
    ]);
}

#[test]
fn a_changed_digit_is_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| {
        let sample = first(lines, "sample");
        lines[sample] =
            lines[sample].replacen("\"peers\":{\"value\":", "\"peers\":{\"value\":1", 1);
    });
    copy.is_noticed(&["the chain breaks", "events.jsonl: has "]);
}

#[test]
fn half_a_file_is_noticed() {
    let copy = Copy::new();
    copy.change("events.jsonl", |text| text[..text.len() / 2].to_owned());
    copy.is_noticed(&["is cut off", "there is no end", "manifest.json: says"]);
    let log = Copy::new();
    log.change("logs/seed.log", |text| text[..text.len() / 2].to_owned());
    log.is_noticed(&["logs/seed.log: has"]);
}

#[test]
fn two_lines_swapped_are_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| lines.swap(20, 21));
    copy.is_noticed(&[
        "events.jsonl:21: the chain breaks",
        "event 21 where 20 should be",
        "events.jsonl: was changed",
    ]);
}

#[test]
fn an_edited_verdict_is_noticed() {
    let copy = Copy::new();
    copy.change("verdict.json", |text| text.replacen("\"pass\"", "\"fail\"", 1));
    copy.fit_manifest(|_| ());
    copy.is_noticed(&["verdict.json: verdict says \"fail\", but \"pass\" follows from the events"]);
}

#[test]
fn a_missing_file_is_noticed() {
    for file in names(good().dir.path()) {
        let copy = Copy::new();
        fs::remove_file(copy.path(&file)).unwrap();
        copy.is_noticed(&[
            if file == "events.jsonl" { "events.jsonl: is missing" } else { "is missing" },
            &file,
        ]);
    }
}

#[test]
fn an_edited_log_is_noticed() {
    let copy = Copy::new();
    copy.change("logs/node-1.log", |text| text.replacen("starts", "STARTS", 1));
    copy.is_noticed(&["logs/node-1.log: was changed"]);
}

#[test]
fn an_added_line_is_noticed() {
    let copy = Copy::new();
    copy.lines(|lines| lines.insert(20, lines[20].clone()));
    copy.is_noticed(&[
        "events.jsonl:22: the chain breaks",
        "event 20 where 21 should be",
        "manifest.json: says",
    ]);
    let file = Copy::new();
    fs::write(file.path("logs/extra.log"), "x").unwrap();
    file.is_noticed(&["logs/extra.log: is not in the manifest"]);
}

#[test]
fn a_manifest_that_fits_a_changed_event_is_noticed_by_the_chain() {
    let copy = Copy::new();
    copy.lines(|lines| {
        let sample = first(lines, "sample");
        lines[sample] = lines[sample].replacen("\"start\":0", "\"start\":1", 1);
    });
    copy.fit_manifest(|_| ());
    let verified = found(copy.folder.path());
    assert!(
        said(&verified).iter().all(|problem| problem.contains("the chain breaks")),
        "{:?}",
        said(&verified)
    );
    assert_eq!(verified.problems.len(), 1);
}

#[test]
fn a_bundle_of_another_run_under_this_name_is_noticed_by_the_expected_digest() {
    let digest = good().dir.digest().unwrap();
    assert!(verify(good().dir.path(), Some(digest)).unwrap().is_whole());
    let other = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(one(DISCOVER.to_owned(), Faults::default()));
    assert!(verify(other.dir.path(), None).unwrap().is_whole());
    let verified = verify(other.dir.path(), Some(digest)).unwrap();
    assert!(
        said(&verified)[0].starts_with("manifest.json: the bundle's digest is "),
        "{:?}",
        said(&verified)
    );
}

/// Beyond the ten: somebody writes the chain and the manifest anew, and only what follows from the
/// events is left to tell.
#[test]
fn a_finding_that_does_not_follow_from_the_samples_is_noticed_behind_a_new_chain() {
    let changes: [(&str, &str, &str, &str); 4] = [
        (
            "check-settled",
            "\"reason\":\"",
            "\"reason\":\"nearly ",
            "finds something else than is recorded",
        ),
        ("fault-healed", "\"since\":", "\"since\":9", "in the future"),
        (
            "check-settled",
            "\"check\":{\"phase\":0",
            "\"check\":{\"phase\":1",
            "that is not under way",
        ),
        (
            "run-started",
            "\"version\":1",
            "\"version\":2",
            "the events have format 2, this harness knows 1",
        ),
    ];
    for (event, from, to, reason) in changes {
        let copy = Copy::new();
        let mut last = None;
        copy.lines(|lines| {
            let line = first(lines, event);
            lines[line] = lines[line].replacen(from, to, 1);
            last = Some(chained(lines));
        });
        copy.fit_manifest(|manifest| manifest.chain = last.unwrap());
        copy.is_noticed(&[reason]);
    }
}

/// The engine's word on the seed between the fault's start and its proof, turned around: then
/// nothing shows that it was down.
#[test]
fn a_fault_that_the_events_do_not_show_is_noticed_behind_a_new_chain() {
    let copy = Copy::new();
    let mut last = None;
    copy.lines(|lines| {
        let (from, to) = (first(lines, "fault-started"), first(lines, "fault-effective"));
        let running = lines[..from]
            .iter()
            .rfind(|line| line.contains("\"event\":\"state\",\"node\":\"seed\""))
            .unwrap();
        let state = |line: &str| {
            line[line.find("\"state\":{").unwrap()..line.find(",\"chain\"").unwrap()].to_owned()
        };
        let runs = state(running);
        let ended: Vec<usize> = (from..to)
            .filter(|line| lines[*line].contains("\"event\":\"state\",\"node\":\"seed\""))
            .collect();
        assert!(!ended.is_empty());
        for line in ended {
            let said = state(&lines[line]);
            lines[line] = lines[line].replacen(&said, &runs, 1);
        }
        last = Some(chained(lines));
    });
    copy.fit_manifest(|manifest| manifest.chain = last.unwrap());
    copy.is_noticed(&[
        "the fault has no proof: of seed the record says that it still runs as process",
    ]);
}

#[test]
fn there_is_one_way_to_write_a_manifest() {
    for (from, to) in [
        ("{\n", "{ \n"),
        ("\"version\": 1", "\"version\": 1.0"),
        ("\"version\": 1", "\"version\": 1,\n  \"more\": 1"),
    ] {
        let copy = Copy::new();
        copy.change("manifest.json", |text| text.replacen(from, to, 1));
        copy.is_noticed(&["manifest.json: "]);
    }
}

#[test]
fn hostile_paths_in_a_manifest_open_nothing() {
    for path in ["../secret", "/etc/passwd", "logs/../../x"] {
        let copy = Copy::new();
        copy.fit_manifest(|manifest| {
            manifest.files.push(Entry {
                path: path.to_owned(),
                bytes: 0,
                sha256: Sha256Hex([0; 32]),
            })
        });
        copy.is_noticed(&["is no file of this bundle"]);
    }
    let copy = Copy::new();
    fs::remove_file(copy.path("logs/seed.log")).unwrap();
    std::os::unix::fs::symlink(good().dir.logs().join("seed.log"), copy.path("logs/seed.log"))
        .unwrap();
    copy.is_noticed(&["logs/seed.log: neither a file nor a folder"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_flipped_byte_anywhere_is_noticed(file in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let copy = Copy::new();
        let names = names(copy.folder.path());
        let path = copy.path(file.get::<String>(&names).as_str());
        let mut bytes = fs::read(&path).unwrap();
        prop_assert!(found(copy.folder.path()).is_whole(), "an unchanged bundle verifies");
        *place.get_mut(&mut bytes) ^= flip;
        fs::write(&path, bytes).unwrap();
        prop_assert!(!found(copy.folder.path()).is_whole(), "{}", path.display());
    }
}

fn harness(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harness")).args(arguments).output().unwrap()
}

#[test]
fn codes_of_verify_and_replay() {
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
        &["replay", "/nowhere/at/all"],
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
    let refused = harness(&["replay", path]);
    assert!(
        refused.status.code() == Some(64)
            && String::from_utf8_lossy(&refused.stderr).contains("--unverified")
    );
}

#[test]
fn a_replay_runs_the_same_plan_and_seed_again_and_leaves_a_bundle() {
    let copy = Copy::new();
    let out = tempfile::tempdir().unwrap();
    let runs = out.path().to_str().unwrap();
    // A binary that does not start: a run that needs no node, and is over at once.
    let arguments = [
        "replay",
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
