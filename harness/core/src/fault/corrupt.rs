//! `corrupt`: damages files of nodes while they are down, by the run's seed, and starts them again.

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
    state::Damage,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrupt {
    /// Which files.
    pub what: What,
    /// How.
    pub how: Damage,
    /// At least so long.
    #[serde(with = "seconds")]
    pub downtime: Duration,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "corrupt",
    about: "damages files of nodes while they are down",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Restart, Capability::State],
    effect: "they ended as for `restart`; every such file that was there has another hash",
    healed: "as for `restart`",
    example: r#"[[phases.faults]]
fault = "corrupt"
nodes = "node-1"
what = "peer-store"
how = "flip"
"#,
    controls: Controls::new(&[Control {
        name: "nothing is damaged",
        scenario: &[THREE_NODES, DISCOVER, CORRUPT, ALL_ADVANCE],
        disturbance: Disturbance::StateStays,
        wanted: Wanted::Unproven("is as it was"),
    }]),
};

const KEYS: &[Key] = &[
    Key {
        name: "what",
        takes: Takes::Word(WHAT),
        given: Given::Always,
        about: "which files: their places are the node profile's; `all` spares the identity",
    },
    Key {
        name: "how",
        takes: Takes::Word(HOW),
        given: Given::Always,
        about: "their second half is cut off, a byte in every 4 KiB is changed, or nothing is left in them",
    },
    Key {
        name: "downtime",
        takes: Takes::Duration,
        given: Given::Else("only until it is done and proven"),
        about: "how long they are down, at least",
    },
];

const HOW: &[&str] = &["truncate", "flip", "empty"];

const CORRUPT: &str = r#"
[[phases]]
name = "damage a node's files"
[[phases.faults]]
fault = "corrupt"
nodes = "node-1"
what = "peer-store"
how = "flip"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Corrupt> {
    table.require("what", problems);
    table.require("how", problems);
    let downtime = table.duration("downtime", problems);
    let (what, how) = (table.word("what", WHAT, problems), table.word("how", HOW, problems));
    Some(Corrupt {
        what: What::named(what?.value),
        how: match how?.value {
            "truncate" => Damage::Truncate,
            "flip" => Damage::Flip,
            _ => Damage::Empty,
        },
        downtime: downtime.map_or(Duration::ZERO, |downtime| downtime.value),
    })
}

impl Fault for Corrupt {
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
        files::all_damaged(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_stayed_down(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_back(record)
    }
}
