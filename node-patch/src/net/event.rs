//! What the hub hears of the tasks around it, and what a peer may do before its session ends.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use hegemon_discovery::{ChainState, DialError, DialId, Message, SeedIndex, SessionId};

use crate::{
    net::{handle::ChainProtocol, socket::Connection},
    transport::{frame::FrameError, record::RecordError},
};

/// A frame that takes longer to leave, or to arrive once it has begun, ends the session: nobody
/// keeps a share of the pool or of a queue by being slow.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// Frames that a peer may send in one second, and saved up. Ours sends some ten a second at the
/// most, and a few hundred at once while one side catches up.
pub const FRAMES_PER_SECOND: f64 = 200.0;
/// See [`FRAMES_PER_SECOND`].
pub const FRAMES_SAVED: f64 = 2_000.0;

/// Something that happened on the network.
pub enum HubEvent {
    /// A dial ended.
    Dialled {
        /// Which.
        dial: DialId,
        /// An authenticated connection, or what to make of it.
        result: Result<Box<Connection>, DialError>,
    },
    /// A stranger shook hands.
    Accepted(Box<Connection>),
    /// A frame came.
    Frame {
        /// Over which session.
        session: SessionId,
        /// What it was.
        inbound: Inbound,
    },
    /// A session's reader ended: nothing more comes.
    Ended {
        /// Which.
        session: SessionId,
        /// For the log.
        why: SessionEnd,
    },
    /// What the chain says about the network.
    Chain(ChainState),
    /// A seed's name was looked up.
    Resolved {
        /// Which.
        seed: SeedIndex,
        /// Its addresses.
        addrs: Vec<SocketAddr>,
    },
}

/// A frame, as far as the hub needs to know.
#[derive(Debug)]
pub enum Inbound {
    /// A discovery message, or what was wrong with it.
    Discovery(Result<Message, hegemon_discovery::DecodeError>),
    /// Data of a chain protocol.
    Chain(ChainProtocol, Bytes),
    /// A keepalive.
    Empty,
    /// A protocol that we do not know: a sign of life.
    Other,
}

/// Why a session's reader ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionEnd {
    /// Somebody here cancelled it.
    #[error("closed by us")]
    ByUs,
    /// The peer hung up.
    #[error("closed by the peer")]
    ByPeer,
    /// A frame that may not be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that does not decrypt.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A frame that began and did not end.
    #[error("a frame did not arrive in {} s", FRAME_TIMEOUT.as_secs())]
    Stalled,
    /// More frames than a peer has any use for.
    #[error("more than {FRAMES_PER_SECOND} frames a second")]
    Flood,
    /// There is no hub any more.
    #[error("the node stops")]
    Stopping,
}
