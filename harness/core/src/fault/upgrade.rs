//! `upgrade`: nodes are started again as another image or binary, on the state that they have. A downgrade
//! is the same.
//!
//! Proven by what they execute, which changed: the same build again proves nothing. And by their height:
//! who begins from genesis has lost its state.

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
    node::{NodeSource, source},
    seconds,
    state::Executable,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// What they are started as; none: what they were at first.
    #[serde(default, with = "source::option", skip_serializing_if = "Option::is_none")]
    pub to: Option<NodeSource>,
    /// At least so long.
    #[serde(with = "seconds")]
    pub downtime: Duration,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "upgrade",
    about: "starts nodes again as another image or binary, on the state that they have",
    targets: Targets::Nodes,
    keys: KEYS,
    needs: &[Capability::Restart, Capability::Changes],
    effect: "as for `restart`",
    healed: "as for `restart`; the image's ID or the executable's hash is another one than before, and their first height is at least half of their last one",
    example: r#"[[phases.faults]]
fault = "upgrade"
nodes = "node-1"
bin = "hegemon-node-next"
"#,
    controls: Controls::new(&[Control {
        name: "they are started as what they were",
        scenario: &[THREE_NODES, DISCOVER, UPGRADE, ALL_ADVANCE],
        disturbance: Disturbance::ChangesDoNothing,
        wanted: Wanted::Unproven("executes the same as before"),
    }]),
};

const KEYS: &[Key] = &[
    Key {
        name: "bin",
        takes: Takes::Text,
        given: Given::OneOf,
        about: "a binary, relative to the file; `workspace` is our own node, built from this workspace",
    },
    Key { name: "image", takes: Takes::Text, given: Given::OneOf, about: "an image of the engine" },
    Key {
        name: "back",
        takes: Takes::Flag,
        given: Given::OneOf,
        about: "`true`: what they were at first",
    },
    Key {
        name: "downtime",
        takes: Takes::Duration,
        given: Given::Else("only until it is done and proven"),
        about: "how long they are down, at least",
    },
];

/// Our own node, which is another one than what the control's nodes are.
const UPGRADE: &str = r#"
[[phases]]
name = "another build"
[[phases.faults]]
fault = "upgrade"
nodes = "node-1"
bin = "workspace"
"#;

/// In `bin`: built from this workspace.
const WORKSPACE: &str = "workspace";

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Upgrade> {
    let downtime = table.duration("downtime", problems);
    let (bin, image) = (table.text("bin", problems), table.text("image", problems));
    let back = table.boolean("back", problems).is_some_and(|back| back.value);
    let to = match (bin, image, back) {
        (Some(bin), None, false) if bin.value == WORKSPACE => Some(NodeSource::Workspace),
        (Some(bin), None, false) => Some(NodeSource::Binary(bin.value.into())),
        (None, Some(image), false) => Some(NodeSource::Image(image.value)),
        (None, None, true) => None,
        (None, None, false) => {
            problems.error_hint(
                table.span.clone(),
                "an upgrade to nothing",
                "write bin = \"PATH\", bin = \"workspace\", image = \"REF\" or back = true",
            );
            return None;
        }
        (Some(_), _, _) | (_, Some(_), _) => {
            problems.error_hint(
                table.span.clone(),
                "more than one of `bin`, `image` and `back` in one upgrade",
                "write one of them",
            );
            return None;
        }
    };
    Some(Upgrade { to, downtime: downtime.map_or(Duration::ZERO, |downtime| downtime.value) })
}

/// Every node executes something else than before.
fn all_changed(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, _)| {
        let before = executables(record, node, record.asked, record.until);
        let now = executables(record, node, record.until, record.to);
        match (before.first(), now.last()) {
            (Some(before), Some(now)) if before != now => Ok(()),
            (Some(_), Some(_)) => Err(format!("{node} executes the same as before")),
            (None, _) | (_, None) => Err(format!("nobody has looked at what {node} executes")),
        }
    })
}

fn executables<'a>(
    record: &Record<'a>,
    node: &str,
    from: Moment,
    to: Moment,
) -> Vec<&'a Executable> {
    let looks = record.history.looks(node, from, to).iter();
    looks
        .filter_map(|look| {
            if let LookedAt::Executable(executable) = &look.seen { Some(executable) } else { None }
        })
        .collect()
}

/// Nobody began from genesis who had a chain.
fn all_kept_their_state(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        let height = |from: Moment, to: Moment, start: Option<u32>| {
            let samples = record.history.samples(node, from, to).iter();
            let of = samples.filter(move |sample| start.is_none_or(|start| sample.start == start));
            of.filter_map(|sample| sample.height.value().copied()).collect::<Vec<u64>>()
        };
        let before = height(Moment(0), *since, None).into_iter().max().unwrap_or_default();
        let start = record.history.last_start(node).map(|(number, _)| number);
        match height(Moment(0), record.to, start).first() {
            Some(first) if first * 2 >= before => Ok(()),
            Some(first) => Err(format!(
                "{node} began at height {first} after it was at {before}: it is on another state"
            )),
            None => Err(format!("{node} has not given its height since")),
        }
    })
}

impl Fault for Upgrade {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Heals(self.downtime)
    }

    fn condition(&self) -> Condition {
        Condition::Down
    }

    fn beside(&mut self, folder: &std::path::Path) {
        if let Some(NodeSource::Binary(path)) = &mut self.to {
            *path = folder.join(&path);
        }
    }

    fn upgrade(&self) -> Option<&NodeSource> {
        self.to.as_ref()
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_down(record)
    }

    fn still_holds(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_stayed_down(record)
    }

    fn has_healed(&self, record: &Record<'_>) -> Result<(), String> {
        evidence::all_back(record)?;
        all_changed(record)?;
        all_kept_their_state(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::testing::{Seen, incarnation},
        event::Reading,
        fault::evidence::tests::of,
    };

    const UNDONE: Moment = Moment(4_000);

    fn record<'a>(seen: &'a Seen, hit: &'a [(String, Moment)]) -> Record<'a> {
        let mut record = of(&seen.history, hit, 1_000, 9_000);
        record.until = UNDONE;
        record
    }

    #[test]
    fn changed_is_another_executable_than_before() {
        let said = |after: Option<&str>| {
            let mut seen = Seen::default();
            let look = |id: &str| LookedAt::Executable(Executable { id: id.to_owned() });
            seen.look("seed", 1_000, look("a"));
            if let Some(after) = after {
                seen.look("seed", 5_000, look(after));
            }
            all_changed(&record(&seen, &[("seed".to_owned(), Moment(2_000))]))
        };
        assert_eq!(said(Some("b")), Ok(()));
        assert!(said(Some("a")).is_err_and(|why| why.contains("the same as before")));
        assert!(said(None).is_err());
    }

    #[test]
    fn who_begins_far_below_its_last_height_has_lost_its_state() {
        let said = |first: u64| {
            let mut seen = Seen::default().poll("seed", 0, 1_000, |_, sample| {
                sample.height = Reading::Value(40);
            });
            seen.started("seed", 4_000, 1, incarnation(9));
            let seen = seen.poll("seed", 4_000, 5_000, |_, sample| {
                (sample.start, sample.height) = (1, Reading::Value(first));
            });
            all_kept_their_state(&record(&seen, &[("seed".to_owned(), Moment(2_000))]))
        };
        assert_eq!(said(40), Ok(()));
        assert_eq!(said(20), Ok(()));
        assert!(said(19).is_err_and(|why| why.contains("it is on another state")));
    }
}
