//! `peers`: every named node has enough peers, by its own count and, where it offers
//! `system_peers`, by distinct peer IDs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide_or_blame,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hold::{Holds, Mark, held},
    impossible, peers_in_words, per_node, wrong_answer,
};
use crate::{
    control::{
        Control, Controls, Disturbance, How, Lie, THREE_NODES, WITHOUT_DISCOVERY, Wanted,
        node_1_says,
    },
    document::{At, Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, Moment, Reading, Sample},
};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// How many peers each needs.
    #[serde(flatten)]
    pub needed: PeersNeeded,
}

/// How many, as the scenario says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeersNeeded {
    /// More than this.
    MoreThan(u64),
    /// This or more.
    AtLeast(u64),
}

impl PeersNeeded {
    /// The smallest number that is enough.
    pub fn least(self) -> u64 {
        match self {
            Self::MoreThan(n) => n.saturating_add(1),
            Self::AtLeast(n) => n,
        }
    }
}

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.needed {
            PeersNeeded::MoreThan(n) => write!(f, "more than {} each", peers_in_words(n)),
            PeersNeeded::AtLeast(n) => write!(f, "at least {} each", peers_in_words(n)),
        }
    }
}

impl Check for Peers {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let least = self.needed.least();
        if let Some(why) = impossible(least, view.most()) {
            return Judgement::Settled(fail(format!("impossible: {why}"), describe_all(view)));
        }
        let marks: Vec<Vec<Mark>> =
            view.nodes.iter().map(|node| marks(view, node, view.start, least)).collect();
        let passed = |_| format!("held for {}{}", crate::text::short(view.hold), own_count(view));
        decide_or_blame(view, held(&marks, view), describe_all(view), passed, |sample| {
            wrong(view, sample)
        })
    }
}

/// What is wrong with a sample, other than that it counts too few.
pub(super) fn wrong(view: &View<'_>, sample: &Sample) -> Option<String> {
    let node = &sample.node;
    if let Some(why) = sample.peers.value().and_then(|count| impossible(*count, view.crowd())) {
        return Some(format!(
            "{node} counts {} peers, and {why}",
            sample.peers.value().copied().unwrap_or_default()
        ));
    }
    wrong_answer(node, &sample.peers, "peers")
        .or_else(|| wrong_answer(node, sample.distinct.as_ref()?, "peers' IDs"))
}

/// What each sample says about "at least so many peers, not more than there can be, and both counts
/// agree".
pub(super) fn marks(view: &View<'_>, node: &str, from: Moment, least: u64) -> Vec<Mark> {
    let nodes = view.crowd();
    view.samples(node, from)
        .iter()
        .map(|sample| Mark {
            sent: sample.sent,
            answered: sample.answered,
            says: says(sample, least, nodes),
        })
        .collect()
}

fn says(sample: &Sample, least: u64, nodes: usize) -> Holds {
    let own =
        Holds::of(&sample.peers, |count| *count >= least && impossible(*count, nodes).is_none());
    match &sample.distinct {
        // What is enough of one is enough of the other, if they are the same.
        Some(distinct) => own.and(Holds::of(distinct, |distinct| {
            sample.peers.value().is_none_or(|own| own == distinct)
        })),
        None => own,
    }
}

/// All named nodes' last samples in words.
pub(super) fn describe_all(view: &View<'_>) -> String {
    per_node(view.nodes, |node| {
        view.samples(node, view.start).last().map_or_else(|| "not asked yet".to_owned(), describe)
    })
}

/// A sample's peers in words.
pub(super) fn describe(sample: &Sample) -> String {
    match (&sample.peers, &sample.distinct) {
        (Reading::Missing(miss), _) => miss.to_string(),
        (Reading::Value(peers), None) => format!("{peers} by its own count"),
        (Reading::Value(peers), Some(Reading::Value(distinct))) if peers == distinct => {
            format!("{peers}")
        }
        (Reading::Value(peers), Some(Reading::Value(distinct))) => {
            format!("{peers} by its own count, {distinct} distinct")
        }
        (Reading::Value(peers), Some(Reading::Missing(miss))) => {
            format!("{peers} by its own count, system_peers {miss}")
        }
    }
}

/// Holds whose word it is where nobody else's was to be had.
pub(super) fn own_count(view: &View<'_>) -> String {
    let own: Vec<&str> = view
        .nodes
        .iter()
        .filter(|node| {
            view.samples(node, view.start).last().is_some_and(|sample| sample.distinct.is_none())
        })
        .map(String::as_str)
        .collect();
    match own.len() {
        0 => ", distinct peer IDs agree".to_owned(),
        n if n == view.nodes.len() => ", by the node's own count".to_owned(),
        _ => format!(", by the node's own count for {}", own.join(", ")),
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "peers",
    about: "each node has enough peers",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "`system_health.peers` says so, and, where `system_peers` is offered, its distinct peer IDs are as many. More than nodes − 1 is impossible: asked for, it fails at once; counted by a node, it is no pass. A node that says its peer ID (`system_localPeerId`) and lists it among its peers answers nonsense",
    missing: "fails; where `system_peers` is not offered, the verdict says that the count is the node's own",
    example: r#"[[phases.checks]]
check = "peers"
nodes = "node"
more_than = 1
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "discovery is off",
            scenario: &[WITHOUT_DISCOVERY, PEERS_OF_NODES],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
        Control {
            name: "a node counts more than there are",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[node_1_says(
                "system_health",
                r#"{"peers":99,"isSyncing":false,"shouldHavePeers":true}"#,
            )]),
            wanted: Wanted::Check(Fail, "node-1 counts 99 peers"),
        },
        Control {
            name: "a node counts one peer twice",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "system_peers",
                how: How::RepeatsItself,
            }]),
            wanted: Wanted::Check(Fail, "2 by its own count, 1 distinct"),
        },
        Control {
            name: "a node says null",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[node_1_says("system_health", "null")]),
            wanted: Wanted::Check(Fail, "node-1 answered null"),
        },
        Control {
            name: "a node's count is a string",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[node_1_says("system_health", r#"{"peers":"2"}"#)]),
            wanted: Wanted::Check(Fail, "node-1 answered nonsense"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "more_than",
        takes: Takes::Number(0),
        given: Given::OneOf,
        about: "each has more peers than this",
    },
    Key {
        name: "at_least",
        takes: Takes::Number(1),
        given: Given::OneOf,
        about: "each has this many peers or more",
    },
];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<PeersWritten> {
    let more_than = table.number("more_than", 0, problems);
    let at_least = table.number("at_least", 1, problems);
    let needed = match (table.has("more_than"), table.has("at_least")) {
        (true, true) => {
            problems.error_hint(
                table.key_span("at_least"),
                "`more_than` and `at_least` in one check",
                "write one of them",
            );
            None
        }
        (false, false) => {
            problems.error(
                table.span.clone(),
                "missing key `more_than` or `at_least` in a `peers` check",
            );
            None
        }
        (true, false) => more_than.map(|n| n.map(|n| PeersNeeded::MoreThan(n.into()))),
        (false, true) => at_least.map(|n| n.map(|n| PeersNeeded::AtLeast(n.into()))),
    };
    Some(PeersWritten { needed: needed? })
}

/// As written.
#[derive(Debug)]
pub(super) struct PeersWritten {
    needed: At<PeersNeeded>,
}

impl Written for PeersWritten {
    type Condition = Peers;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        let least = self.needed.clone().map(PeersNeeded::least);
        place.warn_if_impossible(&least, problems);
    }

    fn resolve(&self, _: &Context<'_>) -> Peers {
        Peers { needed: self.needed.value }
    }
}

const PEERS_OF_NODES: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 2
within = "15s"
for = "1s"
[[phases.checks]]
check = "peers"
nodes = "node"
more_than = 1
within = "8s"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{
            CheckKind,
            testing::{Seen, unreachable},
        },
        event::{CheckVerdict, Miss},
    };

    const MORE_THAN_ONE: CheckKind = CheckKind::Peers(Peers { needed: PeersNeeded::MoreThan(1) });

    fn verdict(seen: &Seen, nodes: &[&str]) -> (CheckVerdict, String, String) {
        let finding = seen.verdict(&MORE_THAN_ONE, nodes, 0);
        (finding.verdict, finding.reason, finding.observed)
    }

    #[test]
    fn passes_when_all_have_enough_at_once_for_long_enough() {
        let seen = Seen::default()
            .poll("node-1", 0, 10_000, |at, sample| {
                sample.peers = Reading::Value(if at < 1000 { 1 } else { 2 })
            })
            .poll("node-2", 0, 10_000, |_, _| {});
        let finding = seen.verdict(&MORE_THAN_ONE, &["node-1", "node-2"], 0);
        assert_eq!(finding.verdict, CheckVerdict::Pass);
        assert_eq!(finding.held_since, Some(Moment(1005)));
        assert_eq!(finding.reason, "held for 2.0 s, distinct peer IDs agree");
    }

    #[test]
    fn one_node_short_is_no_pass() {
        let seen = Seen::default().poll("node-1", 0, 10_000, |_, _| {}).poll(
            "node-2",
            0,
            10_000,
            |_, sample| sample.peers = Reading::Value(1),
        );
        let (verdict, _, observed) = verdict(&seen, &["node-1", "node-2"]);
        assert_eq!(verdict, CheckVerdict::Fail);
        assert_eq!(observed, "node-1: 2; node-2: 1 by its own count, 2 distinct");
    }

    #[test]
    fn nodes_that_have_enough_in_turns_do_not_pass() {
        let turn = |own: u64| {
            move |at: u64, sample: &mut Sample| {
                sample.peers = Reading::Value(if (at / 1500) % 2 == own { 2 } else { 1 })
            }
        };
        let seen =
            Seen::default().poll("node-1", 0, 10_000, turn(0)).poll("node-2", 0, 10_000, turn(1));
        assert_eq!(verdict(&seen, &["node-1", "node-2"]).0, CheckVerdict::Fail);
    }

    #[test]
    fn a_count_that_the_peer_ids_contradict_is_no_pass() {
        let seen = Seen::default()
            .poll("node-1", 0, 10_000, |_, sample| sample.distinct = Some(Reading::Value(1)));
        assert_eq!(verdict(&seen, &["node-1"]).0, CheckVerdict::Fail);
    }

    #[test]
    fn two_counts_that_differ_do_not_agree_even_if_both_are_enough() {
        let seen = Seen::default()
            .poll("node-1", 0, 10_000, |_, sample| sample.distinct = Some(Reading::Value(1)));
        let check = CheckKind::Peers(Peers { needed: PeersNeeded::AtLeast(1) });
        let finding = seen.verdict(&check, &["node-1"], 0);
        assert_eq!(
            (finding.verdict, finding.observed.as_str()),
            (CheckVerdict::Fail, "node-1: 2 by its own count, 1 distinct")
        );
    }

    #[test]
    fn a_window_that_ends_with_an_impossible_count_or_null_says_so() {
        let reason = |peers: Reading<u64>| {
            let seen = Seen::default()
                .poll("node-1", 0, 10_000, move |_, sample| sample.peers = peers.clone());
            verdict(&seen, &["node-1"]).1
        };
        assert_eq!(
            reason(Reading::Value(99)),
            "node-1 counts 99 peers, and 3 nodes have at most 2 peers each"
        );
        assert_eq!(
            reason(Reading::Missing(Miss::Null)),
            "node-1 answered null when it was asked for its peers"
        );
        assert_eq!(reason(Reading::Value(1)), "did not hold for 2.0 s by the deadline");
    }

    #[test]
    fn more_peers_than_there_are_nodes_is_no_pass() {
        let seen = Seen::default().poll("node-1", 0, 10_000, |_, sample| {
            sample.peers = Reading::Value(3);
            sample.distinct = None;
        });
        assert_eq!(verdict(&seen, &["node-1"]).0, CheckVerdict::Fail);
    }

    #[test]
    fn asking_for_more_than_there_can_be_fails_at_once() {
        let seen = Seen::default().poll("node-1", 0, 10_000, |_, _| {});
        let check = CheckKind::Peers(Peers { needed: PeersNeeded::AtLeast(3) });
        let Judgement::Settled(finding) = seen.judge(&check, &["node-1"], 0, 0) else {
            panic!("not decided at once")
        };
        assert_eq!(
            (finding.verdict, finding.reason.as_str()),
            (CheckVerdict::Fail, "impossible: 3 nodes have at most 2 peers each")
        );
    }

    #[test]
    fn without_system_peers_it_says_whose_word_it_is() {
        let seen = Seen::default().poll("node-1", 0, 10_000, |_, sample| sample.distinct = None);
        let (verdict, reason, _) = verdict(&seen, &["node-1"]);
        assert_eq!(verdict, CheckVerdict::Pass);
        assert_eq!(reason, "held for 2.0 s, by the node's own count");
    }

    #[test]
    fn where_only_some_offer_system_peers_the_others_are_named() {
        let seen = Seen::default()
            .poll("node-1", 0, 10_000, |_, sample| sample.distinct = None)
            .poll("node-2", 0, 10_000, |_, _| {});
        assert_eq!(
            verdict(&seen, &["node-1", "node-2"]).1,
            "held for 2.0 s, by the node's own count for node-1"
        );
    }

    #[test]
    fn null_nonsense_and_silence_fail_and_say_so() {
        for (miss, said) in [
            (Miss::Null, "node-1: answered null"),
            (Miss::Nonsense("\"2\"".to_owned()), "node-1: answered nonsense (\"2\")"),
            (Miss::Timeout, "node-1: no answer in time"),
        ] {
            let seen = Seen::default().poll("node-1", 0, 10_000, |_, sample| {
                sample.peers = Reading::Missing(miss.clone())
            });
            let (verdict, _, observed) = verdict(&seen, &["node-1"]);
            assert_eq!((verdict, observed.as_str()), (CheckVerdict::Fail, said));
        }
        let seen =
            Seen::default().poll("node-1", 0, 10_000, |_, sample| sample.peers = unreachable());
        assert_eq!(verdict(&seen, &["node-1"]).0, CheckVerdict::Fail);
    }

    #[test]
    fn a_null_in_between_breaks_the_span_and_a_lost_answer_does_not() {
        let every_second = |miss: Miss| {
            Seen::default().poll("node-1", 0, 10_000, move |at, sample| {
                if at % 1000 == 0 {
                    sample.peers = Reading::Missing(miss.clone());
                }
            })
        };
        assert_eq!(verdict(&every_second(Miss::Null), &["node-1"]).0, CheckVerdict::Fail);
        assert_eq!(verdict(&every_second(Miss::Timeout), &["node-1"]).0, CheckVerdict::Pass);
    }

    #[test]
    fn what_was_asked_before_the_start_does_not_count() {
        let seen = Seen::default().poll("node-1", 0, 5_000, |_, _| {}).poll(
            "node-1",
            5_000,
            15_000,
            |_, sample| sample.peers = Reading::Value(0),
        );
        let finding = seen.verdict(&MORE_THAN_ONE, &["node-1"], 5_000);
        assert_eq!(finding.verdict, CheckVerdict::Fail);
    }

    #[test]
    fn a_node_that_we_did_not_ask_is_our_fault() {
        let never = Seen::default();
        assert_eq!(verdict(&never, &["node-1"]).0, CheckVerdict::Inconclusive);
        let late = Seen::default().poll("node-1", 0, 2_000, |_, _| {}).poll(
            "node-1",
            8_500,
            10_000,
            |_, _| {},
        );
        assert_eq!(verdict(&late, &["node-1"]).0, CheckVerdict::Inconclusive);
        let not_at_the_end =
            Seen::default().poll("node-1", 0, 6_000, |_, sample| sample.peers = Reading::Value(1));
        assert_eq!(verdict(&not_at_the_end, &["node-1"]).0, CheckVerdict::Inconclusive);
    }

    #[test]
    fn a_node_that_hangs_is_its_own_fault() {
        let mut seen = Seen::default();
        for round in 0..5 {
            let mut sample = crate::check::testing::sample("node-1", round * 2_250);
            sample.answered = sample.sent + std::time::Duration::from_millis(2_010);
            sample.peers = Reading::Missing(Miss::Timeout);
            seen.add(sample);
        }
        assert_eq!(verdict(&seen, &["node-1"]).0, CheckVerdict::Fail);
    }
}
