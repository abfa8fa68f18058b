//! Nodes that end, panic or hang although nobody asked them to.

use std::time::Duration;

use harness_core::exit::ExitCode;
use harness_run::interrupt::Interrupt;

use crate::{
    DISCOVER, NODES, done,
    support::{
        Done, When,
        fake::{Fake, Faults},
        run_with,
    },
    verdicts,
};

#[tokio::test(start_paused = true)]
async fn a_node_that_exits_at_start_is_reported_within_two_seconds() {
    let (done, _) =
        done(&[DISCOVER], Faults { exits: Some(("node-2", 7)), ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    let exited = done.events().into_iter().find(|event| event["event"] == "node-exited").unwrap();
    assert_eq!((&exited["node"], &exited["code"]), (&"node-2".into(), &7.into()));
    assert_eq!(
        exited["last_lines"],
        serde_json::json!(["node-2 starts", "cannot open the database"])
    );
    let started =
        done.events().into_iter().find(|event| event["event"] == "prepared").unwrap()["at_ms"]
            .as_u64()
            .unwrap();
    assert!(exited["at_ms"].as_u64().unwrap() - started < 2000);
    assert_eq!(done.verdict.reason.as_deref(), Some("node-2 exited unplanned (code 7)"));
    assert!(verdicts(&done).contains(&"alive fail".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_log_fails_the_run() {
    let line = "thread 'main' \u{1b}[31mpanicked at\u{1b}[0m src/x.rs:1:1:";
    let (done, _) =
        done(&[DISCOVER], Faults { logs: Some(("node-1", line)), ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    assert_eq!(
        done.verdict.reason.as_deref(),
        Some("node-1 panicked: thread 'main' panicked at src/x.rs:1:1:")
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_with_its_cause_and_the_lines_around() {
    let log = "INFO ready\nthread 'main' panicked at src/x.rs:1:1:\nthe disk is full\nnote: run with `RUST_BACKTRACE=1`";
    let (done, _) =
        done(&[DISCOVER], Faults { logs: Some(("node-1", log)), ..Faults::default() }).await;
    assert_eq!(
        done.verdict.reason.as_deref(),
        Some("node-1 panicked: thread 'main' panicked at src/x.rs:1:1: the disk is full")
    );
    let broken = done.events().into_iter().find(|event| event["event"] == "node-broken").unwrap();
    let around = broken["last_lines"].as_array().unwrap();
    assert_eq!(around.len(), 5, "{around:?}");
}

/// It ends the run, and is not heard of when that is over.
#[tokio::test(start_paused = true)]
async fn a_panic_is_told_at_once_and_a_long_line_before_it_is_cut() {
    let long = "x".repeat(1500);
    let log = format!("{long}\nthread 'main' panicked at src/x.rs:1:1:\nwhy").leak();
    let (done, _) = done(
        &[DISCOVER, crate::RESTART],
        Faults { logs: Some(("node-1", log)), ..Faults::default() },
    )
    .await;
    let broken = done.events().into_iter().find(|event| event["event"] == "node-broken").unwrap();
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert_eq!(done.json()["phases"].as_array().unwrap().len(), 2);
    assert!(!done.events().iter().any(|event| event["event"] == "fault-started"));
    // It was logged half a second after the node's start.
    assert!(broken["at_ms"].as_u64().unwrap() < 1000, "{broken:#}");
    let around: Vec<&str> = broken["last_lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    let cut = format!("{}… (500 bytes more, in its log)", &long[..1000]);
    assert!(around.contains(&cut.as_str()) && around.contains(&"why"), "{around:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_even_if_nothing_comes_after_it() {
    let last = "thread 'main' panicked at src/x.rs:1:1:";
    let (done, _) =
        done(&[DISCOVER], Faults { last_words: Some(("node-2", last)), ..Faults::default() }).await;
    assert_eq!(
        done.verdict.reason.as_deref(),
        Some("node-2 panicked: thread 'main' panicked at src/x.rs:1:1:")
    );
    assert_eq!(done.verdict.exit, ExitCode::Fail);
}

#[tokio::test(start_paused = true)]
async fn two_nodes_of_one_identity_are_named_with_it() {
    let (done, _) =
        done(&[DISCOVER], Faults { identity: Some("12ab34cd"), ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    let reason = done.verdict.reason.as_deref().unwrap();
    let names = ["seed", "node-1", "node-2"].iter().filter(|name| reason.contains(**name)).count();
    assert!(names == 2 && reason.contains("have one identity (12ab34cd)"), "{reason}");
}

/// That a question was lost does not say that there is no answer.
#[tokio::test(start_paused = true)]
async fn who_was_not_heard_the_first_time_is_asked_once_more() {
    let slow = DISCOVER.replace("by = 3", "by = 25").replace("\"3s\"", "\"8s\"");
    let twins = Faults { identity: Some("12ab34cd"), identities_lost: 5, ..Faults::default() };
    let (twice, _) = done(&[&slow], twins).await;
    let reason = twice.verdict.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("have one identity (12ab34cd)"), "{reason}");
    let lists = Some(crate::support::fake::Memory::Keeps);
    let faults = Faults { lists_sessions: lists, identities_lost: 3, ..Faults::default() };
    let (each, _) = done(&[&slow], faults).await;
    assert_eq!(each.verdict.exit, ExitCode::Pass, "{:#}", each.json());
    let said =
        |event: &&serde_json::Value| event["event"] == "methods" && event["peer_id"].is_string();
    assert_eq!(each.events().iter().filter(said).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_somebody_else_started_again_has_ended_unplanned() {
    let fake = Fake::new(Faults::default());
    let replaced = fake.clone();
    let replace = When("all-started", move || replaced.is_replaced("node-2"));
    let slow = DISCOVER.replace("by = 3", "by = 25");
    let done =
        run_with(&format!("{NODES}{slow}"), fake, Interrupt::default(), vec![Box::new(replace)])
            .await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert_eq!(done.verdict.reason.as_deref(), Some("node-2 exited unplanned (no code)"));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_fails_to_answer_for_a_moment_ends_no_run() {
    let (done, _) = done(
        &[&DISCOVER.replace("by = 3", "by = 20")],
        Faults { blinks: true, ..Faults::default() },
    )
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
}

/// The network is there until it has so many blocks.
async fn done_at(by: u32, engine_at_work: (&'static str, Duration)) -> Done {
    let until = DISCOVER
        .replace("by = 3", &format!("by = {by}"))
        .replace("nodes = \"*\"", "nodes = \"node\"")
        .replace("within = \"3s\"", "within = \"100s\"");
    // Of one that is not started the engine is not asked, so it has not answered.
    let nodes = NODES.replace("timeout = \"30s\"", "timeout = \"200s\"")
        + "[[nodes]]\nname = \"late\"\nstart = \"later\"\n";
    let faults = Faults { engine_at_work: Some(engine_at_work), ..Faults::default() };
    run_with(&format!("{nodes}{until}"), Fake::new(faults), Interrupt::default(), Vec::new()).await
}

/// It answers about the others: it starts or ends this node's container, and a busy machine takes its time.
#[tokio::test(start_paused = true)]
async fn an_engine_that_is_at_work_on_a_node_has_not_gone() {
    let done = done_at(100, ("node-1", Duration::from_secs(15))).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    assert!(done.verdict.seconds > 7.0, "{}", done.verdict.seconds);
}

/// A check of what the engine says is not held against a node of which it said nothing for so long.
#[tokio::test(start_paused = true)]
async fn an_engine_that_is_at_work_on_a_node_fails_no_check_of_it() {
    let phase = "[[phases]]\nname = \"same\"\nchecks = [{ check = \"no-restart\", nodes = \"node-1\", within = \"5s\" }]\n";
    let engine_at_work = Some(("node-1", Duration::from_secs(4)));
    let (done, _) = done(&[phase], Faults { engine_at_work, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap_or_default();
    assert!(reason.contains("whether node-1 runs"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_nothing_of_anybody_or_not_in_a_minute_has() {
    for (whom, least) in [("*", 6.0), ("node-1", 60.0)] {
        let done = done_at(900, (whom, Duration::from_secs(1000))).await;
        assert_eq!(done.verdict.exit, ExitCode::Environment, "{:#}", done.json());
        let reason = done.verdict.reason.unwrap();
        assert!(reason.contains("is unknown: no answer in "), "{reason}");
        assert!((least..least + 8.0).contains(&done.verdict.seconds), "{}", done.verdict.seconds);
    }
}

/// The seconds that a reason which begins like this speaks of: a busy machine takes more of them,
/// and none may take fewer.
fn silent_for(reason: &str, beginning: &str) -> f64 {
    let seconds = reason.strip_prefix(beginning).and_then(|rest| rest.split_once(" s"));
    seconds.unwrap_or_else(|| panic!("{beginning}… in {reason}")).0.parse().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_no_check_names_must_answer_all_the_same() {
    let only_one = DISCOVER
        .replace("nodes = \"*\"", "nodes = \"node-1\"")
        .replace("nodes = \"node\"", "nodes = \"node-1\"");
    let (done, _) = done(&[&only_one], Faults { nulls: Some("seed"), ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap();
    assert!(
        silent_for(&reason, "seed never gave its peers in ") >= 5.0
            && reason.contains("answered nonsense"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn peers_without_a_height_are_half_of_an_answer() {
    let only_one = DISCOVER
        .replace("nodes = \"*\"", "nodes = \"node-1\"")
        .replace("nodes = \"node\"", "nodes = \"node-1\"");
    let (done, _) =
        done(&[&only_one], Faults { headless: Some("seed"), ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap();
    assert!(
        silent_for(&reason, "seed never gave its height in ") >= 5.0
            && reason.contains("answered null"),
        "{reason}"
    );
}

/// One answer at the beginning is not enough: a deadlock in a living process is no end that the
/// engine would see.
#[tokio::test(start_paused = true)]
async fn a_node_that_no_check_names_must_still_answer_at_the_end() {
    let only_one = DISCOVER
        .replace("nodes = \"*\"", "nodes = \"node-1\"")
        .replace("nodes = \"node\"", "nodes = \"node-1\"");
    let (done, _) = done(&[&only_one], Faults { hangs: Some("seed"), ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap();
    assert!(
        reason.starts_with("seed never gave its peers in ") && reason.contains("no answer in time"),
        "{reason}"
    );
}
