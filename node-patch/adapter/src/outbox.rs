//! Messages to one session's peer: they leave in order, and whoever waits for a network that is
//! slow waits here.

use std::{sync::Arc, time::Duration};

use hegemon_discovery::{Direction, Message, PeerId, SessionId, message::PROTOCOL};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    limits::{FIRST_WORD, OUTBOX, SEND_TIMEOUT},
    network::Network,
    told::Told,
};

/// See the module. What waits in it is dropped with it.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Until it takes nothing more.
    queue: Option<mpsc::Sender<Vec<u8>>>,
    spoke: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Outbox {
    pub(crate) fn open<N: Network>(
        network: Arc<N>,
        (session, peer): (SessionId, PeerId),
        direction: Direction,
        driver: mpsc::WeakSender<Told>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(OUTBOX);
        let spoke = Arc::new(Notify::new());
        let first_word = match direction {
            Direction::Inbound => Duration::ZERO,
            Direction::Outbound => FIRST_WORD,
        };
        let heard = spoke.clone();
        let task = tokio::spawn(async move {
            let _ = timeout(first_word, heard.notified()).await;
            carry(&*network, peer, waiting).await;
            if let Some(driver) = driver.upgrade() {
                let _ = driver.send(Told::Unsent { session }).await;
            }
        });
        Self { queue: Some(queue), spoke, task }
    }

    /// The other side spoke.
    pub(crate) fn spoke(&self) {
        self.spoke.notify_one();
    }

    /// Queues a message; whether there was room.
    pub(crate) fn send(&self, message: &Message) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.try_send(message.encode()).is_ok())
    }

    /// What waits leaves, as far as the network takes it in this time.
    pub(crate) async fn finish(mut self, within: Duration) {
        self.queue = None;
        let _ = timeout(within, &mut self.task).await;
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until the network does not take one.
async fn carry<N: Network>(network: &N, peer: PeerId, mut waiting: mpsc::Receiver<Vec<u8>>) {
    while let Some(data) = waiting.recv().await {
        let sent = timeout(SEND_TIMEOUT, network.send_message(peer, PROTOCOL, data)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}
