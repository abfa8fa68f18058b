//! `limit`: nodes may use less than before, while they run.
//!
//! Proven by the kernel's or engine's word on what limits them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    entry::{Capability, Course, DOWNTIME, Fault, FaultEntry, Record, Targets},
    paths,
};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::{LookedAt, Moment},
    seconds,
    state::Limits,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What they may use.
    pub to: Limits,
    /// At least so long; none: to the end of the run.
    #[serde(default, with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Duration>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "limit",
    about: "lets nodes use less memory, processor time or descriptors, while they run",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[],
    effect: "the kernel or engine says so; looked at again when a phase ends and before it heals",
    healed: "it says what it said before; without `downtime`, it stays to the end of the run",
    example: r#"[[phases.faults]]
fault = "limit"
nodes = "node-1"
open_files = 64
downtime = "10s"
"#,
    controls: Controls::new(&[Control {
        name: "nothing is limited",
        scenario: &[THREE_NODES, DISCOVER, LIMIT, ALL_ADVANCE],
        disturbance: Disturbance::LimitDoesNothing,
        wanted: Wanted::Unproven("instead of"),
    }]),
};

const KEYS: &[Key] = &[
    Key {
        name: "memory",
        takes: Takes::Size,
        given: Given::OneOf,
        about: "all that they may use; containers only",
    },
    Key {
        name: "cpu",
        takes: Takes::Share,
        given: Given::OneOf,
        about: "the processor time that they may use; containers only",
    },
    Key {
        name: "open_files",
        takes: Takes::Number(1),
        given: Given::OneOf,
        about: "the descriptors that they may have; processes only",
    },
    DOWNTIME,
];

const LIMIT: &str = r#"
[[phases]]
name = "fewer descriptors"
[[phases.faults]]
fault = "limit"
nodes = "node-1"
open_files = 256
downtime = "2s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Limit> {
    let downtime = table.duration("downtime", problems).map(|downtime| downtime.value);
    let to = Limits {
        memory: table.size("memory", problems).map(|size| size.value),
        cpu: table.share("cpu", problems).map(|share| share.value),
        open_files: table.number("open_files", 1, problems).map(|number| u64::from(number.value)),
    };
    if to == Limits::default() {
        problems.error_hint(
            table.span.clone(),
            "a limit of nothing",
            "write memory = \"64 MiB\", cpu = \"20%\" or open_files = 64",
        );
    }
    Some(Limit { to, downtime })
}

impl Fault for Limit {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        self.downtime.map_or(Course::Stays, Course::Heals)
    }

    fn also_needs(&self) -> Vec<Capability> {
        let needs = [
            (self.to.memory.is_some(), Capability::LimitMemory),
            (self.to.cpu.is_some(), Capability::LimitCpu),
            (self.to.open_files.is_some(), Capability::LimitFiles),
        ];
        needs.into_iter().filter_map(|(needed, what)| needed.then_some(what)).collect()
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        self.all_limited(record, record.asked, record.to)?;
        paths::nodes(record).iter().try_for_each(|node| {
            let looks = looks(record, node, record.asked, record.to);
            match looks.first().filter(|before| !self.is_less_than(before)) {
                Some(before) => Err(format!(
                    "{node} was limited to {before} before, which is not more in all that was asked for"
                )),
                None => Ok(()),
            }
        })
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        self.all_limited(record, record.asked, record.until)
    }

    fn held(&self, record: &Record<'_>) -> Result<(), String> {
        self.still_holds(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        paths::nodes(record).iter().try_for_each(|node| {
            let before = looks(record, node, record.asked, record.to);
            let now = looks(record, node, record.until, record.to);
            match (before.first(), now.last()) {
                (Some(before), Some(now)) if before == now => Ok(()),
                (Some(before), Some(now)) => {
                    Err(format!("{node} is limited to {now} instead of {before}"))
                }
                (None, _) | (_, None) => Err(format!("nobody has looked at the limits of {node}")),
            }
        })
    }
}

impl Limit {
    /// All that it limits was more, or unlimited.
    fn is_less_than(&self, before: &Limits) -> bool {
        let is = |to: Option<u64>, before: Option<u64>| {
            to.is_none_or(|to| before.is_none_or(|before| to < before))
        };
        is(self.to.memory, before.memory)
            && is(self.to.cpu.map(u64::from), before.cpu.map(u64::from))
            && is(self.to.open_files, before.open_files)
    }

    fn all_limited(&self, record: &Record<'_>, from: Moment, to: Moment) -> Result<(), String> {
        paths::nodes(record).iter().try_for_each(|node| {
            let looks = looks(record, node, from, to);
            let Some(now) = looks.last() else {
                return Err(format!("nobody has looked at the limits of {node}"));
            };
            let is = |wanted: Option<u64>, now: Option<u64>| wanted.is_none() || wanted == now;
            if is(self.to.memory, now.memory)
                && is(self.to.cpu.map(u64::from), now.cpu.map(u64::from))
                && is(self.to.open_files, now.open_files)
            {
                Ok(())
            } else {
                Err(format!("{node} is limited to {now} instead of {}", self.to))
            }
        })
    }
}

fn looks<'a>(record: &Record<'a>, node: &str, from: Moment, to: Moment) -> Vec<&'a Limits> {
    let looks = record.history.looks(node, from, to).iter();
    looks
        .filter_map(
            |look| {
                if let LookedAt::Limits(limits) = &look.seen { Some(limits) } else { None }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::testing::Seen, fault::evidence::tests::of};

    #[test]
    fn limited_is_by_the_kernels_word_and_restored_to_what_was_before() {
        let files = |open_files| Limits { open_files, ..Limits::default() };
        let limit = Limit { to: files(Some(64)), downtime: None };
        let mut seen = Seen::default();
        let hit = [("seed".to_owned(), Moment(1_500))];
        seen.look("seed", 1_000, LookedAt::Limits(files(Some(1_024))));
        let early = limit.took_effect(&of(&seen.history, &hit, 1_000, 9_000));
        assert!(early.is_err_and(|why| why.contains("instead of")));
        seen.look("seed", 2_000, LookedAt::Limits(files(Some(64))));
        assert_eq!(limit.took_effect(&of(&seen.history, &hit, 1_000, 9_000)), Ok(()));
        let until = |seen: &Seen, until| {
            let mut record = of(&seen.history, &hit, 1_000, 9_000);
            record.until = Moment(until);
            (limit.held(&record).is_ok(), limit.has_healed(&record).is_ok())
        };
        assert_eq!(until(&seen, 2_500), (true, false), "nobody has looked since");
        seen.look("seed", 3_000, LookedAt::Limits(files(Some(64))));
        assert_eq!(until(&seen, 2_500), (true, false), "it stays limited");
        seen.look("seed", 4_000, LookedAt::Limits(files(Some(1_024))));
        assert_eq!(until(&seen, 2_500), (true, true));
        assert_eq!(until(&seen, 4_500), (false, false), "it was restored before it was to be");
    }

    #[test]
    fn a_limit_that_was_there_before_takes_nothing_from_anybody() {
        let limits = |memory, open_files| Limits { memory, open_files, ..Limits::default() };
        let hit = [("seed".to_owned(), Moment(1_500))];
        let effect = |to: Limits, before: Limits| {
            let limit = Limit { to, downtime: None };
            let mut seen = Seen::default();
            seen.look("seed", 1_000, LookedAt::Limits(before));
            seen.look("seed", 3_000, LookedAt::Limits(to));
            limit.took_effect(&of(&seen.history, &hit, 1_000, 9_000))
        };
        let files = |open_files| limits(None, Some(open_files));
        assert_eq!(effect(files(64), files(65)), Ok(()));
        assert_eq!(effect(files(64), Limits::default()), Ok(()), "it was unlimited");
        for before in [64, 63] {
            let why = effect(files(64), files(before)).unwrap_err();
            assert!(why.contains("before, which is not more"), "{why}");
        }
        let both = limits(Some(1 << 20), Some(64));
        let one = effect(both, limits(Some(1 << 21), Some(64)));
        assert!(one.is_err(), "each that is asked for must be one: {one:?}");
    }
}
