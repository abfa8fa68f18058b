//! What a soak was asked for: all that its windows follow from.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    document::Problems,
    fault::Course,
    gate::ledger::seed_of,
    scenario::{Origin, Overrides, Plan, load},
    seconds,
    statistics::Confidence,
};

/// The format that this harness writes.
pub const VERSION: u32 = 1;

/// Windows times nodes: each takes less than 230 bytes of the 256 MiB that a ledger may have.
const MOST_SEEN: u64 = 1_000_000;

/// What must never be reached: by what was seen, or within a week by how it grows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Resident bytes of a node.
    pub memory: u64,
    /// Open descriptors of a node.
    pub descriptors: u64,
    /// Bytes that a node has logged.
    pub log: u64,
    /// Blocks that two branches are apart from where they agreed.
    pub fork: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 2 << 30, descriptors: 1024, log: 10 << 30, fork: 100 }
    }
}

/// The first line of a ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// [`VERSION`].
    pub version: u32,
    /// Wall clock, RFC 3339.
    pub started: String,
    /// The scenario's name.
    pub scenario: String,
    /// Where its file was.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// What the command line changed in it; its seed is the soak's.
    pub overrides: Overrides,
    /// How much time has to pass a window's judgement.
    #[serde(with = "seconds")]
    pub lasts: Duration,
    /// How long a window is, at least.
    #[serde(with = "seconds")]
    pub window: Duration,
    /// What must not be reached.
    pub limits: Limits,
    /// Where nodes run, as the command line has it.
    pub provider: String,
    /// Where processes live, as the command line has it.
    pub network: Option<String>,
}

impl Asked {
    /// How many windows there will be: the least number that is long enough.
    pub fn windows(&self) -> u64 {
        (self.lasts.as_secs_f64() / self.window.as_secs_f64().max(0.001)).ceil().max(1.0) as u64
    }

    /// Why nobody could go on with it: its ledger would be too large to be read.
    pub fn too_many(&self, nodes: usize) -> Option<String> {
        let lines = self.windows().saturating_mul(nodes as u64);
        (lines > MOST_SEEN).then(|| {
            let window = self.lasts.as_secs_f64() * nodes as f64 / MOST_SEEN as f64;
            format!(
                "{} windows of {nodes} nodes are more than a ledger can have; take --window {}s or longer",
                self.windows(),
                window.ceil()
            )
        })
    }

    /// How sure each of so many statements a window has to be, for all that are ever made to be right at once.
    pub fn confidence(&self, statements: usize) -> Confidence {
        let windows = usize::try_from(self.windows()).unwrap_or(usize::MAX);
        Confidence::USUAL.among(statements.max(1).saturating_mul(windows))
    }

    /// What a window draws from.
    pub fn seed_of(&self, window: u64) -> u64 {
        seed_of(self.overrides.seed, 0, window)
    }

    /// What is run in a window: the whole scenario, with a storm of its own.
    pub fn plan(&self, window: u64) -> (Option<Plan>, Problems) {
        let overrides = Overrides { seed: self.seed_of(window), ..self.overrides.clone() };
        let origin = Origin { name: &self.scenario, path: &self.path };
        load(origin, self.text.clone(), &overrides)
    }
}

/// Why a scenario cannot be gone through again and again on one network.
pub fn unrepeatable(plan: &Plan) -> Option<String> {
    if let Some(node) = plan.adversaries().first() {
        return Some(format!("{node} is an adversary, and a soak is of honest nodes"));
    }
    if let Some(node) = plan.nodes.iter().find(|node| node.later) {
        return Some(format!("{} joins later, which it can do once", node.name));
    }
    let faults = plan.phases.iter().flat_map(|phase| &phase.faults);
    let lasting = faults.into_iter().find(|fault| !matches!(fault.kind.course(), Course::Heals(_)));
    if let Some(fault) = lasting {
        let name = fault.kind.name();
        return Some(format!(
            "the fault `{name}` leaves something behind, and the next window begins where this one ended: a soak takes faults that heal by themselves"
        ));
    }
    let checks = plan.phases.iter().flat_map(|phase| &phase.checks);
    (checks.count() == 0).then(|| "it has no check, so no window could pass".to_owned())
}
