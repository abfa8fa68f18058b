//! `stop`: nodes end when they are asked to, and stay down, over phases, until `start` brings them
//! back. A stopped node is no failure.
//!
//! Down is proven as for `restart`; that they stayed down is looked at when each phase ends.

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, OUTLIVES, THREE_NODES, Wanted},
    document::{Problems, Table},
};

/// It has no keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop;

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "stop",
    about: "stops nodes; they stay down until `start`",
    targets: Targets::Nodes,
    keys: &[],
    needs: &[Capability::Restart],
    effect: "as for `restart`: they ended, two RPC questions in a row are unanswered; then, whenever a phase ends, nobody was seen to run or answer",
    healed: "it does not heal by itself: `start` ends it",
    example: r#"[[phases.faults]]
fault = "stop"
nodes = "seed"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody is stopped",
            scenario: &[THREE_NODES, DISCOVER, STOP, OTHERS_ADVANCE],
            disturbance: Disturbance::StopDoesNothing,
            wanted: Wanted::Unproven("it still runs"),
        },
        Control {
            name: "a node answers while it is down",
            scenario: &[THREE_NODES, DISCOVER, STOP, OTHERS_ADVANCE],
            disturbance: OUTLIVES,
            wanted: Wanted::Unproven("questions in a row are unanswered"),
        },
        Control {
            name: "a node comes back by itself",
            scenario: &[THREE_NODES, DISCOVER, STOP, OTHERS_ADVANCE],
            disturbance: Disturbance::ComesBack,
            wanted: Wanted::Unproven("although it should have been down all the time"),
        },
    ]),
};

const STOP: &str = r#"
[[phases]]
name = "stop the seed"
[[phases.faults]]
fault = "stop"
nodes = "seed"
"#;

/// The ones that are up get new blocks, for long enough to see that the seed stays down.
pub(super) const OTHERS_ADVANCE: &str = r#"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 1
within = "15s"
for = "6s"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Stop> {
    Some(Stop)
}

impl Fault for Stop {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Stays
    }

    fn condition(&self) -> Condition {
        Condition::Down
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_down(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_stayed_down(record)
    }
}
