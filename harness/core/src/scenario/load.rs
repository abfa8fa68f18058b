//! From a scenario's text to its plan, with every name resolved and every default filled in; or to
//! everything that is wrong with it.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use super::{
    before::{Before, hit},
    conditions::Selectors,
    file::{GroupFile, PhaseFile, ScenarioFile},
    plan::{CheckPlan, FaultPlan, NodePlan, Overrides, PhasePlan, Plan},
    step::{CheckFile, DEFAULT_HOLD, FaultFile},
    storm::StormFile,
    validate::{node_names, override_count, validate},
    within::Within,
};
use crate::{
    check::{Context, When, Window},
    document::Problems,
    fault::Course,
    node::NodeSource,
    profile::NodeProfile,
};

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
    if let Some(attached) = &overrides.attached {
        file.attach(&attached.names);
    }
    let profile = overrides.profile.as_deref().cloned().map_or_else(NodeProfile::core, Arc::new);
    let selectors = validate(&file, &profile, &mut problems);
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
    let mut before = Before::anything(&file.groups, selectors);
    let seeds = seeds(&file.groups, selectors);
    let timeout = file
        .timeout
        .unwrap_or_else(|| default_timeout(&file.phases))
        .mul_f64(overrides.timeout_factor);
    let phases = file
        .phases
        .into_iter()
        .map(|phase| {
            let heals = |fault: &FaultFile| fault.course() != Some(Course::Stays);
            before.after_a_heal |= phase.faults.iter().any(heals) || !phase.storms.is_empty();
            phase_plan(phase, selectors, &mut before, (&seeds, folder), overrides)
        })
        .collect();
    Plan {
        scenario: origin.name.to_owned(),
        description: file.description,
        takes: file.takes,
        tags: file.tags,
        path: origin.path.to_owned(),
        text,
        overrides: overrides.clone(),
        seed: overrides.seed,
        timeout,
        block_time: file.block_time.map(|time| time.value),
        subnet: file.subnet.map(|subnet| subnet.value),
        seeds_by_name: file.seeds_by_name,
        nodes: file
            .groups
            .into_iter()
            .flat_map(|group| node_plans(group, selectors, folder, overrides))
            .collect(),
        phases,
    }
}

/// Time for everything that the phases may take: their most patient checks, during faults and after
/// them, the faults' downtimes, and what they take to be done and proven.
fn default_timeout(phases: &[PhaseFile]) -> Duration {
    const LEAST: Duration = Duration::from_secs(5 * 60);
    const MARGIN: Duration = Duration::from_secs(60);
    let of = |phase: &PhaseFile| {
        let faults: Duration = phase
            .faults
            .iter()
            .map(|fault| downtime(fault) + phase.longest(|_| true).max(LEAST_PROVE_BACK))
            .sum();
        let storms: Duration = phase.storms.iter().map(StormFile::takes).sum();
        storms
            + phase.longest(CheckFile::is_during)
            + phase.longest(|check| !check.is_during())
            + faults
    };
    LEAST.max(phases.iter().map(of).sum::<Duration>() + MARGIN)
}

fn downtime(fault: &FaultFile) -> Duration {
    match fault.course() {
        Some(Course::Heals(downtime)) => downtime,
        Some(Course::Stays | Course::Ends | Course::Once) | None => Duration::ZERO,
    }
}

/// Asked only of a file without errors, in which every required key was read.
const CHECKED: &str = "a file without errors has every required key";

fn node_plans(
    group: GroupFile,
    selectors: &Selectors,
    folder: &Path,
    overrides: &Overrides,
) -> Vec<NodePlan> {
    let name = group.name.expect(CHECKED).value;
    let source = match (group.image, group.bin) {
        _ if group.hostile.is_some() => NodeSource::Hostile,
        (Some(image), _) => NodeSource::Image(image.value),
        // Relative to the file that says it, wherever the user stands.
        (None, Some(bin)) => NodeSource::Binary(folder.join(bin.value)),
        (None, None) => overrides.source.clone(),
    };
    let env: BTreeMap<String, String> =
        group.env.into_iter().map(|(name, value)| (name, value.value)).collect();
    let args = group.args.map_or_else(Vec::new, |args| args.value);
    let of = |name: &String| selectors[name].clone();
    let seeds = group.seeds.map(|seeds| seeds.value.iter().flat_map(of).collect::<Vec<_>>());
    // Whom it attacks.
    let seeds = seeds.or_else(|| group.hostile.as_ref().map(|_| selectors["*"].clone()));
    node_names(&name, group.count.map(|count| count.value))
        .into_iter()
        .map(|name| NodePlan {
            name,
            seed: group.seed,
            seeds: seeds.clone(),
            mine: group.mine,
            hidden: group.hidden,
            env: env.clone(),
            args: args.clone(),
            source: source.clone(),
            later: group.later,
            hostile: group.hostile.clone(),
        })
        .collect()
}

/// Whom any node is told of at its start, in the order of the file.
fn seeds(groups: &[GroupFile], selectors: &Selectors) -> Vec<String> {
    let seeds = groups.iter().filter(|group| group.seed).filter_map(|group| group.name.as_ref());
    // An adversary's are those whom it attacks.
    let nodes = groups.iter().filter(|group| group.hostile.is_none());
    let own = nodes.filter_map(|group| group.seeds.as_ref()).flat_map(|own| &own.value);
    let named: Vec<&String> = seeds
        .map(|name| &name.value)
        .chain(own)
        .filter_map(|name| selectors.get(name))
        .flatten()
        .collect();
    let all = selectors.get("*").into_iter().flatten();
    all.filter(|node| named.contains(node)).cloned().collect()
}

fn phase_plan(
    phase: PhaseFile,
    selectors: &Selectors,
    before: &mut Before,
    (seeds, folder): (&[String], &Path),
    overrides: &Overrides,
) -> PhasePlan {
    let prove_back =
        phase.longest(|_| true).max(LEAST_PROVE_BACK).mul_f64(overrides.timeout_factor);
    let mut faults: Vec<FaultPlan> = phase
        .faults
        .into_iter()
        .map(|fault| fault_plan(fault, selectors, before, folder, prove_back))
        .collect();
    for (storm, number) in phase.storms.iter().zip(0_u64..) {
        // Each storm of a phase has its own dice, and so has each phase.
        let seed = overrides.seed ^ number.rotate_left(48) ^ before.storms.rotate_left(32);
        faults.extend(storm.draw(seed, selectors, prove_back));
    }
    before.storms += phase.storms.len() as u64;
    let context = Context { after_a_heal: before.after_a_heal, seeds, names: selectors };
    let checks = phase.checks.into_iter();
    PhasePlan {
        name: phase.name,
        faults,
        checks: checks.map(|check| check_plan(check, selectors, context, overrides)).collect(),
    }
}

fn fault_plan(
    fault: FaultFile,
    selectors: &Selectors,
    before: &mut Before,
    folder: &Path,
    prove_back: Duration,
) -> FaultPlan {
    let own = fault.own.as_ref().expect(CHECKED);
    let kind = own.resolve(&|name| selectors[name].clone()).beside(folder);
    let nodes = hit(&fault, &kind, selectors, &before.conditions);
    before.conditions.after(&kind, &nodes);
    FaultPlan {
        kind,
        nodes,
        selector: fault.nodes.map_or_else(String::new, |nodes| nodes.value),
        prove_back,
        with_previous: fault.with_previous.is_some(),
        at: None,
    }
}

fn check_plan(
    check: CheckFile,
    selectors: &Selectors,
    context: Context<'_>,
    overrides: &Overrides,
) -> CheckPlan {
    let (window, during) = (check.window(), check.is_during());
    let selector = check.nodes.expect(CHECKED).value;
    // While a fault lasts nothing has healed: heights are measured from the check's own start.
    let context = Context { after_a_heal: context.after_a_heal && !during, ..context };
    let within = match check.within.expect(CHECKED).value {
        Within::For(length) => Within::For(length.mul_f64(overrides.timeout_factor)),
        Within::Auto => Within::Auto,
    };
    let hold = check.hold.map_or(DEFAULT_HOLD, |hold| hold.value);
    CheckPlan {
        hold: match window {
            Window::Part => hold,
            Window::Whole => within.written().unwrap_or_default(),
            Window::Once => Duration::ZERO,
        },
        kind: check.own.expect(CHECKED).resolve(&context),
        nodes: selectors[&selector].clone(),
        selector,
        within,
        when: if during { When::DuringFault } else { When::AfterFaults },
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
            profile: NodeProfile::shipped("hegemon-0.10").map(Arc::unwrap_or_clone).map(Box::new),
            attached: None,
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
            let read = crate::seconds::deserialize(&mut serde_json::Deserializer::from_str(&text)).unwrap();
            prop_assert_eq!(read, duration);
        }
    }
}
