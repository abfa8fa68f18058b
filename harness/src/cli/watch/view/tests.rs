//! The screen of a kept network and of a run in progress, and what keys do to it.

use std::path::Path;

use harness_core::{
    event::{Direction, Event, EventKind, Miss, Reading, Sample, Session, SessionList},
    node::{Incarnation, NodeState},
    scenario::Overrides,
    tone::Colour,
};
use ratatui::{Terminal, backend::TestBackend, buffer::Cell};

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
    let mut view = view(Reach::Containers);
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
fn processes_are_not_offered_what_cannot_be_done_to_them() {
    let mut processes = view(Reach::Processes);
    assert!(shown(&processes, 80, 18).contains("p pause/go on  q leave"));
    assert!(processes.obey(Command::Do(Act::Isolate)).is_none());
    assert!(shown(&processes, 80, 18).contains("only containers can be cut off by hand"));
    assert!(processes.obey(Command::Do(Act::Pause)).is_some());
    let (act, node) = view(Reach::Containers).obey(Command::Do(Act::Isolate)).unwrap();
    assert_eq!((act.word(&node), node.name.as_str()), ("isolate/rejoin", "seed"));
}

#[test]
fn the_choice_stays_on_the_list_and_an_act_is_on_the_chosen_node() {
    let mut view = view(Reach::Containers);
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

/// Lines that stand out, and those with a colour.
fn styled(view: &View) -> (Vec<u16>, Vec<u16>) {
    let mut terminal = Terminal::new(TestBackend::new(80, 18)).unwrap();
    terminal.draw(|frame| view.draw(Moment(2500), frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let lines = |is_so: fn(&Cell) -> bool| {
        (0..18).filter(|line| (0..80).any(|column| is_so(&buffer[(column, *line)]))).collect()
    };
    let stands_out = |cell: &Cell| cell.modifier.contains(Modifier::REVERSED);
    (lines(stands_out), lines(|cell| cell.fg != Color::Reset))
}

#[test]
fn the_chosen_node_stands_out_and_colours_are_for_who_wants_them() {
    let mut view = view(Reach::Containers);
    view.obey(Command::Move(1));
    assert_eq!(styled(&view), (vec![3], vec![]));
    view.colour = Colour::On;
    assert_eq!(styled(&view), (vec![3], vec![4]), "the frozen one");
}

#[test]
fn a_window_of_any_size_is_drawn_on() {
    let mut view = view(Reach::Containers);
    (0..5).for_each(|number| view.say(Tone::Bad, format!("words {number}")));
    for (width, height) in [(1, 1), (3, 2), (10, 5), (40, 3), (300, 100)] {
        shown(&view, width, height);
    }
    assert!(!shown(&view, 80, 18).contains("words 1"), "only the newest");
    assert!(shown(&view, 80, 18).contains("words 2") && shown(&view, 80, 18).contains("words 4"));
    view.say(Tone::Good, "✓ kill seed: process 4012 is gone; it does not answer".to_owned());
    let tiny = shown(&view, 20, 5);
    let order =
        ["seed    running", "✓ kill seed: process", "↑↓ node  x kill"].map(|it| tiny.find(it));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{tiny}");
}

#[test]
fn what_is_being_done_is_said_and_then_what_came_of_it_in_its_place() {
    let mut view = view(Reach::Containers);
    for begun in ["… kill seed", "… pause node-1"] {
        view.say(Tone::Faint, begun.to_owned());
    }
    assert!(shown(&view, 80, 18).contains("… kill seed"));
    view.say_instead("… kill seed", Tone::Good, "✓ kill seed: it is gone".to_owned());
    let shown = shown(&view, 80, 18);
    assert!(!shown.contains("… kill seed"), "{shown}");
    assert!(shown.find("✓ kill seed") < shown.find("… pause node-1"), "{shown}");
}
