//! `heal`: mends all lines that an earlier `partition`, `one-way` or `degrade` has left cut or bad. It names
//! nobody.

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
pub struct Heal;

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "heal",
    about: "mends all lines that `partition`, `one-way` and `degrade` have left cut or bad",
    targets: Targets::Own,
    keys: &[],
    needs: &[Capability::Lines],
    effect: "nothing: it ends what another fault did",
    healed: "nobody came through where they cut until then; then TCP connects and datagrams between all of their nodes do",
    example: r#"[[phases.faults]]
fault = "partition"
groups = [["seed"], ["node"]]

[[phases]]
name = "one network again"
[[phases.faults]]
fault = "heal"
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
name = "part the network"
[[phases.faults]]
fault = "partition"
groups = [["seed", "node-1"], ["node-2"]]
"#;

const AGAIN: &str = r#"
[[phases]]
name = "together again"
[[phases.faults]]
fault = "heal"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Heal> {
    Some(Heal)
}

impl Fault for Heal {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Ends
    }

    fn ends(&self) -> &'static [Condition] {
        &[Condition::Parted]
    }

    /// A bad line may be among them.
    fn ways(&self, nodes: &[String], network: &[String]) -> (Vec<Way>, Datagrams) {
        (lines::ways_of(nodes, network), Datagrams::Many)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        let ways = lines::ways_of(&paths::nodes(record), record.network);
        paths::all_as_they_should(record, &ways, record.until)
    }
}
