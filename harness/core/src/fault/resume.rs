//! `resume`: thaws nodes that an earlier `pause` froze.

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    frozen,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, MINERS, OTHERS_ADVANCE, Wanted},
    document::{Problems, Table},
};

/// It has no keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume;

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "resume",
    about: "thaws nodes that `pause` froze",
    targets: Targets::Nodes,
    keys: &[],
    needs: &[Capability::Pause],
    effect: "nothing: it ends what another fault did",
    healed: "as for `pause`: they stayed frozen until then; then the same process runs, gets time, and answers",
    example: r#"[[phases.faults]]
fault = "pause"
nodes = "node-1"

[[phases]]
name = "awake"
[[phases.faults]]
fault = "resume"
nodes = "node-1"
"#,
    controls: Controls::new(&[Control {
        name: "nobody is thawed",
        scenario: &[MINERS, DISCOVER, PAUSE, OTHERS_ADVANCE, RESUME],
        disturbance: Disturbance::ResumeDoesNothing,
        wanted: Wanted::Unproven("is still frozen"),
    }]),
};

const PAUSE: &str = r#"
[[phases]]
name = "freeze a node"
[[phases.faults]]
fault = "pause"
nodes = "node-2"
"#;

const RESUME: &str = r#"
[[phases]]
name = "thaw it"
[[phases.faults]]
fault = "resume"
nodes = "node-2"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Resume> {
    Some(Resume)
}

impl Fault for Resume {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Ends
    }

    fn ends(&self) -> &'static [Condition] {
        &[Condition::Frozen]
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        frozen::all_thawed(record)
    }
}
