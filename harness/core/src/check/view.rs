//! What a check may look at, and what it may answer.

use std::time::Duration;

use crate::{
    event::{CheckId, CheckVerdict, Finding, Moment, Sample},
    history::{FaultSpan, History},
};

/// A sample older than this says nothing about now. The larger of two poll intervals and 2 s; our
/// poll intervals are at most 500 ms, so it is always the latter. A run that was asked for patience
/// stretches it, as it stretches the time for an answer.
pub const FRESH: Duration = Duration::from_secs(2);

/// Peers that may be there beside the nodes, where nobody knows how large the network is.
pub const UNKNOWN: usize = 1 << 20;

/// What a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Whose: what only this check asked for is found by it.
    pub id: CheckId,
    /// Everything observed so far.
    pub history: &'a History,
    /// The named nodes.
    pub nodes: &'a [String],
    /// All nodes of the network.
    pub network: &'a [String],
    /// Peers that a node may have beside those: adversaries' sessions.
    pub strangers: usize,
    /// Start of the check.
    pub start: Moment,
    /// Its deadline.
    pub deadline: Moment,
    /// How long the condition must hold.
    pub hold: Duration,
    /// How old a sample may be: [`FRESH`], stretched by the run's patience.
    pub fresh: Duration,
    /// Now, at most the deadline.
    pub now: Moment,
    /// The last fault that took effect.
    pub fault: Option<&'a FaultSpan>,
}

impl<'a> View<'a> {
    /// Nodes that a node may have as its peers, itself among them: more are impossible.
    pub fn most(&self) -> usize {
        if self.strangers >= UNKNOWN { self.crowd() } else { self.network.len() }
    }

    /// One more than the peers that a node may have. Adversaries have as many identities as they like,
    /// and a node cannot know whom of its peers to leave out: their every session is counted in.
    pub fn crowd(&self) -> usize {
        self.network.len() + self.strangers
    }

    /// A node's samples that were asked for since `from` and answered by now.
    pub fn samples(&self, node: &str, from: Moment) -> &'a [Sample] {
        self.history.samples(node, from, self.now)
    }

    /// The deadline has passed.
    pub fn is_over(&self) -> bool {
        self.now >= self.deadline
    }
}

/// Nothing can be said.
pub(super) fn inconclusive(reason: String, observed: String) -> Judgement {
    Judgement::Settled(Finding {
        verdict: CheckVerdict::Inconclusive,
        reason,
        observed,
        held_since: None,
    })
}

/// It has held since then.
pub(super) fn passed(reason: String, observed: String, since: Moment) -> Judgement {
    Judgement::Settled(Finding {
        verdict: CheckVerdict::Pass,
        reason,
        observed,
        held_since: Some(since),
    })
}

/// A check's answer to one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Not decided yet.
    Pending {
        /// What is seen now, for the impatient.
        seen: String,
        /// The height at which it needs every named node's block hash.
        wants_hash_at: Option<u64>,
    },
    /// Decided.
    Settled(Finding),
}
