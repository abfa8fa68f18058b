//! What the checks of a plan need beyond the samples that every node gives.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    check::{Needs, Window},
    document::listed,
    profile::NodeProfile,
    scenario::{CheckPlan, FaultPlan, Plan},
    text::short,
};

/// What each node of a run is known to take and promise.
pub type Profiles = BTreeMap<String, Arc<NodeProfile>>;

/// A check needs this node's sessions.
pub fn sessions(plan: &Plan, node: &str) -> bool {
    checks(plan)
        .any(|check| matches!(check.kind.entry().needs, Needs::Sessions(_)) && names(check, node))
}

/// A check needs to know what this node uses.
pub fn resources(plan: &Plan, node: &str) -> bool {
    checks(plan).any(|check| check.kind.entry().needs == Needs::Resources && names(check, node))
}

/// A check that cannot hold for a node of this kind, or a fault that cannot be done to it: which, and
/// why.
pub fn impossible(plan: &Plan, profiles: &Profiles) -> Option<String> {
    let of = |check: &CheckPlan| {
        let name = check.kind.name();
        let (node, profile, why) = named(check, profiles)
            .find_map(|(node, profile)| Some((node, profile, profile.cannot.get(name)?)))?;
        Some(format!("`{name}` cannot be judged of {node} (profile `{}`): {why}", profile.name))
    };
    let fault = |fault: &FaultPlan| {
        let of = fault.nodes.iter().filter_map(|node| Some((node, profiles.get(node)?)));
        let (node, profile, lacks) =
            of.into_iter().find_map(|(node, kind)| Some((node, kind, fault.kind.lacks(kind)?)))?;
        let (name, profile) = (fault.kind.name(), &profile.name);
        Some(format!("`{name}` cannot be done to {node}: its profile `{profile}` {lacks}"))
    };
    let faults = plan.phases.iter().flat_map(|phase| &phase.faults);
    checks(plan).find_map(of).or_else(|| faults.into_iter().find_map(fault))
}

/// What may turn out to be missing, or to come too late, one line for each check, to be said before
/// anything starts.
pub fn warnings(plan: &Plan, profiles: &Profiles) -> Vec<String> {
    checks(plan)
        .flat_map(|check| [method(check, profiles), blocks(check, profiles)])
        .flatten()
        .collect()
}

/// The first fault of a plan, which nodes that run already must not be done.
pub fn changes_nodes(plan: &Plan) -> Option<String> {
    let fault = plan.phases.iter().flat_map(|phase| &phase.faults).next()?;
    let name = fault.kind.name();
    Some(format!("the fault `{name}` would change nodes, and attach only looks"))
}

/// What of a plan cannot be asked of nodes that run already and that nobody may change: which fault or
/// check, and why.
pub fn unattachable(plan: &Plan) -> Option<String> {
    /// Checks that a node's own answers decide. Whatever else there is needs more, until somebody has looked.
    const BY_ANSWERS: [&str; 9] = [
        "block-time",
        "fork-seen",
        "height-advances",
        "no-stall",
        "peers",
        "same-chain",
        "same-genesis",
        "sync-truth",
        "topology",
    ];
    if let Some(why) = changes_nodes(plan) {
        return Some(why);
    }
    let named = |check: &CheckPlan| BY_ANSWERS.contains(&check.kind.name());
    if let Some(check) = checks(plan).find(|check| !named(check)) {
        return Some(format!(
            "the check `{}` needs more than safe reads answer: a start, a fault, the process, its engine or an unsafe method, which attach does not have (it has {})",
            check.kind.name(),
            listed(BY_ANSWERS)
        ));
    }
    let least = |check: &CheckPlan| match check.kind.entry().window {
        Window::Whole => 2 * plan.fresh(),
        Window::Part | Window::Once => check.hold + 2 * plan.fresh(),
    };
    let short_one = checks(plan).find(|check| check.within < least(check));
    short_one.map(|check| {
        format!(
            "`{}` of `{}` looks for {}, too short for so few requests in a second: it takes {} at least, or a higher --rate",
            check.kind.name(),
            check.selector,
            short(check.within),
            short(least(check))
        )
    })
}

fn method(check: &CheckPlan, profiles: &Profiles) -> Option<String> {
    let method = check.kind.entry().needs_method()?;
    let without: Vec<&str> = named(check, profiles)
        .filter(|(_, profile)| !profile.is_known_to_offer(method))
        .map(|(node, _)| node)
        .collect();
    let name = check.kind.name();
    (!without.is_empty()).then(|| {
        format!(
            "warning: `{name}` needs `{method}`, which {} need not offer: inconclusive then",
            listed(without)
        )
    })
}

/// Blocks come at random: a healthy chain may have too few of them in a short window.
fn blocks(check: &CheckPlan, profiles: &Profiles) -> Option<String> {
    const SURE: f64 = 0.99;
    let wanted = check.kind.blocks()?;
    let (profile, time) = named(check, profiles)
        .filter_map(|(_, profile)| Some((profile, profile.block_time?)))
        .max_by_key(|(_, time)| *time)?;
    let chance = chance(wanted, check.within.as_secs_f64() / time.as_secs_f64());
    (chance < SURE).then(|| {
        format!(
            "warning: `{}` asks for {wanted} blocks within {}; at one in {} (profile `{}`) a healthy chain has them with probability {chance:.2}: stretch it with --timeout-factor",
            check.kind.name(),
            short(check.within),
            short(time),
            profile.name
        )
    })
}

/// That at least `wanted` blocks come where `expected` do on average (Poisson).
fn chance(wanted: u64, expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let mut fewer = 0.0;
    for count in 0..wanted.min(10_000) {
        fewer += term;
        term *= expected / (count + 1) as f64;
    }
    (1.0 - fewer).clamp(0.0, 1.0)
}

fn named<'a>(
    check: &'a CheckPlan,
    profiles: &'a Profiles,
) -> impl Iterator<Item = (&'a str, &'a NodeProfile)> {
    let of = |name: &'a String| Some((name.as_str(), &**profiles.get(name)?));
    check.nodes.iter().filter_map(of)
}

fn checks(plan: &Plan) -> impl Iterator<Item = &CheckPlan> {
    plan.phases.iter().flat_map(|phase| &phase.checks)
}

fn names(check: &CheckPlan, node: &str) -> bool {
    check.nodes.iter().any(|name| name == node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_of_blocks_is_that_of_a_poisson_process() {
        // 1 − 2/e: the figure in the contract of released nodes.
        assert!((chance(2, 1.0) - 0.264).abs() < 0.001);
        assert!((chance(1, 1.0) - 0.632).abs() < 0.001);
        // 1 − e⁻²·(1 + 2 + 2)
        assert!((chance(3, 2.0) - 0.323).abs() < 0.001);
        assert!(chance(2, 30.0) > 0.999_999);
        assert!(chance(0, 5.0) >= 1.0 && chance(1000, 1.0) < 1e-9);
    }
}
