//! `one-way`: packets from these nodes to those are lost; back they pass. A half-open path, which TCP alone
//! may not notice for long.
//!
//! Proven by a probe from inside the nodes' networks: a TCP connect completes in neither direction, a
//! datagram passes back, and none passes there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, DOWNTIME, Fault, FaultEntry, Record, Targets, Written},
    lines::{Lines, Way},
    paths,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, MINERS, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    line::Datagrams,
    seconds,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneWay {
    /// Whose packets are lost.
    pub from: Vec<String>,
    /// On the way to whom.
    pub to: Vec<String>,
    /// At least so long; none: until `heal`.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// The same as written.
#[derive(Debug)]
pub(super) struct OneWayFile {
    from: At<String>,
    to: At<String>,
    downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "one-way",
    about: "loses packets from some nodes to others; back they pass",
    targets: Targets::Own,
    keys: KEYS,
    needs: &[Capability::Lines],
    effect: "from inside their networks, TCP connects get no answer within 1 s in either direction, datagrams from `to` arrive at `from`, and none arrives the other way; all answer over RPC",
    healed: "connects and datagrams come through in both directions; without `downtime`, `heal` ends it",
    example: r#"[[phases.faults]]
fault = "one-way"
from = "seed"
to = "node-1"
downtime = "10s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nothing is cut",
            scenario: &[MINERS, DISCOVER, ONE_WAY, ALL_ADVANCE],
            disturbance: Disturbance::LinesDoNothing,
            wanted: Wanted::Unproven("came through although a line between them is cut"),
        },
        Control {
            name: "both directions are cut",
            scenario: &[MINERS, DISCOVER, ONE_WAY, ALL_ADVANCE],
            disturbance: Disturbance::LinesCutMore,
            wanted: Wanted::Unproven("although nothing cuts that line"),
        },
        Control {
            name: "it stays after its heal",
            scenario: &[MINERS, DISCOVER, ONE_WAY, ALL_ADVANCE],
            disturbance: Disturbance::LinesStay,
            wanted: Wanted::Unproven("although nothing cuts"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "from",
        takes: Takes::Text,
        given: Given::Always,
        about: "whose packets are lost: a node, a group or `*`",
    },
    Key {
        name: "to",
        takes: Takes::Text,
        given: Given::Always,
        about: "on the way to whom: a node or a group",
    },
    DOWNTIME,
];

const ONE_WAY: &str = r#"
[[phases]]
name = "lose what the seed sends"
[[phases.faults]]
fault = "one-way"
from = "seed"
to = "node-1"
downtime = "2s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<OneWayFile> {
    table.require("from", problems);
    table.require("to", problems);
    let downtime = table.duration("downtime", problems).map(|downtime| downtime.value);
    let (from, to) = (table.text("from", problems), table.text("to", problems));
    Some(OneWayFile { from: from?, to: to?, downtime })
}

impl Written for OneWayFile {
    type Fault = OneWay;

    fn names(&self) -> Vec<&At<String>> {
        vec![&self.from, &self.to]
    }

    fn resolve(&self, nodes: &dyn Fn(&str) -> Vec<String>) -> OneWay {
        let downtime = self.downtime;
        OneWay { from: nodes(&self.from.value), to: nodes(&self.to.value), downtime }
    }

    fn validate(&self, nodes: &dyn Fn(&str) -> Vec<String>, problems: &mut Problems) {
        let to = nodes(&self.to.value);
        if let Some(node) = nodes(&self.from.value).iter().find(|node| to.contains(node)) {
            problems.error(
                self.to.span.clone(),
                format!("`{node}` is in both `from` and `to`: it has no line to itself"),
            );
        }
    }
}

impl Fault for OneWay {
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
        for from in self.from.iter().filter(|node| nodes.contains(node)) {
            for to in self.to.iter().filter(|node| nodes.contains(node)) {
                lines.cut(from, to);
            }
        }
        lines
    }

    fn ways(&self, _: &[String], _: &[String]) -> (Vec<Way>, Datagrams) {
        (self.both_ways(), Datagrams::Few)
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        paths::all_as_they_should(record, &self.both_ways(), record.asked)?;
        paths::all_answer(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        paths::held(record, &self.lines(&paths::nodes(record), record.network))
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        self.still_holds(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        paths::all_as_they_should(record, &self.both_ways(), record.until)
    }
}

impl OneWay {
    /// In both directions.
    fn both_ways(&self) -> Vec<Way> {
        let pairs = self.from.iter().flat_map(|from| self.to.iter().map(move |to| (from, to)));
        pairs
            .flat_map(|(from, to)| [(from.clone(), to.clone()), (to.clone(), from.clone())])
            .collect()
    }
}
