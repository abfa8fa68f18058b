//! The checks of whole windows, capabilities, sessions and resources, from a scenario to its
//! verdict: what they need is polled and recorded, and what breaks them is noticed.

use std::collections::BTreeSet;

use harness_core::exit::ExitCode;
use harness_run::interrupt::Interrupt;

use crate::support::{
    Done,
    fake::{Fake, Faults, Memory},
    run, run_measured,
};

pub(crate) const NODES: &str = r#"
[scenario]
description = "a test"
timeout = "30s"
[[nodes]]
name = "seed"
seed = true
mine = true
[[nodes]]
name = "node"
count = 2
mine = true
[[phases]]
name = "one"
"#;

const NO_STALL: &str = r#"
[[phases.checks]]
check = "no-stall"
nodes = "*"
longest = "2s"
within = "3s"
"#;

const CONVERGED: &str = r#"
[[phases.checks]]
check = "converged"
nodes = "*"
within = "3s"
for = "300ms"
"#;

const DISTINCT: &str = r#"
[[phases.checks]]
check = "distinct-peers"
nodes = "*"
at_least = 2
within = "3s"
for = "300ms"
"#;

const RESOURCES: &str = r#"
[[phases.checks]]
check = "resources"
nodes = "node"
memory = "10 MiB"
cpu = "50%"
within = "5s"
"#;

const STORE: &str = r#"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 2
within = "3s"
for = "300ms"
[[phases]]
name = "two"
[[phases.faults]]
fault = "restart"
nodes = "node-1"
downtime = "200ms"
[[phases.checks]]
check = "store-survives"
nodes = "node-1"
within = "5s"
for = "1s"
"#;

async fn done(checks: &str, faults: Faults) -> Done {
    run(&format!("{NODES}{checks}"), Fake::new(faults), Interrupt::default()).await
}

async fn exit(checks: &str, faults: Faults) -> (ExitCode, String) {
    let done = done(checks, faults).await;
    (done.verdict.exit, done.verdict.reason.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_good_network_passes_by_batches_and_by_single_calls() {
    for no_batches in [false, true] {
        let checks = [NO_STALL, CONVERGED, DISTINCT, RESOURCES].concat();
        let done =
            done(&checks, Faults { memory: Some(5 << 20), no_batches, ..Faults::default() }).await;
        assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
        let reason = done.json()["phases"][0]["checks"][1]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("first had p50"), "{reason}");
        let of =
            |kind: &str| done.events().into_iter().filter(|event| event["event"] == kind).count();
        assert!(of("resources") >= 8, "twice a second or so");
        assert_eq!(of("sessions"), 0, "no check needs them");
    }
}

#[tokio::test(start_paused = true)]
async fn what_nodes_use_is_measured_where_a_check_or_a_user_asks() {
    let measured = |done: &Done| {
        let events = done.events().into_iter().filter(|event| event["event"] == "resources");
        events.map(|event| event["node"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let memory = Faults { memory: Some(5 << 20), ..Faults::default() };
    assert_eq!(measured(&done(NO_STALL, memory.clone()).await), BTreeSet::new());
    let asked = done(&RESOURCES.replace("\"node\"", "\"node-1\""), memory.clone()).await;
    assert_eq!(measured(&asked), ["node-1".to_owned()].into());
    let all = run_measured(&format!("{NODES}{NO_STALL}"), Fake::new(memory)).await;
    assert_eq!(measured(&all), ["node-1", "node-2", "seed"].map(str::to_owned).into());
}

#[tokio::test(start_paused = true)]
async fn without_mining_heights_stall() {
    let (exit, reason) = exit(NO_STALL, Faults { no_mining: true, ..Faults::default() }).await;
    assert_eq!(exit, ExitCode::Fail);
    assert!(reason.contains("had no new height for 2."), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn without_discovery_nothing_converges_and_no_ids_are_enough() {
    let faults = Faults { no_discovery: true, ..Faults::default() };
    let (converged, reason) = exit(CONVERGED, faults.clone()).await;
    assert_eq!(converged, ExitCode::Fail);
    assert!(reason.contains("1 of 3 ever had 2 peers"), "{reason}");
    assert_eq!(exit(DISTINCT, faults).await.0, ExitCode::Fail);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_node_without_peer_ids_is_inconclusive_and_said_before_the_start() {
    let done = done(DISTINCT, Faults { core_only: true, foreign: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive);
    let events = done.events();
    let place =
        |wanted: &dyn Fn(&serde_json::Value) -> bool| events.iter().position(wanted).unwrap();
    let warning = place(&|event| {
        event["step"]
            .as_str()
            .is_some_and(|step| step.starts_with("warning: `distinct-peers` needs `system_peers`"))
    });
    assert!(warning < place(&|event| event["event"] == "node-started"));
}

#[tokio::test(start_paused = true)]
async fn too_much_memory_fails_and_memory_that_nobody_measured_is_inconclusive() {
    // Whichever node is measured first.
    let (fails, reason) =
        exit(RESOURCES, Faults { memory: Some(11 << 20), ..Faults::default() }).await;
    assert_eq!(
        (fails, reason.contains(" used 11.0 MiB of memory")),
        (ExitCode::Fail, true),
        "{reason}"
    );
    assert_eq!(exit(RESOURCES, Faults::default()).await.0, ExitCode::Inconclusive);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_survived_passes_and_one_that_did_not_never_does() {
    for (memory, expected) in [
        (Memory::Keeps, ExitCode::Pass),
        (Memory::Loses, ExitCode::Fail),
        (Memory::IsTold, ExitCode::Inconclusive),
    ] {
        let done = done(STORE, Faults { lists_sessions: Some(memory), ..Faults::default() }).await;
        assert_eq!(done.verdict.exit, expected, "{memory:?}: {:#}", done.json());
    }
    let (exit, reason) = exit(STORE, Faults::default()).await;
    assert_eq!(
        (exit, reason.contains("does not offer `hegemon_peerList`")),
        (ExitCode::Inconclusive, true),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_node_logs_is_held_against_what_it_should_and_should_not() {
    let log = |must: &str, nodes: &str| {
        format!(
            "[[phases.checks]]\ncheck = \"log\"\nnodes = \"{nodes}\"\npattern = \"Reorg [0-9]+\"\nmust = \"{must}\"\nwithin = \"3s\"\n"
        )
    };
    let logs = || Faults { logs: Some(("node-1", "INFO Reorg 7")), ..Faults::default() };
    let (fails, reason) = exit(&log("not-appear", "node"), logs()).await;
    assert_eq!(fails, ExitCode::Fail);
    assert!(reason.contains("node-1 logged what it must not"), "{reason}");
    assert_eq!(exit(&log("not-appear", "node-2"), logs()).await.0, ExitCode::Pass);
    assert_eq!(exit(&log("appear", "node-1"), logs()).await.0, ExitCode::Pass);
    let (fails, reason) = exit(&log("appear", "node"), logs()).await;
    assert_eq!(fails, ExitCode::Fail);
    assert!(reason.contains("node-2") && reason.contains("did not log it"), "{reason}");
}
