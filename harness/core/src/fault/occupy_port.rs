//! `occupy-port`: somebody else holds a port of nodes when they are started again. A node must end then, or
//! say so in its log: one that goes on alone and silent is the failure that this fault looks for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence, paths,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::{LookedAt, Moment},
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
    effect: "our listener answers at the port, from inside the node's network; the node, started there, has ended or has logged that it could not have the port: one that does neither has failed. The listener is asked again before it heals",
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
        all_taken(record, record.to)?;
        paths::nodes(record).iter().try_for_each(|node| {
            let mut looks = record.history.looks(node, record.asked, record.to).iter();
            let said = looks.any(|look| matches!(look.seen, LookedAt::Said(_)));
            let states = record.history.states(node, record.asked, record.to);
            let last = states.last().map(|seen| &seen.state);
            if said || matches!(last, Some(NodeState::Exited { .. })) {
                Ok(())
            } else {
                Err(format!("{node} has neither ended nor said that its port is taken"))
            }
        })
    }

    /// The node may run, without its port.
    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        all_taken(record, record.until)
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        self.still_holds(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_started_again(record)
    }
}

/// At the last look by then, our listener answered at every port.
fn all_taken(record: &Record<'_>, by: Moment) -> Result<(), String> {
    paths::nodes(record).iter().try_for_each(|node| {
        let looks = record.history.looks(node, record.asked, by);
        let said = looks.iter().rev().find_map(|look| {
            if let LookedAt::Greeting(said) = &look.seen { Some(said.as_deref()) } else { None }
        });
        if said.flatten().map(str::trim) == Some(GREETING) {
            Ok(())
        } else {
            Err(format!("our listener does not answer at the port of {node}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::testing::Seen, fault::evidence::tests::of};

    #[test]
    fn taken_is_our_listener_and_a_node_that_ends_or_says_so() {
        let fault = OccupyPort { port: Port::P2p, downtime: Duration::ZERO };
        let hit = [("seed".to_owned(), Moment(1_000))];
        let greeting = |said: Option<&str>| LookedAt::Greeting(said.map(str::to_owned));
        let said = |seen: &Seen| fault.took_effect(&of(&seen.history, &hit, 1_000, 9_000));
        let mut seen = Seen::default();
        seen.look("seed", 2_000, greeting(None));
        seen.state("seed", 2_500, false);
        assert!(said(&seen).is_err_and(|why| why.contains("our listener does not answer")));
        seen.look("seed", 3_000, greeting(Some("harness\n")));
        assert_eq!(said(&seen), Ok(()), "it ended");
        seen.state("seed", 3_500, true);
        assert!(said(&seen).is_err_and(|why| why.contains("neither ended nor said")));
        seen.look("seed", 4_000, LookedAt::Said("address already in use".to_owned()));
        assert_eq!(said(&seen), Ok(()), "it said so");
        let record = of(&seen.history, &hit, 1_000, 9_000);
        assert_eq!(fault.still_holds(&record), Ok(()));
        seen.look("seed", 5_000, greeting(Some("somebody else")));
        let record = of(&seen.history, &hit, 1_000, 9_000);
        assert!(fault.still_holds(&record).is_err(), "somebody else has it");
    }
}
