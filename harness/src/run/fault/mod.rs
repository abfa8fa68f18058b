//! Faults: what is done to nodes, and the proof from outside that it happened. One file each.
//!
//! A fault has two steps, `take effect` and `heal`, each with its proof. Between them lies the time
//! that the scenario wants. A run that ends in between heals nothing by itself: its nodes are
//! removed, or, if they are kept, `Testbed::heal` starts what is down.

pub(crate) mod restart;

use harness_core::event::Moment;

use crate::provider::ProviderError;

/// A step of a fault that was done and proven.
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
