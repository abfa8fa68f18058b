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
    /// Keep these bytes over a restart.
    Persist { snapshot: Vec<u8> },
    /// The session is over at this end.
    Ended { session: SessionId },
    /// The operator was told.
    Alarmed,
}
