//! News that waits to be told: addresses never seen before, passed on once, in small batches,
//! within a budget that does not grow with the network.

use std::{collections::VecDeque, net::SocketAddr};

use crate::{
    limits::{ADDRS_RELAYED, RELAY_BURST, RELAY_INTERVAL, RELAY_QUEUE, RELAY_REFILL},
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
    /// When every batch told so far would have gone out at one per [`RELAY_REFILL`].
    spent: Mono,
}

impl Outbox {
    pub(crate) fn new(now: Mono) -> Self {
        Self { queue: VecDeque::new(), next: now, spent: now }
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

    /// A batch was told to somebody: the budget of this second is spent, and a part of the longer
    /// one.
    pub(crate) fn told(&mut self, now: Mono) {
        self.spent = self.spent.max(now).after(RELAY_REFILL);
        self.next = now.after(RELAY_INTERVAL).max(self.spent.before(RELAY_REFILL * RELAY_BURST));
    }

    /// When the next batch may go out, if anything waits.
    pub(crate) fn due(&self) -> Option<Mono> {
        (!self.queue.is_empty()).then_some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches told in so many seconds by one who never runs out of news.
    fn told(outbox: &mut Outbox, seconds: std::ops::Range<i64>) -> usize {
        let news =
            News { addr: SocketAddr::from(([198, 18, 0, 1], 30_333)), from: PeerId([1; 32]) };
        let mut batches = 0;
        for now in seconds.map(|second| Mono(second * 1_000)) {
            outbox.push(news);
            if !outbox.batch(now).is_empty() {
                outbox.told(now);
                batches += 1;
            }
        }
        batches
    }

    #[test]
    fn a_burst_goes_out_at_once_and_a_flood_at_the_slower_pace() {
        let mut outbox = Outbox::new(Mono(0));
        assert_eq!(told(&mut outbox, 0..20), 20, "one a second");
        assert_eq!(
            told(&mut outbox, 20..620),
            60 + 2,
            "one in ten seconds, and what the first twenty seconds have earned"
        );
        assert_eq!(told(&mut outbox, 1_000..1_020), 20, "a quiet time earns the next burst");
    }
}
