//! `join`: starts nodes of a group with `start = "later"` for the first time.

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, How, Lie, Wanted},
    document::{Problems, Table},
};

/// It has no keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join;

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "join",
    about: "starts nodes of a group with `start = \"later\"`",
    targets: Targets::Nodes,
    keys: &[],
    needs: &[Capability::Restart],
    effect: "nothing: it ends what another fault did",
    healed: "their first execution, and an answer within the phase's longest `within` (30 s at least)",
    example: r#"[[phases.faults]]
fault = "join"
nodes = "late"
"#,
    controls: Controls::new(&[Control {
        name: "who joins never answers",
        scenario: &[LATE_NODE, DISCOVER, JOIN],
        disturbance: Disturbance::Lies(&[Lie { node: "late", method: "*", how: How::IsSilent }]),
        wanted: Wanted::Broken("its RPC was silent"),
    }]),
};

/// Three nodes, and one that comes later.
const LATE_NODE: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500" }
[[nodes]]
name = "node"
count = 2
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500" }
[[nodes]]
name = "late"
start = "later"
env = { HEGEMON_BLOCK_TIME_MS = "500" }
"#;

const JOIN: &str = r#"
[[phases]]
name = "a newcomer"
[[phases.faults]]
fault = "join"
nodes = "late"
"#;

/// Nobody was executed before; everybody is now, and answers.
fn all_joined(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, _)| {
        let Some(start) = record.history.start(node, 0) else {
            return Err(format!("{node} was not started"));
        };
        if start.at < record.asked {
            return Err(format!("{node} was started before it was to join"));
        }
        let back = evidence::back(record.history, node, 0, record.to);
        match (back.running, back.answered) {
            (true, Some(_)) => Ok(()),
            (false, _) => Err(format!("nothing shows that {node} runs")),
            (true, None) => Err(format!("{node} has not answered")),
        }
    })
}

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Join> {
    Some(Join)
}

impl Fault for Join {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Ends
    }

    fn ends(&self) -> &'static [Condition] {
        &[Condition::Absent]
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        all_joined(record)
    }
}
