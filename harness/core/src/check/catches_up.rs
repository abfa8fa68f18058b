//! `catches-up`: whoever was away reaches the others' tip and has their hash there, fast enough, and without
//! having lost what it had.
//!
//! Time counts from the moment at which the node was executed again (`healed`), blocks from the height that
//! it had when it stopped, or from genesis.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide_or_blame,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hashes::{agree, describe, is_of},
    height_advances,
    hold::{Holds, Mark, held},
    per_node,
    view::inconclusive,
};
use crate::{
    control::{
        Control, Controls, DISCOVER, Disturbance, How, RESTART, THREE_NODES, Wanted, of_the_seed,
    },
    document::{At, Given, Key, Problems, Table, Takes, suggest},
    event::{
        CheckVerdict::{Fail, Inconclusive},
        HashRound, Moment,
    },
    history::FaultSpan,
    text::short,
};

/// Fewer blocks say nothing of a rate.
const ENOUGH: u64 = 10;

/// Blocks that may come between a look at heights and a hash that is asked for after it.
const MEANWHILE: u64 = 20;

/// The condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchesUp {
    /// The others.
    pub to: Vec<String>,
    /// At least so fast.
    pub blocks_per_second: Option<u64>,
    /// What it has at the start; open: its own state if it was there before the fault.
    pub from: Option<From>,
    /// Blocks below the others' tips at which it is caught up.
    pub depth: u64,
}

/// What a node starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// What it had when it stopped.
    OwnState,
    /// Nothing.
    Genesis,
}

impl fmt::Display for CatchesUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the tip and the hash of {}", self.to.join(", "))?;
        match self.from {
            Some(From::OwnState) => write!(f, ", from what it had")?,
            Some(From::Genesis) => write!(f, ", from genesis")?,
            None => {}
        }
        match self.blocks_per_second {
            Some(rate) => write!(f, ", {rate} blocks a second or more"),
            None => Ok(()),
        }
    }
}

impl Check for CatchesUp {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let Some((fault, healed)) = view.fault.and_then(|fault| Some((fault, fault.healed?)))
        else {
            return inconclusive("no fault has healed before it".to_owned(), String::new());
        };
        let all: Vec<String> = view.nodes.iter().chain(&self.to).cloned().collect();
        let tips = per_node(&all, |node| match tip(view, node, view.now, healed) {
            Some(height) => height.to_string(),
            None => "no fresh height".to_owned(),
        });
        let mut ways = Vec::new();
        for node in view.nodes {
            let Some(way) = self.way(view, node, fault, healed) else {
                let why =
                    format!("{node} gave no height before the fault: what it had is not known");
                return inconclusive(why, tips);
            };
            if let Some(lost) = &way.lost {
                return Judgement::Settled(fail(lost.clone(), tips));
            }
            ways.push(way);
        }
        let rounds: Vec<&HashRound> = view
            .history
            .hash_rounds(view.start, view.now)
            .filter(|round| is_of(round, &all) && self.is_recent(view, round, healed))
            .collect();
        let says = |round: &HashRound| {
            if self.is_there(view, round.answered, healed) { agree(round, &all) } else { Holds::No }
        };
        let mark = |round: &&HashRound| Mark {
            sent: round.sent,
            answered: round.answered,
            says: says(round),
        };
        let marks: Vec<Mark> = rounds.iter().map(mark).collect();
        let observed = match rounds.last() {
            Some(round) => format!("{tips}; {}", describe(round, &all, says(round) == Holds::Yes)),
            None => tips,
        };
        let since = held(&[marks], view);
        if since.is_some()
            && let Some(slow) = self.too_slow(view.nodes, &ways, healed, &observed)
        {
            return slow;
        }
        let passed = |_| {
            let one = |(node, way): (&String, &Way)| format!("{node} {}", way.describe(healed));
            view.nodes.iter().zip(&ways).map(one).collect::<Vec<_>>().join("; ")
        };
        match decide_or_blame(view, since, observed, passed, height_advances::wrong) {
            Judgement::Pending { seen, .. } => {
                Judgement::Pending { seen, wants_hash_at: self.wanted(view, &all, healed) }
            }
            settled @ Judgement::Settled(_) => settled,
        }
    }

    /// It may hear of the tip only with the next block.
    fn blocks(&self) -> Option<u64> {
        Some(1)
    }

    fn others(&self) -> &[String] {
        &self.to
    }
}

/// One node's way to the others' tip.
struct Way {
    base: u64,
    /// When it was first there, and how high.
    there: Option<(Moment, u64)>,
    /// It showed less than it had.
    lost: Option<String>,
}

impl Way {
    fn blocks(&self) -> u64 {
        self.there.map_or(0, |(_, height)| height.saturating_sub(self.base))
    }

    /// Blocks a second.
    fn rate(&self, healed: Moment) -> f64 {
        let took = self.there.map_or(Duration::ZERO, |(at, _)| at.since(healed));
        self.blocks() as f64 / took.max(Duration::from_millis(1)).as_secs_f64()
    }

    fn describe(&self, healed: Moment) -> String {
        let Some((at, height)) = self.there else { return "is not there".to_owned() };
        format!(
            "was there {} after it came back: {} → {height}, {:.1} blocks a second",
            short(at.since(healed)),
            self.base,
            self.rate(healed)
        )
    }
}

impl CatchesUp {
    /// None: what it had is not known.
    fn way(&self, view: &View<'_>, node: &str, fault: &FaultSpan, healed: Moment) -> Option<Way> {
        let before = view.history.samples(node, Moment(0), fault.effective);
        let had = before.iter().rev().find_map(|sample| sample.height.value().copied());
        let base = match self.from {
            Some(From::Genesis) => 0,
            Some(From::OwnState) => had?,
            None => had.unwrap_or(0),
        };
        let since = view.samples(node, healed);
        let heights = || since.iter().filter_map(|it| Some((it.answered, *it.height.value()?)));
        // What it lost may be made good before the last node of the fault is back.
        let below = view
            .samples(node, fault.effective)
            .iter()
            .filter_map(|sample| sample.height.value().copied())
            .find(|height| *height < base);
        Some(Way {
            base,
            there: heights().find(|(at, height)| {
                self.lowest(view, *at, healed).is_some_and(|lowest| *height >= lowest)
            }),
            lost: below.map(|height| {
                format!("{node} showed height {height}, and had {base} when it stopped")
            }),
        })
    }

    /// From which height on a node is at the others' tips at a moment.
    fn lowest(&self, view: &View<'_>, at: Moment, healed: Moment) -> Option<u64> {
        let tips = self.to.iter().map(|node| tip(view, node, at, healed));
        Some(tips.collect::<Option<Vec<u64>>>()?.into_iter().min()?.saturating_sub(self.depth))
    }

    fn is_there(&self, view: &View<'_>, at: Moment, healed: Moment) -> bool {
        let lowest = self.lowest(view, at, healed);
        view.nodes.iter().all(|node| {
            tip(view, node, at, healed).zip(lowest).is_some_and(|(tip, lowest)| tip >= lowest)
        })
    }

    /// A hash of long ago says nothing of the tip.
    fn is_recent(&self, view: &View<'_>, round: &HashRound, healed: Moment) -> bool {
        let lowest = self.lowest(view, round.answered, healed);
        let within = self.depth.saturating_mul(2).saturating_add(MEANWHILE);
        lowest.is_some_and(|lowest| round.height.saturating_add(within) >= lowest)
    }

    /// Where hashes can be compared, once everybody is there.
    fn wanted(&self, view: &View<'_>, all: &[String], healed: Moment) -> Option<u64> {
        if !self.is_there(view, view.now, healed) {
            return None;
        }
        let tips = all.iter().map(|node| tip(view, node, view.now, healed));
        tips.collect::<Option<Vec<u64>>>()?.into_iter().min()?.checked_sub(self.depth)
    }

    fn too_slow(
        &self,
        nodes: &[String],
        ways: &[Way],
        healed: Moment,
        observed: &str,
    ) -> Option<Judgement> {
        let wanted = self.blocks_per_second?;
        let (node, way) = nodes
            .iter()
            .zip(ways)
            .min_by(|(_, one), (_, other)| one.rate(healed).total_cmp(&other.rate(healed)))?;
        let why = format!("{node} {}", way.describe(healed));
        if way.blocks() < ENOUGH {
            let why = format!("{why}: fewer than {ENOUGH} blocks say nothing of a rate");
            return Some(inconclusive(why, observed.to_owned()));
        }
        (way.rate(healed) < wanted as f64).then(|| {
            let why = format!("{why}, fewer than {wanted}");
            Judgement::Settled(fail(why, observed.to_owned()))
        })
    }
}

/// A node's fresh height at a moment, since the fault healed.
fn tip(view: &View<'_>, node: &str, at: Moment, healed: Moment) -> Option<u64> {
    let samples = view.history.samples(node, healed, at.min(view.now));
    samples
        .iter()
        .rev()
        .take_while(|sample| sample.answered + view.fresh >= at)
        .find_map(|sample| sample.height.value().copied())
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "catches-up",
    about: "who was away reaches the others' tip and hash, fast enough",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "after a fault that healed: each named node is at most `depth` blocks below the lowest tip of `to`, and all of both have one hash near it. `from = \"own-state\"`: it never showed a height below what it had when it stopped (a loss that is made good before its first answer is not seen). `blocks_per_second`: from the execution to the first look at which it was there, at least",
    missing: "fails; own state that was never seen, or a rate over fewer than 10 blocks: inconclusive",
    example: r#"[[phases.checks]]
check = "catches-up"
nodes = "seed"
to = "node"
blocks_per_second = 50
from = "own-state"
within = "90s"
"#,
    controls: Controls::new(&[
        Control {
            name: "a node stays at its height",
            scenario: &[THREE_NODES, DISCOVER, RESTART, UP],
            disturbance: Disturbance::Lies(&[of_the_seed(
                "chain_getHeader",
                How::Says(r#"{"number":"0x1"}"#),
            )]),
            wanted: Wanted::Check(Fail, "did not hold"),
        },
        Control {
            name: "a node is on another chain",
            scenario: &[THREE_NODES, DISCOVER, RESTART, UP],
            disturbance: Disturbance::Lies(&[of_the_seed(
                "chain_getBlockHash",
                How::Says(
                    r#""0xabababababababababababababababababababababababababababababababab""#,
                ),
            )]),
            wanted: Wanted::Check(Fail, "seed: 0xabab"),
        },
        Control {
            name: "a node loses its chain",
            scenario: &[THREE_NODES, DISCOVER, LOST, UP_AGAIN],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "when it stopped"),
        },
        Control {
            name: "nothing was to be caught up with",
            scenario: &[SLOWER, DISCOVER, RESTART, FAST],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Inconclusive, "say nothing of a rate"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "to",
        takes: Takes::Text,
        given: Given::Always,
        about: "a node or a group: whose tip and hash it must reach",
    },
    Key {
        name: "blocks_per_second",
        takes: Takes::Number(1),
        given: Given::Else("any rate"),
        about: "how fast at least",
    },
    Key {
        name: "from",
        takes: Takes::Word(&["own-state", "genesis"]),
        given: Given::Else("its own state if it was there before the fault, else genesis"),
        about: "what it starts with",
    },
    Key {
        name: "depth",
        takes: Takes::Number(0),
        given: Given::Else("2"),
        about: "blocks below the others' tips at which it is there",
    },
];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<CatchesUpWritten> {
    table.require("to", problems);
    let from = table.word("from", &["own-state", "genesis"], problems);
    Some(CatchesUpWritten {
        span: table.span.clone(),
        to: table.text("to", problems)?,
        blocks_per_second: table.number("blocks_per_second", 1, problems).map(|it| it.value.into()),
        from: from.map(|it| if it.value == "genesis" { From::Genesis } else { From::OwnState }),
        depth: table.number("depth", 0, problems).map_or(2, |depth| depth.value.into()),
    })
}

/// As written.
#[derive(Debug)]
pub(super) struct CatchesUpWritten {
    span: std::ops::Range<usize>,
    to: At<String>,
    blocks_per_second: Option<u64>,
    from: Option<From>,
    depth: u64,
}

impl Written for CatchesUpWritten {
    type Condition = CatchesUp;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        place.must_follow_a_heal(
            "`catches-up`",
            "is about the time after it",
            &self.span,
            problems,
        );
        match place.names.get(&self.to.value) {
            None => problems.error_hint(
                self.to.span.clone(),
                format!("`to` names an unknown node or group `{}`", self.to.value),
                suggest(&self.to.value, place.names.keys().map(String::as_str)),
            ),
            Some(nodes) if nodes.iter().any(|node| place.named.contains(node)) => {
                problems.error_hint(
                    self.to.span.clone(),
                    "`to` names a node that is to catch up: it is always where it is itself",
                    "name others",
                );
            }
            Some(_) => {}
        }
    }

    fn resolve(&self, context: &Context<'_>) -> CatchesUp {
        CatchesUp {
            to: context.names.get(&self.to.value).cloned().unwrap_or_default(),
            blocks_per_second: self.blocks_per_second,
            from: self.from,
            depth: self.depth,
        }
    }
}

const UP: &str = r#"
[[phases.checks]]
check = "catches-up"
nodes = "seed"
to = "node"
from = "own-state"
within = "10s"
for = "1s"
"#;

/// A chain that others have not told it again when it is looked at: they come back after it.
const LOST: &str = r#"
[[phases]]
name = "a chain"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 12
within = "40s"
for = "1s"
[[phases]]
name = "lose the chain"
[[phases.faults]]
fault = "stop"
nodes = "seed"
[[phases.faults]]
fault = "stop"
nodes = "node-1"
[[phases.faults]]
fault = "wipe"
nodes = "node-2"
what = "chain"
[[phases.faults]]
fault = "start"
nodes = "node-1"
[[phases.faults]]
fault = "start"
nodes = "seed"
"#;

const UP_AGAIN: &str = r#"
[[phases.checks]]
check = "catches-up"
nodes = "node-2"
to = "node-1"
from = "own-state"
within = "20s"
for = "1s"
"#;

/// So that even a restart that takes long here leaves few blocks behind.
const SLOWER: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "1500" }
[[nodes]]
name = "node"
count = 2
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "1500" }
"#;

/// After two seconds there is little to catch up with.
const FAST: &str = r#"
[[phases.checks]]
check = "catches-up"
nodes = "seed"
to = "node"
blocks_per_second = 1
within = "20s"
for = "1s"
"#;

#[cfg(test)]
mod tests;
