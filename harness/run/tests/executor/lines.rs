//! Nodes that are cut off, have a bad line or are frozen, come late or overlap; and injectors that do
//! something else than they are told.

use harness_core::{control::Disturbance, exit::ExitCode};
use harness_run::{disturbed::Disturbed, evidence::verify};

use crate::{
    DISCOVER, NODES,
    support::{
        Done,
        fake::{Fake, Faults},
        run_around,
    },
};

/// What the nodes that can be asked go on to do.
pub(crate) const ADVANCE: &str = r#"
[[phases.checks]]
check = "height-advances"
nodes = "seed"
by = 3
within = "4s"
for = "500ms"
"#;

pub(crate) fn phase(faults: &[&str]) -> String {
    let fault = |fault: &&str| format!("[[phases.faults]]\n{fault}\n");
    let faults: String = faults.iter().map(fault).collect();
    format!("[[phases]]\nname = \"it\"\n{faults}")
}

async fn done_with(phases: &[&str], disturbance: Disturbance) -> Done {
    let fake = Fake::new(Faults { memory: Some(1), ..Faults::default() });
    let nodes = NODES.replace("30s", "90s");
    let text = [&[nodes.as_str(), DISCOVER][..], phases].concat().concat();
    let provider = Disturbed::new(fake.clone(), disturbance);
    run_around(&text, std::sync::Arc::new(provider), fake).await
}

/// It passes, and its bundle says the same.
pub(crate) async fn passes(phases: &[&str]) -> Done {
    let done = done_with(phases, Disturbance::None).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    let verified = verify(done.dir.path(), None).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    done
}

/// It is inconclusive, for this reason, and its bundle says the same.
pub(crate) async fn unproven(phases: &[&str], disturbance: Disturbance, why: &str) {
    let done = done_with(phases, disturbance).await;
    assert_eq!(done.verdict.exit, ExitCode::Inconclusive, "{disturbance:?} {:#}", done.json());
    let reason = done.verdict.reason.as_deref().unwrap_or_default();
    assert!(reason.contains(why), "{disturbance:?} {why}: {reason}");
    let verified = verify(done.dir.path(), None).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
}

const ISOLATE: &str = "fault = \"isolate\"\nnodes = \"node-2\"\ndowntime = \"3s\"";
const PARTITION: &str =
    "fault = \"partition\"\ngroups = [[\"seed\", \"node-1\"], [\"node-2\"]]\ndowntime = \"3s\"";
const ONE_WAY: &str = "fault = \"one-way\"\nfrom = \"seed\"\nto = \"node-1\"\ndowntime = \"3s\"";
const DEGRADE: &str =
    "fault = \"degrade\"\nnodes = \"node-1\"\ndelay = \"100ms\"\nloss = \"10%\"\ndowntime = \"4s\"";
const PAUSE: &str = "fault = \"pause\"\nnodes = \"node-2\"\ndowntime = \"4s\"";

#[tokio::test(start_paused = true)]
async fn every_fault_of_lines_and_time_takes_effect_and_heals() {
    for fault in [ISOLATE, PARTITION, ONE_WAY, DEGRADE, PAUSE] {
        let done = passes(&[&phase(&[fault]), ADVANCE]).await;
        let fault = &done.json()["phases"][1]["faults"][0];
        assert!(!fault["proof"].as_str().unwrap_or_default().is_empty(), "{fault:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_is_ended_phases_later() {
    for (fault, end) in [
        ("fault = \"isolate\"\nnodes = \"node-2\"", "fault = \"rejoin\"\nnodes = \"node-2\""),
        ("fault = \"partition\"\ngroups = [[\"seed\"], [\"node\"]]", "fault = \"heal\""),
        ("fault = \"one-way\"\nfrom = \"seed\"\nto = \"node\"", "fault = \"heal\""),
        ("fault = \"degrade\"\nnodes = \"node-1\"\nloss = \"10%\"", "fault = \"heal\""),
        ("fault = \"pause\"\nnodes = \"node-2\"", "fault = \"resume\"\nnodes = \"node-2\""),
    ] {
        passes(&[&phase(&[fault]), ADVANCE, &phase(&[end]), ADVANCE]).await;
    }
}

/// One that is down answers nobody, whatever its lines are.
#[tokio::test(start_paused = true)]
async fn ways_are_tried_between_nodes_that_run() {
    let stop = "fault = \"stop\"\nnodes = \"node-2\"";
    let isolate = "fault = \"isolate\"\nnodes = \"node-1\"\ndowntime = \"1s\"";
    let done = passes(&[&phase(&[stop]), ADVANCE, &phase(&[isolate]), ADVANCE]).await;
    let events = done.events();
    let tried: Vec<_> = events.iter().filter(|event| event["event"] == "paths").collect();
    assert!(tried.len() > 1, "before and after it heals: {tried:?}");
    for round in tried.iter().map(ToString::to_string) {
        assert!(round.contains("node-1") && !round.contains("node-2"), "{round}");
    }
}

/// A partition in which one half also restarts, and a node that is cut off within it.
#[tokio::test(start_paused = true)]
async fn faults_overlap_and_heal_in_the_opposite_order() {
    let restart = "fault = \"restart\"\nwith = \"previous\"\nnodes = \"seed\"\ndowntime = \"1s\"";
    passes(&[&phase(&[PARTITION, restart]), ADVANCE]).await;
    let isolate = "fault = \"isolate\"\nwith = \"previous\"\nnodes = \"node-1\"\ndowntime = \"1s\"";
    let frozen = "fault = \"pause\"\nwith = \"previous\"\nnodes = \"node-2\"\ndowntime = \"1s\"";
    let done = passes(&[&phase(&[PARTITION, isolate, frozen]), ADVANCE]).await;
    let steps = |kind: &str| -> Vec<u64> {
        let events = done.events();
        let of = events.iter().filter(|event| event["event"] == kind);
        of.map(|event| event["fault"]["fault"].as_u64().unwrap()).collect()
    };
    assert_eq!(steps("fault-effective"), [0, 1, 2]);
    assert_eq!(steps("fault-healed"), [2, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_broken_injector_is_never_taken_for_a_fault() {
    use Disturbance as D;
    let cut = "came through although a line between them is cut";
    let stays = "although nothing cuts";
    for (fault, disturbance, why) in [
        (ISOLATE, D::LinesDoNothing, cut),
        (ISOLATE, D::LinesOneSided, "arrived although that line is cut"),
        (ISOLATE, D::LinesOfAnother, cut),
        (ISOLATE, D::LinesHealEarly, cut),
        (ISOLATE, D::LinesStay, stays),
        (PARTITION, D::LinesDoNothing, cut),
        (PARTITION, D::LinesOneSided, "arrived although that line is cut"),
        (PARTITION, D::LinesCutMore, stays),
        (PARTITION, D::LinesHealEarly, cut),
        (PARTITION, D::LinesStay, stays),
        (ONE_WAY, D::LinesDoNothing, cut),
        (ONE_WAY, D::LinesCutMore, stays),
        (ONE_WAY, D::LinesStay, stays),
        (DEGRADE, D::LinesDoNothing, "instead of"),
        (DEGRADE, D::LinesHealEarly, "instead of"),
        (DEGRADE, D::LinesStay, "instead of"),
        (PAUSE, D::PauseDoesNothing, "node-2 is not frozen: it runs"),
        (PAUSE, D::PauseDoesNotHold, "node-2"),
        (PAUSE, D::ResumeDoesNothing, "node-2 is still frozen"),
    ] {
        unproven(&[&phase(&[fault]), ADVANCE], disturbance, why).await;
    }
}

/// Its fault is over, and it runs: the silence is its own.
#[tokio::test(start_paused = true)]
async fn a_node_that_never_answers_again_after_it_was_frozen_has_failed() {
    let faults = Faults { memory: Some(1), stays_silent: Some("node-2"), ..Faults::default() };
    let fake = Fake::new(faults);
    let text = [NODES, DISCOVER, &phase(&[PAUSE]), ADVANCE].concat().replace("30s", "90s");
    let done = run_around(&text, fake.clone(), fake).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap_or_default();
    assert!(
        reason.starts_with("node-2 ") && reason.contains("after its fault was over"),
        "{reason}"
    );
}

/// It stays until another fault ends it, and none does: the phase's end is the last word on it.
#[tokio::test(start_paused = true)]
async fn what_does_not_stay_as_long_as_it_should_proves_nothing() {
    let longer = ADVANCE.replace("by = 3", "by = 20");
    for (fault, disturbance, why) in [
        ("fault = \"isolate\"\nnodes = \"node-2\"", Disturbance::LinesHealEarly, "is cut"),
        ("fault = \"pause\"\nnodes = \"node-2\"", Disturbance::PauseDoesNotHold, "node-2"),
    ] {
        unproven(&[&phase(&[fault]), &longer], disturbance, why).await;
    }
}

const LATE: &str = "[[nodes]]\nname = \"late\"\nstart = \"later\"\n";

#[tokio::test(start_paused = true)]
async fn who_comes_later_is_started_by_a_join_and_leaves_for_good() {
    let joined = r#"
[[phases.checks]]
check = "peers"
nodes = "late"
more_than = 2
within = "4s"
for = "300ms"
"#;
    let join = phase(&["fault = \"join\"\nnodes = \"late\""]);
    let leave = phase(&["fault = \"leave\"\nnodes = \"late\""]);
    passes_with_late(&[&join, joined, &leave, ADVANCE]).await;
}

async fn passes_with_late(phases: &[&str]) {
    let discover = DISCOVER.replace("nodes = \"*\"", "nodes = \"node\"");
    let fake = Fake::new(Faults::default());
    let text = [&[NODES, LATE, &discover][..], phases].concat().concat();
    let done = run_around(&text, fake.clone(), fake).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    assert!(verify(done.dir.path(), None).unwrap().problems.is_empty());
}

/// Its faults are in the plan, each node's turn comes, and the same seed draws the same.
#[tokio::test(start_paused = true)]
async fn a_storm_is_drawn_from_the_seed_and_done() {
    let storm = r#"
[[phases]]
name = "storm"
[[phases.storm]]
faults = ["kill", "isolate"]
nodes = "*"
every = "5s"
for = "16s"
"#;
    let done = passes(&[storm, ADVANCE]).await;
    let faults = done.json()["phases"][1]["faults"].as_array().unwrap().len();
    assert!((2..=6).contains(&faults), "{faults} faults in 16 s of one every 5 s");
    let plan = std::fs::read_to_string(done.dir.path().join("plan.json")).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let drawn = plan["plan"]["phases"][1]["faults"].as_array().unwrap().iter();
    let drawn: Vec<f64> = drawn.map(|fault| fault["at"].as_f64().unwrap()).collect();
    let at = |kind: &str| -> Vec<f64> {
        let events = done.events().into_iter().filter(|event| event["event"] == kind);
        events.map(|event| event["at_ms"].as_f64().unwrap() / 1000.0).collect()
    };
    let (began, started) = (at("phase-started")[1], at("fault-started"));
    for (drawn, started) in drawn.iter().zip(&started) {
        assert!(started + 0.001 >= began + drawn, "{started} s is {drawn} s after {began} s");
    }
    assert_eq!(drawn.len(), started.len());
}
