//! How hard a block must be: Homestead's idea (only the parent and the time since it matter),
//! linear instead of in steps.
//!
//! ```text
//! next = parent + parent · (T − min(dt, 9 T)) / (16 T)        T: block time, dt: time since the parent
//! ```
//!
//! A block that comes at once raises difficulty by a sixteenth; one that takes 9 T or more halves
//! it, so a network that lost most of its miners is back at its pace after a few slow blocks. When
//! dt is exponential with mean difficulty / hash rate, the expected change is zero where the mean
//! is T (steps, as Homestead has them, put it elsewhere: at 1.44 steps). The remaining bias is the
//! variance of the difficulty itself, a few per cent; `simulated_networks_keep_the_pace` measures
//! it.

use super::{
    header::PowClaim,
    params::{ChainParams, MAX_BLOCK_TIME_MS, MAX_DIFFICULTY},
};

/// The largest change upwards, as a part of the parent's difficulty.
const STEP: i128 = 16;

/// Beyond this many block times a block's lateness counts no more: the clamp at −8 / 16, a halving.
const LATEST: i128 = 9;

const _: () = assert!(
    (MAX_DIFFICULTY as i128).checked_mul((LATEST - 1) * MAX_BLOCK_TIME_MS as i128).is_some(),
    "difficulty arithmetic must not overflow"
);

/// The difficulty of a block with timestamp `timestamp_ms` on a parent with number `parent_number`
/// and claim `parent`.
///
/// A child of genesis keeps the initial difficulty: the time since a fixed date measures nothing.
#[must_use]
pub(super) fn next(
    params: &ChainParams,
    parent_number: u32,
    parent: &PowClaim,
    timestamp_ms: u64,
) -> u128 {
    if parent_number == 0 {
        return parent.difficulty;
    }
    adjust(params, parent.difficulty, timestamp_ms.saturating_sub(parent.timestamp_ms))
}

fn adjust(params: &ChainParams, parent: u128, elapsed_ms: u64) -> u128 {
    let target = i128::from(params.block_time_ms());
    let elapsed = i128::from(elapsed_ms).min(LATEST * target);
    let parent = i128::try_from(parent.min(MAX_DIFFICULTY)).expect("2^96 fits an i128");
    let next = parent + parent * (target - elapsed) / (STEP * target);
    u128::try_from(next).unwrap_or(0).clamp(params.min_difficulty(), MAX_DIFFICULTY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn later_is_never_harder(parent in 1..MAX_DIFFICULTY, a in any::<u64>(), b in any::<u64>(), time in 50..=u64::from(MAX_BLOCK_TIME_MS)) {
            let params = ChainParams::dev(time).unwrap();
            prop_assert!(adjust(&params, parent, a.min(b)) >= adjust(&params, parent, a.max(b)));
        }

        #[test]
        fn a_harder_parent_has_no_easier_child(a in 1..MAX_DIFFICULTY, b in 1..MAX_DIFFICULTY, elapsed in 0..60_000u64) {
            let params = ChainParams::dev(2_000).unwrap();
            prop_assert!(adjust(&params, a.min(b), elapsed) <= adjust(&params, a.max(b), elapsed));
        }

        #[test]
        fn one_block_changes_it_by_a_sixteenth_up_or_a_half_down(parent in 1..=MAX_DIFFICULTY, elapsed in any::<u64>()) {
            let params = ChainParams::trivial("bounds");
            let next = adjust(&params, parent, elapsed);
            prop_assert!(next >= (parent / 2).max(1));
            prop_assert!(next <= (parent + parent / 16).min(MAX_DIFFICULTY));
        }
    }

    #[test]
    fn a_block_in_time_changes_nothing() {
        let params = ChainParams::dev(2_000).unwrap();
        assert_eq!(adjust(&params, 80_000, 2_000), 80_000);
        assert_eq!(adjust(&params, 80_000, 0), 85_000);
        assert_eq!(adjust(&params, 80_000, 18_000), 40_000);
        assert_eq!(adjust(&params, 80_000, u64::MAX), 40_000);
    }

    #[test]
    fn it_never_falls_below_the_minimum() {
        let params = ChainParams::dev(2_000).unwrap();
        let mut difficulty = params.initial_difficulty();
        for _ in 0..100 {
            difficulty = adjust(&params, difficulty, u64::MAX);
        }
        assert_eq!(difficulty, params.min_difficulty());
    }

    /// Miners as they are: each hash wins with probability 1 / difficulty, and the difficulty of
    /// the block in the making falls as its timestamp moves on (templates are refreshed every 500
    /// ms).
    fn mean_interval_ms(params: &ChainParams, miners: u64, seed: u64) -> f64 {
        const BLOCKS: u32 = 3_000;
        let mut random = Weyl(seed);
        let rate_per_ms =
            f64::from(super::super::params::DEV_HASHES_PER_SECOND) * miners as f64 / 1000.0;
        let mut difficulty = params.initial_difficulty();
        let mut total = 0.0;
        for _ in 0..BLOCKS {
            let mut elapsed = 0.0;
            let (found, wait) = loop {
                let candidate = adjust(params, difficulty, elapsed as u64);
                let wait = -random.unit().ln() * candidate as f64 / rate_per_ms;
                if wait < 500.0 {
                    break (candidate, wait);
                }
                elapsed += 500.0;
            };
            elapsed += wait;
            difficulty = found;
            total += elapsed;
        }
        total / f64::from(BLOCKS)
    }

    /// A few lines of a Weyl generator with a 64-bit mixer: enough for a mean, and the same in
    /// every run.
    struct Weyl(u64);

    impl Weyl {
        fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + f64::MIN_POSITIVE
        }
    }

    #[test]
    fn simulated_networks_keep_the_pace() {
        let params = ChainParams::dev(2_000).unwrap();
        for miners in 1..=8 {
            let mean = mean_interval_ms(&params, miners, 42 + miners);
            assert!(
                (1_400.0..2_600.0).contains(&mean),
                "{miners} miners: a block every {mean:.0} ms"
            );
        }
    }
}
