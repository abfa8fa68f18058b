//! A run from its scenario to its verdict, over a network of fakes that misbehaves in every way
//! that a run must notice.

mod support;

use std::{fs, sync::atomic::Ordering, time::Duration};

use harness::run::{clock::RunClock, interrupt::Interrupt};
use harness_core::{
    event::{Event, Sink, What},
    exit::{ExitCode, Signal},
};
use support::{
    Done, When,
    fake::{Fake, Faults, Memory},
    run, run_with,
};

const NODES: &str = r#"
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
"#;

const DISCOVER: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "peers"
nodes = "*"
more_than = 1
within = "3s"
for = "300ms"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 3
within = "3s"
for = "300ms"
"#;

const RESTART: &str = r#"
[[phases]]
name = "restart"
[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "1s"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 15
within = "5s"
for = "300ms"
during = "fault"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
height_by = 1
within = "5s"
for = "300ms"
[[phases.checks]]
check = "same-chain"
nodes = "*"
above = "fault"
within = "5s"
for = "500ms"
"#;

async fn done(phases: &[&str], faults: Faults) -> (Done, std::sync::Arc<Fake>) {
    let fake = Fake::new(faults);
    let done =
        run(&format!("{NODES}{}", phases.concat()), fake.clone(), Interrupt::default()).await;
    assert!(fake.torn_down.load(Ordering::Relaxed), "teardown is part of every way out");
    (done, fake)
}

fn verdicts(done: &Done) -> Vec<String> {
    done.checks().into_iter().map(|(check, verdict)| format!("{check} {verdict}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
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

    let json = done.json();
    assert_eq!(
        (&json["verdict"], &json["exit_code"], &json["version"]),
        (&"pass".into(), &0.into(), &1.into())
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

    let events = done.events();
    assert!(
        events.iter().enumerate().all(|(number, event)| event["seq"] == number),
        "no event is missing or out of order"
    );
    assert!(events.windows(2).all(|pair| pair[0]["at_ms"].as_u64() <= pair[1]["at_ms"].as_u64()));

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

#[tokio::test(flavor = "multi_thread")]
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
    assert!(
        done.verdict.reason.unwrap().starts_with("peers of seed, node-1, node-2: did not hold")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mining_the_height_check_fails() {
    let (done, _) = done(&[DISCOVER], Faults { no_mining: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    assert_eq!(verdicts(&done), ["peers pass", "height-advances fail"]);
}

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_answers_while_it_should_be_down_is_no_proof() {
    let (done, _) = done(&[RESTART], Faults { ghost: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
}

/// What restarts it meanwhile (a supervisor, a policy of the engine) makes everything worthless
/// that was checked while it should have been down.
#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_fails_the_same_chain_check() {
    let (done, _) = done(&[DISCOVER, RESTART], Faults { fork: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail);
    assert_eq!(verdicts(&done).last().unwrap(), "same-chain fail");
}

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_the_environment_and_one_that_panics_is_a_bug() {
    let (failed, _) = done(&[DISCOVER], Faults { start_fails: true, ..Faults::default() }).await;
    assert_eq!(
        (failed.verdict.exit, failed.json()["verdict"].as_str()),
        (ExitCode::Environment, Some("environment"))
    );
    let (panicked, _) = done(&[DISCOVER], Faults { start_panics: true, ..Faults::default() }).await;
    assert_eq!(panicked.verdict.exit, ExitCode::Bug);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_removed_spoils_a_pass() {
    let (done, _) = done(&[DISCOVER], Faults { leaks: true, ..Faults::default() }).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment);
    assert!(done.verdict.reason.unwrap().contains("removing a network: in use"));
}

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_fails_to_answer_for_a_moment_ends_no_run() {
    let (done, _) = done(
        &[&DISCOVER.replace("by = 3", "by = 20")],
        Faults { blinks: true, ..Faults::default() },
    )
    .await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
}

/// The next one starts when the one before has healed, and each lasts its downtime, whether or not
/// a check waits for it.
#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

/// The seconds that a reason which begins like this speaks of: a busy machine takes more of them,
/// and none may take fewer.
fn silent_for(reason: &str, beginning: &str) -> f64 {
    let seconds = reason.strip_prefix(beginning).and_then(|rest| rest.split_once(" s"));
    seconds.unwrap_or_else(|| panic!("{beginning}… in {reason}")).0.parse().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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
#[tokio::test(flavor = "multi_thread")]
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

/// Without discovery, each knows the seed and counts itself: two peers, by two counts that agree.
#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_slept_just_before_the_verdict_makes_it_inconclusive() {
    let slept = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(100));
    let (read, jump) = (slept.clone(), slept);
    let clock = RunClock::sleeping(move || Duration::from_secs(read.load(Ordering::Relaxed)));
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
        self.0 |= matches!(event.what, What::AllStarted);
        if self.0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_ends_the_run_at_once() {
    // Nothing else would end it before its time.
    let phase = DISCOVER.replace("within = \"3s\"", "within = \"25s\"");
    let fake = Fake::new(Faults { no_mining: true, ..Faults::default() });
    let began = std::time::Instant::now();
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
