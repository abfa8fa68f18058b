//! `restart`: stop, keep down, start again; the same container or directory, name and address.
//!
//! Down is proven by the engine (it ended) and by the node's RPC (two questions in a row, asked
//! after the stop, without an answer). Back is proven by the engine (another process ID or start
//! time) and by the node's RPC (an answer to a question asked after the start).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
};
use crate::{
    control::{
        ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, How, OUTLIVES, RESTART, THREE_NODES,
        Wanted, of_the_seed,
    },
    document::{Given, Key, Problems, Table, Takes},
    seconds,
};

/// Its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// At least so long. Zero: until it is proven, and until its `during` checks are decided.
    #[serde(with = "seconds")]
    pub downtime: Duration,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "restart",
    about: "stops nodes, keeps them down, starts the same again",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Restart],
    effect: "they ended, two RPC questions in a row are unanswered, and none is answered while they are down. A node that had ended before, or crashes when it is asked to stop, has failed; so has one of ours that needs SIGKILL (of a foreign one the proof says it)",
    healed: "another process, and an answer within the phase's longest `within` (30 s at least)",
    example: r#"[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "5s"
"#,
    controls: Controls::new(&[
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
            disturbance: OUTLIVES,
            wanted: Wanted::Unproven("questions in a row are unanswered"),
        },
        Control {
            name: "a node never answers again",
            scenario: SCENARIO,
            disturbance: Disturbance::Lies(&[of_the_seed("*", How::IsSilentAfterwards)]),
            wanted: Wanted::Broken("its RPC was silent"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "downtime",
    takes: Takes::Duration,
    given: Given::Else("until it is proven, and its `during` checks are decided"),
    about: "how long they are down, at least",
}];

const SCENARIO: &[&str] = &[THREE_NODES, DISCOVER, RESTART, ALL_ADVANCE];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Restart> {
    let downtime = table.duration("downtime", problems);
    Some(Restart { downtime: downtime.map_or(Duration::ZERO, |downtime| downtime.value) })
}

impl Fault for Restart {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Heals(self.downtime)
    }

    fn in_a_storm(downtime: Duration) -> Option<Self> {
        Some(Restart { downtime })
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

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_back(record)
    }
}
