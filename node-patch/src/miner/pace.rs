//! How fast the miner works.

use crate::chain::DEV_HASHES_PER_SECOND;

/// How fast a searcher works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// [`DEV_HASHES_PER_SECOND`]: for dev chains.
    Dev,
    /// So many hashes per second, in 40 bursts: for chains of another difficulty.
    Steady(u32),
    /// As fast as the core goes.
    Unlimited,
}

impl Pace {
    /// Hashes per second, if that is bounded.
    #[must_use]
    pub fn hashes_per_second(self) -> Option<u32> {
        match self {
            Self::Dev => Some(DEV_HASHES_PER_SECOND),
            Self::Steady(rate) => Some(rate),
            Self::Unlimited => None,
        }
    }
}
