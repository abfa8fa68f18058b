//! `occupy-port`: somebody else holds a port of nodes when they are started again. A node must end then, or
//! say so in its log: one that goes on alone and silent is the failure that this fault looks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets, Written},
    evidence, paths,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::LookedAt,
    node::NodeState,
    seconds,
    state::Port,
};

/// Its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccupyPort {
    /// Which port.
    pub port: Port,
    /// At least so long.
    #[serde(with = "seconds")]
    pub downtime: Duration,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "occupy-port",
    about: "has somebody else hold a port of nodes when they are started again",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Restart, Capability::Occupy],
    effect: "our listener answers at the port, from inside the node's network; the node, started there, has ended or has logged that it could not have the port: one that does neither has failed",
    healed: "as for `restart`, with the port free again",
    example: r#"[[phases.faults]]
fault = "occupy-port"
nodes = "node-1"
port = "p2p"
"#,
    controls: Controls::new(&[Control {
        name: "the port stays free",
        scenario: &[THREE_NODES, DISCOVER, OCCUPY, ALL_ADVANCE],
        disturbance: Disturbance::OccupyDoesNothing,
        wanted: Wanted::Unproven("our listener does not answer"),
    }]),
};

/// What our listener says to whoever connects.
pub const GREETING: &str = "harness";

const PORTS: &[&str] = &["p2p", "rpc"];

const KEYS: &[Key] = &[
    Key {
        name: "port",
        takes: Takes::Word(PORTS),
        given: Given::Always,
        about: "its transport's or its JSON-RPC's",
    },
    Key {
        name: "downtime",
        takes: Takes::Duration,
        given: Given::Else("only until it is done and proven"),
        about: "how long the port is taken, at least",
    },
];

const OCCUPY: &str = r#"
[[phases]]
name = "take a port"
[[phases.faults]]
fault = "occupy-port"
nodes = "node-1"
port = "p2p"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<OccupyPort> {
    table.require("port", problems);
    let downtime = table.duration("downtime", problems);
    let port = match table.word("port", PORTS, problems)?.value {
        "rpc" => Port::Rpc,
        _ => Port::P2p,
    };
    Some(OccupyPort { port, downtime: downtime.map_or(Duration::ZERO, |downtime| downtime.value) })
}

impl Written for OccupyPort {
    type Fault = Self;

    fn resolve(&self, _: &dyn Fn(&str) -> Vec<String>) -> Self {
        *self
    }
}

impl Fault for OccupyPort {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Heals(self.downtime)
    }

    fn condition(&self) -> Condition {
        Condition::Down
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        paths::nodes(record).iter().try_for_each(|node| {
            let looks = record.history.looks(node, record.asked, record.to);
            let ours = looks.iter().rev().find_map(|look| {
                if let LookedAt::Greeting(said) = &look.seen {
                    Some(said.as_deref().map(str::trim) == Some(GREETING))
                } else {
                    None
                }
            });
            if ours != Some(true) {
                return Err(format!("our listener does not answer at the port of {node}"));
            }
            let said = looks.iter().any(|look| matches!(look.seen, LookedAt::Said(_)));
            let states = record.history.states(node, record.asked, record.to);
            let ended =
                matches!(states.last().map(|seen| &seen.state), Some(NodeState::Exited { .. }));
            if said || ended {
                Ok(())
            } else {
                Err(format!("{node} has neither ended nor said that its port is taken"))
            }
        })
    }

    /// It may run, without its port.
    fn still_holds(&self, _: &Record<'_>) -> Result<(), String> {
        Ok(())
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_started_again(record)
    }
}
