//! The screen of a kept network and of a run in progress, and what keys do to it.

use std::path::Path;

use harness_core::{
    event::{Direction, Event, EventKind, Miss, Reading, Sample, Session, SessionList},
    node::{Incarnation, NodeState},
    scenario::Overrides,
    tone::Colour,
};
use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::library::load;

fn view(reach: Reach) -> View {
    let shipped =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/three-node/scenario.toml");
    let plan = load(&shipped, &Overrides::default()).0.unwrap();
    let mut live = Live::new(&plan);
    for event in events() {
        live.record(&event);
    }
    View::new("three-node · run r1".to_owned(), live, reach, Colour::Off)
}

/// Three nodes of which two talk, and one is frozen.
fn events() -> Vec<Event> {
    let mut seen = Vec::new();
    for (node, height) in [("seed", 12), ("node-1", 12), ("node-2", 11)] {
        let name = || node.to_owned();
        let incarnation = Incarnation {
            pid: 4000 + height,
            started: std::time::SystemTime::UNIX_EPOCH,
            id: String::new(),
        };
        seen.push(EventKind::State {
            node: name(),
            state: NodeState::Running(incarnation.clone()),
        });
        seen.push(EventKind::Methods {
            node: name(),
            start: 0,
            system_peers: true,
            peer_id: Some(format!("id-{node}")),
        });
        seen.push(EventKind::Sample(sample(node, Reading::Value(height.cast_unsigned()))));
        if node == "node-2" {
            seen.push(EventKind::State { node: name(), state: NodeState::Frozen(incarnation) });
        }
    }
    for (node, peer) in [("seed", "node-1"), ("node-1", "seed")] {
        let (peer, direction) = (format!("id-{peer}"), Direction::Inbound);
        let sessions = Reading::Value(vec![Session { peer, direction }]);
        let (node, sent, answered) = (node.to_owned(), Moment(1000), Moment(1001));
        seen.push(EventKind::Sessions(SessionList { node, start: 0, sent, answered, sessions }));
    }
    let event = |what| Event { seq: 0, at_ms: Moment(1000), wall: String::new(), what };
    seen.into_iter().map(event).collect()
}

fn sample(node: &str, height: Reading<u64>) -> Sample {
    let (sent, answered) = (Moment(1000), Moment(1000));
    let peers = match height {
        Reading::Value(_) => Reading::Value(1),
        Reading::Missing(_) => Reading::Missing(Miss::Timeout),
    };
    let node = node.to_owned();
    Sample { node, start: 0, sent, answered, peers, distinct: None, height, syncing: None }
}

fn shown(view: &View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view.draw(Moment(2500), frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_kept_network_with_its_nodes_who_talks_to_whom_and_a_log() {
    let mut view = view(Reach::Kept);
    view.obey(Command::Move(1));
    view.logged("node-1", (1..=30).map(|line| format!("line {line}")).collect());
    view.logged("seed", vec!["of another node".to_owned()]);
    view.say(Tone::Good, "✓ kill seed: process 4012 is gone".to_owned());
    insta::assert_snapshot!("kept", shown(&view, 80, 18));
    insta::assert_snapshot!("kept_narrow", shown(&view, 40, 12));
}

#[test]
fn a_run_in_progress_says_where_it_is_and_nothing_can_be_done_to_it() {
    let mut view = view(Reach::InProgress);
    assert_eq!(view.obey(Command::Do(Act::Kill)).map(|(act, _)| act), None);
    insta::assert_snapshot!("in_progress", shown(&view, 80, 14));
}

#[test]
fn the_choice_stays_on_the_list_and_an_act_is_on_the_chosen_node() {
    let mut view = view(Reach::Kept);
    for (lines, name) in
        [(-1, "seed"), (1, "node-1"), (10, "node-2"), (isize::MIN, "seed"), (isize::MAX, "node-2")]
    {
        view.obey(Command::Move(lines));
        assert_eq!(view.chosen().unwrap().name, name);
    }
    let (act, node) = view.obey(Command::Do(Act::Pause)).unwrap();
    assert_eq!((act, node.name.as_str()), (Act::Pause, "node-2"));
    assert_eq!(act.word(&node), "go on", "it is frozen");
}

#[test]
fn a_window_of_any_size_is_drawn_on() {
    let mut view = view(Reach::Kept);
    (0..5).for_each(|number| view.say(Tone::Bad, format!("words {number}")));
    for (width, height) in [(1, 1), (3, 2), (10, 5), (40, 3), (300, 100)] {
        shown(&view, width, height);
    }
    assert!(!shown(&view, 80, 18).contains("words 1"), "only the newest");
}
