//! How often a peer may do something.

use std::time::Duration;

/// A leaky bucket that holds one second's worth.
#[derive(Debug)]
pub(super) struct Bucket {
    /// What one costs.
    interval: Duration,
    /// When all that was taken is paid for.
    paid_at: Duration,
}

impl Bucket {
    /// `rate` a second on average, and as many at once.
    pub(super) fn per_second(rate: u32) -> Self {
        Self { interval: Duration::from_secs(1) / rate, paid_at: Duration::ZERO }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let free = self.free_at() <= now;
        if free {
            self.paid_at = self.paid_at.max(now) + self.interval;
        }
        free
    }

    /// When there is one.
    pub(super) fn free_at(&self) -> Duration {
        self.paid_at.saturating_sub(Duration::from_secs(1))
    }
}
