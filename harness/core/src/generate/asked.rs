//! What is asked of a generated scenario.

use serde::{Deserialize, Serialize};

use crate::fault::Capability;

/// Changes whenever a seed gives another text than before.
pub const VERSION: u32 = 3;

/// The fewest nodes of a generated network: with two there is nothing to find out about addresses.
pub const FEWEST_NODES: u32 = 3;

/// The most. Above nine a node need not be everybody's peer, and a machine for tests has few cores.
pub const MOST_NODES: u32 = 30;

/// The most faults, so that a run ends within an hour.
pub const MOST_FAULTS: u32 = 20;

/// What follows a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Everything is drawn from it.
    pub seed: u64,
    /// At most so many nodes, adversaries not counted; [`FEWEST_NODES`] to [`MOST_NODES`].
    pub nodes: u32,
    /// At most so many faults, a `stop` and its `start` counted as one; up to [`MOST_FAULTS`].
    pub faults: u32,
    /// Where it is to run.
    pub place: Where,
}

/// Where a scenario is to run, and so which faults it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// Processes in network namespaces.
    Process,
    /// Containers.
    Docker,
}

impl Where {
    /// As `--provider` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Docker => "docker",
        }
    }

    /// A provider of this kind can do it. By kind and not by what this machine says, so that a seed's text
    /// is the same everywhere.
    pub(super) fn can(self, what: Capability) -> bool {
        match what {
            Capability::Restart
            | Capability::Kill
            | Capability::Pause
            | Capability::Lines
            | Capability::BadLines
            | Capability::State
            | Capability::Changes
            | Capability::Dials => true,
            Capability::LimitMemory | Capability::LimitCpu => self == Self::Docker,
            Capability::LimitFiles | Capability::Occupy | Capability::Names => {
                self == Self::Process
            }
        }
    }
}
