//! The plan: what a scenario means, with every name resolved and every default filled in. Made only
//! of a file without errors; holds no address, those are the provider's.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    file::{GroupFile, PhaseFile, ScenarioFile},
    problem::Problems,
    step::{CheckFile, FaultFile},
    validate::{Selectors, node_names, override_count, validate},
};
use crate::{check::CheckKind, node::NodeSource};

/// How long a condition must hold if `for` is not written.
pub(super) const DEFAULT_HOLD: Duration = Duration::from_secs(2);

/// For a node that was started again to answer.
pub(super) const LEAST_PROVE_BACK: Duration = Duration::from_secs(30);

/// A scenario file is a page of text; more is a mistake (a database, a device).
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// What a timeout factor is.
pub const TIMEOUT_FACTOR: &str = "a number above 0, at most 1000";

/// Whether it is one.
pub fn is_timeout_factor(factor: f64) -> bool {
    factor > 0.0 && factor <= 1000.0
}

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
}

impl Default for Overrides {
    fn default() -> Self {
        Self { nodes: None, source: NodeSource::Workspace, timeout_factor: 1.0, seed: 0 }
    }
}

/// A scenario, ready to be run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The folder's or file's name.
    pub scenario: String,
    /// In one sentence.
    pub description: String,
    /// The file that was read.
    pub path: PathBuf,
    /// The file's text, for the evidence.
    pub text: String,
    /// What was changed in it.
    pub overrides: Overrides,
    /// Everything that a run draws at random follows from it.
    pub seed: u64,
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
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    #[serde(with = "source")]
    pub source: NodeSource,
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
    /// What is done.
    pub fault: FaultKind,
    /// As written: a node, a group or `*`.
    pub selector: String,
    /// To whom.
    pub nodes: Vec<String>,
    /// At least this long.
    #[serde(with = "seconds")]
    pub downtime: Duration,
    /// How long the nodes may take to answer again: as long as the phase's most patient check, and
    /// 30 s at least.
    #[serde(with = "seconds")]
    pub prove_back: Duration,
}

/// What can be done to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Stop, keep down, start again.
    Restart,
}

impl FaultKind {
    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        crate::fault::registration(self).name
    }
}

/// When a check starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// When the phase's last fault has healed (at once if there is none).
    AfterFaults,
    /// When the phase's last fault took effect.
    DuringFault,
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
    #[serde(with = "seconds")]
    pub within: Duration,
    /// How long the condition must hold.
    #[serde(with = "seconds", rename = "for")]
    pub hold: Duration,
    /// When it starts.
    pub when: When,
}

/// Where a scenario comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Its name: the folder's or file's.
    pub name: &'a str,
    /// The file that was read; binaries are looked for beside it.
    pub path: &'a Path,
}

/// The plan that the recorded text of another one gives with these overrides: the file itself may
/// have changed since, or be gone.
pub fn load_again(recorded: &Plan, overrides: &Overrides) -> (Option<Plan>, Problems) {
    let origin = Origin { name: &recorded.scenario, path: &recorded.path };
    load(origin, recorded.text.clone(), overrides)
}

/// The plan that a scenario's text gives. The problems hold warnings if there is a plan, and at least
/// one error if there is none.
pub fn load(origin: Origin<'_>, text: String, overrides: &Overrides) -> (Option<Plan>, Problems) {
    let path = origin.path;
    let refused = |why: String| {
        let mut problems = Problems::new(path.to_owned(), String::new());
        problems.error_file(why);
        (None, problems)
    };
    if text.len() as u64 > LARGEST_FILE {
        return refused(format!("larger than {LARGEST_FILE} bytes"));
    }
    // The command line sees to that; a recorded plan may say anything.
    if !is_timeout_factor(overrides.timeout_factor) {
        return refused(format!(
            "a timeout factor of {}: {TIMEOUT_FACTOR}",
            overrides.timeout_factor
        ));
    }
    let mut problems = Problems::new(path.to_owned(), text.clone());
    let (mut file, syntax) = ScenarioFile::read(&text, &mut problems);
    if let Some(count) = overrides.nodes {
        override_count(&mut file, count, &mut problems);
    }
    let selectors = validate(&file, &mut problems);
    problems.after_syntax_errors(syntax);
    let plan = (!problems.refused()).then(|| resolve(file, &selectors, origin, text, overrides));
    (plan, problems.sorted())
}

fn resolve(
    file: ScenarioFile,
    selectors: &Selectors,
    origin: Origin<'_>,
    text: String,
    overrides: &Overrides,
) -> Plan {
    let folder = origin.path.parent().unwrap_or(Path::new("."));
    let mut fault_before = false;
    let seeds: Vec<String> = seeds(&file.groups).collect();
    let timeout = file
        .timeout
        .unwrap_or_else(|| default_timeout(&file.phases))
        .mul_f64(overrides.timeout_factor);
    let phases = file
        .phases
        .into_iter()
        .map(|phase| {
            fault_before |= !phase.faults.is_empty();
            phase_plan(phase, Context { selectors, seeds: &seeds, fault_before }, overrides)
        })
        .collect();
    Plan {
        scenario: origin.name.to_owned(),
        description: file.description,
        path: origin.path.to_owned(),
        text,
        overrides: overrides.clone(),
        seed: overrides.seed,
        timeout,
        subnet: file.subnet.map(|subnet| subnet.value),
        nodes: file
            .groups
            .into_iter()
            .flat_map(|group| node_plans(group, folder, overrides))
            .collect(),
        phases,
    }
}

/// Time for everything that the phases may take: their most patient checks, during faults and after
/// them, the faults' downtimes, and what they take to be done and proven.
fn default_timeout(phases: &[PhaseFile]) -> Duration {
    const LEAST: Duration = Duration::from_secs(5 * 60);
    const MARGIN: Duration = Duration::from_secs(60);
    let is_during = |check: &CheckFile| check.during.is_some();
    let of = |phase: &PhaseFile| {
        let faults: Duration = phase
            .faults
            .iter()
            .map(|fault| fault.downtime + phase.longest(|_| true).max(LEAST_PROVE_BACK))
            .sum();
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
    let env: BTreeMap<String, String> =
        group.env.into_iter().map(|(name, value)| (name, value.value)).collect();
    let args = group.args.map_or_else(Vec::new, |args| args.value);
    node_names(&name, group.count.map(|count| count.value))
        .into_iter()
        .map(|name| NodePlan {
            name,
            seed: group.seed,
            mine: group.mine,
            env: env.clone(),
            args: args.clone(),
            source: source.clone(),
        })
        .collect()
}

/// What the meaning of a phase depends on.
#[derive(Clone, Copy)]
struct Context<'a> {
    selectors: &'a Selectors,
    seeds: &'a [String],
    /// A fault is in this phase or an earlier one.
    fault_before: bool,
}

fn seeds(groups: &[GroupFile]) -> impl Iterator<Item = String> {
    let seeds = groups.iter().filter(|group| group.seed);
    seeds
        .filter_map(|group| {
            Some(node_names(
                &group.name.as_ref()?.value,
                group.count.as_ref().map(|count| count.value),
            ))
        })
        .flatten()
}

fn phase_plan(phase: PhaseFile, context: Context<'_>, overrides: &Overrides) -> PhasePlan {
    let prove_back =
        phase.longest(|_| true).max(LEAST_PROVE_BACK).mul_f64(overrides.timeout_factor);
    PhasePlan {
        name: phase.name,
        faults: phase
            .faults
            .into_iter()
            .map(|fault| fault_plan(fault, context.selectors, prove_back))
            .collect(),
        checks: phase
            .checks
            .into_iter()
            .map(|check| check_plan(check, context, overrides))
            .collect(),
    }
}

fn fault_plan(fault: FaultFile, selectors: &Selectors, prove_back: Duration) -> FaultPlan {
    let selector = fault.nodes.expect(CHECKED).value;
    FaultPlan {
        fault: FaultKind::Restart,
        nodes: selectors[&selector].clone(),
        selector,
        downtime: fault.downtime,
        prove_back,
    }
}

fn check_plan(check: CheckFile, context: Context<'_>, overrides: &Overrides) -> CheckPlan {
    let selector = check.nodes.expect(CHECKED).value;
    let when = check.during.map_or(When::AfterFaults, |during| during.value);
    // While a fault lasts nothing has healed: heights are measured from the check's own start.
    let healed = context.fault_before && when == When::AfterFaults;
    let kind = check.kind.expect(CHECKED).resolve(healed, context.seeds);
    let within = check.within.expect(CHECKED).value.mul_f64(overrides.timeout_factor);
    CheckPlan {
        hold: if kind.needs_whole_window() {
            within
        } else {
            check.hold.map_or(DEFAULT_HOLD, |hold| hold.value)
        },
        kind,
        nodes: context.selectors[&selector].clone(),
        selector,
        within,
        when,
    }
}

/// What is run, in the evidence.
mod source {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::node::NodeSource;

    pub(super) fn serialize<S: Serializer>(
        source: &NodeSource,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match source {
            NodeSource::Workspace => serializer.serialize_str("workspace"),
            NodeSource::Binary(path) => {
                serializer.collect_str(&format_args!("bin {}", path.display()))
            }
            NodeSource::Image(image) => serializer.collect_str(&format_args!("image {image}")),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NodeSource, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(' ') {
            None if text == "workspace" => Ok(NodeSource::Workspace),
            Some(("bin", path)) => Ok(NodeSource::Binary(path.into())),
            Some(("image", image)) => Ok(NodeSource::Image(image.to_owned())),
            None | Some(_) => {
                Err(D::Error::custom(format_args!("`{text}` is no source of a node")))
            }
        }
    }
}

/// Durations in the evidence are seconds with a fraction.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::testing::three_node;

    const ALL: &str = r#"
[scenario]
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
image = "node:1"
[[nodes]]
name = "node"
count = 2
mine = true
bin = "bin/node"
env = { A = "b" }
args = ["--x"]
[[phases]]
name = "one"
checks = [
    { check = "peers", nodes = "*", more_than = 1, within = "7s" },
    { check = "peers", nodes = "node", at_least = 1, within = "7s", for = "333ms" },
    { check = "height-advances", nodes = "seed", by = 2, within = "60s" },
    { check = "alive", nodes = "*", within = "10s" },
]
[[phases]]
name = "two"
faults = [{ fault = "restart", nodes = "seed", downtime = "1500ms" }]
checks = [
    { check = "height-advances", nodes = "node", by = 2, within = "60s", during = "fault" },
    { check = "same-chain", nodes = "*", within = "60s" },
    { check = "same-chain", nodes = "*", above = "start", depth = 0, within = "60s" },
    { check = "recovers", nodes = "*", peers_at_least = 2, within = "60s" },
    { check = "recovers", nodes = "*", height_by = 2, within = "60s" },
]
"#;

    fn plan(overrides: &Overrides) -> Plan {
        let (plan, problems) = load(
            Origin { name: "where", path: Path::new("/some/where.toml") },
            ALL.to_owned(),
            overrides,
        );
        plan.unwrap_or_else(|| panic!("{problems}"))
    }

    fn json(plan: &Plan) -> String {
        serde_json::to_string_pretty(plan).unwrap()
    }

    #[test]
    fn a_plan_with_everything_survives_the_evidence() {
        let overrides = Overrides {
            nodes: Some(4),
            source: NodeSource::Binary("/x y".into()),
            timeout_factor: 1.3,
            seed: u64::MAX,
        };
        let plan = plan(&overrides);
        let read: Plan = serde_json::from_str(&json(&plan)).unwrap();
        assert_eq!(json(&read), json(&plan));
        assert_eq!(format!("{read:?}"), format!("{plan:?}"), "and nothing of it is only in memory");
        let (again, _) = load_again(&read, &read.overrides);
        assert_eq!(json(&again.unwrap()), json(&plan));
    }

    /// A recorded plan may say anything.
    #[test]
    fn a_timeout_factor_that_is_none_is_refused() {
        let plan = three_node();
        for factor in [-1.0, 0.0, 1e300, f64::INFINITY, f64::NAN] {
            let (again, problems) =
                load_again(&plan, &Overrides { timeout_factor: factor, ..Overrides::default() });
            assert!(
                again.is_none() && problems.to_string().contains("a number above 0, at most 1000"),
                "{factor}: {problems}"
            );
        }
        let large = Plan { text: " ".repeat(2 * 1024 * 1024), ..plan };
        assert!(
            load_again(&large, &Overrides::default())
                .1
                .to_string()
                .contains("larger than 1048576 bytes")
        );
    }

    #[test]
    fn a_plan_that_means_nothing_is_refused() {
        let good = json(&plan(&Overrides::default()));
        for (from, to) in [
            ("\"within\": 7.0", "\"within\": -7.0"),
            ("\"within\": 7.0", "\"within\": 1e30"),
            ("\"check\": \"alive\"", "\"check\": \"magic\""),
            ("image node:1", "mage node:1"),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(serde_json::from_str::<Plan>(&good.replacen(from, to, 1)).is_err(), "{to}");
        }
    }

    proptest! {
        #[test]
        fn durations_survive_to_the_nanosecond(milliseconds in 0_u64..40 * 24 * 3600 * 1000, factor in 1_u32..100_000) {
            let duration = Duration::from_millis(milliseconds).mul_f64(f64::from(factor) / 1e5);
            let text = serde_json::to_string(&duration.as_secs_f64()).unwrap();
            let read = seconds::deserialize(&mut serde_json::Deserializer::from_str(&text)).unwrap();
            prop_assert_eq!(read, duration);
        }
    }
}
