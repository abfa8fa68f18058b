//! Whether the node is of use to whoever asks it: one answer for `system_health`,
//! `system_healthStatus` and `GET /health/readiness`.

use serde_json::{Value, json};

use super::context::RpcContext;

/// How the node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Its chain is that of its peers, or it needs none.
    Ready,
    /// It has no peer, though it was told of some: its chain may be an old one.
    NoPeers,
    /// Its peers are ahead.
    Syncing,
}

/// What is known of the node's health.
#[derive(Debug, Clone, Copy)]
pub(super) struct Health {
    peers: usize,
    is_syncing: bool,
    should_have_peers: bool,
}

impl Health {
    pub(super) fn of(context: &RpcContext) -> Self {
        Self {
            peers: context.node.peer_count(),
            is_syncing: context.sync.borrow().is_syncing,
            should_have_peers: context.info.should_have_peers,
        }
    }

    pub(super) fn status(self) -> Status {
        if self.is_syncing {
            Status::Syncing
        } else if self.should_have_peers && self.peers == 0 {
            Status::NoPeers
        } else {
            Status::Ready
        }
    }

    /// As Substrate has it.
    pub(super) fn json(self) -> Value {
        json!({
            "peers": self.peers,
            "isSyncing": self.is_syncing,
            "shouldHavePeers": self.should_have_peers,
        })
    }

    /// The same with the conclusion, and how far the chain is.
    pub(super) fn status_json(self, context: &RpcContext) -> Value {
        let best = context.chain.best();
        let status = match self.status() {
            Status::Ready => "ready",
            Status::NoPeers => "no-peers",
            Status::Syncing => "syncing",
        };
        json!({
            "status": status,
            "ready": self.status() == Status::Ready,
            "peers": self.peers,
            "isSyncing": self.is_syncing,
            "shouldHavePeers": self.should_have_peers,
            "bestNumber": best.number,
            "bestHash": best.hash.to_string(),
            "highestBlock": context.sync.borrow().highest.max(best.number.into()),
            "isMining": context.miner.status().threads > 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_level_with_peers_or_in_need_of_none() {
        let status = |peers, is_syncing, should_have_peers| {
            Health { peers, is_syncing, should_have_peers }.status()
        };
        assert_eq!(status(2, false, true), Status::Ready);
        assert_eq!(status(0, false, false), Status::Ready);
        assert_eq!(status(0, false, true), Status::NoPeers);
        assert_eq!(status(2, true, true), Status::Syncing);
        assert_eq!(status(1, true, false), Status::Syncing);
    }
}
