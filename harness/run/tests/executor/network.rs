//! What a network does, and what its checks make of it.

use std::fs;

use harness_core::exit::ExitCode;

use crate::{
    DISCOVER, RESTART, done,
    support::{
        Done,
        fake::{Faults, Memory},
    },
    verdicts,
};

#[tokio::test(start_paused = true)]
async fn a_good_network_passes_and_leaves_its_evidence() {
    let (done, _) = done(&[DISCOVER, RESTART], Faults::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let expected = [
        "peers pass",
        "height-advances pass",
        "height-advances pass",
        "recovers pass",
        "same-chain pass",
    ];
    assert_eq!(verdicts(&done), expected);

    let events = done.events();
    let first = events.iter().find(|event| event["event"] == "phase-started").unwrap();
    assert!(first["at_ms"].as_u64().unwrap() < 1000, "nobody waits for who has answered: {first}");
    let json = done.json();
    assert_eq!(
        (&json["verdict"], &json["exit_code"], &json["version"]),
        (&"pass".into(), &0.into(), &2.into())
    );
    let proof = json["phases"][1]["faults"][0]["proof"].as_str().unwrap();
    assert!(
        proof.contains("seed down: ended with code 0")
            && proof.contains("questions in a row unanswered")
            && proof.contains("seed back: process"),
        "{proof}"
    );
    assert!(json["figures"]["last_start_to_peers_seconds"].as_f64().unwrap() < 2.0);
    assert!(json["figures"]["recovery_seconds"].as_f64().unwrap() < 5.0);

    // Heights rise by one in 0.1 s, so the fault had to outlast its downtime of 1 s for the 15
    // blocks of its check.
    let at = |name: &str| {
        done.events().iter().find(|event| event["event"] == name).unwrap()["at_ms"]
            .as_u64()
            .unwrap()
    };
    assert!(at("fault-healed") - at("fault-effective") > 1500);

    assert_events_are_in_order(&done);
    assert_evidence_is_complete(&done);
}

fn assert_events_are_in_order(done: &Done) {
    let events = done.events();
    assert!(
        events.iter().enumerate().all(|(number, event)| event["seq"] == number),
        "no event is missing or out of order"
    );
    let teardown = events.iter().position(|event| event["event"] == "teardown-started").unwrap();
    let after: Vec<_> = events[teardown + 1..].iter().map(|event| &event["event"]).collect();
    assert_eq!(after, ["torn-down"], "nobody asks nodes that are being removed");
    assert!(events.windows(2).all(|pair| pair[0]["at_ms"].as_u64() <= pair[1]["at_ms"].as_u64()));
}

fn assert_evidence_is_complete(done: &Done) {
    let plan: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(done.dir.path().join("plan.json")).unwrap())
            .unwrap();
    let env =
        plan["launches"].as_array().unwrap().iter().find(|node| node["name"] == "node-1").unwrap()
            ["env"]
            .clone();
    let expected = serde_json::json!({
        "HEGEMON_SEEDS": "127.0.0.1:30001", "HEGEMON_MINE": "1", "HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK": "1",
    });
    assert_eq!(env, expected, "and nothing else");
    assert_eq!(
        fs::read_to_string(done.dir.logs().join("node-2.log")).unwrap(),
        "\u{1b}[32mnode-2 starts\u{1b}[0m\n",
        "logs are raw"
    );
    assert_eq!(
        fs::read_to_string(done.dir.logs().join("seed.log")).unwrap().lines().count(),
        2,
        "both starts in one log"
    );
}

#[tokio::test(start_paused = true)]
async fn without_discovery_the_peers_check_fails_and_later_phases_do_not_run() {
    let (done, _) =
        done(&[DISCOVER, RESTART], Faults { no_discovery: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    let expected = [
        "peers fail",
        "height-advances pass",
        "height-advances not-judged",
        "recovers not-judged",
        "same-chain not-judged",
    ];
    assert_eq!(verdicts(&done), expected);
    assert!(done.verdict.reason.unwrap().starts_with("peers of *: did not hold"));
}

#[tokio::test(start_paused = true)]
async fn without_mining_the_height_check_fails() {
    let (done, _) = done(&[DISCOVER], Faults { no_mining: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    assert_eq!(verdicts(&done), ["peers pass", "height-advances fail"]);
}

#[tokio::test(start_paused = true)]
async fn a_fork_fails_the_same_chain_check() {
    let (done, _) = done(&[DISCOVER, RESTART], Faults { fork: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    assert_eq!(verdicts(&done).last().unwrap(), "same-chain fail");
}

#[tokio::test(start_paused = true)]
async fn null_and_text_are_not_numbers() {
    for peers in [
        serde_json::Value::Null,
        serde_json::json!("2"),
        serde_json::json!(-2),
        serde_json::json!(2.5),
    ] {
        let (done, _) = done(&[DISCOVER], Faults { peers: Some(peers), ..Faults::default() }).await;
        assert_eq!(done.verdict.exit, ExitCode::Fail);
        assert_eq!(verdicts(&done)[0], "peers fail");
        assert!(
            done.json()["phases"][0]["checks"][0]["observed"]
                .as_str()
                .unwrap()
                .contains("answered nonsense")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_with_nothing_but_core_passes_by_its_own_count() {
    let (done, _) =
        done(&[DISCOVER, RESTART], Faults { core_only: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    assert!(
        done.json()["phases"][0]["checks"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("by the node's own count")
    );
}

#[tokio::test(start_paused = true)]
async fn the_cross_check_of_peers_does_not_switch_itself_off() {
    let (failing, _) =
        done(&[DISCOVER], Faults { methods_error: Some(-32603), ..Faults::default() }).await;
    assert_eq!(failing.verdict.exit, ExitCode::Fail, "{:#}", failing.json());
    let (withdrawn, _) = done(&[DISCOVER], Faults { withdraws: true, ..Faults::default() }).await;
    let late = DISCOVER.replace("for = \"300ms\"", "for = \"1s\"");
    let (withdrawn_later, _) =
        done(&[&late], Faults { withdraws: true, ..Faults::default() }).await;
    assert_eq!(withdrawn_later.verdict.exit, ExitCode::Fail, "{:#}", withdrawn_later.json());
    assert!(
        !withdrawn.json()["phases"][0]["checks"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("own count"),
        "{:#}",
        withdrawn.json()
    );
    let (without, _) =
        done(&[DISCOVER], Faults { methods_error: Some(-32601), ..Faults::default() }).await;
    assert_eq!(
        without.verdict.exit,
        ExitCode::Pass,
        "no rpc_methods, no offer: {:#}",
        without.json()
    );
}

/// Without discovery, each knows the seed and counts itself: two peers, by two counts that agree.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_its_own_peer_has_no_two() {
    let faults = Faults {
        lists_itself: true,
        no_discovery: true,
        lists_sessions: Some(Memory::Keeps),
        ..Faults::default()
    };
    let (done, _) = done(&[&DISCOVER.replace("nodes = \"*\"", "nodes = \"node\"")], faults).await;
    assert_eq!(verdicts(&done), ["peers fail", "height-advances pass"]);
}

#[tokio::test(start_paused = true)]
async fn every_check_of_the_chain_judges_its_own_heights() {
    let both = r#"
[[phases]]
name = "chain"
[[phases.checks]]
check = "same-chain"
nodes = "*"
depth = 0
within = "3s"
for = "300ms"
[[phases.checks]]
check = "same-chain"
nodes = "*"
depth = 1000
within = "3s"
for = "300ms"
"#;
    let (done, _) = done(&[both], Faults::default()).await;
    assert_eq!(verdicts(&done), ["same-chain pass", "same-chain fail"]);
}
