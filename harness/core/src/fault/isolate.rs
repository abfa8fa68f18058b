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
        let lines = self.lines(&paths::nodes(record), record.network);
        if !lines.ways().any(|way| paths::can_be_tried(record, way)) {
            return Err("nobody else ran: no line was seen to be cut".to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::testing::{Seen, incarnation},
        event::Moment,
        fault::evidence::tests::of,
    };

    #[test]
    fn who_is_cut_off_from_nobody_that_runs_is_not_seen_to_be() {
        let network = ["seed", "node-1", "node-2"].map(str::to_owned);
        let hit = ["node-1", "node-2"].map(|node| (node.to_owned(), Moment(1_500)));
        let said = |seed_runs| {
            let mut seen = Seen::default();
            for (node, runs) in [("seed", seed_runs), ("node-1", true), ("node-2", true)] {
                seen.started(node, 0, 0, incarnation(7));
                seen.state(node, 1_500, runs);
            }
            let record = Record { network: &network, ..of(&seen.history, &hit, 1_000, 9_000) };
            Isolate { downtime: None }.took_effect(&record).unwrap_err()
        };
        assert_eq!(said(false), "nobody else ran: no line was seen to be cut");
        assert_ne!(said(true), said(false), "there it is a matter of what was tried");
    }
}
