//! How often somebody may do something: the token bucket of the engine, and of the node around it.

use std::time::Duration;

use crate::types::Mono;

/// A token bucket.
///
/// What is left is kept as gathering time and not as a fraction of a token. Sums are then exact:
/// many short waits gain what one long wait does, and [`Bucket::next`] is not early.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// What is left, in nanoseconds of gathering.
    saved: u64,
    /// What it holds at the most, in the same unit.
    most: u64,
    /// What one token costs, in the same unit.
    price: u64,
    refilled: Mono,
}

impl Bucket {
    /// A bucket with `tokens` in it, which holds `most` and gains `per_second`.
    ///
    /// # Panics
    ///
    /// If `per_second` is not a positive number. It is a constant wherever a bucket is made.
    #[must_use]
    pub fn new(tokens: f64, most: f64, per_second: f64, now: Mono) -> Self {
        let price = nanos(Duration::from_secs_f64(1.0 / per_second)).max(1);
        Self { saved: cost(tokens, price), most: cost(most, price), price, refilled: now }
    }

    /// A bucket that is full.
    ///
    /// # Panics
    ///
    /// See [`Bucket::new`].
    #[must_use]
    pub fn full(most: f64, per_second: f64, now: Mono) -> Self {
        Self::new(most, most, per_second, now)
    }

    /// Puts tokens in, as far as there is room.
    pub fn add(&mut self, tokens: f64, now: Mono) {
        self.refill(now);
        self.saved = self.saved.saturating_add(cost(tokens, self.price)).min(self.most);
    }

    /// Whether there is a token now.
    pub fn has(&mut self, now: Mono) -> bool {
        self.refill(now);
        self.saved >= self.price
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, now: Mono) -> bool {
        let has = self.has(now);
        if has {
            self.saved -= self.price;
        }
        has
    }

    /// The first moment at which there is a token, if none is taken or added until then.
    #[must_use]
    pub fn next(&self) -> Mono {
        let missing = Duration::from_nanos(self.price.saturating_sub(self.saved));
        let millis = missing.as_nanos().div_ceil(1_000_000);
        self.refilled.after(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }

    /// What is left now, to compare buckets of one rate by.
    pub(crate) fn left(&mut self, now: Mono) -> u64 {
        self.refill(now);
        self.saved
    }

    /// Whether it can hold no more.
    pub(crate) fn is_full(&mut self, now: Mono) -> bool {
        self.left(now) >= self.most
    }

    fn refill(&mut self, now: Mono) {
        let gained = nanos(now.since(self.refilled));
        self.saved = self.saved.saturating_add(gained).min(self.most);
        self.refilled = self.refilled.max(now);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What so many tokens cost. A conversion of a float saturates: none, or as many as can be.
fn cost(tokens: f64, price: u64) -> u64 {
    (tokens * price as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, now: Mono) -> usize {
        (0..10_000).take_while(|_| bucket.take(now)).count()
    }

    #[test]
    fn a_full_bucket_gives_what_it_holds_and_then_its_rate() {
        let mut bucket = Bucket::full(2_000.0, 200.0, Mono(0));
        assert_eq!(taken(&mut bucket, Mono(0)), 2_000);
        assert_eq!(taken(&mut bucket, Mono(4)), 0);
        assert_eq!(taken(&mut bucket, Mono(1_000)), 200);
        assert_eq!(taken(&mut bucket, Mono(1_000_000)), 2_000, "it holds no more");
    }

    #[test]
    fn many_short_waits_gain_what_a_long_one_does() {
        let mut bucket = Bucket::new(0.0, 10.0, 0.1, Mono(0));
        assert!((1..10_000).all(|at| !bucket.has(Mono(at))));
        assert!(bucket.take(Mono(10_000)));
    }

    #[test]
    fn what_is_added_has_to_find_room() {
        let mut bucket = Bucket::new(0.0, 100.0, 0.1, Mono(0));
        bucket.add(64.0, Mono(0));
        bucket.add(64.0, Mono(0));
        assert_eq!(taken(&mut bucket, Mono(0)), 100);
    }

    #[test]
    fn the_next_token_is_there_when_it_was_said_to_be_and_not_before() {
        for per_second in [0.1, 1.0, 3.0, 16.0, 32.0, 64.0, 200.0] {
            let mut bucket = Bucket::full(1.0, per_second, Mono(7));
            for _ in 0..1_000 {
                let next = bucket.next();
                assert!(!bucket.has(Mono(next.0 - 1)) || next == Mono(7), "{per_second}");
                assert!(bucket.take(next), "{per_second}");
            }
        }
    }

    #[test]
    fn a_clock_that_stands_or_leaps_gains_what_it_shows() {
        let mut bucket = Bucket::full(3.0, 1.0, Mono(i64::MIN));
        assert_eq!(taken(&mut bucket, Mono(i64::MIN)), 3);
        assert_eq!(taken(&mut bucket, Mono(i64::MIN)), 0);
        assert_eq!(taken(&mut bucket, Mono(i64::MAX)), 3);
    }
}
