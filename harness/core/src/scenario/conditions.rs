//! What the faults of a scenario leave its nodes in, followed from the first to the last: the same for
//! whoever refuses a scenario and for whoever plans it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

use crate::fault::{Condition, Course, FaultKind};

/// The nodes behind each name that a file may use. `*` is all of them but adversaries.
#[derive(Debug, Default)]
pub(super) struct Selectors {
    pub(super) names: BTreeMap<String, Vec<String>>,
    /// Adversaries, and whether each starts later.
    pub(super) hostile: BTreeMap<String, bool>,
}

impl Selectors {
    /// What it names is an adversary.
    pub(super) fn is_hostile(&self, name: &str) -> bool {
        let named = self.names.get(name).and_then(|nodes| nodes.first());
        named.is_some_and(|node| self.hostile.contains_key(node))
    }
}

impl Deref for Selectors {
    type Target = BTreeMap<String, Vec<String>>;

    fn deref(&self) -> &Self::Target {
        &self.names
    }
}

/// The condition of every node that is not simply up.
#[derive(Debug, Default)]
pub(super) struct Conditions(BTreeMap<String, BTreeSet<Condition>>);

impl Conditions {
    /// As a run begins: these are not started.
    pub(super) fn at_start(later: impl IntoIterator<Item = String>) -> Self {
        Self(later.into_iter().map(|node| (node, BTreeSet::from([Condition::Absent]))).collect())
    }

    /// What a node is in.
    pub(super) fn of(&self, node: &str) -> impl Iterator<Item = Condition> {
        self.0.get(node).into_iter().flatten().copied()
    }

    /// Why a node would not answer, if it would not.
    pub(super) fn silent(&self, node: &str) -> Option<Condition> {
        self.of(node).find(|condition| !condition.answers())
    }

    /// How many nodes are not to be seen by others.
    pub(super) fn gone(&self) -> usize {
        self.0.keys().filter(|node| self.silent(node).is_some()).count()
    }

    /// All nodes that are in one of these.
    pub(super) fn nodes_in(&self, conditions: &[Condition]) -> Vec<String> {
        let is_in = |held: &BTreeSet<Condition>| conditions.iter().any(|one| held.contains(one));
        self.0.iter().filter(|(_, held)| is_in(held)).map(|(node, _)| node.clone()).collect()
    }

    /// After a fault, its heal included if it heals by itself.
    pub(super) fn after(&mut self, kind: &FaultKind, nodes: &[String]) {
        match kind.course() {
            Course::Stays if kind.condition() == Condition::Up => {}
            Course::Stays => {
                for node in nodes {
                    self.0.entry(node.clone()).or_default().insert(kind.condition());
                }
            }
            Course::Ends => {
                let ended = kind.ends();
                for node in nodes {
                    if let Some(held) = self.0.get_mut(node) {
                        held.retain(|condition| !ended.contains(condition));
                    }
                }
                self.0.retain(|_, held| !held.is_empty());
            }
            Course::Heals(_) | Course::Once => {}
        }
    }
}
