//! What is kept of a window. Its events are not: a day of ten nodes would be gigabytes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    bundle::Sha256Hex,
    event::{Moment, PaceBy},
    exit::ExitCode,
    gate::Outcome,
    history::History,
};

/// A network that began. Only the first was there from the beginning: each later one follows a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// From 0.
    pub number: u64,
    /// Wall clock, RFC 3339.
    pub began: String,
    /// Its run's ID: part of the names of all that it made.
    pub run: String,
}

/// What one node used at one moment. On one line there are sixty of each node, so it is written as a list.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample(
    /// Seconds since its network began.
    pub f64,
    /// Resident bytes.
    pub Option<u64>,
    /// Open descriptors; `None` where nobody can count them.
    pub Option<u64>,
    /// Bytes that it has logged since its network began.
    pub u64,
);

/// What was seen of one node in a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSeen {
    /// Peers at the least, in the middle of all looks, and at the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<[u64; 3]>,
    /// What it used, by the start that it was in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<u32, Vec<Sample>>,
    /// The most of each that it used, if `used` has no longer all samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<Sample>,
}

/// Where the chain was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// Before the window.
    pub from: u64,
    /// At its end.
    pub to: u64,
    /// The mean time between two blocks, if scenario or profile say it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
}

/// How nodes disagreed about the chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forks {
    /// How often several nodes were asked for their block at one height.
    pub looks: u64,
    /// How often they did not have the same.
    pub split: u64,
    /// How many blocks below the tip they did not have the same, at most.
    pub deepest: u64,
}

/// One window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// From 0. One that a kill cut off was never written, so the next has its number and its seed.
    pub number: u64,
    /// In which network, from 0.
    pub network: u64,
    /// Seconds from the network's beginning to its own.
    pub began: f64,
    /// How long it was.
    pub seconds: f64,
    /// What it came to, as a run's exit code.
    pub exit: u8,
    /// What ran, by hashes and image IDs, if it came that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of its bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256Hex>,
    /// Where its bundle was put, relative to the soak's directory, if it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// `None`: nobody has said a height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Blocks>,
    /// How nodes disagreed.
    pub forks: Forks,
    /// By name.
    pub nodes: BTreeMap<String, NodeSeen>,
}

impl Window {
    /// What that means for the soak; `None`: a signal cut it off, or it is none of ours.
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::of(ExitCode::of(self.exit)?)
    }
}

/// The blocks that were made by a moment, since the chain had this height.
pub fn blocks(history: &History, from: u64, to: Moment) -> Option<Blocks> {
    let tip = history.highest_before(to)?;
    let known = history.pace().filter(|pace| pace.by != PaceBy::Assumed);
    let every_ms = known.map(|pace| pace.block_time_ms);
    Some(Blocks { from, to: tip, every_ms })
}

/// What rounds of hashes say: whoever asked for them.
pub fn forks(history: &History, from: Moment, to: Moment) -> Forks {
    let mut forks = Forks::default();
    for round in history.hash_rounds(from, to) {
        let hashes: Vec<&String> = round.hashes.values().filter_map(|hash| hash.value()).collect();
        if hashes.len() < 2 {
            continue;
        }
        forks.looks += 1;
        if hashes.iter().any(|hash| *hash != hashes[0]) {
            forks.split += 1;
            let tip = history.highest_before(round.answered).unwrap_or(round.height);
            let depth = tip.max(round.height) - round.height + 1;
            forks.deepest = forks.deepest.max(depth);
        }
    }
    forks
}

/// A node's peers at the least, in the middle and at last, by its own word.
pub fn peers(history: &History, node: &str, from: Moment, to: Moment) -> Option<[u64; 3]> {
    let samples = history.samples(node, from, to).iter();
    let mut seen: Vec<u64> = samples.filter_map(|sample| sample.peers.value().copied()).collect();
    let last = *seen.last()?;
    seen.sort_unstable();
    Some([seen[0], seen[seen.len() / 2], last])
}
