//! Peers that are being disconnected: some at once, and some that wait, so that a network that hangs
//! makes nothing pile up.

use std::sync::Arc;

use hegemon_discovery::PeerId;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::{
    limits::{DISCONNECT_TIMEOUT, DISCONNECTING},
    network::Network,
};

/// See the module. With it dropped, those that wait are still disconnected.
#[derive(Debug)]
pub(crate) struct Parting(mpsc::Sender<PeerId>);

impl Parting {
    pub(crate) fn start<N: Network>(network: Arc<N>) -> Self {
        let (queue, mut waiting) = mpsc::channel(DISCONNECTING);
        tokio::spawn(async move {
            let mut under_way = JoinSet::new();
            while let Some(peer) = waiting.recv().await {
                while under_way.len() >= DISCONNECTING {
                    under_way.join_next().await;
                }
                while under_way.try_join_next().is_some() {}
                let network = network.clone();
                under_way.spawn(async move {
                    let _ = timeout(DISCONNECT_TIMEOUT, network.disconnect(peer)).await;
                });
            }
            under_way.join_all().await;
        });
        Self(queue)
    }

    /// Whether there was room.
    pub(crate) fn disconnect(&self, peer: PeerId) -> bool {
        self.0.try_send(peer).is_ok()
    }
}
