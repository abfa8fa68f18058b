//! What rounds of block hashes say: for the checks that compare chains.

use std::collections::BTreeSet;

use super::{View, hold::Holds, per_node};
use crate::event::{HashRound, Moment, Reading};

/// The height that is `depth` below every named node's tip, by answers that are fresh: where hashes
/// can be compared now.
pub(super) fn deepest(view: &View<'_>, depth: u64) -> Option<u64> {
    let tips = view.nodes.iter().map(|node| tip(view, node, view.now - view.fresh, view.now));
    tips.collect::<Option<Vec<u64>>>()?.into_iter().min()?.checked_sub(depth)
}

/// Whether the round's height was `depth` below every named node's tip when it was asked for: rounds
/// of other checks are in the same history.
pub(super) fn is_deep(view: &View<'_>, round: &HashRound, depth: u64) -> bool {
    let deep = |tip: u64| round.height.checked_add(depth).is_some_and(|needed| needed <= tip);
    let tip = |node: &String| tip(view, node, round.sent - view.fresh, round.answered);
    view.nodes.iter().all(|node| tip(node).is_some_and(deep))
}

/// The round asked these nodes and nobody else: one that also waited for a node that hangs says nothing
/// about these in time.
pub(super) fn is_of(round: &HashRound, nodes: &[String]) -> bool {
    round.hashes.len() == nodes.len() && nodes.iter().all(|node| round.hashes.contains_key(node))
}

/// Whether these nodes have one hash.
pub(super) fn agree(round: &HashRound, nodes: &[String]) -> Holds {
    let mut hashes = BTreeSet::new();
    let mut says = Holds::Yes;
    for node in nodes {
        let Some(reading) = round.hashes.get(node) else {
            return Holds::Unknown;
        };
        says = says.and(Holds::of(reading, |_| true));
        hashes.extend(reading.value());
    }
    if hashes.len() > 1 { Holds::No } else { says }
}

/// A node's last height between two moments.
pub(super) fn tip(view: &View<'_>, node: &str, from: Moment, to: Moment) -> Option<u64> {
    let samples = view.history.samples(node, view.start, to.min(view.now));
    samples
        .iter()
        .rev()
        .take_while(|sample| sample.answered >= from)
        .find_map(|sample| sample.height.value().copied())
}

/// What a round showed; `agreed`: the nodes have one hash, which then is said once.
pub(super) fn describe(round: &HashRound, nodes: &[String], agreed: bool) -> String {
    let of = |node: &str| match round.hashes.get(node) {
        Some(Reading::Value(hash)) => hash.clone(),
        Some(Reading::Missing(miss)) => miss.to_string(),
        None => "not asked".to_owned(),
    };
    let said = match nodes.first() {
        Some(first) if agreed => of(first),
        Some(_) | None => per_node(nodes, of),
    };
    format!("height {}: {said}", round.height)
}

/// Two named nodes with different hashes in a round, if there are any.
pub(super) fn differ<'a>(round: &HashRound, nodes: &'a [String]) -> Option<(&'a str, &'a str)> {
    let hash = |node: &String| round.hashes.get(node).and_then(Reading::value);
    let (first, known) = nodes.iter().find_map(|node| Some((node, hash(node)?)))?;
    let other = nodes.iter().find(|node| hash(node).is_some_and(|hash| hash != known))?;
    Some((first, other))
}
