//! `start`: brings back nodes that an earlier `stop` or `kill` ended; the same container or
//! directory, name and address.
//!
//! That they were down until then is proven by everything recorded since; that they are back, as for
//! `restart`.

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
};
use crate::{
    control::{
        ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, How, THREE_NODES, Wanted,
        of_the_seed,
    },
    document::{Problems, Table},
};

/// It has no keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start;

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "start",
    about: "starts nodes again that `stop` or `kill` ended",
    targets: Targets::Nodes,
    keys: &[],
    needs: &[Capability::Restart],
    effect: "nothing: it ends what another fault did",
    healed: "nobody ran or answered since the fault that it ends took effect; then another process, and an answer within the phase's longest `within` (30 s at least)",
    example: r#"[[phases.faults]]
fault = "stop"
nodes = "seed"

[[phases]]
name = "the seed is back"
[[phases.faults]]
fault = "start"
nodes = "seed"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody is started",
            scenario: &[THREE_NODES, DISCOVER, STOP_AND_START, ALL_ADVANCE],
            disturbance: Disturbance::StartDoesNothing,
            wanted: Wanted::Unproven("it is the same process"),
        },
        Control {
            name: "a node never answers again",
            scenario: &[THREE_NODES, DISCOVER, STOP_AND_START, ALL_ADVANCE],
            disturbance: Disturbance::Lies(&[of_the_seed("*", How::IsSilentAfterwards)]),
            wanted: Wanted::Broken("its RPC was silent"),
        },
    ]),
};

const STOP_AND_START: &str = r#"
[[phases]]
name = "stop the seed"
[[phases.faults]]
fault = "stop"
nodes = "seed"
[[phases]]
name = "start the seed"
[[phases.faults]]
fault = "start"
nodes = "seed"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Start> {
    Some(Start)
}

impl Fault for Start {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Ends
    }

    fn ends(&self) -> &'static [Condition] {
        &[Condition::Down]
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_back(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::testing::names,
        event::{FaultId, Moment},
        fault::{
            Timeline,
            stop::Stop,
            timeline::tests::{STOPPED, planned, seen},
        },
        history::FaultSpan,
    };

    const STARTED: FaultId = FaultId { phase: 1, fault: 0 };

    fn timeline() -> Timeline {
        let planned =
            vec![vec![planned(Stop, &["seed", "node-1"])], vec![planned(Start, &["seed"])]];
        Timeline::new(planned, names(&["seed", "node-1"]), &[])
    }

    #[test]
    fn what_is_stopped_stays_over_phases_until_it_is_started() {
        let (seen, mut timeline) = (seen(), timeline());
        let at = |ms| Moment(ms);
        assert_eq!(timeline.started(STOPPED, at(1_000)), Ok(()));
        assert!(!timeline.all_done(0) && !timeline.is_in_effect(0));
        assert_eq!(timeline.effective(STOPPED, at(1_200), at(2_000), &seen.history), Ok(()));
        assert!(timeline.all_done(0) && timeline.is_in_effect(0));
        assert_eq!(timeline.what_stays_holds(at(3_000), &seen.history), Ok(()));
        assert_eq!(timeline.started(STARTED, at(4_950)), Ok(()));
        assert!(!timeline.all_done(1));
        assert_eq!(timeline.healed(STARTED, at(5_000), at(5_900), &seen.history), Ok(()));
        assert!(timeline.all_done(1));
        let span = FaultSpan {
            nodes: names(&["seed"]),
            effective: at(1_200),
            healed: Some(at(5_000)),
            proven: Some(at(5_900)),
        };
        assert_eq!(timeline.last(), Some(&span), "the time in which the seed was down");
        assert_eq!(timeline.hit_by(STOPPED), names(&["node-1"]), "the node still is");
        assert_eq!(timeline.what_stays_holds(at(5_900), &seen.history), Ok(()));
    }

    #[test]
    fn it_ends_only_what_a_fault_has_done() {
        let (seen, mut timeline) = (seen(), timeline());
        timeline.started(STARTED, Moment(4_950)).unwrap();
        let nobody = timeline.healed(STARTED, Moment(5_000), Moment(5_900), &seen.history);
        assert_eq!(nobody.unwrap_err().to_string(), "`start` heals nodes that no fault has hit");
    }
}
