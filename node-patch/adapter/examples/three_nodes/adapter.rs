//! All that a node writes to take discovery over: its network's calls in the words of the seam, and
//! its events told.

use std::{net::SocketAddr, sync::Arc};

use hegemon_adapter::{Discovery, Network, NetworkEvent, Remark, Settings, Unsent};
use hegemon_discovery::{DialError, PeerId};
use tokio::sync::mpsc;

use super::backend::{PqNetworkEvent, PqNetworkHandle};

/// The node's network, as discovery uses it.
struct OldNetwork(PqNetworkHandle);

impl Network for OldNetwork {
    async fn connect(&self, addr: SocketAddr) -> Result<PeerId, DialError> {
        match self.0.connect(addr).await {
            Ok(peer_id) => Ok(PeerId(peer_id)),
            Err(text) => Err(blame(&text)),
        }
    }

    async fn send_message(
        &self,
        peer_id: PeerId,
        protocol: &'static str,
        data: Vec<u8>,
    ) -> Result<(), Unsent> {
        let sent = self.0.send_message(peer_id.0, protocol.to_owned(), data).await;
        sent.map_err(|_| Unsent)
    }

    async fn disconnect(&self, peer_id: PeerId) {
        self.0.disconnect(peer_id.0, "discovery").await;
    }

    fn remark(&self, remark: &Remark) {
        // A node has a log: `tracing::warn!("{remark}")`, or `debug!` for every session that ends.
        if remark.is_warning() {
            eprintln!("{remark}");
        }
    }
}

/// Whose fault a failed dial is, by the texts of the node's network.
fn blame(text: &str) -> DialError {
    match text {
        "Self peer connection" => DialError::Itself,
        "Max peers reached" => DialError::NoSlot,
        "Connection timeout" => DialError::Unreachable,
        text if text.contains("refused") => DialError::Refused,
        text if text.contains("unreachable") => DialError::LocalNetwork,
        _ => DialError::Handshake,
    }
}

/// Starts discovery and tells it everything that happens, for as long as the network runs.
pub(crate) fn discover(
    network: PqNetworkHandle,
    mut events: mpsc::Receiver<PqNetworkEvent>,
    settings: Settings,
) -> Discovery {
    let discovery = Discovery::start(Arc::new(OldNetwork(network)), settings);
    let told = discovery.clone();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            told.tell(in_words_of_the_seam(&event)).await;
            // Here the node does with the event what it has always done.
        }
    });
    discovery
}

fn in_words_of_the_seam(event: &PqNetworkEvent) -> NetworkEvent<'_> {
    match event {
        PqNetworkEvent::PeerConnected { peer_id, addr, is_outbound } => {
            NetworkEvent::PeerConnected {
                peer_id: PeerId(*peer_id),
                addr: *addr,
                is_outbound: *is_outbound,
            }
        }
        PqNetworkEvent::PeerDisconnected { peer_id } => {
            NetworkEvent::PeerDisconnected { peer_id: PeerId(*peer_id) }
        }
        PqNetworkEvent::MessageReceived { peer_id, protocol, data } => {
            NetworkEvent::MessageReceived { peer_id: PeerId(*peer_id), protocol, data }
        }
    }
}
