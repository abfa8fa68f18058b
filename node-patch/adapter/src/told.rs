//! What the driver hears, from the node and from the tasks around it.

use std::net::SocketAddr;

use hegemon_discovery::{
    ChainState, DecodeError, DialError, DialId, Message, PeerId, SeedIndex, SessionId, Status,
};
use tokio::sync::oneshot;

use crate::roster::PeerView;

/// See the module.
#[derive(Debug)]
pub(crate) enum Told {
    Connected { peer_id: PeerId, addr: SocketAddr, is_outbound: bool },
    Disconnected { peer_id: PeerId },
    Message { peer_id: PeerId, message: Result<Message, DecodeError> },
    Frame { peer_id: PeerId },
    Misbehaved { peer_id: PeerId, points: u32 },
    Chain(ChainState),
    Dialled { dial: DialId, result: Result<PeerId, DialError> },
    Unsent { session: SessionId },
    Resolved { seed: SeedIndex, addrs: Vec<SocketAddr> },
    Peers(oneshot::Sender<Vec<PeerView>>),
    Status(oneshot::Sender<Status>),
    ShutDown(oneshot::Sender<()>),
}
