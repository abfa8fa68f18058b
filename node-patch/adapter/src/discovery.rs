//! What the node holds of discovery: where it tells what happens, and asks who is there.

use std::sync::Arc;

use hegemon_discovery::{
    ChainState, Message, PeerId, Status, limits::SCORE_CLOSE, message::PROTOCOL,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    driver::Driver,
    limits::QUEUE,
    network::{Network, NetworkEvent},
    roster::PeerView,
    settings::Settings,
    told::Told,
};

/// Discovery that runs. Each clone is the same; it ends with the last one, or when it is told to.
#[derive(Debug, Clone)]
pub struct Discovery {
    driver: mpsc::Sender<Told>,
}

impl Discovery {
    /// Starts it over a network that is up: listening, and able to connect.
    ///
    /// # Panics
    ///
    /// Without a tokio runtime.
    #[must_use]
    pub fn start<N: Network>(network: Arc<N>, settings: Settings) -> Self {
        let (driver, queue) = mpsc::channel(QUEUE);
        let tell = driver.downgrade();
        tokio::spawn(Driver::new(network, settings, queue, tell).run());
        Self { driver }
    }

    /// Something happened on the network. Decoded here, so that what a peer sends is never kept as
    /// it came; waits while more happens than can be taken in, which is microseconds for each.
    pub async fn tell(&self, event: NetworkEvent<'_>) {
        let told = match event {
            NetworkEvent::PeerConnected { peer_id, addr, is_outbound } => {
                Told::Connected { peer_id, addr, is_outbound }
            }
            NetworkEvent::PeerDisconnected { peer_id } => Told::Disconnected { peer_id },
            NetworkEvent::MessageReceived { peer_id, protocol: PROTOCOL, data } => {
                Told::Message { peer_id, message: Message::decode(data) }
            }
            NetworkEvent::MessageReceived { peer_id, .. } => {
                // One sign of life among many: with a full queue there are others.
                let _ = self.driver.try_send(Told::Frame { peer_id });
                return;
            }
        };
        let _ = self.driver.send(told).await;
    }

    /// A peer broke another protocol. All protocols share one score: at
    /// [`SCORE_CLOSE`] the peer is disconnected and its IP
    /// left alone for a while; seeds and loopback are exempt from that.
    pub async fn misbehaved(&self, peer_id: PeerId, points: u32) {
        let points = points.min(SCORE_CLOSE);
        let _ = self.driver.send(Told::Misbehaved { peer_id, points }).await;
    }

    /// What the chain says about the network: whether blocks come in as one may expect.
    pub async fn chain(&self, state: ChainState) {
        let _ = self.driver.send(Told::Chain(state)).await;
    }

    /// Who is connected; nobody once it ended.
    pub async fn peers(&self) -> Vec<PeerView> {
        self.ask(Told::Peers).await.unwrap_or_default()
    }

    /// How many peers count, each once.
    pub async fn peer_count(&self) -> usize {
        self.peers().await.iter().filter(|peer| peer.counts).count()
    }

    /// Discovery in numbers, at most a second old; `None` once it ended.
    pub async fn status(&self) -> Option<Status> {
        self.ask(Told::Status).await
    }

    /// Ends it, with the peers stored. The node takes its network down by itself.
    pub async fn shut_down(&self) {
        let _ = self.ask(Told::ShutDown).await;
    }

    /// Waits until it ends. Before it was told to, that is a bug, and the node should say so.
    pub async fn ended(&self) {
        self.driver.closed().await;
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Told) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.driver.send(question(answer)).await.ok()?;
        answered.await.ok()
    }
}
