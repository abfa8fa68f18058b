//! What a driver has to do with, and what its step may come to.

use std::time::Duration;

use harness_core::event::Moment;

use crate::{provider::ProviderError, run::testbed::Testbed};

/// Between two looks at a proof.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// What a driver has to do with.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) bed: &'a Testbed,
    /// Whom the fault hits.
    pub(crate) nodes: &'a [String],
    /// For a node to serve RPC again. A node that replays a long chain may need a while; a silent
    /// one fails.
    pub(crate) prove_back: Duration,
    /// Stretches the time for the proof.
    pub(crate) timeout_factor: f64,
}

/// A step of a fault that was done and looked at.
pub(crate) struct Proven {
    /// From when it counts.
    pub(crate) since: Moment,
    /// Evidence, for people.
    pub(crate) proof: String,
}

/// Why a fault could not be done and proven.
#[derive(Debug)]
pub(crate) enum FaultError {
    /// No evidence that it happened: nothing can be concluded.
    Unproven(String),
    /// The provider failed.
    Environment(ProviderError),
    /// The node had ended by itself before anything was done to it.
    Ended { node: String, code: Option<i64>, signal: Option<i64> },
    /// The node did not do what it must after a fault; that is its failure, not ours.
    Broken { node: String, reason: String },
}

impl From<ProviderError> for FaultError {
    fn from(error: ProviderError) -> Self {
        Self::Environment(error)
    }
}

/// In effect from when the last one is.
pub(super) fn joined(proofs: Vec<Proven>) -> Proven {
    let since = proofs.iter().map(|proof| proof.since).max().unwrap_or_default();
    Proven {
        since,
        proof: proofs.into_iter().map(|proof| proof.proof).collect::<Vec<_>>().join("; "),
    }
}
