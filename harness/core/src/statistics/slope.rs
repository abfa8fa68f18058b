//! Whether something grows: memory, descriptors, a log.
//!
//! Samples that follow each other are alike, so a straight line through all of them is surer of itself than it
//! may be. They are put together into at most [`STRETCHES`] stretches, each with its middle value, and the slope is
//! the middle of the slopes between all pairs of them (Theil and Sen's): waves and single peaks move it little.

use super::{Confidence, Interval, middle};

/// How many pieces the samples are put together into: enough for a narrow interval, few enough that
/// neighbours are no longer alike.
pub const STRETCHES: usize = 30;

/// The fewest samples that say anything.
pub const FEWEST: usize = 20;

/// How fast something grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Units in a second.
    pub per_second: f64,
    /// What remains possible.
    pub interval: Interval,
    /// The value at the end, by the line.
    pub last: f64,
}

/// Whether a node leaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// Nothing that would ever matter.
    None,
    /// It grows, and is at the limit after so many seconds more.
    Reaches {
        /// Seconds from the last sample.
        after: f64,
    },
}

impl Slope {
    /// Of samples: seconds from any beginning, in order, and the value. `None`: fewer than [`FEWEST`].
    pub fn of(samples: &[(f64, f64)], confidence: Confidence) -> Option<Self> {
        if samples.len() < FEWEST {
            return None;
        }
        let points = stretches(samples);
        let mut slopes = Vec::new();
        for (i, (t, value)) in points.iter().enumerate() {
            slopes.extend(
                points[i + 1..]
                    .iter()
                    .filter(|later| later.0 > *t)
                    .map(|(u, next)| (next - value) / (u - t)),
            );
        }
        slopes.sort_by(f64::total_cmp);
        let per_second = middle(&slopes)?;
        let n = points.len() as f64;
        // The deviation of Kendall's statistic when nothing grows.
        let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt() * confidence.deviations();
        let pairs = slopes.len();
        let from = ((pairs as f64 - deviation) / 2.0).floor().max(0.0) as usize;
        let interval = Interval {
            low: slopes[from.min(pairs - 1)],
            high: slopes[pairs - 1 - from.min(pairs - 1)],
        };
        let end = samples[samples.len() - 1].0;
        let mut ends: Vec<_> =
            points.iter().map(|(t, value)| value + per_second * (end - t)).collect();
        ends.sort_by(f64::total_cmp);
        Some(Self { per_second, interval, last: middle(&ends)? })
    }

    /// Seconds until this limit, if it surely grows.
    fn reaches(&self, limit: f64) -> Option<f64> {
        (self.interval.low > 0.0).then(|| ((limit - self.last) / self.per_second).max(0.0))
    }
}

/// Whether these samples surely grow towards a limit that they reach within so many seconds.
///
/// What only warms up grows as well, at first. So the later half has to grow too, as a whole and by itself, and
/// its own pace is what counts. `None`: too few samples.
pub fn growth(
    samples: &[(f64, f64)],
    limit: f64,
    within: f64,
    confidence: Confidence,
) -> Option<Growth> {
    let whole = Slope::of(samples, confidence)?;
    let later = Slope::of(&samples[samples.len() / 2..], confidence)?;
    let both = whole.reaches(limit).and(later.reaches(limit));
    Some(match both {
        Some(after) if after <= within => Growth::Reaches { after },
        _ => Growth::None,
    })
}

/// Pieces of equal size, each as the middle of its times and values.
fn stretches(samples: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = samples.len().div_ceil(STRETCHES);
    let centre = |piece: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<_> = piece.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        middle(&values)
    };
    samples
        .chunks(size)
        .filter_map(|piece| {
            Some((centre(piece, |sample| sample.0)?, centre(piece, |sample| sample.1)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const MIB: f64 = 1_048_576.0;
    const WEEK: f64 = 7.0 * 86_400.0;

    /// A node's memory, once in five seconds: a wave, noise, and a leak of so many MiB a minute.
    fn memory(chance: &mut ChaCha8Rng, minutes: u32, leak: f64, warm_up: f64) -> Vec<(f64, f64)> {
        (0..minutes * 12)
            .map(|i| {
                let t = f64::from(i) * 5.0;
                let wave = (t / 40.0).sin() * 0.5 + chance.random::<f64>();
                let warm = warm_up * (1.0 - (-t / 120.0).exp());
                (t, (20.0 + wave + warm + leak * t / 60.0) * MIB)
            })
            .collect()
    }

    #[test]
    fn a_leak_is_found_within_ten_minutes() {
        let mut chance = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..100 {
            let samples = memory(&mut chance, 10, 1.0, 8.0);
            let found = growth(&samples, 512.0 * MIB, WEEK, Confidence::USUAL).unwrap();
            let Growth::Reaches { after } = found else { panic!("not found") };
            assert!((300.0 * 60.0..700.0 * 60.0).contains(&after), "{after}");
        }
    }

    #[test]
    fn an_honest_node_is_not_accused() {
        let mut chance = ChaCha8Rng::seed_from_u64(4);
        let accused = (0..200)
            .filter(|_| {
                let samples = memory(&mut chance, 60, 0.0, 8.0);
                let found = growth(&samples, 512.0 * MIB, WEEK, Confidence::USUAL).unwrap();
                found != Growth::None
            })
            .count();
        assert!(accused <= 2, "{accused} of 200");
    }

    #[test]
    fn the_interval_holds_the_truth() {
        let mut chance = ChaCha8Rng::seed_from_u64(6);
        let held = (0..1000)
            .filter(|_| {
                let samples: Vec<_> = (0..300)
                    .map(|i| (f64::from(i), f64::from(i) * 0.5 + chance.random::<f64>() * 20.0))
                    .collect();
                Slope::of(&samples, Confidence::USUAL).unwrap().interval.contains(0.5)
            })
            .count();
        assert!((930..=985).contains(&held), "{held} of 1000");
    }

    #[test]
    fn too_few_say_nothing_and_what_stands_still_does_not_grow() {
        assert_eq!(growth(&[(0.0, 1.0); 39], 9.0, WEEK, Confidence::USUAL), None);
        let still: Vec<_> = (0..100).map(|i| (f64::from(i), 7.0)).collect();
        assert_eq!(growth(&still, 9.0, WEEK, Confidence::USUAL), Some(Growth::None));
    }
}
