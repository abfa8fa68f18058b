//! The plan: what a scenario means, with every name resolved and every default filled in. Made only
//! of a file without errors; holds no address, those are the provider's.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::within::Within;
use crate::{
    attached::Attached,
    check::{CheckKind, FRESH, Needs, UNKNOWN, When},
    fault::{Capability, FaultKind, Planned, Timeline},
    hostile::{Hostile, MOST_PEERS},
    node::{NodeSource, source},
    profile::NodeProfile,
    seconds,
};

/// What the command line changes in a scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Overrides {
    /// `--nodes`.
    pub nodes: Option<u32>,
    /// What nodes run whose group names nothing else.
    #[serde(with = "source")]
    pub source: NodeSource,
    /// `--timeout-factor`: stretches every `within` and the scenario's timeout.
    pub timeout_factor: f64,
    /// `--seed`, or what was drawn instead.
    pub seed: u64,
    /// `--node-profile`; else what a node says that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Box<NodeProfile>>,
    /// `attach`: nodes that run already, in place of the scenario's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
}

impl Overrides {
    /// How much longer than usual the harness waits for answers, and takes them for fresh. Less than
    /// usual is not patience: it would blame nodes.
    pub fn patience(&self) -> f64 {
        self.timeout_factor.max(1.0)
    }
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            nodes: None,
            source: NodeSource::Workspace,
            timeout_factor: 1.0,
            seed: 0,
            profile: None,
            attached: None,
        }
    }
}

/// A scenario, ready to be run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The folder's or file's name.
    pub scenario: String,
    /// In one sentence.
    pub description: String,
    /// About how long a run of it is.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub takes: Option<Duration>,
    /// Words by which it is picked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The file that was read.
    pub path: PathBuf,
    /// The file's text, for the evidence.
    pub text: String,
    /// What was changed in it.
    pub overrides: Overrides,
    /// Everything that a run draws at random follows from it.
    pub seed: u64,
    /// From the last node's start to the last check, beside windows that are left open.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// The network that the scenario wants.
    pub subnet: Option<String>,
    /// The mean time between two blocks.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub block_time: Option<Duration>,
    /// `HEGEMON_SEEDS` has the seeds' names instead of their addresses.
    #[serde(default, skip_serializing_if = "is_false")]
    pub seeds_by_name: bool,
    /// In the order of the file.
    pub nodes: Vec<NodePlan>,
    /// In order.
    pub phases: Vec<PhasePlan>,
}

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodePlan {
    /// `seed`, `node-1`.
    pub name: String,
    /// Goes into everybody's `HEGEMON_SEEDS`.
    pub seed: bool,
    /// Who is in its own `HEGEMON_SEEDS`, if that is not every seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Vec<String>>,
    /// Mines.
    pub mine: bool,
    /// Nobody else can dial it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// Added last.
    pub env: BTreeMap<String, String>,
    /// Appended.
    pub args: Vec<String>,
    /// What is run.
    #[serde(with = "source")]
    pub source: NodeSource,
    /// It is started by a `join`, and not with the others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub later: bool,
    /// It is an adversary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostile: Option<Hostile>,
}

/// One phase.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PhasePlan {
    /// As written.
    pub name: String,
    /// In order, one after another.
    pub faults: Vec<FaultPlan>,
    /// All at once, as soon as each may start.
    pub checks: Vec<CheckPlan>,
}

/// One fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultPlan {
    /// What is done, with its own keys.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// As written: a node, a group or `*`; empty for a fault that names nodes by keys of its own.
    pub selector: String,
    /// To whom.
    pub nodes: Vec<String>,
    /// How long the nodes may take to answer again: as long as the phase's most patient check, and
    /// 30 s at least.
    #[serde(with = "seconds")]
    pub prove_back: Duration,
    /// It begins when the fault before it is in effect, and is over before that is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub with_previous: bool,
    /// It begins no earlier than this after its phase: a storm drew it so.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub at: Option<Duration>,
}

/// One check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckPlan {
    /// What it looks for.
    #[serde(flatten)]
    pub kind: CheckKind,
    /// As written: a node, a group or `*`.
    pub selector: String,
    /// At whom it looks.
    pub nodes: Vec<String>,
    /// Deadline, from its start.
    pub within: Within,
    /// How long the condition must hold.
    #[serde(with = "seconds", rename = "for")]
    pub hold: Duration,
    /// When it starts.
    pub when: When,
}

impl Plan {
    /// All its faults, before the first of them.
    pub fn timeline(&self) -> Timeline {
        let name = |node: &NodePlan| node.name.clone();
        let later = self.nodes.iter().filter(|node| node.later && node.hostile.is_none());
        let later: Vec<String> = later.map(name).collect();
        let phases = self.phases.iter().map(PhasePlan::planned);
        Timeline::new(phases.collect(), self.network(), &later)
    }

    /// All nodes that are no adversaries, in their order.
    pub fn network(&self) -> Vec<String> {
        let nodes = self.nodes.iter().filter(|node| node.hostile.is_none());
        nodes.map(|node| node.name.clone()).collect()
    }

    /// All adversaries, in their order.
    pub fn adversaries(&self) -> Vec<String> {
        let nodes = self.nodes.iter().filter(|node| node.hostile.is_some());
        nodes.map(|node| node.name.clone()).collect()
    }

    /// Who is in a node's `HEGEMON_SEEDS`, in the order of the file: all seeds, itself included, or those that it has
    /// instead.
    pub fn seeds_of<'a>(&'a self, node: &'a NodePlan) -> impl Iterator<Item = &'a str> {
        let is_seed = move |other: &&NodePlan| match &node.seeds {
            Some(seeds) => seeds.contains(&other.name),
            None => other.seed,
        };
        self.nodes.iter().filter(is_seed).map(|node| node.name.as_str())
    }

    /// Peers that a node may have beside the other nodes.
    pub fn strangers(&self) -> usize {
        match self.overrides.attached {
            Some(_) => UNKNOWN,
            None => self.adversaries().len() * MOST_PEERS,
        }
    }

    /// What a node may be started as, later than at first.
    pub fn upgrades(&self, node: &str) -> Vec<NodeSource> {
        let faults = self.phases.iter().flat_map(|phase| &phase.faults);
        let of = faults.filter(|fault| fault.nodes.iter().any(|name| name == node));
        let mut sources: Vec<NodeSource> =
            of.filter_map(|fault| fault.kind.upgrade()).cloned().collect();
        sources.dedup();
        sources
    }

    /// How old a sample may be to say something about now.
    pub fn fresh(&self) -> Duration {
        let usual = self.overrides.attached.as_ref().map_or(FRESH, Attached::fresh);
        usual.mul_f64(self.overrides.patience())
    }

    /// What a provider must be able to do for it.
    pub fn needs(&self) -> BTreeSet<Capability> {
        let faults = self.phases.iter().flat_map(|phase| &phase.faults);
        // Where all nodes share one loopback, it hides nobody.
        let hidden = self.nodes.iter().any(|node| node.hidden).then_some(Capability::Lines);
        let checks = self.phases.iter().flat_map(|phase| &phase.checks);
        let counts = checks.filter(|check| check.kind.entry().needs == Needs::Dials);
        let counted = counts.map(|_| Capability::Dials);
        faults.flat_map(|fault| fault.kind.needs()).chain(hidden).chain(counted).collect()
    }
}

impl PhasePlan {
    /// Its faults, for a timeline.
    pub fn planned(&self) -> Vec<Planned> {
        let planned = |fault: &FaultPlan| Planned {
            kind: fault.kind.clone(),
            nodes: fault.nodes.clone(),
            with_previous: fault.with_previous,
        };
        self.faults.iter().map(planned).collect()
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}
