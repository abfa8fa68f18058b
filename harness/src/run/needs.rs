//! What the checks of a plan need beyond the samples that every node gives.

use crate::{
    provider::{NodeProfile, Slot},
    scenario::{CheckPlan, Plan},
};

/// A check needs this node's sessions.
pub(crate) fn sessions(plan: &Plan, node: &str) -> bool {
    checks(plan).any(|check| check.kind.needs_sessions() && names(check, node))
}

/// A check needs to know what this node uses.
pub(crate) fn resources(plan: &Plan, node: &str) -> bool {
    checks(plan).any(|check| check.kind.needs_resources() && names(check, node))
}

/// What may turn out to be missing in a foreign node, one line for each check, to be said before
/// anything starts.
pub(crate) fn warnings(plan: &Plan, slots: &[Slot]) -> Vec<String> {
    let foreign = |check: &CheckPlan| {
        let foreign = slots
            .iter()
            .filter(|slot| slot.profile == NodeProfile::Core && names(check, &slot.name));
        foreign.map(|slot| slot.name.clone()).collect::<Vec<_>>()
    };
    let warning = |check: &CheckPlan| {
        let (method, nodes) = (check.kind.needs_method()?, foreign(check));
        let name = check.kind.name();
        (!nodes.is_empty())
            .then(|| format!("warning: `{name}` needs `{method}`, which a foreign node need not offer ({}): inconclusive then", nodes.join(", ")))
    };
    checks(plan).filter_map(warning).collect()
}

fn checks(plan: &Plan) -> impl Iterator<Item = &CheckPlan> {
    plan.phases.iter().flat_map(|phase| &phase.checks)
}

fn names(check: &CheckPlan, node: &str) -> bool {
    check.nodes.iter().any(|name| name == node)
}
