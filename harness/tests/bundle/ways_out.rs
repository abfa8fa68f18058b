//! Every way out of a run leaves a bundle that verifies, or no verdict.

use std::{fs, io};

use futures_util::future::join_all;
use harness_core::{
    event::{Event, Sink},
    exit::Signal,
};
use harness_run::{evidence::RunDir, interrupt::Interrupt};

use crate::{
    DISCOVER, NODES, RESTART, found, one, said,
    support::{
        self, Done, When,
        fake::{Fake, Faults},
        run, run_with,
    },
};

/// Stopped by a signal as soon as an event of this kind is recorded.
async fn interrupted(event: &'static str, signal: Signal) -> Done {
    let interrupt = Interrupt::default();
    let raise = interrupt.clone();
    let stop = When(event, move || {
        raise.raise(signal);
    });
    run_with(
        &format!("{NODES}{DISCOVER}{RESTART}"),
        Fake::new(Faults::default()),
        interrupt,
        vec![Box::new(stop)],
    )
    .await
}

/// Ways through a run, with the exit code of each.
fn runs() -> Vec<(u8, Faults, String)> {
    let both = || format!("{DISCOVER}{RESTART}");
    let d = || Faults::default();
    vec![
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
    ]
}

/// Twenty ways out of a run, with the exit code of each.
#[tokio::test(start_paused = true)]
async fn bundles_of_all_verdicts_verify_to_the_same_verdict() {
    let timeout = format!("{NODES}{DISCOVER}")
        .replace("timeout = \"30s\"", "timeout = \"1s\"")
        .replace("more_than = 1", "more_than = 7");
    let one = join_all(
        runs().into_iter().map(async |(code, faults, phases)| (code, one(phases, faults).await)),
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
    let timed_out =
        async { (1, run(&timeout, Fake::new(Faults::default()), Interrupt::default()).await) };
    let (mut done, signals, timed_out) = tokio::join!(one, signals, timed_out);
    done.extend(signals);
    done.push(timed_out);
    assert!(done.len() >= 20);
    for (number, (code, done)) in done.iter().enumerate() {
        assert_verifies(number, *code, done);
    }
}

fn assert_verifies(number: usize, code: u8, done: &Done) {
    let verified = found(done.dir.path());
    assert_eq!(said(&verified), Vec::<String>::new(), "{number}: {:#}", done.json());
    assert_eq!(
        (verified.verdict.as_ref().unwrap().exit_code, done.verdict.exit_code),
        (code, code),
        "{number}: {:#}",
        done.json()
    );
    assert_eq!(
        verified.verdict.unwrap().to_bytes().unwrap(),
        fs::read(done.dir.path().join("verdict.json")).unwrap()
    );
    let xml = fs::read_to_string(done.dir.path().join("junit.xml")).unwrap();
    let red = xml.contains("<failure") || xml.contains("<error");
    assert_eq!(red, code != 0, "{xml}");
    assert!(
        !xml.chars().any(|c| (c.is_control() && !"\n\t".contains(c)) || c == '\u{fffe}'),
        "{xml:?}"
    );
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
