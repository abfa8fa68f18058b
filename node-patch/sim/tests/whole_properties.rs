//! Each property is seen to be broken by a record that breaks it, and by no other.

use std::collections::BTreeMap;

use hegemon_node::chain::{Best, Hash};
use hegemon_sim::whole::{
    Exit,
    history::{Event, History, Look, Seen},
    net::Ends,
    properties::{ALL, judge},
    schedule::Mode,
};

const NODES: usize = 3;
const CALM: u64 = 45_000;
const UNMINED: u64 = 105_000;
const END: u64 = 140_000;

fn best(number: u32) -> Best {
    let mut hash = [0; 32];
    hash[0] = u8::try_from(number % 256).unwrap_or(0);
    Best { hash: Hash(hash), number, total_work: u128::from(number) * 600 }
}

fn name(one: usize, other: usize) -> [u8; 32] {
    [u8::try_from(one.min(other) * NODES + one.max(other)).unwrap_or(0); 32]
}

/// A run as it should be.
fn good() -> History {
    let looks = (1..=END / 1_000).flat_map(|second| {
        (0..NODES).map(move |node| {
            let others = (0..NODES).filter(move |other| *other != node);
            let sessions = others.map(|other| Seen {
                peer: Some(other),
                name: name(node, other),
                settled: true,
            });
            Look {
                at: second * 1_000,
                node,
                life: 1,
                best: best(u32::try_from(second.min(UNMINED / 1_000) / 2).unwrap_or(0)),
                sessions: sessions.collect(),
                syncing: false,
                outbound: 1,
                dialling: 0,
                dialled: 0,
                ends: Ends { dialled: 2, accepted: 2 },
                strangers: 0,
                overdue: 0,
                tasks: 12,
                waiting: 0,
                amiss: None,
            }
        })
    });
    let pairs = [(0, 1), (0, 2), (1, 2)];
    History {
        mode: Mode::Liveness,
        nodes: NODES,
        gone: Vec::new(),
        calm: CALM,
        unmined: UNMINED,
        end: END,
        looks: looks.collect(),
        events: (0..NODES).map(|node| (0, node, Event::Started(best(0)))).collect(),
        connections: pairs.into_iter().map(|pair| (pair, 1)).collect::<BTreeMap<_, _>>(),
    }
}

fn broken(history: &History) -> Vec<&'static str> {
    judge(history).iter().map(|violation| violation.property).collect()
}

/// What is broken after a change to the looks at a node from a second on.
fn after(from: u64, node: usize, change: impl Fn(&mut Look)) -> Vec<&'static str> {
    let mut history = good();
    let late = history.looks.iter_mut().filter(|look| look.at >= from && look.node == node);
    late.for_each(change);
    broken(&history)
}

/// What is broken after something became of a process.
fn with(event: Event) -> Vec<&'static str> {
    let mut history = good();
    history.events.push((50_000, 1, event));
    broken(&history)
}

#[test]
fn a_good_run_breaks_nothing_and_every_property_has_a_name_of_its_own() {
    assert_eq!(judge(&good()), []);
    let names: std::collections::BTreeSet<_> = ALL.iter().map(|property| property.name).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn a_panic_a_failure_and_a_stop_that_hangs_are_seen_and_what_was_asked_for_is_not() {
    assert_eq!(with(Event::Exited(Exit::Panicked("index out of bounds".into()))), ["no-panic"]);
    assert_eq!(with(Event::Exited(Exit::Failed("disk".into()))), ["no-failure"]);
    assert_eq!(with(Event::Exited(Exit::Late)), ["no-failure"]);
    assert_eq!(with(Event::Unable("not a chain database".into())), ["no-failure"]);
    assert!(with(Event::Exited(Exit::InOrder)).is_empty());
    let asked_for = "a panic that the schedule asked for";
    assert!(with(Event::Exited(Exit::Panicked(asked_for.into()))).is_empty());
}

#[test]
fn an_answer_that_is_none_and_a_queue_without_bound_are_seen() {
    assert_eq!(after(END, 0, |look| look.amiss = Some("no answer".into())), ["rpc-answers"]);
    assert_eq!(after(END, 0, |look| look.waiting = 10 << 20), ["bounded"]);
    assert_eq!(after(END, 0, |look| look.tasks = 1_000), ["bounded"]);
}

#[test]
fn a_block_that_was_shown_and_is_gone_is_seen_at_a_look_and_at_a_start() {
    let back = |look: &mut Look| look.best = best(20);
    assert!(after(60_000, 2, back).contains(&"acknowledged"));
    assert_eq!(with(Event::Started(best(3))), ["acknowledged"]);
}

#[test]
fn a_peer_that_does_not_come_back_is_seen_once_it_should_have() {
    let lonely = |look: &mut Look| look.sessions.retain(|seen| seen.peer != Some(1));
    assert!(after(CALM, 0, lonely).contains(&"peers-back"));
    let unsettled = |look: &mut Look| look.sessions[0].settled = false;
    assert_eq!(after(END, 0, unsettled), ["peers-back"]);
    let mut history = good();
    history.looks.retain(|look| look.node != 2 || look.at < END);
    assert_eq!(broken(&history), ["peers-back"], "one that is not there");
    history.gone.push(2);
    assert!(broken(&history).is_empty(), "one that is gone for good");
    let mut history = good();
    history.looks.iter_mut().filter(|look| look.at < CALM + 50_000).for_each(lonely);
    assert!(broken(&history).is_empty(), "in time");
}

#[test]
fn a_second_session_one_that_only_one_end_has_and_a_socket_without_one_are_seen() {
    let twice = |look: &mut Look| {
        let second = Seen { name: [99; 32], ..look.sessions[0] };
        look.sessions.push(second);
    };
    assert_eq!(after(END, 0, twice), ["one-session"]);
    let other = |look: &mut Look| look.sessions[0].name = [98; 32];
    assert_eq!(after(END, 0, other), ["one-session"]);
    let mut history = good();
    history.connections.insert((0, 2), 2);
    assert_eq!(broken(&history), ["one-session"]);
}

#[test]
fn a_dial_without_an_outcome_a_fork_and_a_chain_that_stands_still_are_seen() {
    assert_eq!(after(END - 30_000, 1, |look| look.dialling = 1), ["dials-end"]);
    assert!(after(END, 1, |look| look.dialling = 1).is_empty(), "one that has just begun");
    assert_eq!(after(UNMINED, 1, |look| look.best = best(60)), ["one-chain"]);
    assert_eq!(after(END, 1, |look| look.syncing = true), ["caught-up"]);
    let mut history = good();
    history.looks.iter_mut().for_each(|look| {
        let still = u32::try_from(CALM.min(look.at) / 2_000).unwrap_or(0);
        look.best = best(still);
    });
    assert_eq!(broken(&history), ["blocks-come"]);
}

#[test]
fn runs_whose_faults_go_on_are_only_asked_for_what_always_holds() {
    let mut history = good();
    history.mode = Mode::Safety;
    history.looks.iter_mut().for_each(|look| {
        look.sessions.clear();
        (look.outbound, look.dialling) = (0, 2);
    });
    assert!(broken(&history).is_empty());
}

/// What is broken after a change to so many looks in a row at node 1.
fn for_looks(looks: usize, change: impl Fn(&mut Look)) -> Vec<&'static str> {
    let mut history = good();
    let of_node = history.looks.iter_mut().filter(|look| look.node == 1);
    of_node.skip(20).take(looks).for_each(change);
    broken(&history)
}

#[test]
fn a_session_without_a_connection_is_seen_where_it_lasts() {
    let lost = |look: &mut Look| look.ends.accepted = 0;
    assert_eq!(for_looks(3, lost), ["ends-told"]);
    assert_eq!(for_looks(3, |look| look.ends.dialled = 0), ["ends-told"]);
    assert!(for_looks(2, lost).is_empty(), "it may be on its way to whoever counts");
    let reborn = |look: &mut Look| {
        lost(look);
        look.life = look.at / 1_000;
    };
    assert!(for_looks(4, reborn).is_empty(), "each is another process");
}

#[test]
fn a_dial_that_nobody_makes_and_a_peer_that_is_gone_and_counted_on_are_seen() {
    assert_eq!(for_looks(3, |look| look.dialling = 2), ["dials-made"]);
    let another = |look: &mut Look| (look.dialling, look.dialled) = (2, look.at);
    assert!(for_looks(9, another).is_empty(), "each is another one");
    assert!(for_looks(2, |look| look.dialling = 2).is_empty(), "it may have ended just now");
    assert!(for_looks(9, |look| look.dialling = 1).is_empty(), "over the second connection");
    assert_eq!(for_looks(3, |look| look.strangers = 1), ["strangers-forgotten"]);
    assert_eq!(for_looks(3, |look| look.overdue = 1_500), ["woken-in-time"]);
}
