//! What has to be true of every run. Each is a function of the record, and says in words where it
//! is not so.

use std::collections::BTreeMap;

use hegemon_node::{chain::Best, net::registry::QUEUES_BYTES};

use super::{
    computer::{Exit, FALL},
    history::{Event, History, Look},
    schedule::Mode,
};

/// After the faults everybody has everybody again within so long, in milliseconds, or at least
/// [`ENOUGH`].
pub const PEERS_BACK: u64 = 60_000;
/// Who has so many peers is in no hurry, and leaves an address that failed twice alone for longer
/// than [`PEERS_BACK`]: the least that a node wants, unless it is told otherwise.
pub const ENOUGH: usize = 4;
/// When nobody mines, all have the same best block within so long, in milliseconds.
pub const ONE_CHAIN: u64 = 15_000;
/// The last so many milliseconds of a run are those in which nothing moves any more.
pub const QUIET: u64 = 20_000;
/// Looks in a row, one a second, at what a node shows late: its view is up to a second old.
const A_WHILE: usize = 3;
/// Later than any reason that there is in the box, in milliseconds: a poll that is put off comes in the
/// same millisecond.
const OVERDUE: u64 = 100;
/// A longer frame than any, which may still be under way when a queue is found to be full.
const ONE_FRAME: usize = 1024 * 1024;
/// Tasks of a node without sessions: hub, listener, sync, miner, peer store, two watchers, the whole;
/// and those that do not last: dials, lookups, handshakes.
const TASKS: usize = 8 + 80;

/// A property that a run did not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub property: &'static str,
    /// Where.
    pub words: String,
}

/// A property.
pub struct Property {
    /// In a word.
    pub name: &'static str,
    /// Whether it is asked of runs in which faults go on to the end.
    pub always: bool,
    /// Where it is not so.
    pub broken: fn(&History) -> Option<String>,
}

const fn always(name: &'static str, broken: fn(&History) -> Option<String>) -> Property {
    Property { name, always: true, broken }
}

const fn eventually(name: &'static str, broken: fn(&History) -> Option<String>) -> Property {
    Property { name, always: false, broken }
}

/// All of them.
pub const ALL: [Property; 15] = [
    always("no-panic", panicked),
    always("no-failure", failed),
    always("rpc-answers", unanswered),
    always("acknowledged", lost_block),
    always("bounded", unbounded),
    always("ends-told", shown_without_connection),
    always("dials-made", dial_that_nobody_makes),
    always("strangers-forgotten", counts_on_strangers),
    always("woken-in-time", asleep),
    eventually("peers-back", peers_missing),
    eventually("one-session", not_one_session),
    eventually("dials-end", dial_without_end),
    eventually("one-chain", forked),
    eventually("caught-up", behind),
    eventually("blocks-come", standstill),
];

/// Those that a run did not have, in the order of [`ALL`].
#[must_use]
pub fn judge(history: &History) -> Vec<Violation> {
    let asked = ALL.iter().filter(|one| one.always || history.mode == Mode::Liveness);
    asked
        .filter_map(|one| {
            (one.broken)(history).map(|words| Violation { property: one.name, words })
        })
        .collect()
}

fn seconds(at: u64) -> String {
    format!("{}.{:03} s", at / 1_000, at % 1_000)
}

fn panicked(history: &History) -> Option<String> {
    history.events.iter().find_map(|(at, node, event)| match event {
        Event::Exited(Exit::Panicked(words)) if words != FALL => {
            Some(format!("node {node} panicked at {}: {words}", seconds(*at)))
        }
        Event::Exited(_) | Event::Started(_) | Event::Unable(_) => None,
    })
}

fn failed(history: &History) -> Option<String> {
    history.events.iter().find_map(|(at, node, event)| match event {
        Event::Unable(why) => Some(format!("node {node} did not start at {}: {why}", seconds(*at))),
        Event::Exited(Exit::Failed(why)) => {
            Some(format!("node {node} gave up at {}: {why}", seconds(*at)))
        }
        Event::Exited(Exit::Late) => {
            Some(format!("node {node} had not stopped in time at {}", seconds(*at)))
        }
        Event::Exited(Exit::InOrder | Exit::Panicked(_)) | Event::Started(_) => None,
    })
}

fn unanswered(history: &History) -> Option<String> {
    history.looks.iter().find_map(|look| {
        let amiss = look.amiss.as_ref()?;
        Some(format!("node {} at {}: {amiss}", look.node, seconds(look.at)))
    })
}

/// What a node has shown as its best block it has for ever, or a better one.
fn lost_block(history: &History) -> Option<String> {
    let looks = history.looks.iter().map(|look| (look.at, look.node, look.best));
    let starts = history.events.iter().filter_map(|(at, node, event)| match event {
        Event::Started(best) => Some((*at, *node, *best)),
        Event::Exited(_) | Event::Unable(_) => None,
    });
    let mut seen: Vec<(u64, usize, Best)> = looks.chain(starts).collect();
    seen.sort_by_key(|(at, ..)| *at);
    let mut shown = BTreeMap::<usize, Best>::new();
    for (at, node, best) in seen {
        let before = shown.entry(node).or_insert(best);
        if before.beats(&best) {
            return Some(format!(
                "node {node} showed block {} and has {} at {}",
                before.number,
                best.number,
                seconds(at)
            ));
        }
        *before = best;
    }
    None
}

fn unbounded(history: &History) -> Option<String> {
    history.looks.iter().find_map(|look| {
        let tasks = TASKS + 2 * look.sessions.len();
        let what = if look.waiting > QUEUES_BYTES + ONE_FRAME {
            format!("{} bytes wait for sockets", look.waiting)
        } else if look.tasks > tasks {
            format!("{} tasks run, {tasks} at the most have a reason", look.tasks)
        } else {
            return None;
        };
        Some(format!("node {} at {}: {what}", look.node, seconds(look.at)))
    })
}

/// What is so for [`A_WHILE`] at one process: what happens within a moment may be looked at in the
/// middle. Of what comes and goes, each has a number.
fn lasting(
    history: &History,
    number: impl Fn(&Look) -> u64,
    wrong: impl Fn(&Look) -> Option<String>,
) -> Option<String> {
    (0..history.nodes).find_map(|node| {
        let (mut before, mut in_a_row) = (None, 0);
        history.of(node).find_map(|look| {
            let words = wrong(look);
            let this = Some((look.life, number(look)));
            let goes_on = words.is_some() && before == this;
            in_a_row = if goes_on { in_a_row + 1 } else { usize::from(words.is_some()) };
            before = this;
            let words = words.filter(|_| in_a_row >= A_WHILE)?;
            Some(format!("node {node} at {}: {words}", seconds(look.at)))
        })
    })
}

/// A session whose connection is gone has ended, and its node knows.
fn shown_without_connection(history: &History) -> Option<String> {
    lasting(
        history,
        |_| 0,
        |look| {
            let inbound = look.sessions.len().saturating_sub(look.outbound);
            let is_more = look.outbound > look.ends.dialled || inbound > look.ends.accepted;
            is_more.then(|| {
                format!(
                    "{} outbound and {inbound} inbound sessions over {} and {} connections",
                    look.outbound, look.ends.dialled, look.ends.accepted
                )
            })
        },
    )
}

/// Each dial under way has a connection that is being made, or the handshake on one.
fn dial_that_nobody_makes(history: &History) -> Option<String> {
    // Dials that come and go can be met by look after look (seeds 58 and 7778). Among those that end all the
    // time one that does not is seen by `dials-end` alone.
    lasting(
        history,
        |look| look.dialled,
        |look| {
            let making = look.ends.dialled.saturating_sub(look.outbound) as u64;
            (look.dialling > making)
                .then(|| format!("{} dials under way, and {making} being made", look.dialling))
        },
    )
}

/// Who has no session any more is not asked for blocks.
fn counts_on_strangers(history: &History) -> Option<String> {
    lasting(
        history,
        |_| 0,
        |look| {
            (look.strangers > 0).then(|| {
                format!("counts on the best blocks of {} without a session", look.strangers)
            })
        },
    )
}

/// What is to be done at a time is done then, also when nothing else happens.
fn asleep(history: &History) -> Option<String> {
    lasting(
        history,
        |_| 0,
        |look| {
            (look.overdue >= OVERDUE)
                .then(|| format!("its chain side has had something to do for {} ms", look.overdue))
        },
    )
}

/// Nodes that this one has no settled session with.
fn missing(history: &History, look: &Look) -> Vec<usize> {
    let has =
        |other: &usize| look.sessions.iter().any(|seen| seen.peer == Some(*other) && seen.settled);
    history.staying().into_iter().filter(|other| *other != look.node && !has(other)).collect()
}

fn peers_missing(history: &History) -> Option<String> {
    let due = history.calm + PEERS_BACK;
    if history.last().len() < history.staying().len() {
        return Some("not every node was there at the end".to_owned());
    }
    history.looks.iter().filter(|look| look.at >= due).find_map(|look| {
        let missing = missing(history, look);
        (!missing.is_empty())
            .then(|| format!("node {} is without {missing:?} at {}", look.node, seconds(look.at)))
    })
}

/// In the end there is one session between each two, and both ends mean the same.
fn not_one_session(history: &History) -> Option<String> {
    let last = history.last();
    let names = |look: &Look, peer: usize| -> Vec<[u8; 32]> {
        let with = look.sessions.iter().filter(|seen| seen.peer == Some(peer));
        with.map(|seen| seen.name).collect()
    };
    for one in &last {
        for other in last.iter().filter(|other| other.node > one.node) {
            let (here, there) = (names(one, other.node), names(other, one.node));
            if here != there || here.len() > 1 {
                return Some(format!(
                    "nodes {} and {} have {} and {} sessions with each other{}",
                    one.node,
                    other.node,
                    here.len(),
                    there.len(),
                    if here.len() == there.len() { ", which are not the same" } else { "" }
                ));
            }
            let open = history.connections.get(&(one.node, other.node)).copied().unwrap_or(0);
            if open != here.len() {
                return Some(format!(
                    "nodes {} and {} have {} sessions over {open} connections",
                    one.node,
                    other.node,
                    here.len()
                ));
            }
        }
    }
    None
}

/// A dial that has no outcome is under way for ever.
fn dial_without_end(history: &History) -> Option<String> {
    let quiet = history.end.saturating_sub(QUIET);
    (0..history.nodes).find_map(|node| {
        let dialling = history.of(node).filter(|look| look.at >= quiet).map(|look| look.dialling);
        let least = dialling.min().unwrap_or(0);
        (least > 0).then(|| format!("node {node} has {least} dials without an outcome"))
    })
}

fn forked(history: &History) -> Option<String> {
    let due = history.unmined + ONE_CHAIN;
    let late: Vec<&Look> = history.looks.iter().filter(|look| look.at >= due).collect();
    let first = late.first()?;
    let other = late.iter().find(|look| look.best != first.best)?;
    Some(format!(
        "node {} has block {} and node {} has {} at {}",
        first.node,
        first.best.number,
        other.node,
        other.best.number,
        seconds(other.at)
    ))
}

/// When all have the same block, nobody waits for more.
fn behind(history: &History) -> Option<String> {
    let due = history.unmined + ONE_CHAIN;
    let look = history.looks.iter().find(|look| look.at >= due && look.syncing)?;
    Some(format!("node {} still catches up at {}", look.node, seconds(look.at)))
}

fn standstill(history: &History) -> Option<String> {
    let then = history.looks.iter().filter(|look| look.at <= history.calm);
    let then = then.map(|look| look.best.total_work).max()?;
    let now = history.last().iter().map(|look| look.best.total_work).max()?;
    (now <= then).then(|| format!("no block came after {}", seconds(history.calm)))
}
