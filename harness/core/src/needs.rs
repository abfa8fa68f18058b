//! What the checks of a plan need beyond the samples that every node gives.

use crate::{
    check::Needs,
    scenario::{CheckPlan, Plan},
};

/// A check needs this node's sessions.
pub fn sessions(plan: &Plan, node: &str) -> bool {
    checks(plan)
        .any(|check| matches!(check.kind.entry().needs, Needs::Sessions(_)) && names(check, node))
}

/// A check needs to know what this node uses.
pub fn resources(plan: &Plan, node: &str) -> bool {
    checks(plan).any(|check| check.kind.entry().needs == Needs::Resources && names(check, node))
}

/// What may turn out to be missing in foreign nodes, one line for each check, to be said before
/// anything starts.
pub fn warnings(plan: &Plan, foreign: &[String]) -> Vec<String> {
    let warning = |check: &CheckPlan| {
        let method = check.kind.entry().needs_method()?;
        let without: Vec<&str> =
            foreign.iter().map(String::as_str).filter(|node| names(check, node)).collect();
        let name = check.kind.name();
        (!without.is_empty())
            .then(|| format!("warning: `{name}` needs `{method}`, which a foreign node need not offer ({}): inconclusive then", without.join(", ")))
    };
    checks(plan).filter_map(warning).collect()
}

fn checks(plan: &Plan) -> impl Iterator<Item = &CheckPlan> {
    plan.phases.iter().flat_map(|phase| &phase.checks)
}

fn names(check: &CheckPlan, node: &str) -> bool {
    check.nodes.iter().any(|name| name == node)
}
