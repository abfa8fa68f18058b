//! All controls, in the order of the documentation: a network in which nothing is broken first,
//! else all of them could be red for a wrong reason.

use crate::{
    check,
    control::{Control, DISCOVER, Disturbance, RESTART, THREE_NODES, Wanted},
    fault,
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
}

/// Every check of this scenario passes if the nodes are what they should be.
static HEALTHY: Control = Control {
    name: "nothing is broken",
    scenario: &[THREE_NODES, DISCOVER, RESTART, ALL_CHECKS],
    disturbance: Disturbance::None,
    wanted: Wanted::Pass,
};

/// Everything that can be asked of it once the seed is back.
const ALL_CHECKS: &str = r#"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
height_by = 1
within = "20s"
for = "1s"
[[phases.checks]]
check = "same-chain"
nodes = "*"
within = "20s"
for = "1s"
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
check = "converged"
nodes = "*"
within = "20s"
[[phases.checks]]
check = "distinct-peers"
nodes = "*"
at_least = 2
within = "20s"
[[phases.checks]]
check = "resources"
nodes = "*"
memory = "256 MiB"
within = "5s"
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::scenario::{Origin, Overrides, load};

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
        // store: its control is about one that was wiped.
        for registration in
            check::CHECKS.iter().filter(|registration| registration.name != "store-survives")
        {
            assert!(
                text.contains(&format!("check = \"{}\"", registration.name)),
                "{}",
                registration.name
            );
        }
    }
}
