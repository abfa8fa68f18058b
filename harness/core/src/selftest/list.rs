//! All controls, in the order of the documentation: a network in which nothing is broken first,
//! else all of them could be red for a wrong reason.

use std::path::Path;

use crate::{
    check::{self, Needs},
    control::{Control, DISCOVER, Disturbance, FASTER_BLOCKS, RESTART, THREE_NODES, Wanted},
    fault,
    profile::NodeProfile,
    scenario::{Origin, Overrides, load},
};

/// A control and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// `check` or `fault`, or what stands for neither.
    pub kind: Kind,
    /// Its name.
    pub subject: &'static str,
    /// The control.
    pub control: &'static Control,
}

/// What a control belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To all of them: nothing is broken.
    Healthy,
    /// To a check.
    Check,
    /// To a fault.
    Fault,
}

impl Case {
    /// `check peers: discovery off`.
    pub fn name(&self) -> String {
        let kind = match self.kind {
            Kind::Healthy => "",
            Kind::Check => "check ",
            Kind::Fault => "fault ",
        };
        format!("{kind}{}: {}", self.subject, self.control.name)
    }

    /// Its scenario for nodes of this kind: only ours can be told how fast its blocks come.
    pub fn scenario(&self, profile: &NodeProfile) -> String {
        let text = self.control.scenario.concat();
        if *profile == *NodeProfile::ours() { text } else { text.replace(FASTER_BLOCKS, "") }
    }

    /// Why nodes of this kind cannot be used for it, if they cannot.
    fn misfit(&self, profile: &NodeProfile) -> Option<String> {
        let text = self.scenario(profile);
        if *profile != *NodeProfile::ours() && text.contains("HEGEMON_") {
            return Some("it needs variables that only this workspace's node has".to_owned());
        }
        let origin = Origin { name: "control", path: Path::new("scenario.toml") };
        let (plan, _) = load(origin, text, &Overrides::default());
        let checks = plan.into_iter().flat_map(|plan| plan.phases).flat_map(|phase| phase.checks);
        checks.into_iter().find_map(|check| {
            let entry = check.kind.entry();
            let unknown = entry.needs_method().filter(|method| !profile.is_known_to_offer(method));
            let pageless = entry.needs == Needs::Metrics && !profile.serves_metrics();
            profile
                .cannot
                .get(entry.name)
                .cloned()
                .or_else(|| pageless.then(|| "it needs a page of metrics".to_owned()))
                .or_else(|| unknown.map(|method| format!("it needs `{method}`")))
        })
    }
}

/// Every check of this scenario passes if the nodes are what they should be.
static HEALTHY: Control = Control {
    name: "nothing is broken",
    scenario: &[THREE_NODES, DISCOVER, RESTART, CORE_CHECKS, MORE_CHECKS],
    disturbance: Disturbance::None,
    wanted: Wanted::Pass,
};

/// The same, and nothing is asked beyond the core of the contract.
static HEALTHY_CORE: Control = Control {
    name: HEALTHY.name,
    scenario: &[THREE_NODES, DISCOVER, RESTART, CORE_CHECKS],
    disturbance: Disturbance::None,
    wanted: Wanted::Pass,
};

/// Everything that can be asked of it once the seed is back, of any node.
const CORE_CHECKS: &str = r#"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
height_by = 1
within = "20s"
for = "1s"
[[phases.checks]]
check = "catches-up"
nodes = "seed"
to = "node"
from = "own-state"
within = "20s"
for = "1s"
[[phases.checks]]
check = "sync-truth"
nodes = "*"
within = "10s"
[[phases.checks]]
check = "same-chain"
nodes = "*"
within = "20s"
for = "1s"
[[phases.checks]]
check = "same-genesis"
nodes = "*"
within = "20s"
[[phases.checks]]
check = "no-restart"
nodes = "*"
within = "10s"
[[phases.checks]]
check = "alive"
nodes = "*"
within = "10s"
[[phases.checks]]
check = "no-stall"
nodes = "*"
longest = "8s"
within = "10s"
[[phases.checks]]
check = "block-time"
nodes = "*"
longest = "10s"
within = "12s"
[[phases.checks]]
check = "propagates"
nodes = "*"
p95 = "3s"
within = "30s"
[[phases.checks]]
check = "converged"
nodes = "*"
within = "20s"
[[phases.checks]]
check = "log"
nodes = "*"
pattern = "panicked at|stack overflow"
must = "not-appear"
within = "10s"
[[phases.checks]]
check = "resources"
nodes = "*"
memory = "256 MiB"
within = "5s"
[[phases.checks]]
check = "rpc"
nodes = "*"
method = "chain_getBlockHash"
params = [0]
same_everywhere = true
within = "10s"
for = "1s"
[[phases.checks]]
check = "command"
nodes = "*"
run = ["true"]
within = "10s"
"#;

/// What only some can be asked.
const MORE_CHECKS: &str = r#"
[[phases.checks]]
check = "distinct-peers"
nodes = "*"
at_least = 2
within = "20s"
[[phases.checks]]
check = "topology"
nodes = "*"
no_cut_vertex = true
components = 1
diameter = 1
within = "20s"
[[phases.checks]]
check = "identity-stable"
nodes = "seed"
within = "20s"
[[phases.checks]]
check = "metric"
nodes = "node"
name = "hegemon_chain_height"
at_least = 1
rises_by = 1
within = "20s"
"#;

/// All controls.
pub fn all() -> Vec<Case> {
    let healthy = Case { kind: Kind::Healthy, subject: "everything", control: &HEALTHY };
    let case = |kind, subject, control| Case { kind, subject, control };
    let checks = check::CHECKS.iter().flat_map(|entry| {
        entry.controls.all().iter().map(move |control| case(Kind::Check, entry.name, control))
    });
    let faults = fault::FAULTS.iter().flat_map(|entry| {
        entry.controls.all().iter().map(move |control| case(Kind::Fault, entry.name, control))
    });
    std::iter::once(healthy).chain(checks).chain(faults).collect()
}

/// All controls that can be run with nodes of this kind; the others, and why they cannot.
pub fn for_nodes(profile: &NodeProfile) -> (Vec<Case>, Vec<(Case, String)>) {
    let (mut fit, mut others) = (Vec::new(), Vec::new());
    for case in all() {
        match case.misfit(profile) {
            None => fit.push(case),
            Some(_) if case.kind == Kind::Healthy => {
                fit.push(Case { control: &HEALTHY_CORE, ..case });
            }
            Some(why) => others.push((case, why)),
        }
    }
    (fit, others)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_foreign_node_gets_the_controls_that_need_no_more_than_the_core() {
        let (fit, others) = for_nodes(&NodeProfile::ours());
        assert_eq!((fit.len(), others.len()), (all().len(), 0));
        let core = NodeProfile::core();
        let (fit, others) = for_nodes(&core);
        assert!(fit.len() > 20 && fit.len() + others.len() == all().len(), "{}", fit.len());
        assert!(fit.iter().all(|case| !case.scenario(&core).contains("HEGEMON_")));
        assert_eq!(fit[0].kind, Kind::Healthy, "what is broken is seen against what is not");
        let why = |name: &str| {
            let found = others.iter().find(|(case, _)| case.name() == name);
            found.map(|(_, why)| why.as_str())
        };
        assert_eq!(
            why("check peers: discovery is off"),
            Some("it needs variables that only this workspace's node has")
        );
        assert_eq!(
            why("check store-survives: the store is wiped"),
            Some("it needs `hegemon_peerList`")
        );
    }

    #[test]
    fn every_control_is_a_good_scenario_with_its_subject_in_it() {
        let mut names = BTreeSet::new();
        for case in all() {
            assert!(names.insert(case.name()), "{} twice", case.name());
            let origin = Origin { name: "control", path: Path::new("scenario.toml") };
            let text = case.control.scenario.concat();
            let (plan, problems) = load(origin, text, &Overrides::default());
            assert!(problems.is_empty(), "{}: {problems}", case.name());
            let plan = plan.unwrap();
            let has = match case.kind {
                Kind::Healthy => true,
                // On in every run.
                Kind::Check if case.subject == "alive" => true,
                Kind::Check => plan
                    .phases
                    .iter()
                    .flat_map(|phase| &phase.checks)
                    .any(|check| check.kind.name() == case.subject),
                Kind::Fault => plan
                    .phases
                    .iter()
                    .flat_map(|phase| &phase.faults)
                    .any(|fault| fault.kind.name() == case.subject),
            };
            assert!(has, "{}: its scenario does not have it", case.name());
        }
    }

    #[test]
    fn the_healthy_network_is_asked_by_every_check() {
        let text = HEALTHY.scenario.concat();
        // In three nodes the seed dials first most of the time, and then nothing can be said of a
        // store: its control is about one that was wiped. A healthy network has no fork. On
        // loopback nobody can count what a node dials, and this control must run there.
        let unasked = ["store-survives", "fork-seen", "dials"];
        for registration in
            check::CHECKS.iter().filter(|registration| !unasked.contains(&registration.name))
        {
            assert!(
                text.contains(&format!("check = \"{}\"", registration.name)),
                "{}",
                registration.name
            );
        }
    }
}
