//! `fork-seen`: at least once in the window, two named nodes had different hashes at one height, `depth`
//! below every tip. A *sometimes* check: what a scenario means to do to a chain has happened to it. A
//! split that made no fork has proven nothing.
//!
//! The hashes of a round are asked for at once and not in one instant; a node that changes its mind
//! between two answers had, for that moment, another hash than somebody. `depth` keeps out the
//! races at the tip that every chain has.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hashes::{deepest, describe, differ, is_deep},
    hold::starved,
    view::{inconclusive, passed},
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, WITHOUT_MINERS, Wanted, node_1_says},
    document::{Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, HashRound},
};

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkSeen {
    /// Blocks below every tip.
    pub depth: u64,
}

impl fmt::Display for ForkSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "once, two nodes with different hashes at a height {} below every tip",
            self.depth
        )
    }
}

impl Check for ForkSeen {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        if view.nodes.len() < 2 {
            let why = "impossible: one node has nobody to differ from";
            return Judgement::Settled(fail(why.to_owned(), String::new()));
        }
        let rounds = view.history.hash_rounds(view.start, view.now);
        let rounds: Vec<&HashRound> =
            rounds.filter(|round| is_deep(view, round, self.depth)).collect();
        let fork = rounds.iter().find_map(|round| Some((round, differ(round, view.nodes)?)));
        if let Some((round, (one, other))) = fork {
            let why = format!("{one} and {other} had different hashes at height {}", round.height);
            return passed(why, describe(round, view.nodes, false), round.answered);
        }
        let observed = rounds.last().map_or_else(
            || format!("no height is {} below every tip yet", self.depth),
            |round| describe(round, view.nodes, true),
        );
        if !view.is_over() {
            let wants_hash_at = deepest(view, self.depth);
            return Judgement::Pending { seen: observed, wants_hash_at };
        }
        if let Some(why) = starved(view) {
            return inconclusive(why, observed);
        }
        let why = format!("no fork was seen: in {} looks no two hashes differed", rounds.len());
        Judgement::Settled(fail(why, observed))
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "fork-seen",
    about: "at least once, two nodes had different hashes at one height",
    keys: KEYS,
    window: Window::Once,
    needs: Needs::Samples,
    holds: "at least once since the check's start, two of the named nodes gave different hashes at one height, `depth` below every named node's tip. With `depth = 39` two chains differ in 40 blocks at least",
    missing: "fails: a hash that was not given differs from none",
    example: r#"[[phases.checks]]
check = "fork-seen"
nodes = "*"
during = "fault"
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody was ever apart",
            scenario: &[WITHOUT_MINERS, PEERS_ONLY, FORK],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "no fork was seen"),
        },
        Control {
            name: "a node has no hash",
            scenario: &[WITHOUT_MINERS, PEERS_ONLY, FORK],
            disturbance: Disturbance::Lies(&[node_1_says("chain_getBlockHash", "null")]),
            wanted: Wanted::Check(Fail, "no fork was seen"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "depth",
    takes: Takes::Number(0),
    given: Given::Else("2"),
    about: "blocks below every tip: the last ones differ on every chain now and then",
}];

const FORK: &str = r#"
[[phases.checks]]
check = "fork-seen"
nodes = "*"
depth = 0
within = "8s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<ForkSeen> {
    let depth = if table.has("depth") { table.number("depth", 0, problems)?.value } else { 2 };
    Some(ForkSeen { depth: depth.into() })
}

impl Written for ForkSeen {
    type Condition = Self;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        place.must_be_several("`fork-seen`", "it never differs from itself", problems);
    }

    fn resolve(&self, _: &Context<'_>) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::{CheckVerdict, Reading},
    };

    const TWO_DEEP: CheckKind = CheckKind::ForkSeen(ForkSeen { depth: 2 });
    const BOTH: [&str; 2] = ["node-1", "node-2"];

    /// Both at height 10 all the time.
    fn polled() -> Seen {
        Seen::default().poll("node-1", 0, 11_000, |_, _| {}).poll("node-2", 0, 11_000, |_, _| {})
    }

    fn said(seen: &Seen) -> (CheckVerdict, String) {
        let finding = seen.verdict(&TWO_DEEP, &BOTH, 0);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn once_is_enough() {
        let agreed = [("node-1", "0xa"), ("node-2", "0xa")];
        let seen = polled()
            .hashes(1_000, 8, &agreed)
            .hashes(2_000, 8, &[("node-1", "0xa"), ("node-2", "0xb")])
            .hashes(3_000, 8, &agreed);
        let why = "node-1 and node-2 had different hashes at height 8";
        assert_eq!(said(&seen), (CheckVerdict::Pass, why.to_owned()));
        let before = seen.verdict(&TWO_DEEP, &BOTH, 2_100);
        assert_eq!(before.verdict, CheckVerdict::Fail, "it was before the check");
    }

    #[test]
    fn agreement_a_race_at_the_tip_and_missing_hashes_are_no_fork() {
        let none = "no fork was seen: in 1 looks no two hashes differed".to_owned();
        let agreed = polled().hashes(1_000, 8, &[("node-1", "0xa"), ("node-2", "0xa")]);
        assert_eq!(said(&agreed), (CheckVerdict::Fail, none.clone()));
        let missing = polled().hashes(1_000, 8, &[("node-1", "0xa"), ("node-2", "")]);
        assert_eq!(said(&missing), (CheckVerdict::Fail, none));
        let shallow = polled().hashes(1_000, 9, &[("node-1", "0xa"), ("node-2", "0xb")]);
        assert_eq!(said(&shallow).0, CheckVerdict::Fail);
        let stranger = polled().hashes(1_000, 8, &[("node-1", "0xa"), ("seed", "0xb")]);
        assert_eq!(said(&stranger).0, CheckVerdict::Fail, "it is about the named nodes");
        assert_eq!(said(&polled()).0, CheckVerdict::Fail);
        assert_eq!(said(&Seen::default()).0, CheckVerdict::Inconclusive);
        let alone = polled().verdict(&TWO_DEEP, &["node-1"], 0);
        assert_eq!(alone.verdict, CheckVerdict::Fail);
    }

    #[test]
    fn hashes_are_wanted_below_the_lowest_tip() {
        let wanted = |heights: [u64; 2]| {
            let of = |height| {
                move |_, sample: &mut crate::event::Sample| sample.height = Reading::Value(height)
            };
            let seen = Seen::default().poll("node-1", 0, 1_000, of(heights[0])).poll(
                "node-2",
                0,
                1_000,
                of(heights[1]),
            );
            match seen.judge(&TWO_DEEP, &BOTH, 0, 1_000) {
                Judgement::Pending { wants_hash_at, .. } => wants_hash_at,
                Judgement::Settled(finding) => panic!("{finding:?}"),
            }
        };
        assert_eq!((wanted([7, 9]), wanted([1, 9])), (Some(5), None));
    }
}
