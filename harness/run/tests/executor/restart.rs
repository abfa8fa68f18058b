//! A restart that happened, and everything that only looks like one.

use std::time::Duration;

use harness_core::exit::ExitCode;
use harness_run::interrupt::Interrupt;

use crate::{
    DISCOVER, NODES, RESTART, done,
    support::{
        When,
        fake::{Fake, Faults},
        run_with,
    },
    verdicts,
};

#[tokio::test(start_paused = true)]
async fn a_restart_that_does_nothing_is_inconclusive() {
    let (done, _) =
        done(&[DISCOVER, RESTART], Faults { noop_restart: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    assert_eq!(
        verdicts(&done)[2..],
        ["height-advances not-judged", "recovers not-judged", "same-chain not-judged"]
    );
    let json = done.json();
    assert_eq!(json["phases"][1]["faults"][0]["proof"], serde_json::Value::Null);
    assert!(
        json["reason"].as_str().unwrap().contains("still runs as process"),
        "{}",
        json["reason"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_answers_while_it_should_be_down_is_no_proof() {
    let (done, _) = done(&[RESTART], Faults { ghost: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
}

/// What restarts it meanwhile (a supervisor, a policy of the engine) makes everything worthless
/// that was checked while it should have been down.
#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_before_its_time_is_no_proof() {
    let (done, _) = done(
        &[DISCOVER, RESTART],
        Faults { haunts: Some(Duration::from_millis(1200)), ..Faults::default() },
    )
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    let json = done.json();
    let reason = json["phases"][1]["faults"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "seed answered although it should have been down all the time");
    assert_eq!(
        verdicts(&done)[2..],
        ["height-advances pass", "recovers not-judged", "same-chain not-judged"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_an_unproven_fault_stays_a_failure() {
    // The check during the fault fails because nobody mines; then the node does not come back as
    // another process.
    let (done, _) =
        done(&[RESTART], Faults { noop_start: true, no_mining: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert_eq!(
        verdicts(&done),
        ["height-advances fail", "recovers not-judged", "same-chain not-judged"]
    );
    assert!(
        done.json()["phases"][0]["faults"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("the same process")
    );
}

/// What the node says is not asked for here: only how it ended.
const STOP: &str = r#"
[[phases]]
name = "restart"
[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "500ms"
[[phases.checks]]
check = "peers"
nodes = "*"
more_than = 1
within = "5s"
for = "300ms"
"#;

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_hide_that_the_node_was_dead_already() {
    let fake = Fake::new(Faults::default());
    let dying = fake.clone();
    let dies = When("fault-started", move || dying.dies("seed", 0));
    let done =
        run_with(&format!("{NODES}{STOP}"), fake, Interrupt::default(), vec![Box::new(dies)]).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert_eq!(done.verdict.reason.as_deref(), Some("seed exited unplanned (code 0)"));
    let exited = done.events().into_iter().find(|event| event["event"] == "node-exited").unwrap();
    assert_eq!(exited["last_lines"], serde_json::json!(["seed starts"]));
}

/// The next one starts when the one before has healed, and each lasts its downtime, whether or not
/// a check waits for it.
#[tokio::test(start_paused = true)]
async fn faults_of_one_phase_follow_each_other() {
    let second = "downtime = \"500ms\"\n[[phases.faults]]\nfault = \"restart\"\nnodes = \"node-1\"\ndowntime = \"500ms\"";
    let twice = STOP.replace("downtime = \"500ms\"", second).replace("500ms", "1s");
    let (done, _) = done(&[&twice], Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let events = done.events();
    let kinds = ["fault-started", "fault-effective", "fault-healed"];
    let faults: Vec<_> =
        events.iter().filter(|event| kinds.contains(&event["event"].as_str().unwrap())).collect();
    assert_eq!(
        faults.iter().map(|event| event["fault"]["fault"].as_u64().unwrap()).collect::<Vec<_>>(),
        [0, 0, 0, 1, 1, 1]
    );
    for fault in faults.chunks(3) {
        assert!(
            fault[2]["since"].as_u64().unwrap() - fault[1]["since"].as_u64().unwrap() >= 1000,
            "{fault:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_crashes_while_it_stops_has_failed() {
    for (ends_with, said) in [
        ((Some(134), None), "code 134"),
        ((Some(101), None), "code 101"),
        ((None, Some(6)), "signal 6"),
        ((None, Some(9)), "SIGKILL"),
    ] {
        let (done, _) =
            done(&[STOP], Faults { ends_with: Some(ends_with), ..Faults::default() }).await;
        assert_eq!(done.verdict.exit, ExitCode::Fail, "{ends_with:?} {:#}", done.json());
        assert!(
            done.verdict.reason.as_deref().unwrap().contains(said),
            "{:?}",
            done.verdict.reason
        );
        let broken =
            done.events().into_iter().find(|event| event["event"] == "node-broken").unwrap();
        assert_eq!(broken["last_lines"], serde_json::json!(["seed starts"]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_sigterm_ends_and_a_foreign_one_that_needs_sigkill_are_said_and_no_failure() {
    for (ends_with, foreign, said) in [
        ((None, Some(15)), false, "ended with signal 15"),
        ((Some(143), None), false, "ended with code 143"),
        ((None, Some(9)), true, "did not end by SIGTERM, needed SIGKILL"),
        ((Some(137), None), true, "did not end by SIGTERM, needed SIGKILL"),
        ((Some(1), None), true, "code 1"),
    ] {
        let (done, _) =
            done(&[STOP], Faults { ends_with: Some(ends_with), foreign, ..Faults::default() })
                .await;
        assert_eq!(done.verdict.exit, ExitCode::Pass, "{ends_with:?} {:#}", done.json());
        let proof = done.json()["phases"][0]["faults"][0]["proof"].as_str().unwrap().to_owned();
        assert!(proof.contains(said), "{proof}");
    }
    let (crashed, _) = done(
        &[STOP],
        Faults { ends_with: Some((Some(134), None)), foreign: true, ..Faults::default() },
    )
    .await;
    assert_eq!(crashed.verdict.exit, ExitCode::Fail, "a crash is one, whosever it is");
}
