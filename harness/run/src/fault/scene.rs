//! What a driver has to do with, and what its step may come to.

use std::time::Duration;

use harness_core::{event::Moment, fault::lines::Lines, text::short};

use crate::{logs::Logs, provider::ProviderError, testbed::Testbed, watch};

/// Between two looks at a proof.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// What a driver has to do with.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) bed: &'a Testbed,
    pub(crate) logs: &'a Logs,
    /// Whom the fault hits.
    pub(crate) nodes: &'a [String],
    /// For a node to serve RPC again. A node that replays a long chain may need a while; a silent
    /// one fails.
    pub(crate) prove_back: Duration,
    /// Stretches the time for the proof.
    pub(crate) timeout_factor: f64,
    /// The run's: what is drawn at random follows from it.
    pub(crate) seed: u64,
    /// The lines that are not open: now, and after the step.
    pub(crate) lines: (&'a Lines, &'a Lines),
}

impl Scene<'_> {
    /// So long, stretched as the run is.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        usual.mul_f64(self.timeout_factor.max(1.0))
    }

    /// All of its nodes should be running.
    pub(crate) fn is_up(&self) -> bool {
        self.nodes.iter().all(|node| self.bed.is_up(node))
    }

    /// The first of its nodes that runs, by the last word on it, and has not answered lately, as what
    /// failed. One that is still frozen is not to blame for its silence.
    pub(crate) fn silent(&self, since: &str, patience: Duration) -> Option<FaultError> {
        let mut running = self.nodes.iter().filter(|node| watch::runs(node, self.bed));
        let node = running.find(|node| !watch::answers(node, self.bed, patience))?;
        let reason = format!("its RPC was silent for {} after {since}", short(patience));
        Some(FaultError::Broken { node: node.clone(), reason })
    }
}

/// A step of a fault that was done and looked at.
pub(crate) struct Proven {
    /// From when it counts.
    pub(crate) since: Moment,
    /// Evidence, for people; none, if that is still to be looked for.
    pub(crate) proof: String,
    /// How long to look for a proof.
    pub(crate) patience: Duration,
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
        patience: Duration::ZERO,
        proof: proofs.into_iter().map(|proof| proof.proof).collect::<Vec<_>>().join("; "),
    }
}
