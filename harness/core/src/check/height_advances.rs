//! `height-advances`: every named node's best height rose by so much since the first fresh sample
//! after the check's start.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide_or_blame,
    entry::{Check, CheckEntry, Context, Needs, Window, Written},
    hold::{Holds, Mark, held},
    per_node, wrong_answer,
};
use crate::{
    control::{
        Control, Controls, Disturbance, How, Lie, THREE_NODES, WITHOUT_MINERS, Wanted, node_1_says,
    },
    document::{Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, Moment, Reading, Sample},
};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeightAdvances {
    /// Blocks.
    pub by: u64,
}

impl fmt::Display for HeightAdvances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "height +{} each", self.by)
    }
}

impl Check for HeightAdvances {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let marks: Vec<Vec<Mark>> =
            view.nodes.iter().map(|node| marks(view, node, view.start, self.by)).collect();
        let observed = per_node(view.nodes, |node| describe(view, node, view.start));
        let passed = |_| format!("rose, and stayed for {}", crate::text::short(view.hold));
        decide_or_blame(view, held(&marks, view), observed, passed, wrong)
    }

    fn blocks(&self) -> Option<u64> {
        Some(self.by)
    }
}

/// What is wrong with a sample, other than that its height is too low.
pub(super) fn wrong(sample: &Sample) -> Option<String> {
    wrong_answer(&sample.node, &sample.height, "height")
}

/// The height that an advance is measured from: the node's first after `from`.
pub(super) fn baseline(samples: &[Sample]) -> Option<u64> {
    samples.iter().find_map(|sample| sample.height.value().copied())
}

/// What each sample says about "risen by so much since the first after `from`".
pub(super) fn marks(view: &View<'_>, node: &str, from: Moment, by: u64) -> Vec<Mark> {
    let samples = view.samples(node, from);
    // A height so large that the sum does not exist is never reached.
    let target = baseline(samples).and_then(|baseline| baseline.checked_add(by));
    samples
        .iter()
        .map(|sample| {
            // Without a target nothing is reached: no baseline, no pass.
            let says =
                Holds::of(&sample.height, |height| target.is_some_and(|target| *height >= target));
            Mark { sent: sample.sent, answered: sample.answered, says }
        })
        .collect()
}

/// `12 → 17 (+5)`, and what the last answer was if it was none.
pub(super) fn describe(view: &View<'_>, node: &str, from: Moment) -> String {
    let samples = view.samples(node, from);
    let Some(last) = samples.last() else {
        return "not asked yet".to_owned();
    };
    match (baseline(samples), &last.height) {
        (_, Reading::Missing(miss)) => miss.to_string(),
        (None, Reading::Value(height)) => height.to_string(),
        (Some(first), Reading::Value(height)) => {
            let change = i128::from(*height) - i128::from(first);
            format!("{first} → {height} ({change:+})")
        }
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "height-advances",
    about: "each node gets new blocks",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "the best height is that much above the first one seen after the check's start",
    missing: "fails",
    example: r#"[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 2
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody mines",
            scenario: &[WITHOUT_MINERS, HEIGHT_OF_NODES],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
        Control {
            name: "a node stays at its height",
            scenario: &[THREE_NODES, HEIGHT_OF_NODES],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "chain_getHeader",
                how: How::StaysAtTheFirst,
            }]),
            wanted: Wanted::Check(Fail, "(+0)"),
        },
        Control {
            name: "a node says null",
            scenario: &[THREE_NODES, HEIGHT_OF_NODES],
            disturbance: Disturbance::Lies(&[node_1_says("chain_getHeader", "null")]),
            wanted: Wanted::Check(Fail, "node-1 answered null"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "by",
    takes: Takes::Number(1),
    given: Given::Always,
    about: "blocks that each must gain",
}];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<HeightAdvances> {
    table.require("by", problems);
    Some(HeightAdvances { by: table.number("by", 1, problems)?.value.into() })
}

impl Written for HeightAdvances {
    type Condition = HeightAdvances;

    fn resolve(&self, _: &Context<'_>) -> HeightAdvances {
        *self
    }
}

const HEIGHT_OF_NODES: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "peers"
nodes = "node"
more_than = 1
within = "15s"
for = "1s"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 2
within = "8s"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::{CheckVerdict, Miss},
    };

    const BY_FIVE: CheckKind = CheckKind::HeightAdvances(HeightAdvances { by: 5 });

    fn height(of: impl Fn(u64) -> u64) -> impl Fn(u64, &mut Sample) {
        move |at, sample| sample.height = Reading::Value(of(at))
    }

    fn verdict(seen: &Seen) -> (CheckVerdict, String) {
        let finding = seen.verdict(&BY_FIVE, &["node-1"], 1000);
        (finding.verdict, finding.observed)
    }

    #[test]
    fn rises_from_the_first_sample_after_the_start() {
        // 100 at the start, one block a second: five more at 6 s, and 2 s to show that they stay.
        let seen = Seen::default().poll("node-1", 0, 11_000, height(|at| 99 + at / 1000));
        let finding = seen.verdict(&BY_FIVE, &["node-1"], 1000);
        assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(6005))));
    }

    #[test]
    fn what_rose_before_the_start_does_not_count() {
        let seen =
            Seen::default().poll("node-1", 0, 11_000, height(|at| if at < 1000 { 0 } else { 100 }));
        assert_eq!(verdict(&seen), (CheckVerdict::Fail, "node-1: 100 → 100 (+0)".to_owned()));
    }

    #[test]
    fn four_of_five_is_no_pass() {
        let seen = Seen::default().poll("node-1", 0, 11_000, height(|at| (at / 1000).min(5)));
        assert_eq!(verdict(&seen), (CheckVerdict::Fail, "node-1: 1 → 5 (+4)".to_owned()));
    }

    #[test]
    fn a_reorganisation_downwards_breaks_the_span() {
        let seen = Seen::default().poll(
            "node-1",
            0,
            11_000,
            height(|at| if at % 2000 < 1000 { 20 } else { 10 }),
        );
        assert_eq!(verdict(&seen).0, CheckVerdict::Fail);
        let down_for_good =
            Seen::default().poll("node-1", 0, 11_000, height(|at| if at < 2000 { 20 } else { 12 }));
        assert_eq!(
            verdict(&down_for_good),
            (CheckVerdict::Fail, "node-1: 20 → 12 (-8)".to_owned())
        );
    }

    #[test]
    fn a_height_that_never_came_is_no_height_of_zero() {
        let seen = Seen::default().poll("node-1", 0, 11_000, |at, sample| {
            sample.height =
                if at < 6000 { Reading::Missing(Miss::Null) } else { Reading::Value(10) };
        });
        assert_eq!(verdict(&seen), (CheckVerdict::Fail, "node-1: 10 → 10 (+0)".to_owned()));
    }

    #[test]
    fn a_window_that_ends_with_a_wrong_answer_fails_for_that() {
        let seen = Seen::default().poll("node-1", 0, 11_000, |at, sample| {
            sample.height =
                if at < 9_000 { Reading::Value(10) } else { Reading::Missing(Miss::Null) };
        });
        let finding = seen.verdict(&BY_FIVE, &["node-1"], 1000);
        assert_eq!(
            (finding.verdict, finding.reason.as_str()),
            (CheckVerdict::Fail, "node-1 answered null when it was asked for its height")
        );
    }

    #[test]
    fn the_largest_height_does_not_overflow() {
        let seen = Seen::default().poll("node-1", 0, 11_000, height(|_| u64::MAX));
        let check = CheckKind::HeightAdvances(HeightAdvances { by: 1 });
        let finding = seen.verdict(&check, &["node-1"], 1000);
        assert_eq!(finding.observed, format!("node-1: {0} → {0} (+0)", u64::MAX));
        assert_eq!(finding.verdict, CheckVerdict::Fail);
    }
}
