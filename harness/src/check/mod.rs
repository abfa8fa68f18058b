//! Checks: pure functions from recorded observations to a decision. No clock, no network: the same history gives the same finding.
//!
//! One rule for all of them (`hold`): a condition passes when it holds for all named nodes at once for the whole of `for`, with at least three fresh samples of each in that
//! span, and before the deadline. Heights are no exception: a height that rose must stay risen for `for`, so a reorganisation downwards breaks the span.
//!
//! | check | passes when | missing data | negative control |
//! | --- | --- | --- | --- |
//! | `peers` | both counts of peers say so, and are possible | fails | discovery off |
//! | `height-advances` | height ≥ first fresh height after the start + `by` | fails | nobody mines |
//! | `same-chain` | one hash at one height, everywhere | fails | a fork |
//! | `recovers` | the drop was seen, and then its conditions held | fails; no drop: inconclusive | a fault that does nothing |
//! | `alive` | the engine says that it runs | fails | a node that exits |

pub mod alive;
pub mod height_advances;
pub mod hold;
pub mod peers;
pub mod recovers;
pub mod same_chain;

#[cfg(test)]
pub(crate) mod testing;

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{
    event::{CheckVerdict, Finding, Moment, Sample},
    history::History,
};

/// A sample older than this says nothing about now. The larger of two poll intervals and 2 s; our poll intervals are at most 250 ms, so it is always the latter.
pub const FRESH: Duration = Duration::from_secs(2);

/// What a check looks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum CheckKind {
    /// `system_health.peers`.
    Peers(peers::Peers),
    /// `chain_getHeader` rises.
    HeightAdvances(height_advances::HeightAdvances),
    /// One hash at one height.
    SameChain(same_chain::SameChain),
    /// After a fault, with the time it took.
    Recovers(recovers::Recovers),
    /// No unplanned end.
    Alive(alive::Alive),
}

/// A fault as a check may look back at it.
#[derive(Debug, Clone)]
pub struct FaultSpan {
    /// Whom it hit.
    pub nodes: Vec<String>,
    /// From when it was in effect.
    pub effective: Moment,
    /// When it was undone; `None` while it lasts.
    pub healed: Option<Moment>,
    /// When that was proven: heights are compared with everything seen before.
    pub proven: Option<Moment>,
}

/// What a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Everything observed so far.
    pub history: &'a History,
    /// The named nodes.
    pub nodes: &'a [String],
    /// All nodes of the network.
    pub network: &'a [String],
    /// Start of the check.
    pub start: Moment,
    /// Its deadline.
    pub deadline: Moment,
    /// How long the condition must hold.
    pub hold: Duration,
    /// Now, at most the deadline.
    pub now: Moment,
    /// The last fault that took effect.
    pub fault: Option<&'a FaultSpan>,
}

impl<'a> View<'a> {
    /// A node's samples that were asked for since `from` and answered by now.
    pub fn samples(&self, node: &str, from: Moment) -> &'a [Sample] {
        self.history.samples(node, from, self.now)
    }

    /// The deadline has passed.
    pub fn is_over(&self) -> bool {
        self.now >= self.deadline
    }
}

/// A check's answer to one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Not decided yet.
    Pending {
        /// What is seen now, for the impatient.
        seen: String,
        /// The height at which it needs every named node's block hash.
        wants_hash_at: Option<u64>,
    },
    /// Decided.
    Settled(Finding),
}

impl CheckKind {
    /// Judges a view.
    pub fn judge(&self, view: &View<'_>) -> Judgement {
        match self {
            Self::Peers(check) => check.judge(view),
            Self::HeightAdvances(check) => check.judge(view),
            Self::SameChain(check) => check.judge(view),
            Self::Recovers(check) => check.judge(view),
            Self::Alive(check) => check.judge(view),
        }
    }

    /// As scenarios write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Peers(_) => "peers",
            Self::HeightAdvances(_) => "height-advances",
            Self::SameChain(_) => "same-chain",
            Self::Recovers(_) => "recovers",
            Self::Alive(_) => "alive",
        }
    }
}

/// What is expected, in words.
impl fmt::Display for CheckKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peers(check) => check.fmt(f),
            Self::HeightAdvances(check) => check.fmt(f),
            Self::SameChain(check) => check.fmt(f),
            Self::Recovers(check) => check.fmt(f),
            Self::Alive(check) => check.fmt(f),
        }
    }
}

/// Decides by the common rule: held → pass; deadline passed → fail, or inconclusive if we did not look; else pending.
fn decide(view: &View<'_>, held: Option<Moment>, observed: String, passed: impl FnOnce(Moment) -> String) -> Judgement {
    if let Some(since) = held {
        let reason = passed(since);
        return Judgement::Settled(Finding { verdict: CheckVerdict::Pass, reason, observed, held_since: Some(since) });
    }
    if !view.is_over() {
        return Judgement::Pending { seen: observed, wants_hash_at: None };
    }
    if let Some(reason) = hold::starved(view) {
        return Judgement::Settled(Finding { verdict: CheckVerdict::Inconclusive, reason, observed, held_since: None });
    }
    Judgement::Settled(fail(format!("did not hold for {} by the deadline", short(view.hold)), observed))
}

fn fail(reason: String, observed: String) -> Finding {
    Finding { verdict: CheckVerdict::Fail, reason, observed, held_since: None }
}

/// `node-1: …; node-2: …`
fn per_node(nodes: &[String], describe: impl Fn(&str) -> String) -> String {
    nodes.iter().map(|node| format!("{node}: {}", describe(node))).collect::<Vec<_>>().join("; ")
}

/// A duration to the millisecond, as people read it: `1.3 s`, `250 ms`.
pub(crate) fn short(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", duration.as_secs_f64()) }
}
