//! Faults: how each is done. What it is, and what proves it, is in `harness_core::fault`; here is
//! the IO, one driver each.
//!
//! | module | what it is |
//! | --- | --- |
//! | `restart`, `stop`, `start`, `kill` | the drivers |
//! | `ending`, `returning` | what they share: nodes that go down, and nodes that come back |
//!
//! A run that ends while a fault lasts heals nothing by itself: its nodes are removed, or, if they
//! are kept, `Testbed::heal` starts what is down.

mod ending;
mod kill;
mod restart;
mod returning;
mod start;
mod stop;

use std::time::Duration;

use harness_core::{event::Moment, fault::FaultKind};

use super::testbed::Testbed;
use crate::provider::ProviderError;

/// Between two looks at a proof.
const LOOK: Duration = Duration::from_millis(50);

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

/// Does it, and waits until it is seen to be in effect.
pub(crate) async fn take_effect(kind: &FaultKind, scene: Scene<'_>) -> Result<Proven, FaultError> {
    match kind {
        FaultKind::Restart(_) => restart::take_effect(scene).await,
        FaultKind::Stop(_) => stop::take_effect(scene).await,
        FaultKind::Kill(_) => kill::take_effect(scene).await,
        FaultKind::Start(_) => Err(FaultError::Unproven("a start only ends a fault".to_owned())),
    }
}

/// Undoes it, and waits until that is seen.
pub(crate) async fn heal(kind: &FaultKind, scene: Scene<'_>) -> Result<Proven, FaultError> {
    match kind {
        FaultKind::Restart(_) => restart::heal(scene).await,
        FaultKind::Start(_) => start::heal(scene).await,
        FaultKind::Kill(_) => kill::heal(scene).await,
        FaultKind::Stop(_) => Err(FaultError::Unproven("a stop is ended by a start".to_owned())),
    }
}

/// In effect from when the last one is.
fn joined(proofs: Vec<Proven>) -> Proven {
    let since = proofs.iter().map(|proof| proof.since).max().unwrap_or_default();
    Proven {
        since,
        proof: proofs.into_iter().map(|proof| proof.proof).collect::<Vec<_>>().join("; "),
    }
}
