//! `isolate`: nothing passes between these nodes and all others; JSON-RPC stays reachable. Among
//! themselves, several isolated nodes see each other.
//!
//! Proven by a probe from inside the nodes' networks: TCP connects to every other node's transport address
//! get no answer, both ways, datagrams are lost, and RPC answers all the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, DOWNTIME, Fault, FaultEntry, Record, Targets},
    lines::{self, Lines, Way},
    paths,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, ISOLATE, MINERS, OTHERS_ADVANCE, Wanted},
    document::{Problems, Table},
    line::Datagrams,
    seconds,
};

/// Its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolate {
    /// At least so long; none: until `rejoin`.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "isolate",
    about: "cuts nodes off from all others, in both directions; RPC stays reachable",
    targets: Targets::Nodes,
    keys: &[DOWNTIME],
    needs: &[Capability::Lines],
    effect: "from inside the network of each of them, and of each other node, TCP connects to the other side get no answer within 1 s and no datagram arrives, while they answer over RPC; looked at again when a phase ends and before it heals",
    healed: "the same connects and datagrams come through; without `downtime`, `rejoin` ends it",
    example: r#"[[phases.faults]]
fault = "isolate"
nodes = "node-1"
downtime = "10s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nothing is cut",
            scenario: &[MINERS, DISCOVER, ISOLATE, OTHERS_ADVANCE],
            disturbance: Disturbance::LinesDoNothing,
            wanted: Wanted::Unproven("came through although a line between them is cut"),
        },
        Control {
            name: "another node is cut off",
            scenario: &[MINERS, DISCOVER, ISOLATE, OTHERS_ADVANCE],
            disturbance: Disturbance::LinesOfAnother,
            wanted: Wanted::Unproven("came through although a line between them is cut"),
        },
        Control {
            name: "only one direction is cut",
            scenario: &[MINERS, DISCOVER, ISOLATE, OTHERS_ADVANCE],
            disturbance: Disturbance::LinesOneSided,
            wanted: Wanted::Unproven("arrived although that line is cut"),
        },
        Control {
            name: "it heals too early",
            scenario: &[MINERS, DISCOVER, ISOLATE, OTHERS_ADVANCE],
            disturbance: Disturbance::LinesHealEarly,
            wanted: Wanted::Unproven("came through although a line between them is cut"),
        },
        Control {
            name: "it stays cut after its heal",
            scenario: &[MINERS, DISCOVER, ISOLATE, OTHERS_ADVANCE],
            disturbance: Disturbance::LinesStay,
            wanted: Wanted::Unproven("although nothing cuts"),
        },
    ]),
};

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Isolate> {
    let downtime = table.duration("downtime", problems);
    Some(Isolate { downtime: downtime.map(|downtime| downtime.value) })
}

impl Fault for Isolate {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        self.downtime.map_or(Course::Stays, Course::Heals)
    }

    fn in_a_storm(downtime: Duration) -> Option<Self> {
        Some(Isolate { downtime: Some(downtime) })
    }

    fn condition(&self) -> Condition {
        Condition::Isolated
    }

    fn lines(&self, nodes: &[String], network: &[String]) -> Lines {
        let mut lines = Lines::default();
        for node in nodes {
            for other in network.iter().filter(|other| !nodes.contains(other)) {
                lines.cut(node, other);
                lines.cut(other, node);
            }
        }
        lines
    }

    fn ways(&self, nodes: &[String], network: &[String]) -> (Vec<Way>, Datagrams) {
        (lines::ways_of(nodes, network), Datagrams::Few)
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        if self.lines(&paths::nodes(record), record.network).ways().next().is_none() {
            return Err("nobody else was there: nothing was cut".to_owned());
        }
        let ways = lines::ways_of(&paths::nodes(record), record.network);
        paths::all_as_they_should(record, &ways, record.asked)?;
        paths::all_answer(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        paths::held(record, &self.lines(&paths::nodes(record), record.network))
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        self.still_holds(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        let ways = lines::ways_of(&paths::nodes(record), record.network);
        paths::all_as_they_should(record, &ways, record.until)
    }
}
