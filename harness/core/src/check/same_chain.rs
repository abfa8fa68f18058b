//! `same-chain`: the named nodes have one block hash at a height that is new (above every height
//! seen before the fault healed, or before the check) and settled (`depth` below every tip).
//! Disagreement is looked at again until the deadline.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hashes::{self, agree, deepest, describe, is_deep, is_of},
    hold::{Holds, Mark, held},
    per_node,
};
use crate::{
    control::{Control, Controls, Disturbance, THREE_NODES, Wanted, node_1_says},
    document::{At, Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, HashRound},
};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameChain {
    /// Blocks below every tip: the last ones may still change.
    pub depth: u64,
    /// What the height must be above.
    pub above: Above,
}

/// Which heights count as old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Above {
    /// All that any node had before the last fault was proven healed.
    Fault,
    /// All that any node had before this check started.
    Start,
}

impl fmt::Display for SameChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old = match self.above {
            Above::Fault => "the fault healed",
            Above::Start => "the check",
        };
        write!(f, "one hash at a height from after {old}, {} below every tip", self.depth)
    }
}

impl Check for SameChain {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        if view.nodes.len() < 2 {
            return Judgement::Settled(fail(
                "impossible: one node has nobody to agree with".to_owned(),
                String::new(),
            ));
        }
        let floor = self.floor(view);
        let rounds: Vec<&HashRound> = view
            .history
            .hash_rounds(view.start, view.now)
            .filter(|round| {
                round.height > floor && is_deep(view, round, self.depth) && is_of(round, view.nodes)
            })
            .collect();
        let marks: Vec<Mark> = rounds
            .iter()
            .map(|round| Mark {
                sent: round.sent,
                answered: round.answered,
                says: agree(round, view.nodes),
            })
            .collect();
        let wanted = deepest(view, self.depth).filter(|height| *height > floor);
        let observed = match rounds.last() {
            Some(round) => describe(round, view.nodes, agree(round, view.nodes) == Holds::Yes),
            None => format!(
                "no height above {floor} is {} below every tip yet ({})",
                self.depth,
                heights(view)
            ),
        };
        match decide(view, held(&[marks], view), observed, |_| {
            format!("agreed for {}", crate::text::short(view.hold))
        }) {
            Judgement::Pending { seen, wants_hash_at: _ } => {
                Judgement::Pending { seen, wants_hash_at: wanted }
            }
            settled @ Judgement::Settled(_) => settled,
        }
    }

    /// The first one that is new, and those above it.
    fn blocks(&self) -> Option<u64> {
        self.depth.checked_add(1)
    }
}

impl SameChain {
    /// Every height up to here was there before.
    fn floor(&self, view: &View<'_>) -> u64 {
        let before = match self.above {
            Above::Start => view.start,
            Above::Fault => view.fault.and_then(|fault| fault.proven).unwrap_or(view.start),
        };
        view.history.highest_before(before).unwrap_or(0)
    }
}

fn heights(view: &View<'_>) -> String {
    per_node(view.nodes, |node| {
        hashes::tip(view, node, view.now - view.fresh, view.now)
            .map_or_else(|| "no fresh height".to_owned(), |height| height.to_string())
    })
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "same-chain",
    about: "the nodes have one hash at a settled height",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "one hash at a height above all that any node had before the fault was proven healed (before the check started), and `depth` below every named node's tip; two nodes or more. A hash has 64 digits, not all of them zero",
    missing: "fails",
    example: r#"[[phases.checks]]
check = "same-chain"
nodes = "*"
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "a fork",
            scenario: &[APART, EACH_CHAIN_GROWS, ONE_CHAIN],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "node-2: 0x"),
        },
        Control {
            name: "a node has another hash",
            scenario: &[THREE_NODES, SAME_CHAIN_PHASE, ONE_CHAIN],
            disturbance: Disturbance::Lies(&[node_1_says(
                "chain_getBlockHash",
                r#""0xabababababababababababababababababababababababababababababababab""#,
            )]),
            wanted: Wanted::Check(Fail, "node-1: 0xabab"),
        },
        Control {
            name: "a node has no hash",
            scenario: &[THREE_NODES, SAME_CHAIN_PHASE, ONE_CHAIN],
            disturbance: Disturbance::Lies(&[node_1_says("chain_getBlockHash", "null")]),
            wanted: Wanted::Check(Fail, "node-1: answered null"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "depth",
        takes: Takes::Number(0),
        given: Given::Else("2"),
        about: "blocks below every tip: the last ones may still change",
    },
    Key {
        name: "above",
        takes: Takes::Word(&["fault", "start"]),
        given: Given::Else("`\"fault\"` after a fault that healed, else `\"start\"`"),
        about: "what the height must be new since",
    },
];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<SameChainWritten> {
    let depth = if table.has("depth") { table.number("depth", 0, problems)?.value } else { 2 };
    Some(SameChainWritten { depth: depth.into(), above: read_above(table, problems) })
}

fn read_above(table: &Table<'_, '_>, problems: &mut Problems) -> Option<At<Above>> {
    let above = table.text("above", problems)?;
    let value = match above.value.as_str() {
        "fault" => Above::Fault,
        "start" => Above::Start,
        other => {
            problems.error_hint(
                above.span,
                format!("`above` cannot be `{other}`"),
                "write \"fault\" or \"start\"",
            );
            return None;
        }
    };
    Some(At { value, span: above.span })
}

/// As written.
#[derive(Debug)]
pub(super) struct SameChainWritten {
    depth: u64,
    above: Option<At<Above>>,
}

impl Written for SameChainWritten {
    type Condition = SameChain;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        place.must_be_several("`same-chain`", "it always agrees with itself", problems);
        if let Some(above) = self.above.as_ref().filter(|above| above.value == Above::Fault) {
            let what = "`above = \"fault\"`";
            place.must_follow_a_heal(
                what,
                "is measured when the fault healed",
                &above.span,
                problems,
            );
        }
    }

    fn resolve(&self, context: &Context<'_>) -> SameChain {
        let default = if context.after_a_heal { Above::Fault } else { Above::Start };
        let above = self.above.as_ref().map_or(default, |above| above.value);
        SameChain { depth: self.depth, above }
    }
}

/// Every node mines, and nobody is told of anybody.
const APART: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500", HEGEMON_SEEDS = "" }
[[nodes]]
name = "node"
count = 2
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500", HEGEMON_SEEDS = "" }
"#;

const EACH_CHAIN_GROWS: &str = r#"
[[phases]]
name = "chains grow"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 3
within = "15s"
for = "1s"
"#;

const SAME_CHAIN_PHASE: &str = r#"
[[phases]]
name = "one chain"
"#;

const ONE_CHAIN: &str = r#"
[[phases.checks]]
check = "same-chain"
nodes = "*"
within = "8s"
for = "1s"
"#;

#[cfg(test)]
mod tests;
