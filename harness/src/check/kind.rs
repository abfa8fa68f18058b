//! All checks as one closed type: what the plan holds and the executor asks.

use std::fmt;

use serde::Serialize;

use super::{
    alive, height_advances, peers, recovers, same_chain,
    view::{Judgement, View},
};

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
