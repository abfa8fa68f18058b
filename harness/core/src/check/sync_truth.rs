//! `sync-truth`: what a node says of itself (`system_health.isSyncing`) is what its chain shows.
//!
//! A node that says it is in sync while it does not have the hash that all others have at a settled height
//! misleads whoever asks it before using it; one that says for ever that it syncs, while it agrees with all,
//! is never used. Hashes and words are asked for in different moments, so a lie counts once it was told
//! for longer than such moments lie apart.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hashes::{describe, is_of, tip},
    hold::starved,
    per_node,
    view::{inconclusive, passed},
    wrong_answer,
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, THREE_NODES, Wanted, node_1_says},
    document::{Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, HashRound, Miss, Moment, Reading},
    text::short,
};

/// So long a node may be wrong about itself: two rounds of questions, and a look at itself.
const GRACE: Duration = Duration::from_secs(3);

/// Looks at a node's hash beside the others' that a window needs.
const LOOKS: usize = 3;

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncTruth {
    /// Blocks below the tip that half of the nodes have: there a height is settled.
    pub depth: u64,
}

impl fmt::Display for SyncTruth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`isSyncing` is what hashes {} below the others' tip show", self.depth)
    }
}

impl Check for SyncTruth {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        if view.nodes.len() < 2 {
            let why = "impossible: one node has nobody to be in sync with";
            return Judgement::Settled(fail(why.to_owned(), String::new()));
        }
        let rounds = view.history.hash_rounds(view.start, view.now);
        let rounds: Vec<&HashRound> = rounds
            .filter(|round| is_of(round, view.nodes) && self.is_settled(view, round))
            .collect();
        let observed = per_node(view.nodes, |node| words(view, node));
        for node in view.nodes {
            if let Some((why, round)) = told_a_lie(view, node, &rounds) {
                let observed = format!("{observed}; {}", describe(round, view.nodes, false));
                return Judgement::Settled(fail(why, observed));
            }
        }
        if !view.is_over() {
            let wants_hash_at = self.settled(view, view.now);
            return Judgement::Pending { seen: observed, wants_hash_at };
        }
        if let Some(why) = starved(view) {
            return inconclusive(why, observed);
        }
        if rounds.len() < LOOKS {
            // A chain that is too short to compare is nobody's lie.
            let why = format!("nothing was settled to compare in more than {} looks", rounds.len());
            return inconclusive(why, observed);
        }
        match view.nodes.iter().find_map(|node| not_shown(view, node, &rounds)) {
            Some(why) => Judgement::Settled(fail(why, observed)),
            None => passed(format!("true in {} looks", rounds.len()), observed, view.start),
        }
    }
}

impl SyncTruth {
    /// The height that is settled at a moment: one node's wrong tip moves it no further than the next one's.
    fn settled(&self, view: &View<'_>, at: Moment) -> Option<u64> {
        let tips = view.nodes.iter().filter_map(|node| tip(view, node, at - view.fresh, at));
        let mut tips: Vec<u64> = tips.collect();
        tips.sort_unstable();
        tips.get(tips.len() / 2)?.checked_sub(self.depth)
    }

    fn is_settled(&self, view: &View<'_>, round: &HashRound) -> bool {
        self.settled(view, round.answered).is_some_and(|settled| round.height <= settled)
    }
}

/// How a node's chain stands to the others' in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    With,
    Apart,
    /// The others have no one hash, or nobody knows this one's.
    Unknown,
}

/// The others are those that say they are in sync.
fn stands(view: &View<'_>, node: &str, round: &HashRound) -> Stands {
    let mut others =
        others(view, node, round).into_iter().filter_map(|other| round.hashes[other].value());
    let Some(hash) = others.next() else { return Stands::Unknown };
    if others.any(|other| other != hash) {
        return Stands::Unknown;
    }
    match round.hashes.get(node) {
        Some(Reading::Value(own)) if own == hash => Stands::With,
        Some(Reading::Value(_) | Reading::Missing(Miss::Null)) => Stands::Apart,
        Some(Reading::Missing(_)) | None => Stands::Unknown,
    }
}

/// Other nodes of a round that say that they are in sync, and their hash.
fn others<'a>(view: &View<'_>, node: &str, round: &'a HashRound) -> Vec<&'a str> {
    let in_sync = |other: &str| says(view, other, round.answered) == Some(false);
    let others = round.hashes.iter().filter(|(_, hash)| hash.value().is_some());
    others
        .map(|(other, _)| other.as_str())
        .filter(|other| *other != node && in_sync(other))
        .collect()
}

/// Its last word by then.
fn says(view: &View<'_>, node: &str, at: Moment) -> Option<bool> {
    let samples = view.history.samples(node, view.start, at.min(view.now));
    let fresh = samples.iter().rev().take_while(|sample| sample.answered + view.fresh >= at);
    fresh.filter_map(|sample| sample.syncing.as_ref()?.value().copied()).next()
}

/// It said that it is in sync, and was not, for longer than its grace.
fn told_a_lie<'a>(
    view: &View<'_>,
    node: &str,
    rounds: &[&'a HashRound],
) -> Option<(String, &'a HashRound)> {
    let mut since: Option<Moment> = None;
    for round in rounds {
        match (stands(view, node, round), says(view, node, round.answered)) {
            (Stands::Apart, Some(false)) => {}
            (Stands::With, _) | (_, Some(true)) => {
                since = None;
                continue;
            }
            // A look that shows nothing clears nobody.
            (Stands::Apart | Stands::Unknown, _) => continue,
        }
        let began = *since.get_or_insert(round.answered);
        let lasts = round.sent.since(began);
        if lasts > GRACE {
            let height = round.height;
            let why = match others(view, node, round).as_slice() {
                // Between two of them nobody can tell who is wrong.
                [other] => format!(
                    "{node} and {other} said for {} that they are in sync, with different hashes at height {height}",
                    short(lasts)
                ),
                _ => format!(
                    "{node} said for {} that it is in sync, without the others' hash at height {height}",
                    short(lasts)
                ),
            };
            return Some((why, round));
        }
    }
    None
}

/// What is missing at the end of the window before a node can be believed.
fn not_shown(view: &View<'_>, node: &str, rounds: &[&HashRound]) -> Option<String> {
    let last = view.samples(node, view.start).last();
    if let Some(Some(said)) = last.map(|sample| sample.syncing.as_ref())
        && let Some(why) = wrong_answer(node, said, "health")
    {
        return Some(why);
    }
    let known = rounds.iter().filter_map(|round| {
        let stands = stands(view, node, round);
        Some((stands, says(view, node, round.answered)?)).filter(|_| stands != Stands::Unknown)
    });
    let known: Vec<(Stands, bool)> = known.collect();
    if known.len() < LOOKS {
        return Some(format!(
            "{node} and the others were seen together in {} looks only",
            known.len()
        ));
    }
    if says(view, node, view.now).is_none() {
        return Some(format!("{node} did not say at the end whether it is in sync"));
    }
    if known.iter().all(|known| *known == (Stands::Apart, false)) {
        return Some(format!("{node} said that it is in sync, and never had the others' hash"));
    }
    let window = short(view.deadline.since(view.start));
    known.iter().all(|known| *known == (Stands::With, true)).then(|| {
        format!("{node} said for {window} that it is syncing, and had every hash of the others")
    })
}

fn words(view: &View<'_>, node: &str) -> String {
    let sample = view.samples(node, view.start).last();
    match sample.and_then(|sample| sample.syncing.as_ref()) {
        Some(Reading::Value(true)) => "syncing".to_owned(),
        Some(Reading::Value(false)) => "in sync".to_owned(),
        Some(Reading::Missing(miss)) => miss.to_string(),
        None => "not asked yet".to_owned(),
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "sync-truth",
    about: "a node says that it is in sync when it is, and not otherwise",
    keys: KEYS,
    window: Window::Whole,
    needs: Needs::Syncing,
    holds: "for the whole of `within`: no node says `isSyncing: false` for longer than 3 s while it lacks the one hash that all others which say so have at a settled height; and none says `true` all the time while it has each of those hashes. Where those do not agree, nobody is judged",
    missing: "fails; not asked: inconclusive",
    example: r#"[[phases.checks]]
check = "sync-truth"
nodes = "*"
within = "30s"
"#,
    controls: Controls::new(&[
        Control {
            name: "a node is on another chain and says nothing of it",
            scenario: &[THREE_NODES, PEERS_ONLY, TRUTH],
            disturbance: Disturbance::Lies(&[node_1_says(
                "chain_getBlockHash",
                r#""0xabababababababababababababababababababababababababababababababab""#,
            )]),
            wanted: Wanted::Check(Fail, "that it is in sync"),
        },
        Control {
            name: "a node always syncs",
            scenario: &[THREE_NODES, PEERS_ONLY, TRUTH],
            disturbance: Disturbance::Lies(&[node_1_says(
                "system_health",
                r#"{"peers":2,"isSyncing":true,"shouldHavePeers":true}"#,
            )]),
            wanted: Wanted::Check(Fail, "that it is syncing"),
        },
        Control {
            name: "a node does not say",
            scenario: &[THREE_NODES, PEERS_ONLY, TRUTH],
            disturbance: Disturbance::Lies(&[node_1_says("system_health", r#"{"peers":2}"#)]),
            wanted: Wanted::Check(Fail, "when it was asked for its health"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "depth",
    takes: Takes::Number(0),
    given: Given::Else("2"),
    about: "blocks below the tip that half of the nodes have",
}];

const TRUTH: &str = r#"
[[phases.checks]]
check = "sync-truth"
nodes = "*"
within = "10s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<SyncTruth> {
    let depth = if table.has("depth") { table.number("depth", 0, problems)?.value } else { 2 };
    Some(SyncTruth { depth: depth.into() })
}

impl Written for SyncTruth {
    type Condition = Self;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        place.must_be_several("`sync-truth`", "it has nobody to be in sync with", problems);
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
        event::{CheckVerdict, Sample},
    };

    const CHECK: CheckKind = CheckKind::SyncTruth(SyncTruth { depth: 2 });
    const ALL: [&str; 3] = ["seed", "node-1", "node-2"];

    /// All at height 10; the last says of itself what `says` says, and has these hashes at height 8.
    fn seen(says: impl Fn(u64) -> Option<bool>, hash: impl Fn(u64) -> &'static str) -> Seen {
        let mut seen = Seen::default();
        for node in ALL {
            seen = seen.poll(node, 0, 11_000, |at, sample: &mut Sample| {
                let word = if node == "node-2" { says(at) } else { Some(false) };
                let missing = || Reading::Missing(Miss::Nonsense("system_health: {}".to_owned()));
                sample.syncing = Some(word.map_or_else(missing, Reading::Value));
            });
        }
        for at in (100..11_000).step_by(500) {
            let hashes = [("seed", "0xa"), ("node-1", "0xa"), ("node-2", hash(at))];
            seen = seen.hashes(at, 8, &hashes);
        }
        seen
    }

    fn said(seen: &Seen) -> (CheckVerdict, String) {
        let finding = seen.verdict(&CHECK, &ALL, 0);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn in_sync_with_another_hash_or_none_is_a_lie() {
        let lie = "node-2 said for 3.5 s that it is in sync, without the others' hash at height 8";
        for hash in ["0xb", ""] {
            assert_eq!(said(&seen(|_| Some(false), |_| hash)), (Fail, lie.to_owned()), "{hash}");
            assert_eq!(
                said(&seen(|_| Some(true), |_| hash)).0,
                CheckVerdict::Pass,
                "{hash}: it says so"
            );
        }
        assert_eq!(said(&seen(|_| Some(false), |_| "0xa")).0, CheckVerdict::Pass);
        let soon = seen(|_| Some(false), |at| if at < 3_200 { "" } else { "0xa" });
        assert_eq!(said(&soon).0, CheckVerdict::Pass, "three seconds are not long");
        let late = seen(|_| Some(false), |at| if at < 3_700 { "" } else { "0xa" });
        assert_eq!(said(&late).0, Fail);
    }

    /// With nobody else in sync, nobody knows which of two is wrong.
    #[test]
    fn of_two_that_differ_both_are_named() {
        let two = ["seed", "node-2"];
        let mut lying = Seen::default();
        for node in two {
            lying = lying
                .poll(node, 0, 11_000, |_, sample| sample.syncing = Some(Reading::Value(false)));
        }
        for at in (100..11_000).step_by(500) {
            lying = lying.hashes(at, 8, &[("seed", "0xa"), ("node-2", "0xb")]);
        }
        let why = lying.verdict(&CHECK, &two, 0).reason;
        let why = why.split(" for ").next().unwrap().to_owned();
        assert_eq!(why, "seed and node-2 said");
    }

    /// Every other look shows nothing: the others differ for a moment.
    #[test]
    fn looks_that_show_nothing_clear_nobody() {
        let mut lying = seen(|_| Some(false), |_| "0xa");
        lying = Seen { next: lying.next, ..Seen::default() };
        for node in ALL {
            lying = lying
                .poll(node, 0, 11_000, |_, sample| sample.syncing = Some(Reading::Value(false)));
        }
        for at in (100..11_000).step_by(500) {
            let other = if at % 1_000 < 500 { "0xa" } else { "0xc" };
            lying = lying.hashes(at, 8, &[("seed", "0xa"), ("node-1", other), ("node-2", "0xb")]);
        }
        let (verdict, why) = said(&lying);
        assert_eq!(verdict, Fail, "{why}");
        assert!(why.starts_with("node-2 said for"), "{why}");
    }

    /// Blocks come by chance: a chain of one block when the window is over says nothing of any node.
    #[test]
    fn a_chain_that_is_too_short_to_compare_blames_nobody() {
        let mut short = Seen::default();
        for node in ALL {
            short = short.poll(node, 0, 11_000, |_, sample| {
                sample.syncing = Some(Reading::Value(false));
                sample.height = Reading::Value(1);
            });
        }
        let (verdict, why) = said(&short);
        assert_eq!(verdict, CheckVerdict::Inconclusive, "{why}");
        assert_eq!(why, "nothing was settled to compare in more than 0 looks");
    }

    #[test]
    fn syncing_for_ever_is_one_too() {
        let always = "node-2 said for 10.0 s that it is syncing, and had every hash of the others";
        assert_eq!(said(&seen(|_| Some(true), |_| "0xa")), (Fail, always.to_owned()));
        assert_eq!(said(&seen(|at| Some(at < 9_000), |_| "0xa")).0, CheckVerdict::Pass);
        let apart = seen(|_| Some(true), |at| if at < 2_000 { "" } else { "0xa" });
        assert_eq!(said(&apart).0, CheckVerdict::Pass, "it had something to sync");
    }

    #[test]
    fn where_the_others_do_not_agree_nobody_is_judged_and_nothing_passes() {
        let mut split = seen(|_| Some(false), |_| "0xa");
        split = Seen { next: split.next, ..Seen::default() };
        for node in ALL {
            split = split
                .poll(node, 0, 11_000, |_, sample| sample.syncing = Some(Reading::Value(false)));
        }
        for at in (100..11_000).step_by(500) {
            let hashes = [("seed", "0xa"), ("node-1", "0xb"), ("node-2", "0xc")];
            split = split.hashes(at, 8, &hashes);
        }
        let few = "seed and the others were seen together in 0 looks only".to_owned();
        assert_eq!(said(&split), (Fail, few));
    }

    #[test]
    fn what_is_not_said_is_no_pass() {
        let silent = said(&seen(|_| None, |_| "0xa"));
        assert_eq!(silent.0, Fail);
        assert!(silent.1.ends_with("when it was asked for its health"), "{}", silent.1);
        assert_eq!(said(&Seen::default()).0, CheckVerdict::Inconclusive);
        let unasked =
            ALL.iter().fold(Seen::default(), |seen, node| seen.poll(node, 0, 11_000, |_, _| {}));
        let why = "whom nobody asked for hashes is not to blame";
        assert_eq!(said(&unasked).0, CheckVerdict::Inconclusive, "{why}");
        assert_eq!(seen(|_| Some(false), |_| "0xa").verdict(&CHECK, &["seed"], 0).verdict, Fail);
    }

    #[test]
    fn one_wrong_tip_does_not_move_what_is_settled() {
        let wanted = |tips: [u64; 3]| {
            let seen = ALL.iter().zip(tips).fold(Seen::default(), |seen, (node, tip)| {
                seen.poll(node, 0, 1_000, move |_, sample| sample.height = Reading::Value(tip))
            });
            match seen.judge(&CHECK, &ALL, 0, 1_000) {
                Judgement::Pending { wants_hash_at, .. } => wants_hash_at,
                Judgement::Settled(finding) => panic!("{finding:?}"),
            }
        };
        assert_eq!(wanted([10, 11, u64::MAX]), Some(9));
        assert_eq!(wanted([0, 11, 12]), Some(9));
        assert_eq!(wanted([1, 1, 1]), None);
    }
}
