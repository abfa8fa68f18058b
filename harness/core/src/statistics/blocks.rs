//! Blocks of a proof-of-work chain come by chance: their number in a time is Poisson's. So a window says
//! how probable it is that a healthy chain fails in it, and a probability says how long the window has to be.

use std::time::Duration;

use statrs::distribution::{DiscreteCDF, Poisson};

/// How often a healthy chain may fail a check: one time in a thousand.
pub const FALSE_FAILS: f64 = 0.001;

/// Above this, whoever wrote the window is told.
pub const WORTH_A_WARNING: f64 = 0.01;

/// The probability that a chain with this mean time between blocks makes fewer than `by` within `window`.
pub fn too_few(by: u64, window: Duration, block_time: Duration) -> f64 {
    let Some(less) = by.checked_sub(1) else { return 0.0 };
    let expected = window.as_secs_f64() / block_time.as_secs_f64();
    match Poisson::new(expected) {
        Ok(blocks) => blocks.cdf(less),
        // Nothing is expected in no time at all, and everything of blocks that take none.
        Err(_) if expected == 0.0 => 1.0,
        Err(_) => 0.0,
    }
}

/// The smallest whole number of seconds in which such a chain makes fewer than `by` blocks with at most
/// this probability.
pub fn window(by: u64, block_time: Duration, at_most: f64) -> Duration {
    let enough = |seconds: u64| too_few(by, Duration::from_secs(seconds), block_time) <= at_most;
    let mut above = 1;
    while !enough(above) && above < u64::MAX / 2 {
        above *= 2;
    }
    let mut below = above / 2;
    while above - below > 1 {
        let middle = u64::midpoint(below, above);
        if enough(middle) { above = middle } else { below = middle }
    }
    Duration::from_secs(above)
}

/// The probability that the longest of `gaps` times between blocks is at least this long.
pub fn gap_as_long(longest: Duration, gaps: u64, block_time: Duration) -> f64 {
    let one = (-(longest.as_secs_f64() / block_time.as_secs_f64())).exp();
    1.0 - (1.0 - one).powf(gaps as f64)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// What a released node's pace does to "2 blocks within 60 s": 2/e.
    #[test]
    fn a_minute_is_not_enough_for_blocks_of_a_minute() {
        assert!((too_few(2, MINUTE, MINUTE) - 2.0 / std::f64::consts::E).abs() < 1e-9);
        assert_eq!(too_few(0, MINUTE, MINUTE), 0.0);
        assert_eq!(too_few(1, Duration::ZERO, MINUTE), 1.0);
    }

    #[test]
    fn a_window_is_the_smallest_that_is_long_enough() {
        for (by, block_time) in [(1, 2), (2, 2), (2, 60), (5, 60), (100, 3)] {
            let block_time = Duration::from_secs(block_time);
            let window = window(by, block_time, FALSE_FAILS);
            assert!(too_few(by, window, block_time) <= FALSE_FAILS);
            assert!(too_few(by, window - Duration::from_secs(1), block_time) > FALSE_FAILS);
        }
        assert_eq!(window(2, Duration::from_secs(2), FALSE_FAILS), Duration::from_secs(19));
        assert_eq!(window(2, MINUTE, FALSE_FAILS), Duration::from_secs(555));
        assert_eq!(window(0, MINUTE, FALSE_FAILS), Duration::from_secs(1));
    }

    /// A hundred thousand healthy chains: no more of them fail than is said.
    #[test]
    fn a_healthy_chain_fails_as_seldom_as_is_said() {
        let (by, block_time) = (3, Duration::from_secs(10));
        let window = window(by, block_time, FALSE_FAILS).as_secs_f64();
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        let mut failed = 0;
        for _ in 0..100_000 {
            let mut passed = 0.0;
            for _ in 0..by {
                passed -= (1.0 - chance.random::<f64>()).ln() * block_time.as_secs_f64();
            }
            failed += u32::from(passed > window);
        }
        // Expected are 100 or a little less; 140 would be four deviations above.
        assert!((50..140).contains(&failed), "{failed} of 100000");
    }

    #[test]
    fn long_gaps_are_common_among_many_blocks() {
        let rare = gap_as_long(MINUTE * 7, 1, MINUTE);
        assert!((rare - 0.000_911_9).abs() < 1e-6, "{rare}");
        assert!(gap_as_long(MINUTE * 7, 1000, MINUTE) > 0.59);
    }
}
