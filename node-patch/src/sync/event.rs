//! What goes into the sync engine and what comes out.

use std::collections::BTreeMap;

use hegemon_discovery::{Mono, limits::SCORE_CLOSE};

use super::peer::Claim;
use crate::{
    chain::{Block, Hash, ImportError, Imported},
    net::handle::{ChainProtocol, PeerId, SessionId},
};

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A session is up.
    Opened {
        /// Its number.
        session: SessionId,
        /// Who is at the other end.
        peer: PeerId,
    },
    /// A session is gone.
    Closed {
        /// Its number.
        session: SessionId,
    },
    /// A peer sent something.
    Frame {
        /// On which session.
        session: SessionId,
        /// On which protocol.
        protocol: ChainProtocol,
        /// The bytes.
        data: bytes::Bytes,
    },
    /// Blocks went through the chain's import, as asked by [`Action::Import`] or because we mined
    /// them.
    Imported {
        /// Where they came from.
        source: Source,
        /// Each block's hash and height, and what became of it.
        results: Vec<(Hash, u64, Result<Imported, ImportError>)>,
    },
    /// Time has passed.
    Wakeup,
}

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// Send on a session.
    Send {
        /// Which.
        session: SessionId,
        /// On which protocol.
        protocol: ChainProtocol,
        /// The bytes.
        data: Vec<u8>,
    },
    /// Import these blocks, in this order.
    Import {
        /// To be returned with the results.
        source: Source,
        /// The blocks.
        blocks: Vec<Block>,
    },
    /// The peer did what no honest node does.
    Punish {
        /// On which session.
        session: SessionId,
        /// What it did.
        offence: Offence,
    },
}

/// Where blocks came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Our own miner.
    Mined,
    /// A peer's announcement.
    Announced(SessionId),
    /// A peer's answer.
    CaughtUp(SessionId),
}

/// What no honest node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Offence {
    /// Data that is no message of its protocol.
    #[error("undecodable chain message")]
    Undecodable,
    /// A hash or number beside a header that has another one.
    #[error("block misdescribed")]
    Misdescribed,
    /// A block that breaks a rule.
    #[error("invalid block")]
    InvalidBlock,
    /// Requests faster than they are answered.
    #[error("request flood")]
    Flood,
}

impl Offence {
    /// The reason, for the log and the peer's record.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable chain message",
            Self::Misdescribed => "block misdescribed",
            Self::InvalidBlock => "invalid block",
            Self::Flood => "request flood",
        }
    }

    /// How bad it is. At [`SCORE_CLOSE`], together with misdeeds on discovery's protocol, the
    /// session ends and its IP is left alone for a while. An invalid block cannot happen to an
    /// honest node; the others might, to a buggy or very different one. A request that waits for
    /// its turn costs nothing: nobody is punished for being rate-limited.
    #[must_use]
    pub fn points(self) -> u32 {
        match self {
            Self::Undecodable | Self::Flood => 10,
            Self::Misdescribed => 50,
            Self::InvalidBlock => SCORE_CLOSE,
        }
    }
}

/// How far along we are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncStatus {
    /// Whether a branch is fetched that is better than ours, or a peer that showed such a one before
    /// has a tip, not below ours, that we do not have.
    pub is_syncing: bool,
    /// The highest block that we have, or that a peer claims who showed us some.
    pub highest: u64,
    /// Blocks that wait for their parent.
    pub orphans: usize,
    /// Their bytes.
    pub orphan_bytes: usize,
    /// Peers' last announced best blocks, by peer: those that announced one of our chain.
    pub claims: BTreeMap<PeerId, Claim>,
    /// When there is something to do even if nothing happens. Nobody is told when this alone
    /// changes.
    pub due: Option<Mono>,
}
