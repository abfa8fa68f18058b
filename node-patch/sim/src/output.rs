//! What an actor, whoever it is, wants of the network.

use std::net::SocketAddr;

use hegemon_discovery::{DialId, SeedIndex, SessionId};

use crate::frame::Frame;

/// See the module.
#[derive(Debug)]
pub(crate) enum Output {
    /// Carry a frame to the other end.
    Frame { session: SessionId, frame: Frame },
    /// Connect.
    Dial { dial: DialId, addr: SocketAddr },
    /// Look a seed up.
    Resolve { seed: SeedIndex },
    /// Keep what the node knows over a restart.
    Persist,
    /// The session is over at this end.
    Ended { session: SessionId },
    /// The operator was told.
    Alarmed,
}
