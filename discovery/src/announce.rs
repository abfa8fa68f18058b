//! News that waits to be told: addresses never seen before, passed on once, in small batches, within a budget that does not grow with the network.

use std::{collections::VecDeque, net::SocketAddr};

use crate::{
    limits::{ADDRS_RELAYED, RELAY_INTERVAL, RELAY_QUEUE},
    types::{Mono, PeerId},
};

/// One piece of news and whom it came from, who is not told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News {
    pub(crate) addr: SocketAddr,
    pub(crate) from: PeerId,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<News>,
    next: Mono,
}

impl Outbox {
    pub(crate) fn new(now: Mono) -> Self {
        Self { queue: VecDeque::new(), next: now }
    }

    /// Takes news if there is room; says when the next batch may go out.
    pub(crate) fn push(&mut self, news: News) -> Mono {
        if self.queue.len() < RELAY_QUEUE {
            self.queue.push_back(news);
        }
        self.next
    }

    /// The next batch, if its time has come and there is one.
    pub(crate) fn batch(&mut self, now: Mono) -> Vec<News> {
        if now < self.next {
            return Vec::new();
        }
        let count = self.queue.len().min(ADDRS_RELAYED);
        self.queue.drain(..count).collect()
    }

    /// A batch was told to somebody: the budget of this second is spent.
    pub(crate) fn told(&mut self, now: Mono) {
        self.next = now.after(RELAY_INTERVAL);
    }

    /// When the next batch may go out, if anything waits.
    pub(crate) fn due(&self) -> Option<Mono> {
        (!self.queue.is_empty()).then_some(self.next)
    }
}
