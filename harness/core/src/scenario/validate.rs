//! What a scenario file says, checked across its tables: names, references, counts, times.
//! Collects; decides nothing about what a good file means.

use std::{collections::BTreeSet, time::Duration};

use super::{
    before::Before,
    conditions::Selectors,
    file::{GroupFile, PhaseFile, ScenarioFile},
    step::{CheckFile, DEFAULT_HOLD, FaultFile},
    windows,
};
use crate::{
    check::{Place, Window},
    document::{At, MISSING, Problems, is_dns_label, listed, suggest},
    fault::Course,
    profile::{Groups, NodeProfile},
    subnet::Ipv4Subnet,
};

/// The largest default network is a /24, of which the network, the broadcast address and the
/// engine's gateway have one each.
const MOST_NODES: u64 = 256 - 3;

/// Collects everything that is wrong. The selectors are complete if nothing was.
pub(super) fn validate(
    file: &ScenarioFile,
    profile: &NodeProfile,
    problems: &mut Problems,
) -> Selectors {
    let selectors = names(&file.groups, problems);
    for group in &file.groups {
        arguments(group, profile, problems);
    }
    let nodes = (selectors.get("*").map_or(0, Vec::len) + selectors.hostile.len()) as u64;
    if file.groups.is_empty() {
        problems.error_file(format!("{MISSING}`[[nodes]]`: a scenario needs nodes"));
    } else if !file.groups.iter().any(is_seeded) {
        problems.error_file(format!(
            "{MISSING}seed: no group has `seed = true`, so nobody would find anybody"
        ));
    }
    for seeds in file.groups.iter().filter_map(|group| group.seeds.as_ref()) {
        for name in seeds.value.iter().filter(|name| !selectors.contains_key(*name)) {
            problems.error_hint(
                seeds.span.clone(),
                format!("`seeds` names an unknown node or group `{name}`"),
                suggest(name, selectors.keys().map(String::as_str)),
            );
        }
    }
    for seeds in file.groups.iter().filter_map(|group| group.seeds.as_ref()) {
        for name in seeds.value.iter().filter(|name| selectors.is_hostile(name)) {
            problems.error_hint(
                seeds.span.clone(),
                format!("`seeds` names the adversary `{name}`"),
                "name nodes: an adversary need not listen",
            );
        }
    }
    subnet(file, nodes, problems);
    if let Some(time) = file.block_time.as_ref().filter(|time| time.value.as_millis() == 0) {
        problems.error(time.span.clone(), "`block_time`: nodes are told a millisecond at least");
    }
    phases(file, &selectors, problems);
    selectors
}

/// Its nodes find somebody.
fn is_seeded(group: &GroupFile) -> bool {
    group.hostile.is_none() && (group.seed || group.seeds.is_some())
}

/// The names of a group's nodes.
pub(super) fn node_names(name: &str, count: Option<u32>) -> Vec<String> {
    match count {
        None => vec![name.to_owned()],
        Some(count) => (1..=count).map(|number| format!("{name}-{number}")).collect(),
    }
}

fn names(groups: &[GroupFile], problems: &mut Problems) -> Selectors {
    let mut selectors = Selectors::default();
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
            selectors.names.insert(node.clone(), vec![node.clone()]);
        }
        selectors.names.insert(first, nodes.iter().take(1).cloned().collect());
        selectors.names.insert(name.value.clone(), nodes.clone());
        if group.hostile.is_some() {
            selectors.hostile.extend(nodes.into_iter().map(|node| (node, group.later)));
        } else {
            all.extend(nodes);
        }
    }
    selectors.names.insert("*".to_owned(), all);
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
}

/// Arguments that no node of this kind can be executed with.
fn arguments(group: &GroupFile, profile: &NodeProfile, problems: &mut Problems) {
    let Some(args) = &group.args else { return };
    if args.value.iter().any(|arg| arg.contains('\0')) {
        problems.error(args.span.clone(), "an argument cannot hold a NUL");
    }
    let given = Groups::of(args.value.iter().cloned());
    let mut seen = BTreeSet::new();
    for flag in given.flags() {
        if let Some(why) = profile.refuses(flag) {
            problems.error_hint(
                args.span.clone(),
                format!("`{flag}` cannot be given: {why}"),
                format!("leave `{flag}` out"),
            );
        } else if !seen.insert(flag) && profile.knows(flag) {
            problems.error_hint(
                args.span.clone(),
                format!("`{flag}` is given twice, which a node may refuse"),
                "write it once",
            );
        }
        if flag == "--tmp" {
            problems.warning(
                args.span.clone(),
                "`--tmp` has a node remove its state when it ends: after a `stop` or `restart` it is another node",
            );
        }
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
    let mut before = Before::anything(&file.groups, selectors);
    never_started(file, selectors, problems);
    for phase in &file.phases {
        before.hit_here = false;
        for fault in &phase.faults {
            for name in fault.names() {
                selector(Some(name), selectors, "fault", problems);
            }
            before.fault(fault, selectors, problems);
        }
        before.after_a_heal |= phase.has_faults && phase.faults.is_empty();
        overlaps(phase, problems);
        for storm in &phase.storms {
            storm.validate(selectors, &before.conditions, problems);
            before.after_a_heal = true;
            before.hit_here = true;
            before.hit = storm.nodes(selectors).cloned();
        }
        for check in &phase.checks {
            selector(check.nodes.as_ref(), selectors, "check", problems);
            not_of_adversaries(check, selectors, problems);
            times(check, file, problems);
            windows::validate(check, file.block_time.as_ref(), selectors, problems);
            during(check, phase, problems);
            before.is_silent(check, selectors, problems);
            before.is_away_meanwhile(check, selectors, problems);
            let named = check.nodes.as_ref().and_then(|nodes| selectors.get(&nodes.value));
            let written = written(check);
            let place = Place {
                span: &check.span,
                selector: check.nodes.as_ref(),
                names: selectors,
                named: named.map_or(&[], Vec::as_slice),
                network: selectors.get("*").map_or(&[], Vec::as_slice),
                within: written.as_ref(),
                during: check.during.as_ref().map(|during| &during.span),
                after_a_heal: before.after_a_heal,
                open: file.attached,
                down: before.conditions.gone(),
                hit: before.hit.as_deref(),
                hit_here: before.hit_here,
            };
            if let Some(own) = &check.own {
                own.validate(&place, problems);
            }
        }
    }
}

/// Groups that start later and that no fault starts.
fn never_started(file: &ScenarioFile, selectors: &Selectors, problems: &mut Problems) {
    let faults = file.phases.iter().flat_map(|phase| &phase.faults);
    let named: Vec<&String> = faults
        .flat_map(FaultFile::names)
        .filter_map(|name| selectors.get(&name.value))
        .flatten()
        .collect();
    for group in file.groups.iter().filter(|group| group.later) {
        let Some(name) = &group.name else { continue };
        let nodes = selectors.get(&name.value).into_iter().flatten();
        let Some(node) = nodes.into_iter().find(|node| !named.contains(node)) else { continue };
        if group.hostile.is_some() {
            problems.error_hint(
                name.span.clone(),
                format!("nobody starts the adversary `{node}` (`start = \"later\"`)"),
                "use the fault `hostile`, or leave `start` out",
            );
        } else {
            problems.warning(
                name.span.clone(),
                format!("nobody starts `{node}` (`start = \"later\"`): no fault `join` names it"),
            );
        }
    }
}

/// An adversary promises nothing that could be checked.
fn not_of_adversaries(check: &CheckFile, selectors: &Selectors, problems: &mut Problems) {
    let named = check.nodes.as_ref().filter(|nodes| selectors.is_hostile(&nodes.value));
    if let Some(nodes) = named {
        problems.error_hint(
            nodes.span.clone(),
            format!("a check of the adversary `{}`", nodes.value),
            "name nodes, or `*`, which means all that are no adversaries",
        );
    }
    let others = check.others(selectors);
    if let Some(node) = others.iter().find(|node| selectors.hostile.contains_key(*node)) {
        problems.error_hint(
            check.span.clone(),
            format!("a check against the adversary `{node}`, which promises nothing"),
            "name nodes",
        );
    }
}

/// A check of a fault that is not there, or does not last.
fn during(check: &CheckFile, phase: &PhaseFile, problems: &mut Problems) {
    let Some(during) = check.during.as_ref().filter(|_| check.is_during()) else { return };
    if !phase.has_faults && phase.storms.is_empty() {
        problems.error(during.span.clone(), "`during = \"fault\"` in a phase without a fault");
    } else if !phase.storms.is_empty() {
        problems.error_hint(
            during.span.clone(),
            "`during = \"fault\"` in a phase with a storm, whose faults come and go",
            "without `during` it starts when the storm is over",
        );
    } else if matches!(
        phase.faults.last().and_then(FaultFile::course),
        Some(Course::Ends | Course::Once)
    ) {
        problems.error_hint(
            during.span.clone(),
            "`during = \"fault\"`, and the phase's last fault does not last",
            "without `during` it starts when that is proven",
        );
    }
}

/// A fault that goes with one that is over before it could begin.
fn overlaps(phase: &PhaseFile, problems: &mut Problems) {
    let mut previous: Option<&FaultFile> = None;
    for fault in &phase.faults {
        if let Some(with) = &fault.with_previous {
            let lasts =
                |fault: &FaultFile| !matches!(fault.course(), Some(Course::Ends | Course::Once));
            match previous {
                None => problems.error(
                    with.clone(),
                    "`with = \"previous\"`, and there is no fault before it in this phase",
                ),
                Some(previous) if !lasts(previous) => problems.error_hint(
                    with.clone(),
                    "`with = \"previous\"`, and the fault before it does not last",
                    "leave it out: faults follow each other",
                ),
                Some(_) => {}
            }
        }
        previous = Some(fault);
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

/// Its window, where that is written.
fn written(check: &CheckFile) -> Option<At<Duration>> {
    let within = check.within.as_ref()?;
    Some(At { value: within.value.written()?, span: within.span.clone() })
}

fn times(check: &CheckFile, file: &ScenarioFile, problems: &mut Problems) {
    let Some(within) = written(check) else { return };
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
    if check.window() != Window::Part {
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

/// Applies `--nodes N`.
pub(super) fn override_count(file: &mut ScenarioFile, count: u32, problems: &mut Problems) {
    let mut others: Vec<&mut GroupFile> =
        file.groups.iter_mut().filter(|group| !group.seed && group.hostile.is_none()).collect();
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
mod tests;
