//! `kill`: SIGKILL. With `downtime` the nodes are started again after it; without, they stay down until
//! `start`.
//!
//! That it was us is proven by the signal and by time: the engine or operating system said that the
//! node ran, and within a second of that signal 9 ended it. Everything else is as for `restart`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    node::NodeState,
    seconds,
    text::{ending, short},
};

/// Its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// At least so long, then it is started again; none: it stays down.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "kill",
    about: "kills nodes with SIGKILL, and starts them again after `downtime`, if that is written",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Kill, Capability::Restart],
    effect: "they were seen to run, ended by signal 9 within 1 s of that, and two RPC questions in a row are unanswered; nobody runs or answers while they are down",
    healed: "as for `restart`; without `downtime`, `start` ends it",
    example: r#"[[phases.faults]]
fault = "kill"
nodes = "node-1"
downtime = "5s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody is killed",
            scenario: &[THREE_NODES, DISCOVER, KILL, ALL_ADVANCE],
            disturbance: Disturbance::KillDoesNothing,
            wanted: Wanted::Unproven("it still runs"),
        },
        Control {
            name: "a node is asked to end instead",
            scenario: &[THREE_NODES, DISCOVER, KILL, ALL_ADVANCE],
            disturbance: Disturbance::KillAsks,
            wanted: Wanted::Unproven("not by signal 9"),
        },
        Control {
            name: "nobody is started",
            scenario: &[THREE_NODES, DISCOVER, KILL, ALL_ADVANCE],
            disturbance: Disturbance::StartDoesNothing,
            wanted: Wanted::Unproven("it is the same process"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "downtime",
    takes: Takes::Duration,
    given: Given::Else("they stay down until `start`"),
    about: "how long they are down, at least, before they are started again",
}];

/// Between the last word that it ran and the first that it had ended: nobody else had time for it.
const WINDOW: Duration = Duration::from_secs(1);

const SIGKILL: i64 = 9;

const KILL: &str = r#"
[[phases]]
name = "kill the seed"
[[phases.faults]]
fault = "kill"
nodes = "seed"
downtime = "2s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Kill> {
    let downtime = table.duration("downtime", problems);
    Some(Kill { downtime: downtime.map(|downtime| downtime.value) })
}

/// Every node was seen to run, and right after that to have been ended by signal 9.
fn all_killed(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, _)| {
        let states = record.history.states(node, record.asked, record.to);
        let end = states.iter().position(|seen| !seen.state.is_running());
        let Some((end, before)) = end.and_then(|end| Some((end, end.checked_sub(1)?))) else {
            return Err(format!("{node} was not seen to run and then to have ended"));
        };
        let (end, before) = (&states[end], &states[before]);
        match end.state {
            NodeState::Exited { signal: Some(SIGKILL), .. } => {}
            NodeState::Exited { code, signal } => {
                return Err(format!("{node} ended, but not by signal 9 ({})", ending(code, signal)));
            }
            NodeState::Running(_) | NodeState::Frozen(_) => {
                return Err(format!("{node} still runs"));
            }
        }
        let took = end.at.since(before.at);
        if took > WINDOW {
            return Err(format!(
                "{node} was last seen to run {} before it was seen to have ended, so somebody else may have killed it ({} at the most)",
                short(took),
                short(WINDOW)
            ));
        }
        Ok(())
    })
}

impl Fault for Kill {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        self.downtime.map_or(Course::Stays, Course::Heals)
    }

    fn in_a_storm(downtime: Duration) -> Option<Self> {
        Some(Kill { downtime: Some(downtime) })
    }

    fn condition(&self) -> Condition {
        Condition::Down
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_down(record)?;
        all_killed(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_stayed_down(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_back(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::testing::{Seen, incarnation},
        event::Moment,
    };

    /// What is said of the seed, killed at 1 s, that was seen so.
    fn said(states: &[(u64, Option<NodeState>)]) -> Result<(), String> {
        let mut seen = Seen::default();
        for (at, ended) in states {
            let state = ended.clone().unwrap_or_else(|| NodeState::Running(incarnation(1)));
            seen.said("seed", *at, state);
        }
        let hit = [("seed".to_owned(), Moment(1_000))];
        all_killed(&crate::fault::evidence::tests::of(&seen.history, &hit, 1_000, 9_000))
    }

    fn ended(code: Option<i64>, signal: Option<i64>) -> Option<NodeState> {
        Some(NodeState::Exited { code, signal })
    }

    #[test]
    fn killed_is_seen_to_run_and_within_a_second_to_have_been_ended_by_signal_9() {
        assert_eq!(said(&[(1_000, None), (2_000, ended(None, Some(9)))]), Ok(()));
        for (states, why) in [
            (vec![(1_000, None), (2_001, ended(None, Some(9)))], "somebody else may have"),
            (vec![(999, None), (1_500, ended(None, Some(9)))], "was not seen to run"),
            (vec![(1_000, None), (1_500, None)], "was not seen to run and then"),
            (vec![(1_000, None), (1_500, ended(Some(0), None))], "not by signal 9 (code 0)"),
            (vec![(1_000, None), (1_500, ended(None, Some(15)))], "not by signal 9 (signal 15)"),
            (vec![], "was not seen to run"),
        ] {
            let said = said(&states);
            assert!(said.as_ref().is_err_and(|said| said.contains(why)), "{said:?} {why}");
        }
    }

    #[test]
    fn without_downtime_it_stays() {
        assert_eq!(Kill { downtime: None }.course(), Course::Stays);
        let downtime = Duration::from_secs(3);
        assert_eq!(Kill { downtime: Some(downtime) }.course(), Course::Heals(downtime));
    }
}
