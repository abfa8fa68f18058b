//! `same-genesis`: the named nodes have one hash at height 0. It never changes, so one round in which all
//! answer decides; nodes that differ are of different chains, and the verdict says who is on which.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hashes::{describe, differ},
    hold::starved,
    view::{inconclusive, passed},
};
use crate::{
    control::{Control, Controls, Disturbance, THREE_NODES, Wanted, node_1_says},
    document::{Problems, Table},
    event::{CheckVerdict::Fail, HashRound, Reading},
};

/// The condition has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameGenesis;

impl fmt::Display for SameGenesis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one hash at height 0")
    }
}

impl Check for SameGenesis {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let rounds = view.history.hash_rounds(view.start, view.now);
        let rounds: Vec<&HashRound> = rounds.filter(|round| round.height == 0).collect();
        if let Some(round) = rounds.iter().find(|round| differ(round, view.nodes).is_some()) {
            return Judgement::Settled(fail(who_is_on_which(round, view.nodes), String::new()));
        }
        let answered = |round: &&&HashRound| {
            let hash = |node: &String| round.hashes.get(node).and_then(Reading::value);
            !view.nodes.is_empty() && view.nodes.iter().all(|node| hash(node).is_some())
        };
        if let Some(round) = rounds.iter().find(answered) {
            let observed = describe(round, view.nodes, true);
            return passed("all have it".to_owned(), observed, round.answered);
        }
        let observed = rounds
            .last()
            .map_or_else(|| "not asked yet".to_owned(), |round| describe(round, view.nodes, false));
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: Some(0) };
        }
        if let Some(why) = starved(view) {
            return inconclusive(why, observed);
        }
        Judgement::Settled(fail("not every node gave its hash at height 0".to_owned(), observed))
    }
}

/// `seed, node-1 on 0xa…; node-2 on 0xb…`, in the order of the nodes.
fn who_is_on_which(round: &HashRound, nodes: &[String]) -> String {
    let mut by_hash: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes {
        if let Some(hash) = round.hashes.get(node).and_then(Reading::value) {
            by_hash.entry(hash).or_default().push(node);
        }
    }
    let mut said: Vec<(Vec<&str>, &str)> =
        by_hash.into_iter().map(|(hash, nodes)| (nodes, hash)).collect();
    said.sort_by_key(|(on, _)| nodes.iter().position(|node| *node == on[0]));
    let words = said.iter().map(|(nodes, hash)| format!("{} on {hash}", nodes.join(", ")));
    format!("chains of different beginnings: {}", words.collect::<Vec<_>>().join("; "))
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "same-genesis",
    about: "the nodes have one hash at height 0",
    keys: &[],
    window: Window::Once,
    needs: Needs::Samples,
    holds: "all named nodes gave one hash at height 0. Two different ones fail at once, and the verdict says who is on which",
    missing: "fails",
    example: r#"[[phases.checks]]
check = "same-genesis"
nodes = "*"
within = "10s"
"#,
    controls: Controls::new(&[
        Control {
            name: "a node is of another chain",
            scenario: &[ANOTHER_CHAIN, GENESIS_PHASE],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "seed on 0x"),
        },
        Control {
            name: "a node has no genesis",
            scenario: &[THREE_NODES, GENESIS_PHASE],
            disturbance: Disturbance::Lies(&[node_1_says("chain_getBlockHash", "null")]),
            wanted: Wanted::Check(Fail, "node-1: answered null"),
        },
    ]),
};

/// Another block time is another genesis.
const ANOTHER_CHAIN: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
env = { HEGEMON_BLOCK_TIME_MS = "500" }
[[nodes]]
name = "node"
count = 2
env = { HEGEMON_BLOCK_TIME_MS = "700" }
"#;

const GENESIS_PHASE: &str = r#"
[[phases]]
name = "one genesis"
[[phases.checks]]
check = "same-genesis"
nodes = "*"
within = "8s"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<SameGenesis> {
    Some(SameGenesis)
}

impl Written for SameGenesis {
    type Condition = Self;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        place.must_be_several("`same-genesis`", "it always agrees with itself", problems);
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
        event::CheckVerdict,
    };

    const CHECK: CheckKind = CheckKind::SameGenesis(SameGenesis);
    const ALL: [&str; 3] = ["seed", "node-1", "node-2"];

    fn said(height: u64, hashes: &[(&str, &str)]) -> (CheckVerdict, String) {
        let mut seen = Seen::default();
        for node in ALL {
            seen = seen.poll(node, 0, 11_000, |_, _| {});
        }
        let finding = seen.hashes(1_000, height, hashes).verdict(&CHECK, &ALL, 0);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn one_round_of_all_decides() {
        let one = [("seed", "0xa"), ("node-1", "0xa"), ("node-2", "0xa")];
        assert_eq!(said(0, &one), (CheckVerdict::Pass, "all have it".to_owned()));
        let why = "chains of different beginnings: seed, node-2 on 0xb; node-1 on 0xa".to_owned();
        let two = [("seed", "0xb"), ("node-1", "0xa"), ("node-2", "0xb")];
        assert_eq!(said(0, &two), (CheckVerdict::Fail, why));
    }

    #[test]
    fn what_was_not_said_is_no_agreement() {
        let why = "not every node gave its hash at height 0".to_owned();
        let missing = [("seed", "0xa"), ("node-1", "0xa"), ("node-2", "")];
        assert_eq!(said(0, &missing), (CheckVerdict::Fail, why.clone()));
        assert_eq!(said(0, &missing[..2]), (CheckVerdict::Fail, why.clone()));
        let higher = [("seed", "0xa"), ("node-1", "0xa"), ("node-2", "0xa")];
        assert_eq!(said(1, &higher), (CheckVerdict::Fail, why), "another height");
        let nobody = Seen::default().hashes(1_000, 0, &[]).verdict(&CHECK, &[], 0);
        assert_ne!(nobody.verdict, CheckVerdict::Pass);
        let unasked = Seen::default().verdict(&CHECK, &ALL, 0);
        assert_eq!(unasked.verdict, CheckVerdict::Inconclusive);
        assert_eq!(
            Seen::default().judge(&CHECK, &ALL, 0, 100),
            Judgement::Pending { seen: "not asked yet".to_owned(), wants_hash_at: Some(0) }
        );
    }
}
