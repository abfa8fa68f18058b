//! Every way out of a run leads through the clean-up to a verdict on disk.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use harness_core::{
    event::{Event, EventKind, Sink},
    exit::{ExitCode, Signal},
};
use harness_run::interrupt::Interrupt;
use tokio::time::Instant;

use crate::{
    DISCOVER, NODES, RESTART, done,
    support::{
        self, When,
        fake::{Fake, Faults},
        run, run_with,
    },
};

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_run_after_clean_up() {
    let (interrupt, fake) = (Interrupt::default(), Fake::new(Faults::default()));
    let later = interrupt.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        later.raise(Signal::Terminate);
    });
    let done = run(&format!("{NODES}{RESTART}"), fake.clone(), interrupt).await;
    assert_eq!(done.verdict.exit.code(), 143);
    assert_eq!(done.json()["verdict"], "interrupted");
    assert!(fake.torn_down.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_the_environment_and_one_that_panics_is_a_bug() {
    let (failed, _) = done(&[DISCOVER], Faults { start_fails: true, ..Faults::default() }).await;
    assert_eq!(
        (failed.verdict.exit, failed.json()["verdict"].as_str()),
        (ExitCode::Environment, Some("environment"))
    );
    let (panicked, _) = done(&[DISCOVER], Faults { start_panics: true, ..Faults::default() }).await;
    assert_eq!(panicked.verdict.exit, ExitCode::Bug);
    let reason = panicked.verdict.reason.unwrap();
    assert!(reason.contains("a bug in the provider"), "{reason}");
}

/// Nodes that cannot reach each other because a table of the kernel's is full are not to blame.
#[tokio::test(start_paused = true)]
async fn a_machine_that_has_run_out_of_something_is_the_environment() {
    let faults = Faults {
        exhausted: Some("the kernel's table was full"),
        headless: Some("node-1"),
        ..Faults::default()
    };
    let (done, _) = done(&[DISCOVER], faults).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment);
    assert_eq!(done.verdict.reason.as_deref(), Some("the kernel's table was full"));
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_removed_spoils_a_pass() {
    let (done, _) = done(&[DISCOVER], Faults { leaks: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment);
    assert!(done.verdict.reason.unwrap().contains("removing a network: in use"));
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_logs_never_end_holds_nobody_up() {
    let (done, _) = done(&[DISCOVER], Faults { logs_forever: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment);
    assert_eq!(
        done.verdict.reason.as_deref(),
        Some("the nodes' logs had no end 30 s after the clean-up")
    );
}

/// It promises to go on only for as long as it gets on, so it has long, and not for ever.
#[tokio::test(start_paused = true)]
async fn a_removal_that_never_ends_is_given_up_after_a_quarter_of_an_hour() {
    let began = Instant::now();
    let (done, _) = done(&[DISCOVER], Faults { stuck: true, ..Faults::default() }).await;
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    assert!((15.0..16.0).contains(&minutes), "{minutes}");
    assert_eq!(done.verdict.exit, ExitCode::Environment);
    let reason = done.verdict.reason.unwrap();
    assert!(reason.contains("did not finish within 900 s"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_scenario_that_takes_too_long_fails_with_what_was_undecided() {
    let fake = Fake::new(Faults { no_mining: true, ..Faults::default() });
    let text = format!("{NODES}{DISCOVER}").replace("timeout = \"30s\"", "timeout = \"3s\"");
    let text =
        text.replacen("[[phases]]", "[[phases]]\nname = \"wait\"\n[[phases.faults]]\nfault = \"restart\"\nnodes = \"seed\"\ndowntime = \"1s\"\n[[phases]]", 1);
    let done = run(&text, fake, Interrupt::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    let json = done.json();
    let check = &json["phases"][1]["checks"][1];
    assert_eq!(
        (&check["verdict"], &check["reason"]),
        (&"fail".into(), &"the scenario's timeout of 3.0 s passed".into()),
        "{json:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_signal_during_the_clean_up_is_in_the_file_too() {
    let interrupt = Interrupt::default();
    let raise = interrupt.clone();
    let late = When("teardown-started", move || assert!(raise.raise(Signal::Interrupt)));
    let done = run_with(
        &format!("{NODES}{DISCOVER}"),
        Fake::new(Faults::default()),
        interrupt,
        vec![Box::new(late)],
    )
    .await;
    assert_eq!((done.verdict.exit.code(), done.json()["exit_code"].as_u64()), (130, Some(130)));
}

#[tokio::test(start_paused = true)]
async fn a_scratch_directory_that_cannot_be_removed_is_in_the_file_too() {
    let fake = Fake::new(Faults::default());
    // A file where the directory should be cannot be removed as one.
    let folder = tempfile::tempdir().unwrap();
    let done = support::run_in(folder, &format!("{NODES}{DISCOVER}"), fake, |dir| {
        fs::write(dir.path().join("scratch"), "in the way").unwrap()
    })
    .await;
    assert_eq!(
        (done.verdict.exit, done.json()["exit_code"].as_u64()),
        (ExitCode::Environment, Some(3)),
        "{:#}",
        done.json()
    );
    assert!(done.verdict.reason.unwrap().contains("scratch"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_just_before_the_verdict_makes_it_inconclusive() {
    let slept = Arc::new(AtomicU64::new(100));
    let (read, jump) = (slept.clone(), slept);
    let clock = support::clock(move || Duration::from_secs(read.load(Ordering::Relaxed)));
    let jumps = When("torn-down", move || jump.store(103, Ordering::Relaxed));
    let done = support::run_by(
        clock,
        &format!("{NODES}{DISCOVER}"),
        Fake::new(Faults::default()),
        vec![Box::new(jumps)],
    )
    .await;
    assert_eq!(
        (done.verdict.exit, done.json()["exit_code"].as_u64()),
        (ExitCode::Inconclusive, Some(2)),
        "{:#}",
        done.json()
    );
    assert!(done.verdict.reason.unwrap().contains("slept"));
}

/// A disk that is full once the nodes run.
struct Full(bool);

impl Sink for Full {
    fn take(&mut self, event: &Event) -> std::io::Result<()> {
        self.0 |= matches!(event.what, EventKind::AllStarted);
        if self.0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_ends_the_run_at_once() {
    // Nothing else would end it before its time.
    let phase = DISCOVER.replace("within = \"3s\"", "within = \"25s\"");
    let fake = Fake::new(Faults { no_mining: true, ..Faults::default() });
    let began = Instant::now();
    let done = run_with(
        &format!("{NODES}{phase}"),
        fake.clone(),
        Interrupt::default(),
        vec![Box::new(Full(false))],
    )
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Environment);
    assert!(
        done.json()["reason"]
            .as_str()
            .unwrap()
            .contains("the evidence cannot be written: no storage space"),
        "{:#}",
        done.json()
    );
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(fake.torn_down.load(Ordering::Relaxed));
}

/// One look may fall into the moment in which a node's container is replaced.
#[tokio::test(start_paused = true)]
async fn what_somebody_else_removed_is_believed_at_the_second_look() {
    let removed = |times| Faults { disturbed: Some(("node-1", times)), ..Faults::default() };
    let (once, _) = done(&[DISCOVER, RESTART], removed(1)).await;
    assert_eq!(once.verdict.exit, ExitCode::Pass, "{:#}", once.json());
    let (twice, _) = done(&[DISCOVER, RESTART], removed(2)).await;
    assert_eq!(twice.verdict.exit, ExitCode::Environment, "{:#}", twice.json());
    let reason = twice.verdict.reason.unwrap_or_default();
    assert!(reason.contains("somebody removed the container of node-1"), "{reason}");
}
