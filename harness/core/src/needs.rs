//! What the checks of a plan need beyond the samples that every node gives.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    attached::READS,
    check::{CheckKind, Needs, Window},
    document::listed,
    event::{Pace, PaceBy},
    profile::NodeProfile,
    scenario::{Blocks, CheckPlan, FaultPlan, Plan},
    text::short,
};

/// What each node of a run is known to take and promise.
pub type Profiles = BTreeMap<String, Arc<NodeProfile>>;

/// A check needs this node's sessions.
pub fn sessions(plan: &Plan, node: &str) -> bool {
    checks(plan)
        .any(|check| matches!(check.kind.entry().needs, Needs::Sessions(_)) && names(check, node))
}

/// A check needs this node's word on whether it is in sync.
pub fn syncing(plan: &Plan, node: &str) -> bool {
    checks(plan).any(|check| check.kind.entry().needs == Needs::Syncing && names(check, node))
}

/// What checks look for in each node's log.
pub fn patterns(plan: &Plan) -> BTreeMap<String, Vec<String>> {
    let mut patterns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for check in checks(plan) {
        let CheckKind::Log(log) = &check.kind else { continue };
        for node in &check.nodes {
            patterns.entry(node.clone()).or_default().push(log.pattern.clone());
        }
    }
    patterns
}

/// A check needs to know what this node uses.
pub fn resources(plan: &Plan, node: &str) -> bool {
    checks(plan).any(|check| check.kind.entry().needs == Needs::Resources && names(check, node))
}

/// Programs of the scenario's own that a run of it executes on this machine, each once.
pub fn programs(plan: &Plan) -> Vec<String> {
    let program = |check: &CheckPlan| {
        let CheckKind::Command(command) = &check.kind else { return None };
        Some(command.words())
    };
    let mut programs: Vec<String> = checks(plan).filter_map(program).collect();
    programs.sort();
    programs.dedup();
    programs
}

/// A check reads this node's page of metrics: it must be told to serve one.
pub fn metrics(plan: &Plan, node: &str) -> bool {
    checks(plan).any(|check| check.kind.entry().needs == Needs::Metrics && names(check, node))
}

/// How fast blocks come: by the scenario's word, else by what the slowest of its nodes is known to aim at,
/// else, if a window depends on it, what is assumed.
pub fn pace(plan: &Plan, profiles: &Profiles) -> Option<Pace> {
    let pace = |time: Duration, by| Pace {
        block_time_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        by,
    };
    if let Some(time) = plan.block_time {
        return Some(pace(time, PaceBy::Scenario));
    }
    let known = plan.nodes.iter().filter_map(|node| {
        let kind = profiles.get(&node.name)?;
        Some((kind.aims_at(&node.env)?, &kind.name))
    });
    match known.max() {
        Some((time, name)) => Some(pace(time, PaceBy::Profile(name.clone()))),
        None => plan.is_open().then_some(Pace::ASSUMED),
    }
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
    let pageless = |check: &CheckPlan| {
        let mut of = named(check, profiles).filter(|_| check.kind.entry().needs == Needs::Metrics);
        let (node, profile) = of.find(|(_, profile)| !profile.serves_metrics())?;
        Some(format!(
            "`{}` cannot be judged of {node}: its profile `{}` names no flag by which it serves metrics (`metrics_port`)",
            check.kind.name(),
            profile.name
        ))
    };
    let fault = |fault: &FaultPlan| {
        let of = fault.nodes.iter().filter_map(|node| Some((node, profiles.get(node)?)));
        let (node, profile, lacks) =
            of.into_iter().find_map(|(node, kind)| Some((node, kind, fault.kind.lacks(kind)?)))?;
        let (name, profile) = (fault.kind.name(), &profile.name);
        Some(format!("`{name}` cannot be done to {node}: its profile `{profile}` {lacks}"))
    };
    let faults = plan.phases.iter().flat_map(|phase| &phase.faults);
    checks(plan)
        .find_map(|check| of(check).or_else(|| pageless(check)))
        .or_else(|| faults.into_iter().find_map(fault))
}

/// What may turn out to be missing, or to come too late, one line for each check, to be said before
/// anything starts.
pub fn warnings(plan: &Plan, profiles: &Profiles) -> Vec<String> {
    let pace = pace(plan, profiles);
    checks(plan)
        .flat_map(|check| [method(check, profiles), blocks(check, plan, pace.as_ref())])
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
    const BY_ANSWERS: [&str; 10] = [
        "block-time",
        "fork-seen",
        "height-advances",
        "no-stall",
        "peers",
        "rpc",
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
    let asked = |check: &CheckPlan| {
        let CheckKind::Rpc(rpc) = &check.kind else { return None };
        (!READS.contains(&rpc.method.as_str())).then(|| rpc.method.clone())
    };
    if let Some(method) = checks(plan).find_map(asked) {
        return Some(format!(
            "the check `rpc` asks `{method}`, which attach does not know to be a safe read (it knows {})",
            listed(READS)
        ));
    }
    let least = |check: &CheckPlan| match check.kind.entry().window {
        Window::Whole => 2 * plan.fresh(),
        Window::Part | Window::Once => check.hold + 2 * plan.fresh(),
    };
    // One that follows the chain is as long as it has to be.
    let short_one = checks(plan).find_map(|check| {
        Some((check, check.within.written().filter(|length| *length < least(check))?))
    });
    short_one.map(|(check, length)| {
        format!(
            "`{}` of `{}` looks for {}, too short for so few requests in a second: it takes {} at least, or a higher --rate",
            check.kind.name(),
            check.selector,
            short(length),
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

/// Blocks come at random: a healthy chain may have too few of them in a short window. What the scenario
/// says of its own chain was said when it was read.
fn blocks(check: &CheckPlan, plan: &Plan, pace: Option<&Pace>) -> Option<String> {
    let pace = pace?;
    let PaceBy::Profile(profile) = &pace.by else { return None };
    let blocks = plan.blocks(check, Some(pace)).filter(Blocks::is_risky)?;
    let within = short(Duration::from_secs_f64(blocks.window_seconds));
    Some(format!(
        "warning: `{}` within {within}, by profile `{profile}`: {}; write `within = \"auto\"`, or stretch it with --timeout-factor",
        check.kind.name(),
        blocks.words()
    ))
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
