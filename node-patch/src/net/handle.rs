//! What the chain side sees of the network: sessions by number, frames of its two protocols, and a
//! way to answer.

use bytes::Bytes;
pub use hegemon_discovery::{PeerId, SessionId};

/// Chain protocols that the network carries for the chain side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainProtocol {
    /// New blocks.
    BlockAnnounces,
    /// Questions for blocks, and answers.
    Sync,
}

/// Something that the chain side should know.
#[derive(Debug)]
pub enum ChainEvent {
    /// A session was established.
    Opened {
        /// Its number.
        session: SessionId,
        /// Who is at the other end.
        peer: PeerId,
    },
    /// A session ended.
    Closed {
        /// Its number.
        session: SessionId,
    },
    /// A frame of a chain protocol, not yet decoded.
    Frame {
        /// The session it came over.
        session: SessionId,
        /// Its protocol.
        protocol: ChainProtocol,
        /// Its data.
        data: Bytes,
    },
}

/// What the chain side may ask of the network. Never blocks: a full queue closes that session and
/// no other.
pub trait ChainNetwork: Send + Sync + 'static {
    /// Queues a frame; to a session that is gone it goes nowhere.
    fn send(&self, session: SessionId, protocol: ChainProtocol, data: Vec<u8>);

    /// Counts misbehaviour, together with that on other protocols; enough of it closes the session
    /// and leaves its IP alone for a while.
    fn punish(&self, session: SessionId, reason: &'static str, points: u32);
}
