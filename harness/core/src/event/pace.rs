//! How fast the network's blocks come, and whose word that is.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::text::short;

/// How fast the network's blocks come: what windows of checks about blocks follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// The mean time between two blocks, in milliseconds.
    pub block_time_ms: u64,
    /// Whose word it is.
    pub by: PaceBy,
}

/// Whose word on the block time it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaceBy {
    /// The scenario's (`[network] block_time`).
    Scenario,
    /// The nodes' profile: the slowest one's, if there are several.
    Profile(String),
    /// Nobody's: as slow a chain as is known. A window that is too long is unfair to nobody.
    Assumed,
}

impl Pace {
    /// What is assumed where nobody says it.
    pub const ASSUMED: Self = Self { block_time_ms: 60_000, by: PaceBy::Assumed };

    /// The mean time between two blocks.
    pub fn block_time(&self) -> Duration {
        Duration::from_millis(self.block_time_ms)
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one block in {} (", short(self.block_time()))?;
        match &self.by {
            PaceBy::Scenario => f.write_str("the scenario's block time)"),
            PaceBy::Profile(name) => write!(f, "profile `{name}`)"),
            PaceBy::Assumed => f.write_str("assumed: neither the scenario nor a profile says it)"),
        }
    }
}
