//! `distinct-peers`: every named node lists enough distinct peer IDs in `system_peers`. A node that
//! does not offer it can neither pass nor fail.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide_or_blame,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hold::{Holds, Mark, held},
    impossible, peers_in_words, per_node,
    view::inconclusive,
    wrong_answer,
};
use crate::{
    control::{Control, Controls, Disturbance, How, Lie, THREE_NODES, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::{
        CheckVerdict::{Fail, Inconclusive},
        Reading, Sample,
    },
    text::short,
};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistinctPeers {
    /// Peer IDs that each needs.
    pub at_least: u64,
}

impl fmt::Display for DistinctPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at least {} each, by distinct peer IDs", peers_in_words(self.at_least))
    }
}

impl Check for DistinctPeers {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let observed = per_node(view.nodes, |node| {
            view.samples(node, view.start)
                .last()
                .map_or_else(|| "not asked yet".to_owned(), describe)
        });
        if let Some(why) = impossible(self.at_least, view.most()) {
            return Judgement::Settled(fail(format!("impossible: {why}"), observed));
        }
        if let Some(node) =
            view.nodes.iter().find(|node| view.samples(node, view.start).last().is_some_and(lacks))
        {
            return inconclusive(
                format!(
                    "{node} does not offer `system_peers`, so nobody knows how many of its peers are distinct"
                ),
                observed,
            );
        }
        let marks: Vec<Vec<Mark>> = view.nodes.iter().map(|node| self.marks(view, node)).collect();
        let passed = |_| format!("held for {}", short(view.hold));
        decide_or_blame(view, held(&marks, view), observed, passed, |sample| wrong(view, sample))
    }
}

impl DistinctPeers {
    fn marks(&self, view: &View<'_>, node: &str) -> Vec<Mark> {
        let enough =
            |count: &u64| *count >= self.at_least && impossible(*count, view.crowd()).is_none();
        // An answer without IDs has ended the check before: what has none here is a question that
        // was lost.
        let says = |sample: &Sample| {
            sample.distinct.as_ref().map_or(Holds::Unknown, |distinct| Holds::of(distinct, enough))
        };
        view.samples(node, view.start)
            .iter()
            .map(|sample| Mark { sent: sample.sent, answered: sample.answered, says: says(sample) })
            .collect()
    }
}

/// The node answers, and was not asked for IDs because it offers none. Of one that is silent
/// nothing is known.
fn lacks(sample: &Sample) -> bool {
    sample.distinct.is_none() && !sample.peers.is_silent()
}

fn wrong(view: &View<'_>, sample: &Sample) -> Option<String> {
    let distinct = sample.distinct.as_ref()?;
    match distinct
        .value()
        .and_then(|count| impossible(*count, view.crowd()).map(|why| (count, why)))
    {
        Some((count, why)) => {
            Some(format!("{} lists {count} distinct peer IDs, and {why}", sample.node))
        }
        None => wrong_answer(&sample.node, distinct, "peers' IDs"),
    }
}

fn describe(sample: &Sample) -> String {
    match &sample.distinct {
        Some(Reading::Value(count)) => format!("{count} distinct"),
        Some(Reading::Missing(miss)) => format!("system_peers {miss}"),
        None if lacks(sample) => "system_peers not offered".to_owned(),
        None => "not reached".to_owned(),
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "distinct-peers",
    about: "each node lists enough different peer IDs",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Method("system_peers"),
    holds: "that many distinct peer IDs are in `system_peers`",
    missing: "fails; not offered: inconclusive. A foreign node is warned about before the start",
    example: r#"[[phases.checks]]
check = "distinct-peers"
nodes = "node"
at_least = 2
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "one peer is listed twice",
            scenario: &[THREE_NODES, DISTINCT_PHASE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "system_peers",
                how: How::RepeatsItself,
            }]),
            wanted: Wanted::Check(Fail, "node-1: 1"),
        },
        Control {
            name: "a node does not list its peers",
            scenario: &[THREE_NODES, DISTINCT_PHASE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "system_peers",
                how: How::Denies,
            }]),
            wanted: Wanted::Check(Inconclusive, "system_peers"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "at_least",
    takes: Takes::Number(1),
    given: Given::Always,
    about: "peer IDs that each must list",
}];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<DistinctPeersWritten> {
    table.require("at_least", problems);
    let at_least = table.number("at_least", 1, problems)?.map(u64::from);
    Some(DistinctPeersWritten { at_least })
}

/// As written.
#[derive(Debug)]
pub(super) struct DistinctPeersWritten {
    at_least: At<u64>,
}

impl Written for DistinctPeersWritten {
    type Condition = DistinctPeers;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        place.warn_if_impossible(&self.at_least, problems);
    }

    fn resolve(&self, _: &Context<'_>) -> DistinctPeers {
        DistinctPeers { at_least: self.at_least.value }
    }
}

const DISTINCT_PHASE: &str = r#"
[[phases]]
name = "distinct"
[[phases.checks]]
check = "distinct-peers"
nodes = "node"
at_least = 2
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
        event::{CheckVerdict, Finding, Miss},
    };

    const TWO: CheckKind = CheckKind::DistinctPeers(DistinctPeers { at_least: 2 });

    fn finding(distinct: Option<Reading<u64>>) -> Finding {
        let seen = Seen::default()
            .poll("node-1", 0, 10_000, move |_, sample| sample.distinct = distinct.clone());
        seen.verdict(&TWO, &["node-1"], 0)
    }

    fn verdict(distinct: Option<Reading<u64>>) -> (CheckVerdict, String) {
        let finding = finding(distinct);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn enough_ids_pass_and_fewer_fail_whatever_the_node_counts() {
        assert_eq!(verdict(Some(Reading::Value(2))).0, CheckVerdict::Pass);
        assert_eq!(verdict(Some(Reading::Value(1))).0, CheckVerdict::Fail);
        assert_eq!(
            verdict(Some(Reading::Value(9))).1,
            "node-1 lists 9 distinct peer IDs, and 3 nodes have at most 2 peers each"
        );
    }

    #[test]
    fn without_system_peers_nothing_can_be_said() {
        let (verdict, reason) = verdict(None);
        assert_eq!(verdict, CheckVerdict::Inconclusive);
        assert_eq!(
            reason,
            "node-1 does not offer `system_peers`, so nobody knows how many of its peers are distinct"
        );
    }

    #[test]
    fn null_nonsense_and_silence_fail() {
        for miss in [Miss::Null, Miss::Nonsense("{}".to_owned()), Miss::Timeout] {
            assert_eq!(verdict(Some(Reading::Missing(miss))).0, CheckVerdict::Fail);
        }
        let dead = Seen::default().poll("node-1", 0, 10_000, |_, sample| {
            (sample.peers, sample.distinct) = (unreachable(), None)
        });
        assert_eq!(dead.verdict(&TWO, &["node-1"], 0).verdict, CheckVerdict::Fail);
        assert_eq!(
            Seen::default().verdict(&TWO, &["node-1"], 0).verdict,
            CheckVerdict::Inconclusive
        );
        assert_ne!(dead.verdict(&TWO, &[], 0).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn what_was_seen_is_said() {
        assert_eq!(finding(Some(Reading::Value(1))).observed, "node-1: 1 distinct");
        assert_eq!(
            finding(Some(Reading::Missing(Miss::Null))).observed,
            "node-1: system_peers answered null"
        );
        assert_eq!(finding(None).observed, "node-1: system_peers not offered");
        let dead = Seen::default().poll("node-1", 0, 10_000, |_, sample| {
            (sample.peers, sample.distinct) = (unreachable(), None)
        });
        assert_eq!(dead.verdict(&TWO, &["node-1"], 0).observed, "node-1: not reached");
    }

    #[test]
    fn an_answer_that_was_lost_is_not_one_without_ids() {
        let with_a_gap = |change: fn(&mut Sample)| {
            let seen = Seen::default().poll("node-1", 0, 10_000, |at, sample| {
                if at < 7_000 {
                    sample.distinct = Some(Reading::Value(1));
                } else if at == 8_500 {
                    change(sample);
                }
            });
            seen.verdict(&TWO, &["node-1"], 0).verdict
        };
        // There is no time for another two seconds after the gap.
        assert_eq!(
            with_a_gap(|sample| (sample.peers, sample.distinct) = (unreachable(), None)),
            CheckVerdict::Pass
        );
        assert_eq!(
            with_a_gap(|sample| sample.distinct = Some(Reading::Missing(Miss::Null))),
            CheckVerdict::Fail
        );
    }

    #[test]
    fn more_than_there_are_is_impossible() {
        let seen = Seen::default().poll("node-1", 0, 10_000, |_, _| {});
        let check = CheckKind::DistinctPeers(DistinctPeers { at_least: 3 });
        assert_eq!(
            seen.verdict(&check, &["node-1"], 0).reason,
            "impossible: 3 nodes have at most 2 peers each"
        );
    }
}
