//! `partition`: nothing passes between groups of nodes; within a group all is as before.
//!
//! Proven by a probe from inside the nodes' networks, for every pair of nodes and in both directions: across
//! groups nothing comes through, within them everything does, and all answer over RPC.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, DOWNTIME, Fault, FaultEntry, Record, Targets, Written},
    lines::{self, Lines, Way},
    paths,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, MINERS, PARTITION, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    line::Datagrams,
    seconds,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// The nodes of each side.
    pub groups: Vec<Vec<String>>,
    /// At least so long; none: until `heal`.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// The same as written.
#[derive(Debug)]
pub(super) struct PartitionFile {
    groups: Vec<Vec<At<String>>>,
    span: std::ops::Range<usize>,
    downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "partition",
    about: "parts the network into groups between which nothing passes; RPC stays reachable",
    targets: Targets::Own,
    keys: KEYS,
    needs: &[Capability::Lines],
    effect: "from inside the network of every node, TCP connects to nodes of other groups get no answer within 1 s and no datagram arrives there; within its group both come through; all answer over RPC. Looked at again when a phase ends and before it heals",
    healed: "connects and datagrams come through between all of them; without `downtime`, `heal` ends it",
    example: r#"[[phases.faults]]
fault = "partition"
groups = [["seed", "node-1"], ["node-2"]]
downtime = "10s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nothing is cut",
            scenario: &[MINERS, DISCOVER, PARTITION, ALL_ADVANCE],
            disturbance: Disturbance::LinesDoNothing,
            wanted: Wanted::Unproven("came through although a line between them is cut"),
        },
        Control {
            name: "only one direction is cut",
            scenario: &[MINERS, DISCOVER, PARTITION, ALL_ADVANCE],
            disturbance: Disturbance::LinesOneSided,
            wanted: Wanted::Unproven("arrived although that line is cut"),
        },
        Control {
            name: "a line within a group is cut as well",
            scenario: &[MINERS, DISCOVER, PARTITION, ALL_ADVANCE],
            disturbance: Disturbance::LinesCutMore,
            wanted: Wanted::Unproven("although nothing cuts"),
        },
        Control {
            name: "it heals too early",
            scenario: &[MINERS, DISCOVER, PARTITION, ALL_ADVANCE],
            disturbance: Disturbance::LinesHealEarly,
            wanted: Wanted::Unproven("came through although a line between them is cut"),
        },
        Control {
            name: "it stays after its heal",
            scenario: &[MINERS, DISCOVER, PARTITION, ALL_ADVANCE],
            disturbance: Disturbance::LinesStay,
            wanted: Wanted::Unproven("although nothing cuts"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "groups",
        takes: Takes::Groups,
        given: Given::Always,
        about: "the sides: lists of nodes or groups, each node in one of them; who is in none sees all",
    },
    DOWNTIME,
];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<PartitionFile> {
    table.require("groups", problems);
    let downtime = table.duration("downtime", problems).map(|downtime| downtime.value);
    let groups = table.groups("groups", problems)?;
    Some(PartitionFile { groups, span: table.key_span("groups"), downtime })
}

impl Written for PartitionFile {
    type Fault = Partition;

    fn names(&self) -> Vec<&At<String>> {
        self.groups.iter().flatten().collect()
    }

    fn resolve(&self, nodes: &dyn Fn(&str) -> Vec<String>) -> Partition {
        let group =
            |names: &Vec<At<String>>| names.iter().flat_map(|name| nodes(&name.value)).collect();
        Partition { groups: self.groups.iter().map(group).collect(), downtime: self.downtime }
    }

    fn validate(&self, nodes: &dyn Fn(&str) -> Vec<String>, problems: &mut Problems) {
        let mut seen = std::collections::BTreeSet::new();
        if self.groups.iter().filter(|group| !group.is_empty()).count() < 2 {
            problems.error_hint(
                self.span.clone(),
                "a partition of fewer than two groups parts nobody",
                "write groups = [[\"seed\"], [\"node\"]]",
            );
        }
        for name in self.groups.iter().flatten() {
            for node in nodes(&name.value) {
                if !seen.insert(node.clone()) {
                    let why = format!("`{node}` is on two sides of the partition");
                    problems.error(name.span.clone(), why);
                }
            }
        }
    }
}

impl Fault for Partition {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        self.downtime.map_or(Course::Stays, Course::Heals)
    }

    fn condition(&self) -> Condition {
        Condition::Parted
    }

    fn lines(&self, nodes: &[String], _: &[String]) -> Lines {
        let mut lines = Lines::default();
        for (side, group) in self.groups.iter().enumerate() {
            let others = self.groups.iter().enumerate().filter(|(other, _)| *other != side);
            for (from, to) in others.flat_map(|(_, other)| {
                group.iter().flat_map(move |from| other.iter().map(move |to| (from, to)))
            }) {
                if nodes.contains(from) && nodes.contains(to) {
                    lines.cut(from, to);
                }
            }
        }
        lines
    }

    fn ways(&self, nodes: &[String], _: &[String]) -> (Vec<Way>, Datagrams) {
        (lines::ways_of(nodes, nodes), Datagrams::Few)
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        let nodes = paths::nodes(record);
        paths::all_as_they_should(record, &lines::ways_of(&nodes, &nodes), record.asked)?;
        paths::all_answer(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        paths::held(record, &self.lines(&paths::nodes(record), record.network))
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        self.still_holds(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        let nodes = paths::nodes(record);
        paths::all_as_they_should(record, &lines::ways_of(&nodes, &nodes), record.until)
    }
}
