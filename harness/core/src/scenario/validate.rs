//! What a scenario file says, checked across its tables: names, references, counts, times.
//! Collects; decides nothing about what a good file means.

use std::{collections::BTreeMap, time::Duration};

use super::{
    file::{GroupFile, PhaseFile, ScenarioFile},
    names::{is_dns_label, listed, suggest},
    plan::{DEFAULT_HOLD, When},
    problem::{MISSING, Problems},
    step::{CheckFile, KindFile},
    table::At,
};
use crate::{
    check::{peers::impossible, same_chain::Above},
    subnet::Ipv4Subnet,
};

/// The largest default network is a /24, of which the network, the broadcast address and the
/// engine's gateway have one each.
const MOST_NODES: u64 = 256 - 3;

/// Every name that a check or fault may use, and the nodes behind it.
pub(super) type Selectors = BTreeMap<String, Vec<String>>;

/// Collects everything that is wrong. The selectors are complete if nothing was.
pub(super) fn validate(file: &ScenarioFile, problems: &mut Problems) -> Selectors {
    let selectors = names(&file.groups, problems);
    let nodes = selectors.get("*").map_or(0, Vec::len) as u64;
    if file.groups.is_empty() {
        problems.error_file(format!("{MISSING}`[[nodes]]`: a scenario needs nodes"));
    } else if !file.groups.iter().any(|group| group.seed) {
        problems.error_file(format!(
            "{MISSING}seed: no group has `seed = true`, so nobody would find anybody"
        ));
    }
    subnet(file, nodes, problems);
    phases(file, &selectors, problems);
    selectors
}

/// The names of a group's nodes.
pub(super) fn node_names(name: &str, count: Option<u32>) -> Vec<String> {
    match count {
        None => vec![name.to_owned()],
        Some(count) => (1..=count).map(|number| format!("{name}-{number}")).collect(),
    }
}

fn names(groups: &[GroupFile], problems: &mut Problems) -> Selectors {
    let mut selectors = Selectors::new();
    let mut all: Vec<String> = Vec::new();
    for group in groups {
        environment(group, problems);
        let Some(name) = &group.name else { continue };
        let count = group.count.as_ref().map(|count| count.value);
        let longest = count.map_or(name.value.clone(), |count| format!("{}-{count}", name.value));
        if !is_dns_label(&name.value) || !is_dns_label(&longest) {
            problems.error_hint(
                name.span.clone(),
                format!("`{}` cannot be a host name", name.value),
                "use lower-case letters, digits and inner hyphens, at most 63 with the node's number",
            );
            continue;
        }
        if u64::from(count.unwrap_or(1)) > MOST_NODES {
            let span = group.count.as_ref().map_or(name.span.clone(), |count| count.span.clone());
            problems.error(span, format!("more nodes than a network holds (at most {MOST_NODES})"));
            continue;
        }
        let nodes = node_names(&name.value, count);
        // The only node of a group may be called as if it were counted.
        let first = format!("{}-1", name.value);
        if let Some(taken) =
            nodes.iter().chain([&name.value, &first]).find(|name| selectors.contains_key(*name))
        {
            problems.error(
                name.span.clone(),
                format!("the name `{taken}` is taken by an earlier group"),
            );
        }
        for node in &nodes {
            selectors.insert(node.clone(), vec![node.clone()]);
        }
        selectors.insert(first, nodes.iter().take(1).cloned().collect());
        selectors.insert(name.value.clone(), nodes.clone());
        all.extend(nodes);
    }
    selectors.insert("*".to_owned(), all);
    selectors
}

fn environment(group: &GroupFile, problems: &mut Problems) {
    for (name, value) in &group.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.value.contains('\0') {
            problems.error(
                value.span.clone(),
                format!("`{}` cannot be an environment variable", name.escape_debug()),
            );
        }
    }
    if let Some(args) = &group.args
        && args.value.iter().any(|arg| arg.contains('\0'))
    {
        problems.error(args.span.clone(), "an argument cannot hold a NUL");
    }
}

fn subnet(file: &ScenarioFile, nodes: u64, problems: &mut Problems) {
    let Some(subnet) = &file.subnet else {
        if nodes > MOST_NODES {
            problems.error_file(format!("{nodes} nodes, but a network holds at most {MOST_NODES}"));
        }
        return;
    };
    match subnet.value.parse::<Ipv4Subnet>() {
        Err(why) => problems.error_hint(
            subnet.span.clone(),
            format!("`subnet`: {why}"),
            "write it like \"198.18.7.0/24\"",
        ),
        Ok(parsed) if (parsed.capacity() as u64) < nodes => {
            problems.error(
                subnet.span.clone(),
                format!("{nodes} nodes, but {parsed} holds at most {}", parsed.capacity()),
            );
        }
        Ok(_) => {}
    }
}

fn phases(file: &ScenarioFile, selectors: &Selectors, problems: &mut Problems) {
    if file.phases.iter().all(|phase| phase.checks.is_empty()) {
        problems.error_file("zero checks: a scenario that checks nothing proves nothing");
    }
    let (mut fault_before, mut last_hit) = (false, None);
    for phase in &file.phases {
        let fault_here = phase.has_faults;
        for fault in &phase.faults {
            selector(fault.nodes.as_ref(), selectors, "fault", problems);
            last_hit = fault.nodes.as_ref().and_then(|nodes| selectors.get(&nodes.value));
        }
        for check in &phase.checks {
            selector(check.nodes.as_ref(), selectors, "check", problems);
            times(check, file, problems);
            order(check, phase, fault_before || fault_here, problems);
            whole_window(check, problems);
            remembers(check, phase, selectors, problems);
            possible(check, selectors, problems);
            if let Some(hit) = last_hit {
                falls(check, hit, selectors, problems);
            }
        }
        fault_before |= fault_here;
    }
}

fn selector(
    nodes: Option<&At<String>>,
    selectors: &Selectors,
    what: &str,
    problems: &mut Problems,
) {
    if let Some(nodes) = nodes
        && !selectors.contains_key(&nodes.value)
    {
        let known = selectors.keys().map(String::as_str);
        problems.error_hint(
            nodes.span.clone(),
            format!("{what} for an unknown node or group `{}`", nodes.value),
            suggest(&nodes.value, known),
        );
    }
}

fn times(check: &CheckFile, file: &ScenarioFile, problems: &mut Problems) {
    let Some(within) = &check.within else { return };
    if let Some(timeout) = file.timeout.filter(|timeout| within.value > *timeout) {
        problems.warning(
            within.span.clone(),
            format!(
                "`within` ({}) is longer than the scenario's timeout ({}), which ends the check first",
                humantime::format_duration(within.value),
                humantime::format_duration(timeout)
            ),
        );
    }
    if check.kind.as_ref().is_some_and(KindFile::needs_whole_window) {
        return;
    }
    let hold = check.hold.as_ref().map_or(DEFAULT_HOLD, |hold| hold.value);
    if hold >= within.value {
        problems.warning(
            within.span.clone(),
            format!(
                "cannot pass: the condition must hold for {} (`for`), and `within` is {}",
                humantime::format_duration(hold),
                humantime::format_duration(within.value)
            ),
        );
    }
}

/// A check that needs a fault, and where the fault is.
fn order(check: &CheckFile, phase: &PhaseFile, fault_before: bool, problems: &mut Problems) {
    let during = check.during.as_ref().filter(|during| during.value == When::DuringFault);
    if let Some(during) = during
        && !phase.has_faults
    {
        problems.error(during.span.clone(), "`during = \"fault\"` in a phase without a fault");
    }
    match &check.kind {
        Some(KindFile::Recovers { .. }) => {
            if let Some(during) = during {
                problems.error(
                    during.span.clone(),
                    "`recovers` is about the time after the fault, so it cannot run during it",
                );
            } else if !fault_before {
                problems.error(
                    check.span.clone(),
                    "`recovers` without a fault in this phase or an earlier one",
                );
            }
        }
        Some(KindFile::SameChain { above: Some(above), .. }) if above.value == Above::Fault => {
            if during.is_some() {
                problems.error(above.span.clone(), "`above = \"fault\"` is measured when the fault healed, so it cannot run during it");
            } else if !fault_before {
                problems.error(
                    above.span.clone(),
                    "`above = \"fault\"` without a fault in this phase or an earlier one",
                );
            }
        }
        Some(KindFile::StoreSurvives) => {
            if let Some(during) = during {
                problems.error(during.span.clone(), "`store-survives` is about the time after the restart, so it cannot run during it");
            } else if !fault_before {
                problems.error(
                    check.span.clone(),
                    "`store-survives` without a restart in this phase or an earlier one",
                );
            }
        }
        Some(
            KindFile::SameChain { .. }
            | KindFile::Peers(_)
            | KindFile::HeightAdvances { .. }
            | KindFile::NoStall { .. }
            | KindFile::Converged { .. }
            | KindFile::DistinctPeers(_)
            | KindFile::Resources { .. }
            | KindFile::Alive,
        )
        | None => {}
    }
}

/// A gap or a share that the window cannot show.
fn whole_window(check: &CheckFile, problems: &mut Problems) {
    /// Between two samples of a node, and their answers.
    const SAMPLING: Duration = Duration::from_secs(1);
    /// Three measurements, a second or two apart.
    const MEASURING: Duration = Duration::from_secs(5);
    let Some(within) = &check.within else { return };
    match &check.kind {
        Some(KindFile::NoStall { longest: Some(longest) }) if longest.value >= within.value => {
            problems.error_hint(
                longest.span.clone(),
                format!(
                    "`longest` is not shorter than `within` ({}), so no stall could be seen",
                    humantime::format_duration(within.value)
                ),
                "`within` is how long heights are watched",
            )
        }
        Some(KindFile::NoStall { longest: Some(longest) }) if longest.value < SAMPLING => {
            problems
                .warning(longest.span.clone(), "shorter than sampling can tell: heights are looked at every 250 ms, and the time between is counted as a gap");
        }
        Some(KindFile::Resources { .. }) if within.value < MEASURING => {
            problems.warning(
                within.span.clone(),
                "too short to measure: resources are looked at every second, three times at least",
            );
        }
        _ => {}
    }
}

/// `store-survives` is about nodes that the last fault of its phase restarts.
fn remembers(check: &CheckFile, phase: &PhaseFile, selectors: &Selectors, problems: &mut Problems) {
    let (Some(KindFile::StoreSurvives), Some(nodes), Some(fault)) =
        (&check.kind, &check.nodes, phase.faults.last())
    else {
        return;
    };
    let of = |selector: &At<String>| selectors.get(&selector.value);
    if let (Some(named), Some(hit)) = (of(nodes), fault.nodes.as_ref().and_then(of))
        && let Some(other) = named.iter().find(|node| !hit.contains(node))
    {
        problems.error(
            nodes.span.clone(),
            format!(
                "`store-survives` of `{other}`, which the fault of this phase does not restart"
            ),
        );
    }
}

/// `recovers` needs to see a fall. Where the nodes that stay up are enough of peers for each other,
/// there may be none.
fn falls(check: &CheckFile, hit: &[String], selectors: &Selectors, problems: &mut Problems) {
    let (Some(KindFile::Recovers { peers_at_least: Some(least), .. }), Some(nodes)) =
        (&check.kind, &check.nodes)
    else {
        return;
    };
    let up =
        selectors.get("*").map_or(0, |all| all.iter().filter(|node| !hit.contains(node)).count());
    let named = selectors.get(&nodes.value).into_iter().flatten();
    let others = up.saturating_sub(1);
    if let Some(node) = named.into_iter().find(|node| !hit.contains(node))
        && others as u64 >= least.value
    {
        let why = format!(
            "`{node}` may never be seen to fall, and then the run is inconclusive: {others} other nodes stay up during the fault, and it is to fall below {}",
            least.value
        );
        problems.warning(least.span.clone(), why);
    }
}

/// A number of peers that no network of this size has, and a comparison of one.
fn possible(check: &CheckFile, selectors: &Selectors, problems: &mut Problems) {
    if let (Some(KindFile::SameChain { .. }), Some(selector)) = (&check.kind, &check.nodes)
        && selectors.get(&selector.value).is_some_and(|nodes| nodes.len() == 1)
    {
        problems.error_hint(
            selector.span.clone(),
            "`same-chain` of one node says nothing: it always agrees with itself",
            "name two nodes or more",
        );
    }
    let nodes = selectors.get("*").map_or(0, Vec::len);
    if let (Some(KindFile::Converged { .. }), 1) = (&check.kind, nodes) {
        problems.error(
            check.span.clone(),
            "`converged` in a network of one node says nothing: there is nobody to find",
        );
    }
    let (span, least) = match &check.kind {
        Some(KindFile::Peers(needed)) => (&needed.span, needed.value.least()),
        Some(KindFile::Recovers { peers_at_least: Some(least), .. }) => (&least.span, least.value),
        Some(KindFile::DistinctPeers(at_least)) => (&at_least.span, at_least.value),
        // All others are enough of the target.
        Some(
            KindFile::Converged { .. }
            | KindFile::Recovers { .. }
            | KindFile::HeightAdvances { .. }
            | KindFile::NoStall { .. }
            | KindFile::SameChain { .. }
            | KindFile::StoreSurvives
            | KindFile::Resources { .. }
            | KindFile::Alive,
        )
        | None => return,
    };
    if let Some(why) = impossible(least, nodes) {
        problems.warning(span.clone(), format!("cannot pass: {why}"));
    }
}

/// Applies `--nodes N`.
pub(super) fn override_count(file: &mut ScenarioFile, count: u32, problems: &mut Problems) {
    let mut others: Vec<&mut GroupFile> =
        file.groups.iter_mut().filter(|group| !group.seed).collect();
    match others.as_mut_slice() {
        [group] => {
            let span = group.count.as_ref().map_or(group.span.clone(), |count| count.span.clone());
            group.count = Some(At { value: count, span });
        }
        [] => problems
            .error_file("`--nodes` sets the number of non-seed nodes, and this scenario has none"),
        several => {
            let names: Vec<&str> = several
                .iter()
                .filter_map(|group| group.name.as_ref())
                .map(|name| name.value.as_str())
                .collect();
            problems.error_file(format!(
                "`--nodes` is ambiguous: this scenario has several groups of non-seed nodes ({})",
                listed(names)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_a_count_is_one_node_of_its_name() {
        assert_eq!(node_names("seed", None), ["seed"]);
        assert_eq!(node_names("node", Some(2)), ["node-1", "node-2"]);
        assert_eq!(node_names("node", Some(1)), ["node-1"]);
    }
}
