//! `peers`: every named node has enough peers, by its own count and, where it offers `system_peers`, by distinct peer IDs.

use std::fmt;

use serde::Serialize;

use super::{
    Judgement, View, decide, fail,
    hold::{Mark, Says, held},
    per_node,
};
use crate::event::{Moment, Reading, Sample};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Peers {
    /// How many peers each needs.
    #[serde(flatten)]
    pub needed: PeersNeeded,
}

/// How many, as the scenario says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
            PeersNeeded::MoreThan(n) => write!(f, "more than {n} peers each"),
            PeersNeeded::AtLeast(n) => write!(f, "at least {n} peers each"),
        }
    }
}

impl Peers {
    pub(super) fn judge(&self, view: &View<'_>) -> Judgement {
        let least = self.needed.least();
        let most = view.network.len().saturating_sub(1) as u64;
        if least > most {
            let reason = format!("impossible: {} nodes have at most {most} peers each", view.network.len());
            return Judgement::Settled(fail(reason, describe_all(view)));
        }
        let marks: Vec<Vec<Mark>> = view.nodes.iter().map(|node| marks(view, node, view.start, least)).collect();
        decide(view, held(&marks, view.hold, view.now), describe_all(view), |_| format!("held for {}{}", super::short(view.hold), own_count(view)))
    }
}

/// What each sample says about "at least so many peers, and not more than there can be".
pub(super) fn marks(view: &View<'_>, node: &str, from: Moment, least: u64) -> Vec<Mark> {
    let most = view.network.len().saturating_sub(1) as u64;
    view.samples(node, from)
        .iter()
        .map(|sample| Mark { sent: sample.sent, answered: sample.answered, says: says(sample, least, most) })
        .collect()
}

fn says(sample: &Sample, least: u64, most: u64) -> Says {
    let enough = |count: &u64| (least..=most).contains(count);
    let own = Says::of(&sample.peers, enough);
    match &sample.distinct {
        Some(distinct) => own.and(Says::of(distinct, enough)),
        None => own,
    }
}

fn describe_all(view: &View<'_>) -> String {
    per_node(view.nodes, |node| view.samples(node, view.start).last().map_or_else(|| "not asked yet".to_owned(), describe))
}

/// A sample's peers in words.
pub(super) fn describe(sample: &Sample) -> String {
    match (&sample.peers, &sample.distinct) {
        (Reading::Missing(miss), _) => miss.to_string(),
        (Reading::Value(peers), None) => format!("{peers} by its own count"),
        (Reading::Value(peers), Some(Reading::Value(distinct))) if peers == distinct => format!("{peers}"),
        (Reading::Value(peers), Some(Reading::Value(distinct))) => format!("{peers} by its own count, {distinct} distinct"),
        (Reading::Value(peers), Some(Reading::Missing(miss))) => format!("{peers} by its own count, system_peers {miss}"),
    }
}

/// Says whose word it is where nobody else's was to be had.
fn own_count(view: &View<'_>) -> String {
    let own: Vec<&str> = view
        .nodes
        .iter()
        .filter(|node| view.samples(node, view.start).last().is_some_and(|sample| sample.distinct.is_none()))
        .map(String::as_str)
        .collect();
    match own.len() {
        0 => ", distinct peer IDs agree".to_owned(),
        n if n == view.nodes.len() => ", by the node's own count".to_owned(),
        _ => format!(", by the node's own count for {}", own.join(", ")),
    }
}
