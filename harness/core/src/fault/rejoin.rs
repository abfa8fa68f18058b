//! `rejoin`: connects nodes again that an earlier `isolate` cut off.

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    lines::{self, Way},
    paths,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, MINERS, OTHERS_ADVANCE, Wanted},
    document::{Problems, Table},
    line::Datagrams,
};

/// It has no keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejoin;

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "rejoin",
    about: "connects nodes again that `isolate` cut off",
    targets: Targets::Nodes,
    keys: &[],
    needs: &[Capability::Lines],
    effect: "nothing: it ends what another fault did",
    healed: "nobody came through since they were isolated; then TCP connects and datagrams between them and all others do",
    example: r#"[[phases.faults]]
fault = "isolate"
nodes = "node-1"

[[phases]]
name = "back"
[[phases.faults]]
fault = "rejoin"
nodes = "node-1"
"#,
    controls: Controls::new(&[
        Control {
            name: "it stays cut",
            scenario: &[MINERS, DISCOVER, CUT, OTHERS_ADVANCE, AGAIN],
            disturbance: Disturbance::LinesStay,
            wanted: Wanted::Unproven("although nothing cuts"),
        },
        Control {
            name: "it was open already",
            scenario: &[MINERS, DISCOVER, CUT, OTHERS_ADVANCE, AGAIN],
            disturbance: Disturbance::LinesHealEarly,
            wanted: Wanted::Unproven("came through although a line between them is cut"),
        },
    ]),
};

const CUT: &str = r#"
[[phases]]
name = "isolate a node"
[[phases.faults]]
fault = "isolate"
nodes = "node-2"
"#;

const AGAIN: &str = r#"
[[phases]]
name = "together again"
[[phases.faults]]
fault = "rejoin"
nodes = "node-2"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Rejoin> {
    Some(Rejoin)
}

impl Fault for Rejoin {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Ends
    }

    fn ends(&self) -> &'static [Condition] {
        &[Condition::Isolated]
    }

    fn ways(&self, nodes: &[String], network: &[String]) -> (Vec<Way>, Datagrams) {
        (lines::ways_of(nodes, network), Datagrams::Few)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        let ways = lines::ways_of(&paths::nodes(record), record.network);
        paths::all_as_they_should(record, &ways, record.until)
    }
}
