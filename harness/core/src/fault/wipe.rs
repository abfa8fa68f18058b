//! `wipe`: removes files of nodes while they are down, and starts them again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
    files::{self, WHAT, What},
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    profile::NodeProfile,
    seconds,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wipe {
    /// Which files.
    pub what: What,
    /// At least so long.
    #[serde(with = "seconds")]
    pub downtime: Duration,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "wipe",
    about: "removes files of nodes while they are down",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Restart, Capability::State],
    effect: "they ended as for `restart`; the files were there, and are gone",
    healed: "as for `restart`",
    example: r#"[[phases.faults]]
fault = "wipe"
nodes = "node-1"
what = "peer-store"
"#,
    controls: Controls::new(&[
        Control {
            name: "nothing is removed",
            scenario: &[THREE_NODES, DISCOVER, WIPE, ALL_ADVANCE],
            disturbance: Disturbance::StateStays,
            wanted: Wanted::Unproven("is still there"),
        },
        Control {
            name: "nobody is started",
            scenario: &[THREE_NODES, DISCOVER, WIPE, ALL_ADVANCE],
            disturbance: Disturbance::StartDoesNothing,
            wanted: Wanted::Unproven("it is the same process"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "what",
        takes: Takes::Word(WHAT),
        given: Given::Always,
        about: "which files: their places are the node profile's; `all` keeps the identity",
    },
    Key {
        name: "downtime",
        takes: Takes::Duration,
        given: Given::Else("only until it is done and proven"),
        about: "how long they are down, at least",
    },
];

const WIPE: &str = r#"
[[phases]]
name = "wipe a node"
[[phases.faults]]
fault = "wipe"
nodes = "node-1"
what = "chain"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Wipe> {
    table.require("what", problems);
    let downtime = table.duration("downtime", problems);
    let what = table.word("what", WHAT, problems)?;
    Some(Wipe {
        what: What::named(what.value),
        downtime: downtime.map_or(Duration::ZERO, |downtime| downtime.value),
    })
}

impl Fault for Wipe {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Heals(self.downtime)
    }

    fn condition(&self) -> Condition {
        Condition::Down
    }

    fn lacks(&self, profile: &NodeProfile) -> Option<&'static str> {
        self.what.lacks(profile)
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_down(record)?;
        files::all_gone(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_stayed_down(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_back(record)
    }
}
