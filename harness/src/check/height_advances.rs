//! `height-advances`: every named node's best height rose by so much since the first fresh sample after the check's start.

use std::fmt;

use serde::Serialize;

use super::{
    Judgement, View, decide,
    hold::{Mark, Says, held},
    per_node,
};
use crate::event::{Moment, Reading, Sample};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HeightAdvances {
    /// Blocks.
    pub by: u64,
}

impl fmt::Display for HeightAdvances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "height +{} each", self.by)
    }
}

impl HeightAdvances {
    pub(super) fn judge(&self, view: &View<'_>) -> Judgement {
        let marks: Vec<Vec<Mark>> = view.nodes.iter().map(|node| marks(view, node, view.start, self.by)).collect();
        let observed = per_node(view.nodes, |node| describe(view, node, view.start));
        decide(view, held(&marks, view.hold, view.now), observed, |_| format!("rose, and stayed for {}", super::short(view.hold)))
    }
}

/// The height that an advance is measured from: the node's first after `from`.
pub(super) fn baseline(samples: &[Sample]) -> Option<u64> {
    samples.iter().find_map(|sample| sample.height.value().copied())
}

/// What each sample says about "risen by so much since the first after `from`".
pub(super) fn marks(view: &View<'_>, node: &str, from: Moment, by: u64) -> Vec<Mark> {
    let samples = view.samples(node, from);
    let target = baseline(samples).map(|baseline| baseline.saturating_add(by));
    samples
        .iter()
        .map(|sample| {
            // Without a baseline there is no value anywhere, so nothing is ever compared.
            let says = Says::of(&sample.height, |height| target.is_some_and(|target| *height >= target));
            Mark { sent: sample.sent, answered: sample.answered, says }
        })
        .collect()
}

/// `12 → 17 (+5)`, and what the last answer was if it was none.
pub(super) fn describe(view: &View<'_>, node: &str, from: Moment) -> String {
    let samples = view.samples(node, from);
    let Some(last) = samples.last() else { return "not asked yet".to_owned() };
    match (baseline(samples), &last.height) {
        (_, Reading::Missing(miss)) => miss.to_string(),
        (None, Reading::Value(height)) => height.to_string(),
        (Some(first), Reading::Value(height)) => {
            let change = i128::from(*height) - i128::from(first);
            format!("{first} → {height} ({change:+})")
        }
    }
}
