//! What a comparison was asked for: all that its runs follow from.

use serde::{Deserialize, Serialize};

use crate::{bundle::Sha256Hex, gate::ledger::seed_of};

/// The format that this harness writes.
pub const VERSION: u32 = 1;

/// The most runs of each build: more would take weeks, and see differences that nobody minds.
pub const MOST_RUNS: u64 = 1000;

/// A build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Build {
    /// A file of this host. It must not change between two runs.
    Binary {
        /// What people call it.
        name: String,
        /// Where it is.
        path: String,
        /// What it was at the beginning.
        sha256: Sha256Hex,
    },
    /// An image of the engine.
    Image(String),
}

impl Build {
    /// What people call it.
    pub fn name(&self) -> &str {
        match self {
            Self::Binary { name, .. } => name,
            Self::Image(name) => name,
        }
    }
}

/// The first line: all that the runs follow from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// [`VERSION`].
    pub version: u32,
    /// Wall clock, RFC 3339.
    pub started: String,
    /// What is compared.
    pub a: Build,
    /// With what.
    pub b: Build,
    /// In which scenarios: shipped names or absolute paths.
    pub scenarios: Vec<String>,
    /// Runs of each build in each scenario.
    pub runs: u64,
    /// What every run's seed follows from.
    pub seed: u64,
    /// What the command line said about each run, as `harness scenario` takes it.
    pub arguments: Vec<String>,
}

impl Asked {
    /// What both builds draw from in a run.
    pub fn seed_of(&self, scenario: usize, run: u64) -> u64 {
        seed_of(self.seed, scenario, run)
    }
}
