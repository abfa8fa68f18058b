//! `same-chain`: the named nodes have one block hash at a height that is new (above every height seen before the fault healed, or before the check) and settled (`depth` below
//! every tip). Disagreement is looked at again until the deadline.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{
    FRESH, Judgement, View, decide,
    hold::{Mark, Says, held},
    per_node,
};
use crate::event::{HashRound, Moment, Reading};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SameChain {
    /// Blocks below every tip: the last ones may still change.
    pub depth: u64,
    /// What the height must be above.
    pub above: Above,
}

/// Which heights count as old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Above {
    /// All that any node had before the last fault was proven healed.
    Fault,
    /// All that any node had before this check started.
    Start,
}

impl fmt::Display for SameChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = match self.above {
            Above::Fault => "the fault healed",
            Above::Start => "the check",
        };
        write!(f, "one hash at a height from after {old}, {} below every tip", self.depth)
    }
}

impl SameChain {
    pub(super) fn judge(&self, view: &View<'_>) -> Judgement {
        let floor = self.floor(view);
        let rounds: Vec<&HashRound> = view
            .history
            .hash_rounds(view.start, view.deadline)
            .iter()
            .filter(|round| round.height > floor && view.nodes.iter().all(|node| round.hashes.contains_key(node)))
            .collect();
        let marks: Vec<Mark> =
            rounds.iter().map(|round| Mark { sent: round.sent, answered: round.answered, says: agree(round, view.nodes) }).collect();
        let wanted = self.wanted(view, floor);
        let observed = match rounds.last() {
            Some(round) => describe(round, view.nodes),
            None => format!("no height above {floor} is {} below every tip yet ({})", self.depth, heights(view)),
        };
        match decide(view, held(&[marks], view.hold, view.now), observed, |_| format!("agreed for {}", super::short(view.hold))) {
            Judgement::Pending { seen, wants_hash_at: _ } => Judgement::Pending { seen, wants_hash_at: wanted },
            settled @ Judgement::Settled(_) => settled,
        }
    }

    /// Every height up to here was there before.
    fn floor(&self, view: &View<'_>) -> u64 {
        let before = match self.above {
            Above::Start => view.start,
            Above::Fault => view.fault.and_then(|fault| fault.proven).unwrap_or(view.start),
        };
        view.history.highest_before(before).unwrap_or(0)
    }

    /// The height at which hashes can be compared now.
    fn wanted(&self, view: &View<'_>, floor: u64) -> Option<u64> {
        let lowest_tip = view.nodes.iter().map(|node| tip(view, node)).collect::<Option<Vec<u64>>>()?.into_iter().min()?;
        lowest_tip.checked_sub(self.depth).filter(|height| *height > floor)
    }
}

/// A node's height, if it was seen lately.
fn tip(view: &View<'_>, node: &str) -> Option<u64> {
    let fresh: Moment = view.now - FRESH;
    view.samples(node, view.start).iter().rev().take_while(|sample| sample.answered >= fresh).find_map(|sample| sample.height.value().copied())
}

fn agree(round: &HashRound, nodes: &[String]) -> Says {
    let mut hashes = BTreeSet::new();
    let mut says = Says::Yes;
    for node in nodes {
        let Some(reading) = round.hashes.get(node) else { return Says::Nothing };
        says = says.and(Says::of(reading, |_| true));
        hashes.extend(reading.value());
    }
    if hashes.len() > 1 { Says::No } else { says }
}

fn describe(round: &HashRound, nodes: &[String]) -> String {
    if agree(round, nodes) == Says::Yes {
        let hash = nodes.first().and_then(|node| round.hashes.get(node)).and_then(Reading::value).map_or("", String::as_str);
        return format!("height {}: {hash}", round.height);
    }
    let by_node = per_node(nodes, |node| match round.hashes.get(node) {
        Some(Reading::Value(hash)) => hash.clone(),
        Some(Reading::Missing(miss)) => miss.to_string(),
        None => "not asked".to_owned(),
    });
    format!("height {}: {by_node}", round.height)
}

fn heights(view: &View<'_>) -> String {
    per_node(view.nodes, |node| tip(view, node).map_or_else(|| "no fresh height".to_owned(), |height| height.to_string()))
}
