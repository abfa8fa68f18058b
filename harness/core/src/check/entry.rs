//! What there is to know of a kind of check beside its judgement, in one place: how it is written,
//! what it needs, what people read about it, and its negative controls.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use super::{
    rule::impossible,
    view::{Judgement, View},
};
use crate::{
    control::Controls,
    document::{At, Given, Key, Problems, Takes},
};

/// A kind of check.
pub struct CheckEntry {
    /// As scenarios write it.
    pub name: &'static str,
    /// What it asks, in one line.
    pub about: &'static str,
    /// Its own keys, beside [`COMMON`].
    pub keys: &'static [Key],
    /// What of its window it needs.
    pub window: Window,
    /// What must be observed for it.
    pub needs: Needs,
    /// When it holds.
    pub holds: &'static str,
    /// What missing data means.
    pub missing: &'static str,
    /// As a scenario has it.
    pub example: &'static str,
    /// What it must notice.
    pub controls: Controls,
}

/// What of its window a check needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Its condition must hold for a part of it, `for`.
    Part,
    /// It is about the window as a whole: it cannot pass before the deadline, and takes no `for`.
    Whole,
    /// What it looks for need only be seen once: it takes no `for`.
    Once,
}

/// What must be observed beside the samples that every node gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Samples,
    /// A method of the node that a foreign one need not offer; inconclusive without it.
    Method(&'static str),
    /// The nodes' lists of sessions ([`crate::event::EventKind::Sessions`]), asked for with this method;
    /// inconclusive without it.
    Sessions(&'static str),
    /// The nodes' word on whether they are in sync ([`crate::event::Sample::syncing`]).
    Syncing,
    /// Lines of the nodes' logs ([`crate::event::EventKind::Log`]).
    Log,
    /// The nodes' pages of metrics, which they are told to serve.
    Metrics,
    /// How often the nodes try to connect, which not every provider can count.
    Dials,
    /// What the nodes use ([`crate::event::EventKind::Resources`]).
    Resources,
}

/// When a check starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// When the phase's last fault has healed, or at once if it has none.
    AfterFaults,
    /// When the phase's last fault took effect.
    DuringFault,
}

/// Keys that every check takes, in the order in which people read them.
pub const COMMON: &[Key] = &[
    Key { name: "check", takes: Takes::Text, given: Given::Always, about: "the check" },
    Key {
        name: "nodes",
        takes: Takes::Text,
        given: Given::Always,
        about: "a node (`node-1`), a group (`node`) or `*`",
    },
    Key {
        name: "within",
        takes: Takes::Window,
        given: Given::Always,
        about: "the deadline, from the check's start; `\"auto\"`, for checks about blocks: what a healthy chain of the network's block time needs 999 times of 1000",
    },
    Key {
        name: "for",
        takes: Takes::Duration,
        given: Given::Else("`\"2s\"`"),
        about: "how long the condition must hold, for all nodes at once",
    },
    Key {
        name: "during",
        takes: Takes::Word(&["fault"]),
        given: Given::Else("after the phase's faults"),
        about: "the check runs while the phase's last fault lasts",
    },
];

impl CheckEntry {
    /// A method that a foreign node need not offer, without which the check is inconclusive.
    pub fn needs_method(&self) -> Option<&'static str> {
        match self.needs {
            Needs::Method(method) | Needs::Sessions(method) => Some(method),
            Needs::Samples
            | Needs::Syncing
            | Needs::Log
            | Needs::Metrics
            | Needs::Dials
            | Needs::Resources => None,
        }
    }

    /// The common keys that it takes.
    pub fn common(&self) -> Vec<Key> {
        let takes = |key: &&Key| key.name != "for" || self.window == Window::Part;
        COMMON.iter().filter(takes).copied().collect()
    }
}

impl fmt::Debug for CheckEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CheckEntry").field(&self.name).finish()
    }
}

/// A check's condition: judged, and said in words.
pub(super) trait Check: fmt::Display {
    /// What else there is to know of it.
    fn entry(&self) -> &'static CheckEntry;

    /// Judges a view.
    fn judge(&self, view: &View<'_>) -> Judgement;

    /// How many new blocks it waits for.
    fn blocks(&self) -> Option<u64> {
        None
    }

    /// Nodes beside the named ones, whose block hashes it needs as well.
    fn others(&self) -> &[String] {
        &[]
    }
}

/// A check's own keys as written: what is left out and depends on the rest of the scenario is still
/// open.
pub(super) trait Written: fmt::Debug {
    /// What it looks for, once that is known.
    type Condition;

    /// Holds what cannot be right where it stands.
    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        let _ = (place, problems);
    }

    /// What it looks for.
    fn resolve(&self, context: &Context<'_>) -> Self::Condition;
}

/// Where a check stands in its scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its table.
    pub(crate) span: &'a Range<usize>,
    /// Its `nodes`, if they were written.
    pub(crate) selector: Option<&'a At<String>>,
    /// The nodes behind each name.
    pub(crate) names: &'a BTreeMap<String, Vec<String>>,
    /// The nodes that they name; none if nobody knows them.
    pub(crate) named: &'a [String],
    /// All nodes.
    pub(crate) network: &'a [String],
    /// Its `within`, if it was written.
    pub(crate) within: Option<&'a At<Duration>>,
    /// Its `during = "fault"`, if it was written.
    pub(crate) during: Option<&'a Range<usize>>,
    /// A fault of this phase or an earlier one heals before it.
    pub(crate) after_a_heal: bool,
    /// There may be nodes that nobody knows.
    pub(crate) open: bool,
    /// How many of them are down, and stay.
    pub(crate) down: usize,
    /// The nodes of the last fault before it.
    pub(crate) hit: Option<&'a [String]>,
    /// That fault is in the check's own phase.
    pub(crate) hit_here: bool,
}

/// What the meaning of a check depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// A fault has healed before it starts.
    pub(crate) after_a_heal: bool,
    /// All seeds of the network.
    pub(crate) seeds: &'a [String],
    /// The nodes behind each name.
    pub(crate) names: &'a BTreeMap<String, Vec<String>>,
}

impl Place<'_> {
    /// A number of peers that no network of this size has.
    pub(super) fn warn_if_impossible(&self, least: &At<u64>, problems: &mut Problems) {
        if self.open {
            return;
        }
        if let Some(why) = impossible(least.value, self.network.len() - self.down) {
            problems.warning(least.span.clone(), format!("cannot pass: {why}"));
        }
    }

    /// A check that compares nodes: `why` one alone says nothing.
    pub(super) fn must_be_several(&self, what: &str, why: &str, problems: &mut Problems) {
        if let (Some(selector), [_]) = (self.selector, self.named) {
            problems.error_hint(
                selector.span.clone(),
                format!("{what} of one node says nothing: {why}"),
                "name two nodes or more",
            );
        }
    }

    /// A check about the time after a fault, which `span` asks for.
    pub(super) fn must_follow_a_heal(
        &self,
        what: &str,
        during: &str,
        span: &Range<usize>,
        problems: &mut Problems,
    ) {
        if let Some(at) = self.during {
            problems.error(at.clone(), format!("{what} {during}, so it cannot run during it"));
        } else if !self.after_a_heal {
            problems.error(
                span.clone(),
                format!("{what} without a fault that heals in this phase or an earlier one"),
            );
        }
    }
}
