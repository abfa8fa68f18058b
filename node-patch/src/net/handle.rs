//! What the chain side and the network side know of each other.

/// One session's number, never used twice in a process's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// SHA-256 of a peer's ML-DSA-65 key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub [u8; 32]);

impl std::fmt::Display for PeerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for PeerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Chain protocols that the network carries for the chain side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainProtocol {
    /// `/hegemon/block-announces/pq/1`
    BlockAnnounces,
    /// `/hegemon/sync/pq/1`
    Sync,
}

/// What the network tells the chain side.
#[derive(Debug)]
pub enum ChainEvent {
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
    /// A frame of one of the chain protocols came.
    Frame {
        /// The session that it came on.
        session: SessionId,
        /// Its protocol.
        protocol: ChainProtocol,
        /// Its data, as the peer sent it.
        data: bytes::Bytes,
    },
}

/// What the chain side may ask of the network. Never blocks: a full queue closes that session and no other.
pub trait ChainNetwork: Send + Sync + 'static {
    /// Sends `data` on a session, after all that was sent on it before.
    fn send(&self, session: SessionId, protocol: ChainProtocol, data: Vec<u8>);
    /// Scores the peer of a session: 100 points are enough to be rid of it.
    fn punish(&self, session: SessionId, reason: &'static str, points: u32);
}
