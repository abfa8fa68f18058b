//! Nodes that are slow, busy or late, which is no fault of theirs.

use std::time::Duration;

use harness_core::exit::ExitCode;
use harness_run::interrupt::Interrupt;

use crate::{
    DISCOVER, NODES, RESTART, done,
    support::{
        Done,
        fake::{Fake, Faults},
        run_patiently,
    },
    verdicts,
};

async fn patiently(faults: Faults, factor: f64) -> Done {
    let text = format!("{NODES}{DISCOVER}").replace("3s", "20s").replace("30s", "2m");
    run_patiently(&text, Fake::new(faults), factor).await
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_an_answer_to_whoever_was_asked_for_patience() {
    let slow = Faults { takes: Some(Duration::from_millis(2500)), ..Faults::default() };
    let done = patiently(slow.clone(), 1.0).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "two seconds are what is fresh");
    let done = patiently(slow, 4.0).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_now_and_then_wants_to_be_asked_later_is_asked_later() {
    let busy = Faults { grants_one_in: Some(2), ..Faults::default() };
    let done = patiently(busy, 1.0).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let refused = |event: &serde_json::Value| event.to_string().contains("\"busy\"");
    assert!(done.events().iter().filter(|event| refused(event)).count() > 3, "it was refused");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_grants_too_few_answers_cannot_be_judged_by_them() {
    let busy = Faults { grants_one_in: Some(25), ..Faults::default() };
    let done = patiently(busy, 1.0).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    let reasons = done.json().to_string();
    assert!(reasons.contains("grants too few answers to judge"), "{reasons}");
    // 20 s, and each of three nodes wants a second's rest: not twenty questions a second.
    let refused =
        done.events().iter().filter(|event| event.to_string().contains("\"busy\"")).count();
    assert!((20..100).contains(&refused), "{refused} questions were refused");
}

#[tokio::test(start_paused = true)]
async fn a_kind_of_node_that_starts_slowly_is_waited_for_as_long_as_that_kind_may_take() {
    let late = Faults { answers_after: Some(Duration::from_secs(45)), ..Faults::default() };
    let (ours, _) = done(&[DISCOVER], late.clone()).await;
    assert_eq!(ours.verdict.exit, ExitCode::Fail, "this workspace's node is not slow");
    let foreign = Faults { foreign: true, core_only: true, ..late };
    let (foreign, _) = done(&[DISCOVER, RESTART], foreign).await;
    assert_eq!(foreign.verdict.exit, ExitCode::Pass, "{:#}", foreign.json());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_asked_for_patience_waits_longer_for_the_first_answer_too() {
    let late = Faults {
        answers_after: Some(Duration::from_secs(100)),
        foreign: true,
        core_only: true,
        ..Faults::default()
    };
    for (factor, exit) in [(1.0, ExitCode::Fail), (2.0, ExitCode::Pass)] {
        let text = format!("{NODES}{DISCOVER}");
        let done = run_patiently(&text, Fake::new(late.clone()), factor).await;
        assert_eq!(done.verdict.exit, exit, "{factor}: {:#}", done.json());
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_of_node_is_not_waited_for_for_ever() {
    let never = Faults {
        answers_after: Some(Duration::from_secs(1000)),
        foreign: true,
        ..Faults::default()
    };
    let fake = Fake::new(never);
    let done = crate::support::run(&format!("{NODES}{DISCOVER}"), fake, Interrupt::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    assert!(verdicts(&done).contains(&"peers fail".to_owned()), "{:#}", done.json());
}
