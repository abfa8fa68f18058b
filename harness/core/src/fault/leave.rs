//! `leave`: nodes end when they are asked to, for good: no later fault may start them.
//!
//! Down is proven as for `restart`; that they stayed down is looked at when each phase ends.

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
    stop::OTHERS_ADVANCE,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, OUTLIVES, THREE_NODES, Wanted},
    document::{Problems, Table},
};

/// It has no keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave;

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "leave",
    about: "stops nodes for good",
    targets: Targets::Nodes,
    keys: &[],
    needs: &[Capability::Restart],
    effect: "as for `stop`: they ended, two RPC questions in a row are unanswered; then, whenever a phase ends, nobody was seen to run or answer",
    healed: "never",
    example: r#"[[phases.faults]]
fault = "leave"
nodes = "seed"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody is stopped",
            scenario: &[THREE_NODES, DISCOVER, LEAVE, OTHERS_ADVANCE],
            disturbance: Disturbance::StopDoesNothing,
            wanted: Wanted::Unproven("it still runs"),
        },
        Control {
            name: "a node answers while it is down",
            scenario: &[THREE_NODES, DISCOVER, LEAVE, OTHERS_ADVANCE],
            disturbance: OUTLIVES,
            wanted: Wanted::Unproven("questions in a row are unanswered"),
        },
        Control {
            name: "a node comes back by itself",
            scenario: &[THREE_NODES, DISCOVER, LEAVE, OTHERS_ADVANCE],
            disturbance: Disturbance::ComesBack,
            wanted: Wanted::Unproven("although it should have been down all the time"),
        },
    ]),
};

const LEAVE: &str = r#"
[[phases]]
name = "the seed leaves"
[[phases.faults]]
fault = "leave"
nodes = "seed"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Leave> {
    Some(Leave)
}

impl Fault for Leave {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Stays
    }

    fn condition(&self) -> Condition {
        Condition::Gone
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_down(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_stayed_down(record)
    }
}
