//! Peers that are being disconnected: some at once, and some that wait, so that a network that hangs
//! makes nothing pile up.

use std::sync::Arc;

use hegemon_discovery::PeerId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};

use crate::{
    limits::{DISCONNECT_TIMEOUT, DISCONNECTING, FAREWELL, FAREWELLS},
    network::Network,
    outbox::Outbox,
};

/// See the module. With it dropped, those that wait are still disconnected.
#[derive(Debug)]
pub(crate) struct Parting {
    queue: mpsc::Sender<(PeerId, Option<Farewell>)>,
    farewells: Arc<Semaphore>,
}

/// What still leaves for a peer before it is disconnected.
#[derive(Debug)]
struct Farewell {
    outbox: Outbox,
    _one_of_few: OwnedSemaphorePermit,
}

impl Parting {
    pub(crate) fn start<N: Network>(network: Arc<N>) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(PeerId, Option<Farewell>)>(DISCONNECTING);
        tokio::spawn(async move {
            let mut under_way = JoinSet::new();
            while let Some((peer, farewell)) = waiting.recv().await {
                while under_way.len() >= DISCONNECTING {
                    under_way.join_next().await;
                }
                while under_way.try_join_next().is_some() {}
                let network = network.clone();
                under_way.spawn(async move {
                    if let Some(farewell) = farewell {
                        farewell.outbox.finish(FAREWELL).await;
                    }
                    let _ = timeout(DISCONNECT_TIMEOUT, network.disconnect(peer)).await;
                });
            }
            under_way.join_all().await;
        });
        Self { queue, farewells: Arc::new(Semaphore::new(FAREWELLS)) }
    }

    /// Disconnects a peer, when what waits in its outbox has left, if that is to leave. Whether there
    /// was room.
    pub(crate) fn disconnect(&self, peer: PeerId, outbox: Option<Outbox>) -> bool {
        let farewell = outbox.and_then(|outbox| {
            let one_of_few = self.farewells.clone().try_acquire_owned().ok()?;
            Some(Farewell { outbox, _one_of_few: one_of_few })
        });
        self.queue.try_send((peer, farewell)).is_ok()
    }
}
