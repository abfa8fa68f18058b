//! `rename`: the name of a seed means another node's address from now on, while nodes run. For networks
//! whose `HEGEMON_SEEDS` has names (`[network] seeds = "names"`).

use serde::{Deserialize, Serialize};

use super::entry::{Capability, Course, Fault, FaultEntry, Record, Targets, Written};
use crate::{
    control::{ALL_ADVANCE, Control, Controls, DISCOVER, Disturbance, THREE_NODES, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::LookedAt,
};

/// Its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rename {
    /// Whose name.
    pub seed: String,
    /// Whose address it means.
    pub to: String,
}

/// The same as written.
#[derive(Debug)]
pub(super) struct RenameFile {
    seed: At<String>,
    to: At<String>,
}

/// What there is to know of it.
pub(super) static ENTRY: FaultEntry = FaultEntry {
    name: "rename",
    about: "gives the name of a seed another node's address, while nodes run",
    targets: Targets::Own,
    keys: KEYS,
    needs: &[Capability::Names],
    effect: "a lookup of the name from the network of a node gave one address before, and gives that of `to` now",
    healed: "never: another `rename` changes it again",
    example: r#"[[phases.faults]]
fault = "rename"
seed = "seed"
to = "node-1"
"#,
    controls: Controls::new(&[Control {
        name: "the name keeps its meaning",
        scenario: &[THREE_NODES, DISCOVER, RENAME, ALL_ADVANCE],
        disturbance: Disturbance::RenameDoesNothing,
        wanted: Wanted::Unproven("still means"),
    }]),
};

const KEYS: &[Key] = &[
    Key {
        name: "seed",
        takes: Takes::Text,
        given: Given::Always,
        about: "whose name it is: one node",
    },
    Key {
        name: "to",
        takes: Takes::Text,
        given: Given::Always,
        about: "whose address it means from now on: one node",
    },
];

const RENAME: &str = r#"
[[phases]]
name = "another address"
[[phases.faults]]
fault = "rename"
seed = "seed"
to = "node-1"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<RenameFile> {
    table.require("seed", problems);
    table.require("to", problems);
    let (seed, to) = (table.text("seed", problems), table.text("to", problems));
    Some(RenameFile { seed: seed?, to: to? })
}

impl Written for RenameFile {
    type Fault = Rename;

    /// Its name is changed, whatever becomes of itself: only whose address it gets must be there.
    fn names(&self) -> Vec<&At<String>> {
        vec![&self.to]
    }

    fn resolve(&self, nodes: &dyn Fn(&str) -> Vec<String>) -> Rename {
        let one = |name: &At<String>| nodes(&name.value).into_iter().next().unwrap_or_default();
        Rename { seed: one(&self.seed), to: one(&self.to) }
    }

    fn validate(&self, nodes: &dyn Fn(&str) -> Vec<String>, problems: &mut Problems) {
        for name in [&self.seed, &self.to] {
            let count = nodes(&name.value).len();
            if count != 1 {
                let why = format!("`{}` means {count} nodes here, and must be one", name.value);
                problems.error(name.span.clone(), why);
            }
        }
    }
}

impl Fault for Rename {
    fn entry(&self) -> &'static FaultEntry {
        &ENTRY
    }

    fn course(&self) -> Course {
        Course::Once
    }

    fn took_effect(&self, record: &Record<'_>) -> Result<(), String> {
        let looks = record.history.looks(&self.to, record.asked, record.to);
        let of = |wanted: &str| {
            let looks = looks.iter().filter_map(move |look| {
                if let LookedAt::Names { name, addresses } = &look.seen {
                    (name == wanted).then_some(addresses)
                } else {
                    None
                }
            });
            looks.collect::<Vec<_>>()
        };
        let (seed, to) = (of(&self.seed), of(&self.to));
        match (&seed[..], to.last()) {
            ([before, .., now], Some(to)) if now == to && before != now && !to.is_empty() => Ok(()),
            ([_, .., now], Some(_)) => Err(format!("{} still means {now:?}", self.seed)),
            _ => Err(format!("{} was not looked up before and since", self.seed)),
        }
    }

    fn still_holds(&self, _: &Record<'_>) -> Result<(), String> {
        Ok(())
    }
}
