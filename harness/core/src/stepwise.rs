//! A scenario whose phases come one by one, from a program that decides on the way what comes next.
//!
//! Each step is a phase like one in a file and is held against the same rules; what was done by the end is
//! a scenario like any other, so that whoever reads, verifies or runs its evidence again needs not know who
//! wrote it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use toml::{Table, Value};

use crate::{
    check::Needs,
    document::{Problems, is_dns_label},
    scenario::{Origin, Overrides, Plan, load},
    script::{Script, list_mut, table},
};

/// For a node's first answer: as `harness up` has it.
const FIRST_ANSWER: Duration = Duration::from_secs(60);

/// A first answer and two more are enough to begin with.
const ANSWERS_FOR: Duration = Duration::from_millis(500);

/// What a network consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nodes {
    /// There is a node `seed`, which everybody knows.
    pub seed: bool,
    /// So many others: `node-1`, `node-2`.
    pub others: u32,
    /// All of them mine.
    pub mine: bool,
    /// Added to every node's environment.
    pub env: BTreeMap<String, String>,
    /// Appended to every node's arguments.
    pub args: Vec<String>,
}

/// A scenario as far as it is known.
#[derive(Debug, Clone)]
pub struct Stepwise {
    script: Script,
    plan: Plan,
}

impl Stepwise {
    /// A network, and its first phase: every node answers.
    ///
    /// # Errors
    ///
    /// There can be no such network, in words.
    pub fn begin(name: &str, nodes: &Nodes, overrides: &Overrides) -> Result<Self, String> {
        if !is_dns_label(name) {
            return Err(format!(
                "`{name}` cannot be a network's name: use lower-case letters, digits and inner hyphens"
            ));
        }
        let mut script = Script(table([(
            "scenario",
            table([("description", "A network that a program drives".into())]).into(),
        )]));
        let answers = check("rpc")
            .with("method", "system_health")
            .with("pointer", "/peers")
            .with("at_least", 0)
            .holding(ANSWERS_FOR);
        let groups = script.list_mut("nodes");
        if nodes.seed {
            groups.push(group("seed", None, nodes).into());
        }
        if nodes.others > 0 {
            groups.push(group("node", Some(nodes.others), nodes).into());
        }
        script.list_mut("phases").push(Phase::until(&answers, FIRST_ANSWER).0.into());
        let plan = read(name, &script, overrides)?;
        Ok(Self { script, plan })
    }

    /// What it means.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The same with one more phase.
    ///
    /// # Errors
    ///
    /// What is wrong with that phase, in words.
    pub fn then(&self, phase: Phase) -> Result<Self, String> {
        let mut script = self.script.clone();
        script.list_mut("phases").push(phase.0.into());
        let plan = read(&self.plan.scenario, &script, &self.plan.overrides)?;
        match plan.phases.last().into_iter().flat_map(|phase| &phase.checks).find_map(too_late) {
            Some(why) => Err(why),
            None => Ok(Self { script, plan }),
        }
    }
}

/// What a check looks for must be gathered from the nodes' start on, when nobody knew of it.
fn too_late(check: &crate::scenario::CheckPlan) -> Option<String> {
    let entry = check.kind.entry();
    match entry.needs {
        Needs::Samples | Needs::Method(_) => None,
        Needs::Sessions(_)
        | Needs::Syncing
        | Needs::Log
        | Needs::Metrics
        | Needs::Dials
        | Needs::Resources => Some(format!(
            "the check `{}` needs what is only gathered for those who ask before the nodes start: it is for scenario files",
            entry.name
        )),
    }
}

fn read(name: &str, script: &Script, overrides: &Overrides) -> Result<Plan, String> {
    let (plan, problems) =
        load(Origin { name, path: Path::new(name) }, script.to_string(), overrides);
    plan.ok_or_else(|| words(&problems))
}

/// Its errors without the text that they are in, which nobody has seen.
fn words(problems: &Problems) -> String {
    let error = |(message, hint): (&str, Option<&str>)| match hint {
        Some(hint) => format!("{message}: {hint}"),
        None => message.to_owned(),
    };
    problems.all_errors().map(error).collect::<Vec<_>>().join("\n")
}

fn group(name: &str, count: Option<u32>, nodes: &Nodes) -> Table {
    let mut group = table([("name", name.into()), ("mine", nodes.mine.into())]);
    match count {
        Some(count) => group.insert("count".to_owned(), i64::from(count).into()),
        None => group.insert("seed".to_owned(), true.into()),
    };
    if !nodes.env.is_empty() {
        let text = |(name, value): (&String, &String)| (name.clone(), Value::from(value.clone()));
        group.insert("env".to_owned(), nodes.env.iter().map(text).collect::<Table>().into());
    }
    if !nodes.args.is_empty() {
        group.insert("args".to_owned(), nodes.args.clone().into());
    }
    group
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase(Table);

impl Phase {
    /// A fault is done to a node, and proven.
    pub fn fault(fault: &str, node: &str) -> Self {
        let step = table([("fault", fault.into()), ("nodes", node.into())]);
        let mut phase = table([("name", format!("{fault} {node}").into())]);
        list_mut(&mut phase, "faults").push(step.into());
        Self(phase)
    }

    /// A condition holds within this time.
    pub fn until(condition: &Condition, within: Duration) -> Self {
        let names: Vec<&str> =
            condition.checks.iter().filter_map(|check| check["check"].as_str()).collect();
        let mut phase = table([("name", format!("until {}", names.join(", ")).into())]);
        let checks = condition.checks.iter().cloned().map(|mut check| {
            check.insert("within".to_owned(), milliseconds(within));
            Value::from(check)
        });
        list_mut(&mut phase, "checks").extend(checks);
        Self(phase)
    }
}

fn milliseconds(time: Duration) -> Value {
    format!("{}ms", time.as_millis()).into()
}

/// What a network is waited for: one of the checks of scenario files (`harness explain` has them all),
/// or several.
///
/// It is about all nodes unless [`of`](Self::of) names some, and must hold for two seconds unless
/// [`holding`](Self::holding) says otherwise: a moment's luck is none.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a condition does nothing until a network is asked to wait for it"]
pub struct Condition {
    checks: Vec<Table>,
}

impl Condition {
    /// Only of this node (`node-1`) or group (`node`).
    pub fn of(self, nodes: &str) -> Self {
        self.with("nodes", nodes)
    }

    /// For so long, at all its nodes at once.
    pub fn holding(self, time: Duration) -> Self {
        self.with("for", milliseconds(time))
    }

    /// Another key of the check.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        for check in &mut self.checks {
            check.insert(key.to_owned(), value.clone());
        }
        self
    }

    /// Both, each within the time; not necessarily at one moment.
    pub fn and(mut self, other: Self) -> Self {
        self.checks.extend(other.checks);
        self
    }
}

/// Any check, by its name in scenario files; its keys by [`Condition::with`].
pub fn check(name: &str) -> Condition {
    Condition { checks: vec![table([("check", name.into()), ("nodes", "*".into())])] }
}

/// Every node has so many peers or more.
pub fn peers(at_least: u32) -> Condition {
    check("peers").with("at_least", i64::from(at_least))
}

/// Every node's best block is so many blocks higher than when the waiting began.
pub fn height_advances(by: u32) -> Condition {
    check("height-advances").with("by", i64::from(by))
}

/// Every node's best block is at this height or above it.
pub fn height_at_least(height: u32) -> Condition {
    check("rpc")
        .with("method", "chain_getHeader")
        .with("pointer", "/number")
        .with("at_least", i64::from(height))
}

/// All nodes have one chain: above every height seen before the last fault had healed, if there was one.
pub fn same_chain() -> Condition {
    check("same-chain")
}

/// After a fault: every node was seen to lose peers or to be down, and has so many or more again.
pub fn recovers(peers_at_least: u32) -> Condition {
    check("recovers").with("peers_at_least", i64::from(peers_at_least))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Nodes {
        Nodes { seed: true, others: 2, mine: true, ..Nodes::default() }
    }

    fn begun() -> Stepwise {
        Stepwise::begin("network", &network(), &Overrides::default()).unwrap()
    }

    const SOON: Duration = Duration::from_secs(5);

    /// What `verify` asks of every bundle.
    #[test]
    fn each_step_leaves_a_scenario_that_its_own_text_gives() {
        let mut steps = begun();
        let nodes: Vec<String> = steps.plan().network();
        assert_eq!(nodes, ["seed", "node-1", "node-2"]);
        let phases = [
            Phase::until(&peers(2).and(same_chain()), SOON),
            Phase::fault("restart", "node-1"),
            Phase::until(&recovers(2).of("node-1").holding(Duration::from_millis(1500)), SOON),
            Phase::fault("stop", "node-2"),
            Phase::fault("start", "node-2"),
            Phase::until(&height_at_least(3).and(height_advances(1)), SOON),
        ];
        for (number, phase) in (2..).zip(phases) {
            let before = serde_json::to_value(&steps.plan().phases).unwrap();
            steps = steps.then(phase).unwrap();
            let after = serde_json::to_value(&steps.plan().phases).unwrap();
            let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
            assert_eq!(after.len(), number);
            assert_eq!(before[..], after[..number - 1], "what was done stays as it was");
            let (again, problems) =
                crate::scenario::load_again(steps.plan(), &steps.plan().overrides);
            let again = again.unwrap_or_else(|| panic!("{problems}"));
            assert_eq!(
                serde_json::to_value(again).unwrap(),
                serde_json::to_value(steps.plan()).unwrap()
            );
        }
    }

    #[test]
    fn a_step_that_cannot_be_is_refused_in_words_and_changes_nothing() {
        let steps = begun();
        let why = |phase: Phase| steps.then(phase).unwrap_err();
        let unknown = why(Phase::until(&peers(1).of("nobody"), SOON));
        assert!(unknown.contains("`nobody`") && unknown.contains("`node-2`"), "{unknown}");
        let nothing = why(Phase::fault("resume", "node-1"));
        assert!(nothing.contains("`node-1` is not") && nothing.contains("pause"), "{nothing}");
        let misspelt = why(Phase::until(&check("peer"), SOON));
        assert!(misspelt.contains("did you mean `peers`?"), "{misspelt}");
        let late = why(Phase::until(&check("log").with("pattern", "x"), SOON));
        assert!(late.contains("before the nodes start"), "{late}");
        assert_eq!(steps.plan().phases.len(), 1);
    }

    #[test]
    fn a_network_needs_a_seed() {
        let none = Nodes { others: 2, ..Nodes::default() };
        let why = Stepwise::begin("network", &none, &Overrides::default()).unwrap_err();
        assert!(why.contains("seed"), "{why}");
        assert!(Stepwise::begin("network", &Nodes::default(), &Overrides::default()).is_err());
    }
}
