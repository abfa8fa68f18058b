//! The seam: what a node tells of its network, and what is asked of it.

use std::net::SocketAddr;

use hegemon_discovery::{DialError, PeerId};

use crate::remark::Remark;

/// What happened on the node's network. All of it is told, of every protocol, as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkEvent<'a> {
    /// A peer is connected and can be sent to.
    PeerConnected {
        /// Who, by its verified key.
        peer_id: PeerId,
        /// What we dialled, or where it dialled from.
        addr: SocketAddr,
        /// We dialled it.
        is_outbound: bool,
    },
    /// It no longer is.
    PeerDisconnected {
        /// Who.
        peer_id: PeerId,
    },
    /// Something came from a peer.
    MessageReceived {
        /// From whom.
        peer_id: PeerId,
        /// The envelope's protocol. What is not discovery's is a sign of life.
        protocol: &'a str,
        /// The envelope's data.
        data: &'a [u8],
    },
}

/// A message cannot leave: there is no such peer, or no room in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsent;

/// The network of a node, as discovery uses it. Each call is made by a task of its own and with a
/// deadline, so that one that never answers holds up nobody.
pub trait Network: Send + Sync + 'static {
    /// Connects to a peer and shakes hands; who is there. A peer that is connected already is a
    /// success too: discovery knows that it has it.
    ///
    /// # Errors
    ///
    /// Whose fault it was. The error decides whether the address is left alone for a while:
    /// [`DialError::Refused`], [`DialError::Unreachable`] and [`DialError::Handshake`] blame it,
    /// [`DialError::NoSlot`] and [`DialError::LocalNetwork`] do not. [`DialError::Itself`] only
    /// after the key was verified.
    fn connect(&self, addr: SocketAddr) -> impl Future<Output = Result<PeerId, DialError>> + Send;

    /// Sends `data` in an envelope of `protocol`.
    ///
    /// # Errors
    ///
    /// The peer is not connected or does not keep up: it is taken for lost.
    fn send_message(
        &self,
        peer_id: PeerId,
        protocol: &'static str,
        data: Vec<u8>,
    ) -> impl Future<Output = Result<(), Unsent>> + Send;

    /// Ends what there is of connections with a peer.
    fn disconnect(&self, peer_id: PeerId) -> impl Future<Output = ()> + Send;

    /// Something for the log.
    fn remark(&self, remark: &Remark);
}
