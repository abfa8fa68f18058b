//! `converged`: every named node has `target` peers, or all there are if the network is smaller, by
//! the rules of `peers`; the verdict says how long that took: the median, the 95th percentile and
//! the longest of the times at which each node first had them.
//!
//! Times are counted from the last start, or from the check's start if there was a fault before it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide_or_blame,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hold::{Holds, Mark, held},
    peers, peers_in_words,
};
use crate::{
    control::{Control, Controls, Disturbance, WITHOUT_DISCOVERY, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, Moment},
    text::short,
};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Converged {
    /// Peers that each needs; nodes − 1 are enough.
    pub target: u64,
}

impl fmt::Display for Converged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} each, or all other nodes", peers_in_words(self.target))
    }
}

impl Check for Converged {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let others = view.network.len().saturating_sub(1) as u64;
        let least = self.target.min(others);
        if least == 0 {
            return Judgement::Settled(fail(
                "impossible: one node has nobody to find".to_owned(),
                String::new(),
            ));
        }
        let origin = if view.fault.is_some() {
            view.start
        } else {
            view.history.all_started().unwrap_or(view.start).min(view.start)
        };
        let all: Vec<Vec<Mark>> =
            view.nodes.iter().map(|node| peers::marks(view, node, origin, least)).collect();
        let marks: Vec<Vec<Mark>> = all
            .iter()
            .map(|marks| marks.iter().filter(|mark| mark.sent >= view.start).copied().collect())
            .collect();
        let times: Vec<Duration> =
            all.iter().filter_map(|marks| first(marks)).map(|at| at.since(origin)).collect();
        let whence = if view.fault.is_some() { "the check's start" } else { "the last start" };
        let observed = if times.len() == view.nodes.len() {
            peers::describe_all(view)
        } else {
            format!(
                "{} of {} ever had {}; {}",
                times.len(),
                view.nodes.len(),
                peers_in_words(least),
                peers::describe_all(view)
            )
        };
        let passed = |_| {
            format!(
                "held for {}{}; first had {} after {whence}",
                short(view.hold),
                peers::own_count(view),
                spread(times.clone())
            )
        };
        decide_or_blame(view, held(&marks, view), observed, passed, |sample| {
            peers::wrong(view, sample)
        })
    }
}

fn first(marks: &[Mark]) -> Option<Moment> {
    marks.iter().find(|mark| mark.says == Holds::Yes).map(|mark| mark.answered)
}

/// `p50 0.3 s, p95 1.0 s, max 1.2 s`, by nearest rank: each is a time that was seen.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let rank = |percent: usize| {
        times
            .get((times.len() * percent).div_ceil(100).saturating_sub(1))
            .map_or_else(|| "–".to_owned(), |time| short(*time))
    };
    format!("p50 {}, p95 {}, max {}", rank(50), rank(95), rank(100))
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "converged",
    about: "each node has the peers that it wants, and how long that took",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "each has that many peers, or all others, by the rules of `peers`; the verdict gives p50, p95 and max of the times from the last start (after a fault: from the check's start)",
    missing: "fails",
    example: r#"[[phases.checks]]
check = "converged"
nodes = "*"
within = "60s"
"#,
    controls: Controls::new(&[Control {
        name: "discovery is off",
        scenario: &[WITHOUT_DISCOVERY, CONVERGED_PHASE],
        disturbance: Disturbance::None,
        wanted: Wanted::Check(Fail, "did not hold"),
    }]),
};

const KEYS: &[Key] = &[Key {
    name: "target",
    takes: Takes::Number(1),
    given: Given::Else("8"),
    about: "peers that each must have; all others are enough",
}];

/// Peers that are asked for if nothing is written: as many outbound ones as our node wants.
const DEFAULT_TARGET: u32 = 8;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Converged> {
    let target = if table.has("target") {
        table.number("target", 1, problems)?.value
    } else {
        DEFAULT_TARGET
    };
    Some(Converged { target: target.into() })
}

impl Written for Converged {
    type Condition = Converged;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        if place.network.len() == 1 {
            problems.error(
                place.span.clone(),
                "`converged` in a network of one node says nothing: there is nobody to find",
            );
        }
        let least = self.target.min(place.network.len().saturating_sub(1) as u64);
        place.warn_if_impossible(&At { value: least, span: place.span.clone() }, problems);
    }

    fn resolve(&self, _: &Context<'_>) -> Converged {
        *self
    }
}

const CONVERGED_PHASE: &str = r#"
[[phases]]
name = "converged"
[[phases.checks]]
check = "converged"
nodes = "node"
target = 2
within = "8s"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{
            CheckKind,
            testing::{Seen, names, unreachable},
        },
        event::{CheckVerdict, Reading, Sample},
        history::FaultSpan,
    };

    const EIGHT: CheckKind = CheckKind::Converged(Converged { target: 8 });
    const NODES: [&str; 3] = ["seed", "node-1", "node-2"];

    fn from(first: u64) -> impl Fn(u64, &mut Sample) {
        move |at, sample| {
            let count = if at < first { 1 } else { 2 };
            (sample.peers, sample.distinct) = (Reading::Value(count), Some(Reading::Value(count)));
        }
    }

    fn three(first: [u64; 3]) -> Seen {
        NODES
            .into_iter()
            .zip(first)
            .fold(Seen::default(), |seen, (node, first)| seen.poll(node, 0, 15_000, from(first)))
    }

    #[test]
    fn all_other_nodes_are_enough_and_the_spread_is_from_the_last_start() {
        let mut seen = three([500, 1500, 4000]);
        seen.all_started(250);
        let finding = seen.verdict(&EIGHT, &NODES, 1000);
        assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(4005))));
        assert_eq!(
            finding.reason,
            "held for 2.0 s, distinct peer IDs agree; first had p50 1.3 s, p95 3.8 s, max 3.8 s after the last start"
        );
    }

    #[test]
    fn after_a_fault_times_are_from_the_checks_start() {
        let mut seen = three([0, 0, 6000]);
        seen.all_started(0);
        seen.fault = Some(FaultSpan {
            nodes: names(&["seed"]),
            effective: Moment(1000),
            healed: Some(Moment(4000)),
            proven: Some(Moment(4500)),
        });
        let finding = seen.verdict(&EIGHT, &NODES, 5000);
        assert!(
            finding
                .reason
                .ends_with("first had p50 5 ms, p95 1.0 s, max 1.0 s after the check's start"),
            "{}",
            finding.reason
        );
    }

    #[test]
    fn one_that_never_gets_there_fails_and_what_was_before_the_start_does_not_hold() {
        let finding = three([0, 0, 99_000]).verdict(&EIGHT, &NODES, 1000);
        assert_eq!(finding.verdict, CheckVerdict::Fail);
        assert_eq!(finding.observed, "2 of 3 ever had 2 peers; seed: 2; node-1: 2; node-2: 1");
        let lost = Seen::default().poll("node-1", 0, 15_000, |at, sample| {
            let count = if at < 1000 { 2 } else { 0 };
            (sample.peers, sample.distinct) = (Reading::Value(count), Some(Reading::Value(count)));
        });
        assert_eq!(lost.verdict(&EIGHT, &["node-1"], 1000).verdict, CheckVerdict::Fail);
    }

    #[test]
    fn duplicates_silence_and_nobody_are_no_convergence() {
        let duplicate = Seen::default()
            .poll("node-1", 0, 15_000, |_, sample| sample.distinct = Some(Reading::Value(1)));
        assert_eq!(duplicate.verdict(&EIGHT, &["node-1"], 0).verdict, CheckVerdict::Fail);
        let silent = Seen::default().poll("node-1", 0, 15_000, |_, sample| {
            (sample.peers, sample.distinct) = (unreachable(), None)
        });
        assert_eq!(silent.verdict(&EIGHT, &["node-1"], 0).verdict, CheckVerdict::Fail);
        assert_eq!(
            Seen::default().verdict(&EIGHT, &["node-1"], 0).verdict,
            CheckVerdict::Inconclusive
        );
        assert_ne!(three([0, 0, 0]).verdict(&EIGHT, &[], 0).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn a_smaller_target_is_what_is_needed_and_the_own_count_is_called_so() {
        let seen = Seen::default().poll("node-1", 0, 15_000, |_, sample| {
            (sample.peers, sample.distinct) = (Reading::Value(1), None)
        });
        let finding = seen.verdict(&CheckKind::Converged(Converged { target: 1 }), &["node-1"], 0);
        assert_eq!(finding.verdict, CheckVerdict::Pass);
        assert!(
            finding.reason.contains(", by the node's own count; first had"),
            "{}",
            finding.reason
        );
    }

    #[test]
    fn ranks_are_times_that_were_seen() {
        let times = (1..=20).map(Duration::from_secs).collect();
        assert_eq!(spread(times), "p50 10.0 s, p95 19.0 s, max 20.0 s");
        assert_eq!(spread(vec![]), "p50 –, p95 –, max –");
    }
}
