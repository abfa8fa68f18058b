//! Nodes that are stopped or killed, stay down over phases, and are started again.

use std::time::Duration;

use harness_core::exit::ExitCode;
use harness_run::evidence::verify;

use crate::{
    DISCOVER, done,
    support::{Done, fake::Faults},
    verdicts,
};

const STOP: &str = r#"
[[phases]]
name = "the seed is away"
[[phases.faults]]
fault = "stop"
nodes = "seed"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 3
within = "4s"
for = "1500ms"
"#;

const START: &str = r#"
[[phases]]
name = "the seed is back"
[[phases.faults]]
fault = "start"
nodes = "seed"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
within = "4s"
for = "300ms"
"#;

const KILL: &str = r#"
[[phases]]
name = "killed"
[[phases.faults]]
fault = "kill"
nodes = "seed"
downtime = "1s"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
within = "4s"
for = "300ms"
"#;

/// What is wrong with its bundle.
fn problems(done: &Done) -> Vec<String> {
    let verified = verify(done.dir.path(), None).unwrap();
    verified.problems.iter().map(ToString::to_string).collect()
}

fn fault(done: &Done, phase: usize) -> serde_json::Value {
    done.json()["phases"][phase]["faults"][0].clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_is_no_failure_and_comes_back_phases_later() {
    let (done, _) = done(&[DISCOVER, STOP, DISCOVER_AMONG_TWO, START], Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    assert!(fault(&done, 1)["proof"].as_str().unwrap().starts_with("seed down: ended with code 0"));
    assert!(fault(&done, 3)["proof"].as_str().unwrap().starts_with("seed back: process 1000 → "));
    assert_eq!(problems(&done), Vec::<String>::new());
}

/// A phase in between, of those that are up.
const DISCOVER_AMONG_TWO: &str = r#"
[[phases]]
name = "the others go on"
[[phases.checks]]
check = "peers"
nodes = "node"
at_least = 1
within = "3s"
for = "300ms"
"#;

#[tokio::test(start_paused = true)]
async fn a_run_may_end_with_a_node_that_is_stopped() {
    let (done, _) = done(&[DISCOVER, STOP], Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    assert_eq!(problems(&done), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_node_that_answers_again_makes_its_own_fault_unproven() {
    let haunts = Some(Duration::from_millis(1_500));
    let (done, _) = done(&[DISCOVER, STOP, START], Faults { haunts, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    let why = "seed answered although it should have been down all the time";
    assert_eq!(fault(&done, 1)["reason"], why);
    assert_eq!(verdicts(&done)[2..], ["height-advances pass", "recovers not-judged"]);
    assert_eq!(problems(&done), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_start_that_starts_nobody_is_inconclusive() {
    let (done, _) = done(&[STOP, START], Faults { noop_start: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    assert!(fault(&done, 1)["reason"].as_str().unwrap().contains("it is the same process"));
    assert_eq!(problems(&done), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_killed_comes_back_and_both_are_proven() {
    let (done, _) = done(&[DISCOVER, KILL], Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let proof = fault(&done, 1)["proof"].as_str().unwrap().to_owned();
    assert!(proof.starts_with("seed down: ended with signal 9"), "{proof}");
    assert_eq!(problems(&done), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_asked_to_end_was_not_killed() {
    let (done, _) = done(&[DISCOVER, KILL], Faults { kill_asks: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    assert_eq!(fault(&done, 1)["reason"], "seed ended, but not by signal 9 (code 0)");
    assert_eq!(problems(&done), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_cannot_do_is_refused_before_anything_starts() {
    let (done, _) = done(&[KILL], Faults { cannot_kill: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::NothingRan, "{:#}", done.json());
    let why = "the provider `fake` cannot kill a node, which this scenario needs";
    assert_eq!(done.verdict.reason.as_deref(), Some(why));
    assert!(done.events().iter().all(|event| event["event"] != "node-started"));
}
