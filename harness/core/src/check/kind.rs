//! All checks as one closed type: what the plan holds and the executor asks.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    alive, controls, converged, distinct_peers, height_advances, no_stall, peers, recovers,
    resources, same_chain, store_survives,
    view::{Judgement, View},
};
use crate::control::Registration;

/// What a check looks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The longest gap between new heights.
    NoStall(no_stall::NoStall),
    /// Peers, and how long they took.
    Converged(converged::Converged),
    /// `system_peers`.
    DistinctPeers(distinct_peers::DistinctPeers),
    /// After a restart, whom the node dials by itself.
    StoreSurvives(store_survives::StoreSurvives),
    /// Memory and processor time.
    Resources(resources::ResourceLimits),
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
            Self::NoStall(check) => check.judge(view),
            Self::Converged(check) => check.judge(view),
            Self::DistinctPeers(check) => check.judge(view),
            Self::StoreSurvives(check) => check.judge(view),
            Self::Resources(check) => check.judge(view),
            Self::Alive(check) => check.judge(view),
        }
    }

    /// It is about its window as a whole: it cannot pass before the deadline, and `for` says
    /// nothing.
    pub fn needs_whole_window(&self) -> bool {
        matches!(self, Self::NoStall(_) | Self::Resources(_))
    }

    /// It needs its nodes' lists of sessions ([`crate::event::What::Sessions`]).
    pub fn needs_sessions(&self) -> bool {
        matches!(self, Self::StoreSurvives(_))
    }

    /// It needs to know what its nodes use ([`crate::event::What::Resources`]).
    pub fn needs_resources(&self) -> bool {
        matches!(self, Self::Resources(_))
    }

    /// What it asks of a node that a foreign one need not offer; it is inconclusive without.
    pub fn needs_method(&self) -> Option<&'static str> {
        match self {
            Self::DistinctPeers(_) => Some("system_peers"),
            Self::StoreSurvives(_) => Some("hegemon_peerList"),
            Self::Peers(_)
            | Self::HeightAdvances(_)
            | Self::SameChain(_)
            | Self::Recovers(_)
            | Self::NoStall(_)
            | Self::Converged(_)
            | Self::Resources(_)
            | Self::Alive(_) => None,
        }
    }

    /// As scenarios write it.
    pub fn name(&self) -> &'static str {
        self.registration().name
    }

    /// Its name and its negative controls.
    fn registration(&self) -> &'static Registration {
        match self {
            Self::Peers(_) => &controls::PEERS,
            Self::HeightAdvances(_) => &controls::HEIGHT_ADVANCES,
            Self::SameChain(_) => &controls::SAME_CHAIN,
            Self::Recovers(_) => &controls::RECOVERS,
            Self::NoStall(_) => &controls::NO_STALL,
            Self::Converged(_) => &controls::CONVERGED,
            Self::DistinctPeers(_) => &controls::DISTINCT_PEERS,
            Self::StoreSurvives(_) => &controls::STORE_SURVIVES,
            Self::Resources(_) => &controls::RESOURCES,
            Self::Alive(_) => &controls::ALIVE,
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
            Self::NoStall(check) => check.fmt(f),
            Self::Converged(check) => check.fmt(f),
            Self::DistinctPeers(check) => check.fmt(f),
            Self::StoreSurvives(check) => check.fmt(f),
            Self::Resources(check) => check.fmt(f),
            Self::Alive(check) => check.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a plan holds it: with other keys beside its own.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Beside {
        #[serde(flatten)]
        kind: CheckKind,
        nodes: Vec<String>,
        within: f64,
    }

    #[test]
    fn every_check_can_be_read_back() {
        for kind in kinds() {
            let alone = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<CheckKind>(&alone).unwrap(), kind, "{alone}");
            assert!(alone.contains(&format!("\"check\":\"{}\"", kind.name())), "{alone}");
            let beside = Beside { kind, nodes: vec!["seed".to_owned()], within: 60.0 };
            let text = serde_json::to_string(&beside).unwrap();
            assert_eq!(serde_json::from_str::<Beside>(&text).unwrap(), beside, "{text}");
        }
    }

    #[test]
    fn every_check_says_what_it_expects() {
        let said: Vec<String> =
            kinds().iter().map(|kind| format!("{}: {kind}", kind.name())).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        peers: more than 1 peer each
        peers: at least 2 peers each
        height-advances: height +5 each
        same-chain: one hash at a height from after the fault healed, 2 below every tip
        recovers: fell, and came back: at least 2 peers each
        recovers: fell, and came back: at least 2 peers each and height +3 each
        no-stall: a new height at least every 1.5 s
        no-stall: a new height at least every 20 median block times (10.0 s at least)
        converged: 8 peers each, or all other nodes
        distinct-peers: at least 2 peers each, by distinct peer IDs
        store-survives: dials the peers known before the restart, before anybody could tell it of them
        resources: at most 1.0 MiB and at most 25.0 % of a core each
        alive: running, without a panic
        ");
    }

    /// What is polled, warned about and waited for follows from these.
    #[test]
    fn every_check_says_what_it_needs() {
        let those = |needs: fn(&CheckKind) -> bool| {
            kinds().iter().filter(|kind| needs(kind)).map(CheckKind::name).collect::<Vec<_>>()
        };
        assert_eq!(those(CheckKind::needs_whole_window), ["no-stall", "no-stall", "resources"]);
        assert_eq!(those(CheckKind::needs_sessions), ["store-survives"]);
        assert_eq!(those(CheckKind::needs_resources), ["resources"]);
        assert_eq!(those(|kind| kind.needs_method() == Some("system_peers")), ["distinct-peers"]);
        assert_eq!(
            those(|kind| kind.needs_method() == Some("hegemon_peerList")),
            ["store-survives"]
        );
        assert_eq!(those(|kind| kind.needs_method().is_none()).len(), 11);
    }

    fn kinds() -> [CheckKind; 13] {
        [
            CheckKind::Peers(peers::Peers { needed: peers::PeersNeeded::MoreThan(1) }),
            CheckKind::Peers(peers::Peers { needed: peers::PeersNeeded::AtLeast(2) }),
            CheckKind::HeightAdvances(height_advances::HeightAdvances { by: 5 }),
            CheckKind::SameChain(same_chain::SameChain {
                depth: 2,
                above: same_chain::Above::Fault,
            }),
            CheckKind::Recovers(recovers::Recovers { peers_at_least: Some(2), height_by: None }),
            CheckKind::Recovers(recovers::Recovers { peers_at_least: Some(2), height_by: Some(3) }),
            CheckKind::NoStall(no_stall::NoStall { longest_ms: Some(1500) }),
            CheckKind::NoStall(no_stall::NoStall { longest_ms: None }),
            CheckKind::Converged(converged::Converged { target: 8 }),
            CheckKind::DistinctPeers(distinct_peers::DistinctPeers { at_least: 2 }),
            CheckKind::StoreSurvives(store_survives::StoreSurvives {
                seeds: vec!["seed".to_owned()],
            }),
            CheckKind::Resources(resources::ResourceLimits {
                memory_bytes: Some(1 << 20),
                cpu_permille: Some(250),
            }),
            CheckKind::Alive(alive::Alive),
        ]
    }
}
