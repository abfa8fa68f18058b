//! The negative controls of every fault: one that did nothing must be noticed. A fault without one
//! does not compile.

use crate::{
    control::{
        Control, DISCOVER, Disturbance, How, Lie, RESTART, Registration, THREE_NODES, Wanted,
    },
    scenario::FaultKind,
};

/// A fault's name and its negative controls.
pub(crate) fn registration(fault: FaultKind) -> &'static Registration {
    match fault {
        FaultKind::Restart => &RESTART_FAULT,
    }
}

/// Every fault that a scenario may name.
pub static FAULTS: [&Registration; 1] = [&RESTART_FAULT];

const RECOVERS: &str = r#"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 1
within = "15s"
for = "1s"
"#;

const SCENARIO: &[&str] = &[THREE_NODES, DISCOVER, RESTART, RECOVERS];

const fn of_the_seed(method: &'static str, how: How) -> Lie {
    Lie { node: "seed", method, how }
}

static RESTART_FAULT: Registration = Registration::new(
    "restart",
    &[
        Control {
            name: "nobody is stopped",
            scenario: SCENARIO,
            disturbance: Disturbance::StopDoesNothing,
            wanted: Wanted::Unproven("seed was stopped, but it still runs"),
        },
        Control {
            name: "nobody is started",
            scenario: SCENARIO,
            disturbance: Disturbance::StartDoesNothing,
            wanted: Wanted::Unproven("it is the same process"),
        },
        Control {
            name: "a node answers while it is down",
            scenario: SCENARIO,
            disturbance: Disturbance::Lies(&[
                of_the_seed("system_health", How::OutlivesTheNode),
                of_the_seed("chain_getHeader", How::OutlivesTheNode),
                of_the_seed("system_peers", How::OutlivesTheNode),
            ]),
            wanted: Wanted::Unproven("questions in a row are unanswered"),
        },
        Control {
            name: "a node never answers again",
            scenario: SCENARIO,
            disturbance: Disturbance::Lies(&[of_the_seed("*", How::IsSilentAfterwards)]),
            wanted: Wanted::Broken("its RPC was silent"),
        },
    ],
);
