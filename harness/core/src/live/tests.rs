//! The area of networks of three and of a hundred nodes, in windows as people have them.

use super::*;
use crate::{
    check::testing::incarnation,
    event::{
        CheckId, CheckVerdict, EventKind, FaultId, Finding, Miss, Pace, PaceBy, Reading,
        ResourceSample, Sample,
    },
    node::{NodeState, Resources},
    scenario::{Origin, Overrides, load, testing::three_node},
    tone::Tone,
};

/// A run that is fed by hand.
struct Fed {
    live: Live,
    seq: u64,
}

impl Fed {
    fn new(plan: &Plan) -> Self {
        Self { live: Live::new(plan), seq: 0 }
    }

    fn at(&mut self, ms: u64, what: EventKind) {
        let event = Event { seq: self.seq, at_ms: Moment(ms), wall: String::new(), what };
        self.live.record(&event);
        self.seq += 1;
    }

    fn started(&mut self, ms: u64, node: &str) {
        let rpc = ([127, 0, 0, 1], 1).into();
        let (node, incarnation) = (node.to_owned(), incarnation(7));
        self.at(ms, EventKind::NodeStarted { node, start: 0, incarnation, rpc });
    }

    fn sample(&mut self, ms: u64, node: &str, peers: u64, height: u64) {
        let (peers, height) = (Reading::Value(peers), Reading::Value(height));
        self.reading(ms, node, peers, height);
    }

    fn reading(&mut self, ms: u64, node: &str, peers: Reading<u64>, height: Reading<u64>) {
        let (sent, answered) = (Moment(ms), Moment(ms));
        let node = node.to_owned();
        let distinct = None;
        let sample =
            Sample { node, start: 0, sent, answered, peers, distinct, height, syncing: None };
        self.at(ms, EventKind::Sample(sample));
    }

    fn uses(&mut self, ms: u64, node: &str, mib: u64, cpu_ms: u64) {
        let (sent, answered) = (Moment(ms), Moment(ms));
        let used = Some(Resources { memory_bytes: mib << 20, cpu_ms });
        let node = node.to_owned();
        self.at(ms, EventKind::Resources(ResourceSample { node, start: 0, sent, answered, used }));
    }

    fn check(&mut self, ms: u64, phase: usize, check: usize) {
        self.at(ms, EventKind::CheckStarted { check: CheckId { phase, check } });
    }

    fn settles(&mut self, ms: u64, phase: usize, check: usize) {
        self.settles_as(ms, (phase, check), CheckVerdict::Pass);
    }

    fn settles_as(&mut self, ms: u64, (phase, check): (usize, usize), verdict: CheckVerdict) {
        let finding =
            Finding { verdict, reason: String::new(), observed: String::new(), held_since: None };
        self.at(ms, EventKind::CheckSettled { check: CheckId { phase, check }, finding });
    }

    fn shown(&self, now: u64, width: usize, height: usize) -> String {
        let lines = area(&self.live, Moment(now), Window { width, height });
        assert!(lines.len() <= height, "{} lines in {height}", lines.len());
        assert!(lines.iter().all(|line| line.width() <= width), "wider than {width}");
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// In windows of three widths.
    fn widths(&self, now: u64, height: usize) -> String {
        [40, 80, 120].map(|width| self.shown(now, width, height)).join("\n")
    }
}

/// The seed is down, and the nodes mine on without it.
fn in_the_fault() -> Fed {
    let mut fed = Fed::new(&three_node());
    for node in ["seed", "node-1", "node-2"] {
        fed.started(900, node);
        fed.sample(1_000, node, 2, 5);
        fed.uses(1_000, node, 30, 100);
        fed.uses(2_000, node, 41, 350);
    }
    fed.at(1_000, EventKind::Pace(Pace { block_time_ms: 2_000, by: PaceBy::Scenario }));
    fed.at(1_000, EventKind::AllStarted);
    fed.at(1_000, EventKind::PhaseStarted { phase: 0 });
    for check in 0..3 {
        fed.check(1_000, 0, check);
        fed.settles(9_000, 0, check);
    }
    fed.at(9_000, EventKind::PhaseStarted { phase: 1 });
    let fault = FaultId { phase: 1, fault: 0 };
    fed.at(9_000, EventKind::FaultStarted { fault });
    let state = NodeState::Exited { code: Some(0), signal: None };
    fed.at(9_200, EventKind::State { node: "seed".to_owned(), state });
    let (nodes, proof) = (vec!["seed".to_owned()], String::new());
    fed.at(9_500, EventKind::FaultEffective { fault, nodes, since: Moment(9_200), proof });
    fed.check(9_500, 1, 0);
    fed.sample(12_000, "node-1", 1, 11);
    let silent = || Reading::Missing(Miss::Timeout);
    fed.reading(12_000, "node-2", silent(), silent());
    fed
}

/// A hundred and one nodes, of which some are in trouble.
fn a_hundred() -> Fed {
    let overrides = Overrides { nodes: Some(100), ..Overrides::default() };
    let origin = Origin { name: "three-node", path: std::path::Path::new("three-node") };
    let (plan, _) = load(origin, three_node().text, &overrides);
    let mut fed = Fed::new(&plan.unwrap());
    fed.at(0, EventKind::PhaseStarted { phase: 0 });
    fed.started(0, "seed");
    for number in 1..=100 {
        let node = format!("node-{number}");
        fed.started(1_000, &node);
        fed.sample(2_000, &node, 5 + number % 8, 100 + number / 30);
        fed.sample(2_000 + number * 100, &node, 5 + number % 8, 101 + number / 30);
    }
    let state = |pid| NodeState::Frozen(incarnation(pid));
    fed.at(13_000, EventKind::State { node: "node-77".to_owned(), state: state(7) });
    let (code, signal, why, last_lines) = (Some(101), None, None, Vec::new());
    fed.at(
        13_000,
        EventKind::NodeExited { node: "node-42".to_owned(), code, signal, why, last_lines },
    );
    fed
}

#[test]
fn three_nodes_in_three_widths() {
    insta::assert_snapshot!("three", in_the_fault().widths(12_340, 20));
    insta::assert_snapshot!("tiny", in_the_fault().shown(12_340, 20, 5));
}

#[test]
fn a_hundred_nodes_in_three_widths_those_in_trouble_first() {
    insta::assert_snapshot!("hundred", a_hundred().widths(13_500, 14));
}

#[test]
fn it_fits_any_window_and_has_a_row_for_each_node_where_there_is_room() {
    for fed in [in_the_fault(), a_hundred(), Fed::new(&three_node())] {
        for (width, height) in [(1, 1), (2, 2), (5, 3), (20, 4), (40, 1), (39, 5), (500, 400)] {
            fed.shown(13_500, width, height);
        }
    }
    let shown = a_hundred().shown(13_500, 500, 400);
    assert_eq!(shown.lines().filter(|line| line.trim_start().starts_with("node-")).count(), 100);
}

#[test]
fn what_failed_and_who_broke_is_shown() {
    let mut fed = in_the_fault();
    assert!(!fed.live.course.has_failed());
    fed.settles_as(12_100, (1, 0), CheckVerdict::Fail);
    assert!(fed.live.course.has_failed());
    assert!(fed.shown(12_340, 80, 20).contains("1 failed"), "{}", fed.shown(12_340, 80, 20));
    let (node, reason) = ("node-1".to_owned(), "it hangs".to_owned());
    fed.at(12_200, EventKind::NodeBroken { node, reason, last_lines: Vec::new() });
    let row = |fed: &Fed| {
        let shown = fed.shown(12_340, 80, 20);
        shown.lines().find(|line| line.contains("node-1")).map(str::to_owned).unwrap()
    };
    assert!(row(&fed).contains("broke"), "{}", row(&fed));
}

/// Only what is out of the ordinary has a colour, and each its own.
#[test]
fn what_needs_a_look_is_coloured_by_how_bad_it_is() {
    let mut fed = in_the_fault();
    let (node, reason) = ("node-1".to_owned(), "it hangs".to_owned());
    fed.at(12_200, EventKind::NodeBroken { node, reason, last_lines: Vec::new() });
    let tone = |fed: &Fed, words: &str| {
        let lines = area(&fed.live, Moment(12_340), Window { width: 80, height: 20 });
        let parts = lines.iter().flat_map(|line| line.parts().to_vec());
        parts.filter(|(_, text)| text.contains(words)).map(|(tone, _)| tone).collect::<Vec<_>>()
    };
    assert_eq!(tone(&fed, "node-1"), [Tone::Bad], "it broke");
    assert_eq!(tone(&fed, "node-2"), [Tone::Doubt], "it is silent");
    assert_eq!(tone(&fed, "fault restart of seed"), [Tone::Doubt]);
    assert_eq!(tone(&fed, "1 open"), [Tone::Plain]);
    fed.settles_as(12_100, (1, 0), CheckVerdict::Fail);
    assert_eq!(tone(&fed, "1 failed"), [Tone::Bad]);
    fed.started(12_300, "node-2");
    assert_eq!(tone(&fed, "node-2"), [Tone::Plain], "it runs");
}

#[test]
fn before_and_after_the_phases_it_says_what_is_being_done() {
    let mut fed = Fed::new(&three_node());
    fed.at(0, EventKind::Preparing { step: "building the node\nwith many words".to_owned() });
    assert!(fed.shown(500, 80, 10).starts_with("    0.5s  building the node\n"));
    fed.started(900, "seed");
    assert!(fed.shown(1_000, 80, 10).starts_with("    1.0s  seed started\n"));
    fed.at(9_000, EventKind::TeardownStarted);
    assert!(fed.shown(9_100, 80, 10).starts_with("    9.1s  removing everything\n"));
}

#[test]
fn a_node_that_starts_again_has_nothing_of_its_last_life_but_its_height() {
    let mut fed = in_the_fault();
    let seed = |fed: &Fed| fed.live.network.nodes()[0].clone();
    assert_eq!((seed(&fed).condition, seed(&fed).peers), (Condition::Down, None));
    fed.sample(12_100, "seed", 2, 5);
    assert_eq!(seed(&fed).condition, Condition::Down, "an answer of its last life");
    fed.started(12_400, "seed");
    let now = seed(&fed);
    assert_eq!((now.condition, now.peers, now.height), (Condition::Running, None, Some(5)));
    assert_eq!((now.memory, now.cores), (None, None));
}

/// Healed, or given up for want of a proof: it is in force no longer.
#[test]
fn a_fault_that_is_over_is_not_shown() {
    let fault = FaultId { phase: 1, fault: 0 };
    let since = Moment(12_000);
    for over in [
        EventKind::FaultHealed { fault, since, proof: String::new() },
        EventKind::FaultUnproven { fault, reason: String::new() },
    ] {
        let mut fed = in_the_fault();
        assert_eq!(fed.live.course.faults(Moment(12_340)), ["fault restart of seed, for 3.1 s"]);
        fed.at(12_100, over);
        assert!(fed.live.course.faults(Moment(12_340)).is_empty());
    }
}

/// The last of its checks decides how long a phase may take, and checks of an earlier one are none of it.
#[test]
fn the_time_left_is_that_of_the_last_open_check_of_its_phase() {
    let mut fed = Fed::new(&three_node());
    fed.at(0, EventKind::PhaseStarted { phase: 0 });
    fed.check(1_000, 0, 0);
    fed.check(11_000, 0, 1);
    let left = |fed: &Fed| fed.live.course.left(Moment(12_000)).unwrap_or_default();
    assert!(left(&fed).starts_with("2 open, at most 59 s left"), "{}", left(&fed));
    fed.settles(11_500, 0, 1);
    assert!(left(&fed).starts_with("1 open, at most 49 s left"), "{}", left(&fed));
    fed.at(12_000, EventKind::PhaseStarted { phase: 1 });
    assert!(!left(&fed).contains("open"), "{}", left(&fed));
}

#[test]
fn a_frozen_node_is_silent_because_it_is_frozen() {
    let mut fed = in_the_fault();
    let condition = |fed: &Fed| fed.live.network.nodes()[1].condition.clone();
    let state = NodeState::Frozen(incarnation(7));
    fed.at(12_100, EventKind::State { node: "node-1".to_owned(), state });
    let silent = || Reading::Missing(Miss::Timeout);
    fed.reading(12_200, "node-1", silent(), silent());
    assert_eq!((condition(&fed), fed.live.network.nodes()[1].peers), (Condition::Frozen, None));
    // An answer that was under way.
    fed.sample(12_300, "node-1", 2, 9);
    assert_eq!(condition(&fed), Condition::Frozen);
    let state = NodeState::Running(incarnation(7));
    fed.at(12_400, EventKind::State { node: "node-1".to_owned(), state });
    assert_eq!(condition(&fed), Condition::Running);
}
