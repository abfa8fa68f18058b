//! `hostile`: adversaries come, attack, and are ended. They have no RPC: what proves that they
//! attacked is their own report, a line for every second; what the nodes make of it is for the
//! checks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::{LookedAt, Moment},
    hostile::Report,
    node::NodeState,
    seconds,
    text::ending,
};

/// Its own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attack {
    /// At least so long, then they are ended; none: they stay to the end of the run.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "hostile",
    about: "starts adversaries of a group with `kind = \"hostile\"` and `start = \"later\"`",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Restart],
    effect: "each runs, and reports a connection or session, and bytes that it sent (none for attacks that say nothing); its counts rise until it is ended, or until the phase ends",
    healed: "each ended when it was asked to",
    example: r#"[[phases.faults]]
fault = "hostile"
nodes = "villain"
downtime = "10s"
"#,
    controls: Controls::new(&[
        Control {
            name: "it is started and does nothing",
            scenario: &[VILLAIN, DISCOVER, ATTACK, ALL_ADVANCE],
            disturbance: Disturbance::AttackDoesNothing,
            wanted: Wanted::Unproven("has not reported that it reached anybody"),
        },
        Control {
            name: "it stops attacking",
            scenario: &[VILLAIN, DISCOVER, ATTACK, ALL_ADVANCE],
            disturbance: Disturbance::AttackDoesNotLast,
            wanted: Wanted::Unproven("nothing shows that villain went on"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "downtime",
    takes: Takes::Duration,
    given: Given::Else("they stay to the end of the run"),
    about: "how long they attack, at least; they report once a second, so a few seconds at least",
}];

/// Two miners and a node, and an adversary that comes later.
const VILLAIN: &str = r#"
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
name = "villain"
kind = "hostile"
attack = "address-flood"
start = "later"
"#;

const ATTACK: &str = r#"
[[phases]]
name = "an adversary"
[[phases.faults]]
fault = "hostile"
nodes = "villain"
downtime = "5s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Attack> {
    let downtime = table.positive_duration("downtime", problems);
    Some(Attack { downtime: downtime.map(|downtime| downtime.value) })
}

/// What it reported between two moments, in order.
fn reports<'a>(
    record: &Record<'a>,
    node: &str,
    from: Moment,
    to: Moment,
) -> impl DoubleEndedIterator<Item = &'a Report> {
    record.history.looks(node, from, to).iter().filter_map(|look| match &look.seen {
        LookedAt::Report(report) => Some(report),
        LookedAt::Files(_)
        | LookedAt::Executable(_)
        | LookedAt::Limits(_)
        | LookedAt::Greeting(_)
        | LookedAt::Said(_)
        | LookedAt::Names { .. }
        | LookedAt::Ahead(_) => None,
    })
}

/// They run, and have reached somebody.
fn all_attack(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, _)| {
        let states = record.history.states(node, record.asked, record.to);
        if !states.last().is_some_and(|seen| seen.state.is_running()) {
            return Err(format!("nothing shows that {node} runs"));
        }
        match reports(record, node, record.asked, record.to).next_back() {
            Some(report) if report.acted() => Ok(()),
            Some(report) => {
                Err(format!("{node} has not reported that it reached anybody ({})", report.words()))
            }
            None => Err(format!("{node} has not reported that it reached anybody (no report)")),
        }
    })
}

/// They went on: nobody ended, and what they count rose since they were first seen to attack.
fn all_went_on(record: &Record<'_>, until: Moment) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        let mut states = record.history.states(node, *since, until).iter();
        if states.any(|seen| !seen.state.is_running()) {
            return Err(format!("{node} ended while it should have attacked"));
        }
        let mut acted = reports(record, node, *since, until).filter(|report| report.acted());
        let first = acted.next();
        match (first, acted.next_back()) {
            (Some(first), Some(last)) if last.exceeds(first) => Ok(()),
            (first, last) => {
                let seen = last.or(first).map_or_else(|| "no report".to_owned(), Report::words);
                Err(format!("nothing shows that {node} went on: its counts did not rise ({seen})"))
            }
        }
    })
}

/// They ended, and as they were asked to.
fn all_ended(record: &Record<'_>) -> Result<(), String> {
    const SIGTERM: i64 = 15;
    record.hit.iter().try_for_each(|(node, _)| {
        let states = record.history.states(node, record.until, record.to);
        match states.last().map(|seen| &seen.state) {
            Some(
                NodeState::Exited { code: Some(0), .. }
                | NodeState::Exited { signal: Some(SIGTERM), .. },
            ) => Ok(()),
            Some(NodeState::Exited { code, signal }) => {
                Err(format!("{node} did not end as it was asked to ({})", ending(*code, *signal)))
            }
            Some(NodeState::Running(_) | NodeState::Frozen(_)) => Err(format!("{node} still runs")),
            None => Err(format!("nothing shows that {node} ended")),
        }
    })
}

impl Fault for Attack {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        self.downtime.map_or(Course::Stays, Course::Heals)
    }

    fn condition(&self) -> Condition {
        Condition::Attacking
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        all_attack(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        all_went_on(record, record.to)
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        // They were ended at that moment, and may have been seen to have ended in it.
        all_went_on(record, Moment(record.until.0.saturating_sub(1)))
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        all_ended(record)
    }
}
