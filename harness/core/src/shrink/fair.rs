//! What is true of a scenario that failed, and must be true of a smaller one: else that fails because of what
//! was left out, in the same words.

use std::collections::BTreeSet;

use toml::Value;

use super::{left::Left, reason::Place};
use crate::{
    check::{CHECKS, Window},
    document::Problems,
    scenario::{NodePlan, Plan},
    script::{Script, list},
};

/// Checks after which a network has settled.
const SETTLING: [&str; 4] = ["peers", "converged", "same-chain", "topology"];

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fair {
    /// Lists of seeds lead from everybody to everybody.
    connected: bool,
    /// Somebody mines from the start.
    mined: bool,
    /// What fails is watched for a whole window, after a phase in which the network has settled.
    settled: bool,
    /// What faults have left by then.
    left: Left,
    /// What `validate` warns of.
    warnings: BTreeSet<String>,
}

impl Fair {
    pub(super) fn of(script: &Script, plan: &Plan, problems: &Problems, place: Place) -> Self {
        let mined = plan.nodes.iter().any(|node| node.mine && !node.later);
        let warnings = problems.to_string();
        // Places differ, words do not.
        let warnings = warnings.lines().filter_map(|line| line.split_once("warning: "));
        Self {
            connected: is_connected(plan),
            mined,
            settled: is_settled(script, place),
            left: Left::at(plan, place),
            warnings: warnings.map(|(_, words)| words.to_owned()).collect(),
        }
    }

    /// A smaller one is as fair as this.
    pub(super) fn holds_for(&self, smaller: &Self) -> bool {
        (smaller.connected || !self.connected)
            && (smaller.mined || !self.mined)
            && (smaller.settled || !self.settled)
            && smaller.left.is_within(&self.left)
            && smaller.warnings.is_subset(&self.warnings)
    }
}

/// A session needs one end that knows the other, and can dial it.
fn is_connected(plan: &Plan) -> bool {
    let nodes: Vec<&NodePlan> = plan.nodes.iter().filter(|node| node.hostile.is_none()).collect();
    let common: Vec<String> =
        nodes.iter().filter(|node| node.seed).map(|node| node.name.clone()).collect();
    let can_be_dialled =
        |name: &String| nodes.iter().any(|node| node.name == *name && !node.hidden);
    let Some(first) = nodes.first() else { return true };
    let mut reached = BTreeSet::from([first.name.clone()]);
    loop {
        let before = reached.len();
        for node in &nodes {
            let seeds = node.seeds.as_ref().unwrap_or(&common);
            let seeds: Vec<&String> = seeds.iter().filter(|seed| can_be_dialled(seed)).collect();
            if reached.contains(&node.name) || seeds.iter().any(|seed| reached.contains(*seed)) {
                reached.insert(node.name.clone());
                reached.extend(seeds.into_iter().cloned());
            }
        }
        if reached.len() == before {
            return reached.len() == nodes.len();
        }
    }
}

fn is_settled(script: &Script, place: Place) -> bool {
    let name = |check: &Value| check.get("check").and_then(Value::as_str).map(str::to_owned);
    let of = |phase: usize| {
        let phase = script.list("phases").get(phase).and_then(Value::as_table);
        phase.map_or(&[][..], |phase| list(phase, "checks"))
    };
    let failed = of(place.phase).get(place.check).and_then(name);
    let patient = |name: &String| {
        let entry = CHECKS.iter().find(|entry| entry.name == name);
        entry.is_some_and(|entry| entry.window == Window::Part)
    };
    // Whoever waits for it needs no network that has settled, and a node that ended does not wait.
    if failed.as_ref().is_none_or(patient) {
        return false;
    }
    let Some(before) = place.phase.checked_sub(1) else { return false };
    of(before).iter().filter_map(name).any(|name| SETTLING.contains(&name.as_str()))
}
