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
    FRESH, Judgement, View, decide,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    hold::{Mark, Says, held, starved},
    view::inconclusive,
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, RESTART, THREE_NODES, Wanted},
    document::{Key, Problems, Table},
    event::{
        CheckVerdict::{self, Inconclusive},
        Direction, Moment, Reading, SessionList,
    },
    fault::FaultSpan,
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
        let observed = view
            .nodes
            .iter()
            .zip(&nodes)
            .map(|(node, memory)| format!("{node}: {}", memory.describe()))
            .collect::<Vec<_>>()
            .join("; ");
        let reached: Vec<Vec<Mark>> = nodes.iter().map(|memory| memory.marks.clone()).collect();
        let reached = held(&reached, view.hold, view.now);
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
        let passed = |_| {
            let certain = view.nodes.iter().zip(&nodes).map(|(node, memory)| {
                format!("{node} {} of {}", memory.certain, memory.known.len())
            });
            format!(
                "dialled before anybody could tell it: {}",
                certain.collect::<Vec<_>>().join(", ")
            )
        };
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
        for list in after {
            for (peer, direction) in names(view, list) {
                if memory.known.contains(peer) {
                    memory.first.entry(peer).or_insert(direction);
                }
            }
            if memory.certain == 0 {
                memory.certain = memory.dialled();
            }
            let says = match &list.sessions {
                Reading::Missing(miss) if miss.is_silence() => Says::Nothing,
                Reading::Value(_) if memory.is_complete() => Says::Yes,
                Reading::Missing(_) | Reading::Value(_) => Says::No,
            };
            memory.marks.push(Mark { sent: list.sent, answered: list.answered, says });
        }
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
            if list.answered.since(seen) > FRESH {
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
        disturbance: Disturbance::StoreIsLost,
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
mod tests {
    use super::*;
    use crate::{
        check::{
            CheckKind,
            testing::{Seen, incarnation, names},
        },
        event::{Finding, Miss},
    };

    fn check() -> CheckKind {
        CheckKind::StoreSurvives(StoreSurvives { seeds: names(&["seed"]) })
    }

    /// node-1 knew the seed, node-2 and node-3. It is down from 2 s to 4 s, and the check starts at
    /// 5 s; `after` is what it lists from 4 s on.
    fn restarted(before: &[&str], after: impl Fn(u64) -> Reading<&'static [&'static str]>) -> Seen {
        let mut seen = unseen_since(before);
        for at in (4050..15_000).step_by(500) {
            seen.sessions("node-1", 1, at, after(at));
        }
        seen
    }

    /// The same node, not asked for its sessions after its restart.
    fn unseen_since(before: &[&str]) -> Seen {
        let fault = FaultSpan {
            nodes: names(&["node-1"]),
            effective: Moment(2000),
            healed: Some(Moment(4100)),
            proven: Some(Moment(4500)),
        };
        let mut seen =
            Seen { fault: Some(fault), ..Seen::default() }.poll("node-1", 0, 15_000, |_, _| {});
        for node in ["seed", "node-1", "node-2", "node-3"] {
            seen.identity(node);
        }
        seen.started("node-1", 0, 0, incarnation(1));
        for at in (0..1900).step_by(500) {
            seen.sessions("node-1", 0, at, Reading::Value(before));
        }
        seen.started("node-1", 4000, 1, incarnation(2));
        seen
    }

    const BEFORE: &[&str] = &["seed", "node-2", "<node-3"];

    fn verdict(seen: &Seen) -> Finding {
        seen.verdict(&check(), &["node-1"], 5000)
    }

    fn given(after: impl Fn(u64) -> Reading<&'static [&'static str]>) -> (CheckVerdict, String) {
        let finding = verdict(&restarted(BEFORE, after));
        (finding.verdict, finding.reason)
    }

    #[test]
    fn passes_when_its_first_contacts_are_dials_and_everybody_known_is_reached() {
        let finding = verdict(&restarted(BEFORE, |at| {
            Reading::Value(if at < 5000 { &["node-2"] } else { &["node-2", "node-3", "seed"] })
        }));
        assert_eq!(
            (finding.verdict, finding.reason.as_str()),
            (CheckVerdict::Pass, "dialled before anybody could tell it: node-1 1 of 2")
        );
        assert_eq!(finding.observed, "node-1: dialled 2 of 2 known");
    }

    #[test]
    fn a_peer_that_came_by_itself_need_not_be_dialled() {
        let finding = verdict(&restarted(BEFORE, |at| {
            Reading::Value(if at < 5000 { &["node-2"] } else { &["node-2", "<node-3"] })
        }));
        assert_eq!(
            (finding.verdict, finding.observed.as_str()),
            (CheckVerdict::Pass, "node-1: dialled 1 of 2 known, 1 came by itself")
        );
        let (verdict, reason) = given(|_| Reading::Value(&["<node-2", "<node-3"]));
        assert_eq!(
            (verdict, reason.as_str()),
            (
                CheckVerdict::Inconclusive,
                "node-1 may have been told: node-2 dialled it before it was seen to dial"
            )
        );
    }

    #[test]
    fn a_node_that_was_not_asked_for_its_sessions_is_our_fault() {
        let finding = verdict(&unseen_since(BEFORE));
        assert_eq!(
            (finding.verdict, finding.reason.as_str()),
            (CheckVerdict::Inconclusive, "a restarted node was not asked for its sessions")
        );
        assert_eq!(finding.observed, "node-1: dialled 0 of 2 known, not node-2, node-3");
    }

    #[test]
    fn a_wiped_store_without_a_seed_fails() {
        assert_eq!(given(|_| Reading::Value(&[])).0, CheckVerdict::Fail);
        // Somebody dials in, but does not tell it of everybody.
        assert_eq!(given(|_| Reading::Value(&["<node-2"])).0, CheckVerdict::Fail);
    }

    #[test]
    fn a_wiped_store_that_is_told_is_no_pass() {
        for told in [
            |at| {
                Reading::Value(if at < 5000 {
                    &["seed"][..]
                } else {
                    &["seed", "node-2", "node-3"]
                })
            },
            |at| Reading::Value(if at < 5000 { &["<node-3"][..] } else { &["<node-3", "node-2"] }),
            |_| Reading::Value(&["node-2", "node-3", "seed"][..]),
            |at| Reading::Value(if at < 5000 { &["stranger"][..] } else { &["node-2", "node-3"] }),
        ] {
            let (verdict, reason) = given(told);
            assert_eq!(verdict, CheckVerdict::Inconclusive);
            assert!(reason.starts_with("node-1 may have been told: "), "{reason}");
        }
    }

    #[test]
    fn the_seed_alone_proves_nothing() {
        assert_eq!(given(|_| Reading::Value(&["seed"])).0, CheckVerdict::Fail);
        let only_seed = verdict(&restarted(&["seed"], |_| Reading::Value(&["seed"])));
        assert_eq!(only_seed.verdict, CheckVerdict::Inconclusive);
    }

    #[test]
    fn a_node_that_was_not_seen_from_its_start_on_may_have_been_told() {
        let silent = |at| {
            if at < 7000 {
                Reading::Missing(Miss::Timeout)
            } else {
                Reading::Value(&["node-2", "node-3"][..])
            }
        };
        let (verdict, reason) = given(silent);
        assert_eq!(verdict, CheckVerdict::Inconclusive);
        assert!(reason.starts_with("node-1 was not seen for 3."), "{reason}");
    }

    #[test]
    fn two_seconds_unseen_are_not_too_long() {
        let first_list = |at: u64| {
            let mut seen = unseen_since(BEFORE);
            for at in (at..15_000).step_by(500) {
                seen.sessions("node-1", 1, at, Reading::Value(&["node-2", "node-3"]));
            }
            verdict(&seen).verdict
        };
        // It was started at 4 s; answers take 5 ms.
        assert_eq!(
            (first_list(5995), first_list(5996)),
            (CheckVerdict::Pass, CheckVerdict::Inconclusive)
        );
    }

    #[test]
    fn a_list_that_was_lost_breaks_no_span() {
        let complete = |at, lost: Miss| match at {
            ..12_000 => Reading::Value(&["node-2"][..]),
            13_050 => Reading::Missing(lost),
            _ => Reading::Value(&["node-2", "node-3"][..]),
        };
        // There is no time for another two seconds after it.
        assert_eq!(given(|at| complete(at, Miss::Timeout)).0, CheckVerdict::Pass);
        assert_eq!(given(|at| complete(at, Miss::Null)).0, CheckVerdict::Fail);
    }

    #[test]
    fn wrong_answers_fail_and_what_is_not_offered_is_inconclusive() {
        assert_eq!(given(|_| Reading::Missing(Miss::Null)).0, CheckVerdict::Fail);
        assert_eq!(given(|_| Reading::Missing(Miss::Timeout)).0, CheckVerdict::Fail);
        let (verdict, reason) =
            given(|_| Reading::Missing(Miss::Refused { code: -32601, message: "no".to_owned() }));
        assert_eq!(
            (verdict, reason.contains("does not offer `hegemon_peerList`")),
            (CheckVerdict::Inconclusive, true)
        );
    }

    #[test]
    fn without_its_restart_without_a_list_or_an_identity_nothing_can_be_said() {
        let good = |_| Reading::Value(&["node-2", "node-3"][..]);
        let mut no_fault = restarted(BEFORE, good);
        no_fault.fault = None;
        assert_eq!(verdict(&no_fault).verdict, CheckVerdict::Inconclusive);
        assert_eq!(
            restarted(BEFORE, good).verdict(&check(), &["node-2"], 5000).verdict,
            CheckVerdict::Inconclusive
        );
        assert_ne!(
            restarted(BEFORE, good).verdict(&check(), &[], 5000).verdict,
            CheckVerdict::Pass
        );
        let mut stale = restarted(BEFORE, good);
        if let Some(fault) = &mut stale.fault {
            fault.effective = Moment(0);
        }
        assert_eq!(verdict(&stale).verdict, CheckVerdict::Inconclusive);
        let other_seed = CheckKind::StoreSurvives(StoreSurvives { seeds: names(&["unnamed"]) });
        assert_eq!(
            restarted(BEFORE, good).verdict(&other_seed, &["node-1"], 5000).verdict,
            CheckVerdict::Inconclusive
        );
    }

    #[test]
    fn the_lists_of_the_old_start_do_not_count() {
        let mut seen = restarted(BEFORE, |_| Reading::Value(&[]));
        seen.sessions("node-1", 0, 15_000, Reading::Value(&["node-2", "node-3"]));
        assert_eq!(verdict(&seen).verdict, CheckVerdict::Fail);
    }
}
