//! `plan.json`: what was asked for, what it came to mean, and where it ran.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::Plan;

/// `plan.json`: what was asked for, what it came to mean, and where it ran.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlanRecord {
    /// [`crate::event::FORMAT_VERSION`].
    pub version: u32,
    /// The harness's own version.
    pub harness: String,
    /// The run's ID.
    pub run: String,
    /// What the command line said beside the scenario.
    pub asked: Asked,
    /// The machine that ran the harness.
    pub host: Host,
    /// What was run.
    pub plan: Plan,
    /// What every node was started with; empty if it did not come to that.
    pub launches: Vec<Launch>,
    /// The provider's facts: engine, images, binaries; `null` if it did not come to that.
    pub facts: serde_json::Value,
}

/// What a node was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The node.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
}

/// What a run was asked for beside its scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// `--provider`; none for a provider that is none of ours.
    pub provider: Option<String>,
    /// `--node-profile`.
    pub profile: Option<String>,
    /// `--network`; none if it was left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// `--keep`.
    pub keep: bool,
}

/// The machine that runs the harness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system.
    pub os: String,
    /// Its release.
    pub kernel: String,
    /// Of the processor.
    pub architecture: String,
    /// Cores that we may use.
    pub cores: usize,
    /// Installed memory, where it can be learnt.
    pub memory_bytes: Option<u64>,
}
