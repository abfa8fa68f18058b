//! `pause`: nodes are frozen. They get no processor time, their kernel goes on accepting connections, and
//! nobody answers: a silent peer, as a machine that swaps or a virtual one that migrates is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, DOWNTIME, Fault, FaultEntry, Record, Targets},
    frozen,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, MINERS, OTHERS_ADVANCE, Wanted},
    document::{Problems, Table},
    seconds,
};

/// Its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// At least so long; none: until `resume`.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "pause",
    about: "freezes nodes: they get no processor time, accept connections, and answer nothing",
    targets: Targets::Nodes,
    keys: &[DOWNTIME],
    needs: &[Capability::Pause],
    effect: "the engine or kernel says that they are frozen, their processor time stands still for 0.3 s at least, and two RPC questions in a row connect and are not answered; looked at again when a phase ends and before it heals",
    healed: "the same process runs, its processor time moves, and it answers; without `downtime`, `resume` ends it",
    example: r#"[[phases.faults]]
fault = "pause"
nodes = "node-1"
downtime = "10s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody is frozen",
            scenario: &[MINERS, DISCOVER, PAUSE, OTHERS_ADVANCE],
            disturbance: Disturbance::PauseDoesNothing,
            wanted: Wanted::Unproven("is not frozen: it runs"),
        },
        Control {
            name: "it does not hold",
            scenario: &[MINERS, DISCOVER, PAUSE, OTHERS_ADVANCE],
            disturbance: Disturbance::PauseDoesNotHold,
            wanted: Wanted::Unproven("node-2"),
        },
        Control {
            name: "nobody is thawed",
            scenario: &[MINERS, DISCOVER, PAUSE, OTHERS_ADVANCE],
            disturbance: Disturbance::ResumeDoesNothing,
            wanted: Wanted::Unproven("is still frozen"),
        },
    ]),
};

const PAUSE: &str = r#"
[[phases]]
name = "freeze a node"
[[phases.faults]]
fault = "pause"
nodes = "node-2"
downtime = "4s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Pause> {
    let downtime = table.duration("downtime", problems);
    Some(Pause { downtime: downtime.map(|downtime| downtime.value) })
}

impl Fault for Pause {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        self.downtime.map_or(Course::Stays, Course::Heals)
    }

    fn in_a_storm(downtime: Duration) -> Option<Self> {
        Some(Pause { downtime: Some(downtime) })
    }

    fn condition(&self) -> Condition {
        Condition::Frozen
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        frozen::all_frozen(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        frozen::all_stayed_frozen(record)
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        frozen::all_stayed_frozen(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        frozen::all_thawed(record)
    }
}
