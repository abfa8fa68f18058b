//! The plan: what a scenario means, with every name resolved and every default filled in. Made only of a file without errors; holds no address, those are the provider's.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{
    file::{GroupFile, PhaseFile, ScenarioFile},
    problem::Problems,
    step::{CheckFile, FaultFile},
    validate::{Selectors, node_names, override_count, validate},
};
use crate::{check::CheckKind, provider::NodeSource};

/// How long a condition must hold if `for` is not written.
pub(super) const DEFAULT_HOLD: Duration = Duration::from_secs(2);

/// For a node that was started again to answer.
pub(super) const LEAST_PROVE_BACK: Duration = Duration::from_secs(30);

/// A scenario file is a page of text; more is a mistake (a database, a device).
const LARGEST_FILE: u64 = 1024 * 1024;

/// What the command line changes in a scenario.
#[derive(Debug, Clone)]
pub struct Overrides {
    /// `--nodes`.
    pub nodes: Option<u32>,
    /// What nodes run whose group names nothing else.
    pub source: NodeSource,
    /// `--timeout-factor`: stretches every `within` and the scenario's timeout.
    pub timeout_factor: f64,
}

impl Default for Overrides {
    fn default() -> Self {
        Self { nodes: None, source: NodeSource::Workspace, timeout_factor: 1.0 }
    }
}

/// A scenario, ready to be run.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The folder's or file's name.
    pub scenario: String,
    /// In one sentence.
    pub description: String,
    /// The file that was read.
    pub path: PathBuf,
    /// The file's text, for the evidence.
    pub text: String,
    /// From the last node's start to the last check.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// The network that the scenario wants.
    pub subnet: Option<String>,
    /// In the order of the file.
    pub nodes: Vec<NodePlan>,
    /// In order.
    pub phases: Vec<PhasePlan>,
}

/// One node.
#[derive(Debug, Clone, Serialize)]
pub struct NodePlan {
    /// `seed`, `node-1`.
    pub name: String,
    /// Goes into everybody's `HEGEMON_SEEDS`.
    pub seed: bool,
    /// Mines.
    pub mine: bool,
    /// Added last.
    pub env: BTreeMap<String, String>,
    /// Appended.
    pub args: Vec<String>,
    /// What is run.
    #[serde(serialize_with = "source_text")]
    pub source: NodeSource,
}

/// One phase.
#[derive(Debug, Clone, Serialize)]
pub struct PhasePlan {
    /// As written.
    pub name: String,
    /// In order, one after another.
    pub faults: Vec<FaultPlan>,
    /// All at once, as soon as each may start.
    pub checks: Vec<CheckPlan>,
}

/// One fault.
#[derive(Debug, Clone, Serialize)]
pub struct FaultPlan {
    /// What is done.
    pub fault: FaultKind,
    /// As written: a node, a group or `*`.
    pub selector: String,
    /// To whom.
    pub nodes: Vec<String>,
    /// At least this long.
    #[serde(with = "seconds")]
    pub downtime: Duration,
    /// How long the nodes may take to answer again: as long as the phase's most patient check, and 30 s at least.
    #[serde(with = "seconds")]
    pub prove_back: Duration,
}

/// What can be done to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Stop, keep down, start again.
    Restart,
}

impl FaultKind {
    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart => "restart",
        }
    }
}

/// When a check starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// When the phase's last fault has healed (at once if there is none).
    AfterFaults,
    /// When the phase's last fault took effect.
    DuringFault,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct CheckPlan {
    /// What it looks for.
    #[serde(flatten)]
    pub kind: CheckKind,
    /// As written: a node, a group or `*`.
    pub selector: String,
    /// At whom it looks.
    pub nodes: Vec<String>,
    /// Deadline, from its start.
    #[serde(with = "seconds")]
    pub within: Duration,
    /// How long the condition must hold.
    #[serde(with = "seconds", rename = "for")]
    pub hold: Duration,
    /// When it starts.
    pub when: When,
}

/// Reads a scenario. The problems hold warnings if there is a plan, and at least one error if there is none.
pub fn load(path: &Path, overrides: &Overrides) -> (Option<Plan>, Problems) {
    let text = match read(path) {
        Ok(text) => text,
        Err(why) => {
            let mut problems = Problems::new(path.to_owned(), String::new());
            problems.error_file(format!("cannot be read: {why}"));
            return (None, problems);
        }
    };
    let mut problems = Problems::new(path.to_owned(), text.clone());
    let (mut file, syntax) = ScenarioFile::read(&text, &mut problems);
    if let Some(count) = overrides.nodes {
        override_count(&mut file, count, &mut problems);
    }
    let selectors = validate(&file, &mut problems);
    problems.after_syntax_errors(syntax);
    let plan = (!problems.refused()).then(|| resolve(file, &selectors, path, text, overrides));
    (plan, problems.sorted())
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = fs::metadata(path).map_err(|why| why.to_string())?;
    if !metadata.is_file() {
        return Err("not a file".to_owned());
    }
    if metadata.len() > LARGEST_FILE {
        return Err(format!("larger than {LARGEST_FILE} bytes"));
    }
    fs::read_to_string(path).map_err(|why| why.to_string())
}

fn resolve(file: ScenarioFile, selectors: &Selectors, path: &Path, text: String, overrides: &Overrides) -> Plan {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut fault_before = false;
    let timeout = file.timeout.unwrap_or_else(|| default_timeout(&file.phases)).mul_f64(overrides.timeout_factor);
    let phases = file
        .phases
        .into_iter()
        .map(|phase| {
            fault_before |= !phase.faults.is_empty();
            phase_plan(phase, selectors, fault_before, overrides)
        })
        .collect();
    Plan {
        scenario: super::shipped::scenario_name(path),
        description: file.description,
        path: path.to_owned(),
        text,
        timeout,
        subnet: file.subnet.map(|subnet| subnet.value),
        nodes: file.groups.into_iter().flat_map(|group| node_plans(group, folder, overrides)).collect(),
        phases,
    }
}

/// Time for everything that the phases may take: their most patient checks, during faults and after them, the faults' downtimes, and what they take to be done and proven.
fn default_timeout(phases: &[PhaseFile]) -> Duration {
    const LEAST: Duration = Duration::from_secs(5 * 60);
    const MARGIN: Duration = Duration::from_secs(60);
    let is_during = |check: &CheckFile| check.during.is_some();
    let of = |phase: &PhaseFile| {
        let faults: Duration = phase.faults.iter().map(|fault| fault.downtime + phase.longest(|_| true).max(LEAST_PROVE_BACK)).sum();
        phase.longest(is_during) + phase.longest(|check| !is_during(check)) + faults
    };
    LEAST.max(phases.iter().map(of).sum::<Duration>() + MARGIN)
}

/// Asked only of a file without errors, in which every required key was read.
const CHECKED: &str = "a file without errors has every required key";

fn node_plans(group: GroupFile, folder: &Path, overrides: &Overrides) -> Vec<NodePlan> {
    let name = group.name.expect(CHECKED).value;
    let source = match (group.image, group.bin) {
        (Some(image), _) => NodeSource::Image(image.value),
        // Relative to the file that says it, wherever the user stands.
        (None, Some(bin)) => NodeSource::Binary(folder.join(bin.value)),
        (None, None) => overrides.source.clone(),
    };
    let env: BTreeMap<String, String> = group.env.into_iter().map(|(name, value)| (name, value.value)).collect();
    let args = group.args.map_or_else(Vec::new, |args| args.value);
    node_names(&name, group.count.map(|count| count.value))
        .into_iter()
        .map(|name| NodePlan { name, seed: group.seed, mine: group.mine, env: env.clone(), args: args.clone(), source: source.clone() })
        .collect()
}

fn phase_plan(phase: PhaseFile, selectors: &Selectors, fault_before: bool, overrides: &Overrides) -> PhasePlan {
    let prove_back = phase.longest(|_| true).max(LEAST_PROVE_BACK).mul_f64(overrides.timeout_factor);
    PhasePlan {
        name: phase.name,
        faults: phase.faults.into_iter().map(|fault| fault_plan(fault, selectors, prove_back)).collect(),
        checks: phase.checks.into_iter().map(|check| check_plan(check, selectors, fault_before, overrides)).collect(),
    }
}

fn fault_plan(fault: FaultFile, selectors: &Selectors, prove_back: Duration) -> FaultPlan {
    let selector = fault.nodes.expect(CHECKED).value;
    FaultPlan { fault: FaultKind::Restart, nodes: selectors[&selector].clone(), selector, downtime: fault.downtime, prove_back }
}

fn check_plan(check: CheckFile, selectors: &Selectors, fault_before: bool, overrides: &Overrides) -> CheckPlan {
    let selector = check.nodes.expect(CHECKED).value;
    let when = check.during.map_or(When::AfterFaults, |during| during.value);
    // While a fault lasts nothing has healed: heights are measured from the check's own start.
    let healed = fault_before && when == When::AfterFaults;
    CheckPlan {
        kind: check.kind.expect(CHECKED).resolve(healed),
        nodes: selectors[&selector].clone(),
        selector,
        within: check.within.expect(CHECKED).value.mul_f64(overrides.timeout_factor),
        hold: check.hold.map_or(DEFAULT_HOLD, |hold| hold.value),
        when,
    }
}

fn source_text<S: serde::Serializer>(source: &NodeSource, serializer: S) -> Result<S::Ok, S::Error> {
    match source {
        NodeSource::Workspace => serializer.serialize_str("workspace"),
        NodeSource::Binary(path) => serializer.collect_str(&format_args!("bin {}", path.display())),
        NodeSource::Image(image) => serializer.collect_str(&format_args!("image {image}")),
    }
}

/// Durations in the evidence are seconds with a fraction.
mod seconds {
    use std::time::Duration;

    pub(super) fn serialize<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }
}
