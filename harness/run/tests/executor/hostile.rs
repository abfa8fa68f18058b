//! Adversaries, and what they report.

use std::time::Duration;

use harness_core::exit::ExitCode;
use harness_run::interrupt::Interrupt;

use crate::{
    DISCOVER, NODES,
    support::{
        Done,
        fake::{Fake, Faults, Villain},
        run,
    },
    verdicts,
};

const VILLAIN: &str = r#"
[[nodes]]
name = "villain"
kind = "hostile"
attack = "address-flood"
"#;

const ATTACK: &str = r#"
[[phases]]
name = "under attack"
[[phases.faults]]
fault = "hostile"
nodes = "villain"
downtime = "4s"
[[phases.checks]]
check = "peers"
nodes = "*"
more_than = 1
within = "3s"
for = "300ms"
during = "fault"
"#;

async fn attacked(phases: &str, villain: Option<Villain>) -> Done {
    let fake = Fake::new(Faults { villain, ..Faults::default() });
    run(&format!("{NODES}{VILLAIN}{phases}"), fake, Interrupt::default()).await
}

async fn later(villain: Villain) -> Done {
    attacked(&format!("start = \"later\"\n{DISCOVER}{ATTACK}"), Some(villain)).await
}

fn reason(done: &Done) -> String {
    done.verdict.reason.clone().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn an_adversary_that_reports_what_it_did_is_asked_nothing_and_ended() {
    let done = later(Villain::Attacks).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let of = |kind: &str| {
        let events = done.events();
        let mut of = events.iter().filter(|event| event["event"] == kind);
        of.any(|event| event["node"] == "villain")
    };
    assert!(of("look") && of("state") && !of("sample") && !of("methods"));
    let proof = done.json()["phases"][1]["faults"][0]["proof"].to_string();
    assert!(proof.contains("villain, address-flood: "), "{proof}");
}

#[tokio::test(start_paused = true)]
async fn one_that_floods_its_log_does_not_flood_the_evidence() {
    let done = later(Villain::Floods).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let events = done.events();
    let of = |event: &&serde_json::Value| event["event"] == "look" && event["node"] == "villain";
    let at: Vec<u64> =
        events.iter().filter(of).map(|event| event["at_ms"].as_u64().unwrap()).collect();
    assert!(at.len() > 10 && at.windows(2).all(|two| two[1] - two[0] >= 250), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_nothing_or_stops_proves_nothing() {
    for (villain, why) in [
        (Villain::Idles, "villain has not reported that it reached anybody"),
        (Villain::Stops, "nothing shows that villain went on"),
    ] {
        let done = later(villain).await;
        assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
        assert!(reason(&done).contains(why), "{}", reason(&done));
    }
}

/// Between the last phase and the removal of the network, in milliseconds.
fn waited_at_the_end(done: &Done) -> u64 {
    let events = done.events();
    let last = |kind: &str| {
        let mut of = events.iter().rev().filter(|event| event["event"] == kind);
        of.next().unwrap()["at_ms"].as_u64().unwrap()
    };
    last("teardown-started") - last("phase-ended")
}

#[tokio::test(start_paused = true)]
async fn one_that_is_there_from_the_start_must_have_attacked_by_the_end() {
    let done = attacked(DISCOVER, Some(Villain::Attacks)).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    assert!(waited_at_the_end(&done) < 1500, "it reports once a second");
    let failed = DISCOVER.replace("by = 3", "by = 1000");
    let done = attacked(&failed, Some(Villain::Idles)).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert!(waited_at_the_end(&done) < 100, "nothing is waited for that decides nothing");
    let done = attacked(DISCOVER, Some(Villain::Idles)).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{:#}", done.json());
    assert!(reason(&done).contains("the adversary villain attacked"), "{}", reason(&done));
}

/// Nodes are looked at when nothing is waited for any more.
#[tokio::test(start_paused = true)]
async fn a_node_that_ends_while_its_report_is_waited_for_is_seen() {
    let idle = attacked(DISCOVER, Some(Villain::Idles)).await;
    let events = idle.events();
    let end = events.iter().find(|event| event["event"] == "teardown-started").unwrap();
    let just_before = Duration::from_millis(end["at_ms"].as_u64().unwrap() - 20);
    let fake = Fake::new(Faults { villain: Some(Villain::Idles), ..Faults::default() });
    let dies = fake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(just_before).await;
        dies.dies("node-1", 1);
    });
    let done = run(&format!("{NODES}{VILLAIN}{DISCOVER}"), fake, Interrupt::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    assert!(reason(&done).contains("node-1 exited unplanned"), "{}", reason(&done));
}

#[tokio::test(start_paused = true)]
async fn its_end_is_no_failure_of_a_node() {
    let fake = Fake::new(Faults { villain: Some(Villain::Ends), ..Faults::default() });
    let ends = fake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(800)).await;
        ends.dies("villain", 1);
    });
    let done = run(&format!("{NODES}{VILLAIN}{DISCOVER}"), fake, Interrupt::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Environment, "{:#}", done.json());
    assert!(reason(&done).contains("the adversary villain ended"), "{}", reason(&done));
    assert!(!verdicts(&done).iter().any(|check| check.starts_with("alive")), "{:#}", done.json());
}

#[tokio::test(start_paused = true)]
async fn on_loopback_it_is_refused() {
    let done = attacked(DISCOVER, None).await;
    assert_eq!(done.verdict.exit, ExitCode::NothingRan, "{:#}", done.json());
    assert!(reason(&done).contains("adversaries need a network of their own"));
}
