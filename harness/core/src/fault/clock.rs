//! `clock`: nodes are started again with a wall clock that is off. It stays off until another `clock` says
//! otherwise.
//!
//! Proven by the time of their newest block, against the harness's clock; so they must mine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Condition, Course, Fault, FaultEntry, Record, Targets},
    evidence,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::{LookedAt, Moment},
    profile::NodeProfile,
    seconds,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// How far it is ahead, in milliseconds; behind, if negative.
    pub by_ms: i64,
    /// At least so long.
    #[serde(with = "seconds")]
    pub downtime: Duration,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "clock",
    about: "starts nodes again with a wall clock that is off",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Restart, Capability::Changes],
    effect: "as for `restart`",
    healed: "as for `restart`; the time of a node's newest block differs from the harness's clock by what was asked, 10 s more or less, since a block may be some seconds old: the nodes must mine",
    example: r#"[[phases.faults]]
fault = "clock"
nodes = "node-1"
by = "60s"
"#,
    controls: Controls::new(&[Control {
        name: "the clock stays right",
        scenario: &[THREE_NODES, DISCOVER, CLOCK, ALL_ADVANCE],
        disturbance: Disturbance::ChangesDoNothing,
        wanted: Wanted::Unproven("ahead of ours"),
    }]),
};

const KEYS: &[Key] = &[
    Key {
        name: "by",
        takes: Takes::Offset,
        given: Given::Always,
        about: "how far it is ahead, or behind (`\"-60s\"`); `\"0s\"` puts it right",
    },
    Key {
        name: "downtime",
        takes: Takes::Duration,
        given: Given::Else("only until it is done and proven"),
        about: "how long they are down, at least",
    },
];

const CLOCK: &str = r#"
[[phases]]
name = "a wrong clock"
[[phases.faults]]
fault = "clock"
nodes = "node-1"
by = "60s"
"#;

/// A block may be some seconds old when its header is read.
const TOLERANCE_MS: u64 = 10_000;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Clock> {
    table.require("by", problems);
    let downtime = table.duration("downtime", problems);
    let by = table.offset("by", problems)?;
    if by.value != 0 && by.value.unsigned_abs() <= 2 * TOLERANCE_MS {
        problems.error_hint(
            by.span,
            "a clock that is off by 20 s or less cannot be told from one that is right",
            "write by = \"60s\"",
        );
        return None;
    }
    Some(Clock {
        by_ms: by.value,
        downtime: downtime.map_or(Duration::ZERO, |downtime| downtime.value),
    })
}

/// Every node's newest block was seen to be as far ahead as its clock is to be.
fn all_off(record: &Record<'_>, by_ms: i64) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, _)| {
        let ahead = ahead(record, node);
        let close = |ahead: &i64| ahead.abs_diff(by_ms) <= TOLERANCE_MS;
        match ahead.last() {
            Some(_) if ahead.iter().any(close) => Ok(()),
            Some(last) => Err(format!(
                "the newest block of {node} is {last} ms ahead of ours instead of {by_ms}"
            )),
            None => Err(format!("{node} does not say the time of its newest block")),
        }
    })
}

fn ahead(record: &Record<'_>, node: &str) -> Vec<i64> {
    let from: Moment = record.until;
    let looks = record.history.looks(node, from, record.to).iter();
    looks
        .filter_map(|look| if let LookedAt::Ahead(ms) = &look.seen { Some(*ms) } else { None })
        .collect()
}

impl Fault for Clock {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Heals(self.downtime)
    }

    fn condition(&self) -> Condition {
        Condition::Down
    }

    fn lacks(&self, profile: &NodeProfile) -> Option<&'static str> {
        let unknown = profile.clock_variable().is_none();
        unknown.then_some("has no variable that shifts its clock (`[variables] clock`)")
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_down(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_stayed_down(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_back(record)?;
        all_off(record, self.by_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::testing::Seen, fault::evidence::tests::of};

    #[test]
    fn off_is_a_block_whose_time_is() {
        let said = |ahead: &[i64], by_ms| {
            let mut seen = Seen::default();
            for (ms, at) in ahead.iter().zip(5_000..) {
                seen.look("seed", at, LookedAt::Ahead(*ms));
            }
            let hit = [("seed".to_owned(), Moment(1_000))];
            let mut record = of(&seen.history, &hit, 1_000, 9_000);
            record.until = Moment(4_000);
            all_off(&record, by_ms)
        };
        assert_eq!(said(&[-500, 59_000], 60_000), Ok(()), "others' blocks have others' times");
        assert_eq!(said(&[-70_000], -60_000), Ok(()), "a block may be 10 s old");
        assert!(said(&[-500], 60_000).is_err_and(|why| why.contains("-500 ms ahead of ours")));
        assert!(said(&[59_000], 0).is_err(), "it is not right yet");
        assert!(said(&[], 0).is_err_and(|why| why.contains("does not say")));
    }
}
