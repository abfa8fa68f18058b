//! `store-survives`: a restarted node dials the peers that it knew before, by itself.
//!
//! Whom it knew: the nodes with a session in its last answered list before the fault took effect.
//! Seeds do not count, they are dialled from `HEGEMON_SEEDS` whatever the store holds; nor do nodes
//! that do not run any more. A peer that dials the restarted node first makes a dial unnecessary
//! and is left out; more than `OUTBOUND` are not needed.
//!
//! That the dials come from the store, and not from what somebody told the node since, is seen from
//! its **first contacts**: all sessions in the first list of the new start that has any. If they
//! are all dials to nodes that are no seeds, nobody could have told it, and a node with an empty
//! store has no such dials to make. If a seed or a node that dialled in is among them, or the node
//! was not seen from its start on, the check is inconclusive. So a wiped store never passes: it
//! fails where nobody tells the node anything, and is inconclusive where somebody does.
//!
//! The check says something where the seeds are away when the node comes back: stop the seed,
//! restart the node, check, start the seed. A seed that is restarted together with the node, or
//! stays up, is a first contact most of the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    hold::{Holds, Mark, held, starved},
    view::inconclusive,
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, RESTART, THREE_NODES, Wanted},
    document::{Key, Problems, Table},
    event::{
        CheckVerdict::{self, Inconclusive},
        Direction, Moment, Reading, SessionList,
    },
    history::FaultSpan,
    text::short,
};

/// Outbound peers that our node fills up to (`HEGEMON_PQ_…` aside): with so many it dials nobody
/// else.
const OUTBOUND: usize = 8;

/// The last list before a fault is at most so old when the fault is in effect: a node may take 10 s
/// to stop.
const LAST_LIST: Duration = Duration::from_secs(12);

/// The condition has no keys; which nodes are seeds is the scenario's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSurvives {
    /// All seeds of the network.
    pub seeds: Vec<String>,
}

impl fmt::Display for StoreSurvives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dials the peers known before the restart, before anybody could tell it of them")
    }
}

impl Check for StoreSurvives {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let Some(fault) = view.fault.filter(|fault| fault.healed.is_some()) else {
            return inconclusive("no restart has healed before it".to_owned(), String::new());
        };
        if let Some(node) = view.nodes.iter().find(|node| !fault.nodes.contains(node)) {
            return inconclusive(
                format!(
                    "{node} is not among the nodes that were restarted last ({})",
                    fault.nodes.join(", ")
                ),
                String::new(),
            );
        }
        let nodes: Result<Vec<Memory<'_>>, String> =
            view.nodes.iter().map(|node| self.memory(view, node, fault)).collect();
        let nodes = match nodes {
            Ok(nodes) => nodes,
            Err(why) => return inconclusive(why, String::new()),
        };
        let observed = describe(view, &nodes);
        let reached: Vec<Vec<Mark>> = nodes.iter().map(|memory| memory.marks.clone()).collect();
        let reached = held(&reached, view);
        let doubt =
            view.nodes.iter().zip(&nodes).find_map(|(node, memory)| {
                memory.doubt.as_ref().map(|why| format!("{node} {why}"))
            });
        if let (Some(why), true) = (
            doubt,
            reached.is_some()
                || (view.is_over()
                    && starved(view).is_none()
                    && nodes.iter().all(Memory::is_complete)),
        ) {
            return inconclusive(why, observed);
        }
        let passed = |_| certainty(view, &nodes);
        match decide(view, reached, observed, passed) {
            // Who was asked for samples was not necessarily asked for sessions.
            Judgement::Settled(finding)
                if finding.verdict == CheckVerdict::Fail
                    && nodes.iter().any(|memory| memory.marks.is_empty()) =>
            {
                inconclusive(
                    "a restarted node was not asked for its sessions".to_owned(),
                    finding.observed,
                )
            }
            judgement @ (Judgement::Pending { .. } | Judgement::Settled(_)) => judgement,
        }
    }
}

fn describe(view: &View<'_>, nodes: &[Memory<'_>]) -> String {
    let said = view.nodes.iter().zip(nodes);
    said.map(|(node, memory)| format!("{node}: {}", memory.describe()))
        .collect::<Vec<_>>()
        .join("; ")
}

fn certainty(view: &View<'_>, nodes: &[Memory<'_>]) -> String {
    let certain = view
        .nodes
        .iter()
        .zip(nodes)
        .map(|(node, memory)| format!("{node} {} of {}", memory.certain, memory.known.len()));
    format!("dialled before anybody could tell it: {}", certain.collect::<Vec<_>>().join(", "))
}

impl StoreSurvives {
    fn memory<'a>(
        &self,
        view: &View<'a>,
        node: &'a str,
        fault: &FaultSpan,
    ) -> Result<Memory<'a>, String> {
        let history = view.history;
        let lists = history.sessions(node, view.now);
        if lists.iter().any(
            |list| matches!(&list.sessions, Reading::Missing(miss) if miss.is_unknown_method()),
        ) {
            return Err(format!(
                "{node} does not offer `hegemon_peerList`, so nobody knows whom it dials"
            ));
        }
        let before = lists
            .iter()
            .rfind(|list| list.answered <= fault.effective && list.sessions.value().is_some());
        let before = before.filter(|list| fault.effective.since(list.sent) <= LAST_LIST);
        let before = before
            .ok_or_else(|| format!("{node} gave no fresh list of its sessions before the fault"))?;
        if let Some(seed) = self.seeds.iter().find(|seed| !history.knows_identity(seed)) {
            return Err(format!(
                "the seed {seed} has not said its peer ID, so it cannot be told from the others"
            ));
        }
        let known: BTreeSet<&str> = names(view, before)
            .map(|(peer, _)| peer)
            .filter(|peer| self.counts(view, node, peer))
            .collect();
        if known.is_empty() {
            return Err(format!(
                "{node} had no session with a node that is no seed before the fault, so there is nobody to remember"
            ));
        }
        let after: Vec<&SessionList> =
            lists.iter().filter(|list| list.start > before.start).collect();
        let mut memory = Memory {
            first: BTreeMap::new(),
            certain: 0,
            known,
            marks: Vec::new(),
            doubt: self.doubt(view, node, &after),
        };
        memory.goes_through(view, &after);
        if memory.doubt.is_none() && memory.dialled() == 0 && memory.is_complete() {
            memory.doubt =
                Some("was dialled by every peer that it knew before it dialled one".to_owned());
        }
        Ok(memory)
    }

    /// A peer that is worth remembering: no seed, not the node itself, and running as far as
    /// anybody has looked.
    fn counts(&self, view: &View<'_>, node: &str, peer: &str) -> bool {
        let runs = view
            .history
            .states(peer, Moment(0), view.now)
            .last()
            .is_none_or(|seen| seen.state.is_running());
        peer != node && runs && !self.seeds.iter().any(|seed| seed == peer)
    }

    /// Why the node's dials prove nothing of its store; `None` if its first contacts are all its
    /// own.
    fn doubt(&self, view: &View<'_>, node: &str, after: &[&SessionList]) -> Option<String> {
        let first = after
            .iter()
            .position(|list| list.sessions.value().is_some_and(|sessions| !sessions.is_empty()))?;
        let started = after
            .first()
            .and_then(|list| view.history.start(node, list.start))
            .map(|start| start.at)?;
        let mut seen = started;
        for list in after[..=first].iter().filter(|list| list.sessions.value().is_some()) {
            if list.answered.since(seen) > view.fresh {
                return Some(format!(
                    "was not seen for {} before its first contacts",
                    short(list.answered.since(seen))
                ));
            }
            seen = list.sent;
        }
        let contacts = after[first].sessions.value()?;
        contacts.iter().find_map(|session| {
            let name = view.history.node_of(&session.peer);
            match (session.direction, name) {
                (_, None) => Some(format!(
                    "may have been told: among its first contacts is a stranger ({:.16}…)",
                    session.peer
                )),
                (_, Some(name)) if self.seeds.iter().any(|seed| seed == name) => {
                    Some(format!("may have been told: among its first contacts is the seed {name}"))
                }
                (Direction::Inbound, Some(name)) => Some(format!(
                    "may have been told: {name} dialled it before it was seen to dial"
                )),
                (Direction::Outbound, Some(_)) => None,
            }
        })
    }
}

/// What one restarted node showed of its memory.
struct Memory<'a> {
    known: BTreeSet<&'a str>,
    /// Of these: who dialled first, in the new start.
    first: BTreeMap<&'a str, Direction>,
    /// Of these: dialled in its first contacts. Whom it dials after them may have been told by
    /// them.
    certain: usize,
    marks: Vec<Mark>,
    doubt: Option<String>,
}

impl<'a> Memory<'a> {
    /// What the lists of its new start show.
    fn goes_through(&mut self, view: &View<'a>, after: &[&'a SessionList]) {
        for list in after {
            for (peer, direction) in names(view, list) {
                if self.known.contains(peer) {
                    self.first.entry(peer).or_insert(direction);
                }
            }
            if self.certain == 0 {
                self.certain = self.dialled();
            }
            let says = match &list.sessions {
                Reading::Missing(miss) if miss.says_nothing() => Holds::Unknown,
                Reading::Value(_) if self.is_complete() => Holds::Yes,
                Reading::Missing(_) | Reading::Value(_) => Holds::No,
            };
            self.marks.push(Mark { sent: list.sent, answered: list.answered, says });
        }
    }
}

impl Memory<'_> {
    fn dialled(&self) -> usize {
        self.first.values().filter(|direction| **direction == Direction::Outbound).count()
    }

    fn is_complete(&self) -> bool {
        self.first.len() == self.known.len() || self.dialled() >= OUTBOUND
    }

    fn describe(&self) -> String {
        let inbound = self.first.len() - self.dialled();
        let missing: Vec<&str> =
            self.known.iter().filter(|peer| !self.first.contains_key(*peer)).copied().collect();
        let came = if inbound == 0 { String::new() } else { format!(", {inbound} came by itself") };
        let missing = if missing.is_empty() {
            String::new()
        } else {
            format!(", not {}", missing.join(", "))
        };
        format!("dialled {} of {} known{came}{missing}", self.dialled(), self.known.len())
    }
}

/// The nodes of the network that a list holds. A stranger's ID is nobody's.
fn names<'a>(view: &View<'a>, list: &'a SessionList) -> impl Iterator<Item = (&'a str, Direction)> {
    let history = view.history;
    list.sessions
        .value()
        .into_iter()
        .flatten()
        .filter_map(move |session| Some((history.node_of(&session.peer)?, session.direction)))
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "store-survives",
    about: "a restarted node dials by itself whom it knew before",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Sessions("hegemon_peerList"),
    holds: "after a restart of these nodes: they dial the peers that they had before (seeds do not count, nor peers that dial in first), and their first contacts are such dials, so that nobody can have told them. How many of them it dialled before anybody can have told it is in the reason of a pass. It therefore says something only where the seeds are away when the nodes come back",
    missing: "fails; a seed, a stranger or a peer that dialled in among the first contacts, or no `hegemon_peerList`: inconclusive",
    example: r#"[[phases.checks]]
check = "store-survives"
nodes = "seed"
within = "60s"
"#,
    controls: Controls::new(&[Control {
        name: "the store is wiped",
        scenario: &[THREE_NODES, PEERS_ONLY, RESTART, STORE_SURVIVES_CHECK],
        disturbance: Disturbance::Loses("pq-peers"),
        wanted: Wanted::Check(Inconclusive, "seed"),
    }]),
};

const KEYS: &[Key] = &[];

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<StoreSurvivesWritten> {
    Some(StoreSurvivesWritten)
}

/// As written.
#[derive(Debug)]
pub(super) struct StoreSurvivesWritten;

impl Written for StoreSurvivesWritten {
    type Condition = StoreSurvives;

    /// It is about nodes that the last fault of its phase restarts.
    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        let about = "is about the time after the restart";
        place.must_follow_a_heal("`store-survives`", about, place.span, problems);
        if let (Some(selector), Some(hit), true) = (place.selector, place.hit, place.hit_here)
            && let Some(other) = place.named.iter().find(|node| !hit.contains(node))
        {
            problems.error(
                selector.span.clone(),
                format!(
                    "`store-survives` of `{other}`, which the fault of this phase does not restart"
                ),
            );
        }
    }

    fn resolve(&self, context: &Context<'_>) -> StoreSurvives {
        StoreSurvives { seeds: context.seeds.to_vec() }
    }
}

const STORE_SURVIVES_CHECK: &str = r#"
[[phases.checks]]
check = "store-survives"
nodes = "seed"
within = "15s"
for = "1s"
"#;

#[cfg(test)]
mod tests;
