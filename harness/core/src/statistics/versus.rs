//! Two builds: whether what was measured of the one is more or less than of the other, and how small a
//! difference could have been missed.
//!
//! Times and sizes are compared as ratios. The estimate is the middle of all ratios of a run of B to a run
//! of A (Hodges and Lehmann's, of logarithms), its interval Mann and Whitney's: no shape is assumed, one wild run
//! moves little, and it is right as often as it says at ten runs too, where an interval of resampled medians is not.

use statrs::distribution::{Beta, ContinuousCDF, DiscreteCDF, Hypergeometric};

use super::{Confidence, Interval, middle, share::Tally};

/// The fewest runs of each that can say anything.
pub const FEWEST: usize = 6;

/// What is said of B, against A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// B needs less.
    Better,
    /// B needs more.
    Worse,
    /// Both are possible; none is larger than the interval's farther end.
    NoDifference,
}

/// A figure of two builds: less is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// B's, in A's: 1.2 is a fifth more.
    pub estimate: f64,
    /// Which ratios remain possible.
    pub interval: Interval,
    /// The smallest ratio above 1 that so many runs would have found in four of five comparisons.
    pub detectable: f64,
}

impl Ratio {
    /// Compares. `None`: fewer than [`FEWEST`] of one, or fewer than the confidence takes, or one that is not
    /// above zero.
    pub fn of(a: &[f64], b: &[f64], confidence: Confidence) -> Option<Self> {
        let (a, b) = (logarithms(a)?, logarithms(b)?);
        let mut differences: Vec<f64> =
            b.iter().flat_map(|b| a.iter().map(move |a| b - a)).collect();
        differences.sort_by(f64::total_cmp);
        let (n, m) = (a.len() as f64, b.len() as f64);
        let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
        let from = (n * m / 2.0 - confidence.deviations() * deviation).round();
        // So few runs have no interval of so much confidence.
        if from < 1.0 {
            return None;
        }
        let from = from as usize;
        let (low, high) = (differences[from - 1], differences[differences.len() - from]);
        // Half an interval is `deviations` standard errors; four of five need 0.84 more.
        let half = (high - low) / 2.0 * (1.0 + 0.84 / confidence.deviations());
        Some(Self {
            estimate: middle(&differences)?.exp(),
            interval: Interval { low: low.exp(), high: high.exp() },
            detectable: half.exp(),
        })
    }

    /// What follows.
    pub fn finding(&self) -> Finding {
        if self.interval.low > 1.0 {
            Finding::Worse
        } else if self.interval.high < 1.0 {
            Finding::Better
        } else {
            Finding::NoDifference
        }
    }

    /// No difference is larger than this, as a share: 0.1 is a tenth more or less.
    pub fn at_most(&self) -> f64 {
        (self.interval.high - 1.0).max(1.0 - self.interval.low)
    }
}

/// The shares of passes of two builds: more is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// B's share less A's.
    pub difference: f64,
    /// Which differences remain possible: Newcombe's, of Wilson's bounds of both.
    pub interval: Interval,
    /// How probable so large a difference is by chance.
    pub by_chance: f64,
    /// How much less than A's share B's would have to be, to be found in four of five comparisons. `None`: so
    /// few runs find nothing at all.
    pub detectable: Option<f64>,
    error: f64,
}

impl Shares {
    /// Compares. `None`: no run of one.
    pub fn of(a: Tally, b: Tally, confidence: Confidence) -> Option<Self> {
        if a.runs() == 0 || b.runs() == 0 {
            return None;
        }
        let (of_a, of_b) = (share(a), share(b));
        let (wilson_a, wilson_b) = (wilson(a, confidence), wilson(b, confidence));
        let difference = of_b - of_a;
        let below = (of_b - wilson_b.low).hypot(wilson_a.high - of_a);
        let above = (wilson_b.high - of_b).hypot(of_a - wilson_a.low);
        let error = confidence.error();
        Some(Self {
            difference,
            interval: Interval { low: difference - below, high: difference + above },
            by_chance: by_chance(a, b),
            detectable: detectable(a, b.runs(), error),
            error,
        })
    }

    /// What follows, by Fisher's test.
    pub fn finding(&self) -> Finding {
        match self.by_chance <= self.error {
            true if self.difference > 0.0 => Finding::Better,
            true if self.difference < 0.0 => Finding::Worse,
            _ => Finding::NoDifference,
        }
    }

    /// No difference is larger than this share of all runs.
    pub fn at_most(&self) -> f64 {
        self.interval.high.max(-self.interval.low)
    }
}

fn share(tally: Tally) -> f64 {
    tally.passed as f64 / tally.runs() as f64
}

fn wilson(tally: Tally, confidence: Confidence) -> Interval {
    let (n, z2) = (tally.runs() as f64, confidence.deviations().powi(2));
    let share = share(tally);
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (share * (1.0 - share) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

/// Against A as it was seen: the most passes of B that Fisher's test calls fewer, and the share of which four of
/// five comparisons have no more than those.
fn detectable(a: Tally, runs: u64, error: f64) -> Option<f64> {
    let worse = |passed: u64| {
        let b = Tally { passed, failed: runs - passed };
        share(b) < share(a) && by_chance(a, b) <= error
    };
    if !worse(0) {
        return None;
    }
    let (mut most, mut above) = (0, runs);
    while above - most > 1 {
        let middle = u64::midpoint(most, above);
        if worse(middle) { most = middle } else { above = middle }
    }
    let found = Beta::new(most as f64 + 1.0, (runs - most) as f64).ok()?.inverse_cdf(0.2);
    Some(share(a) - found)
}

/// How probable it is that two builds of one share of passes differ at least so much by chance: Fisher's
/// exact test, both sides.
pub fn by_chance(a: Tally, b: Tally) -> f64 {
    let (runs, passed) = (a.runs() + b.runs(), a.passed + b.passed);
    let Ok(table) = Hypergeometric::new(runs, passed, a.runs()) else { return 1.0 };
    let probability =
        |passes: u64| table.cdf(passes) - passes.checked_sub(1).map_or(0.0, |less| table.cdf(less));
    let seen = probability(a.passed);
    // Tables as probable as the one that was seen count, whatever rounding makes of them.
    let as_rare = |passes: &u64| probability(*passes) <= seen * (1.0 + 1e-7);
    (0..=a.runs().min(passed)).filter(as_rare).map(probability).sum::<f64>().min(1.0)
}

fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    let all =
        values.len() >= FEWEST && values.iter().all(|value| *value > 0.0 && value.is_finite());
    all.then(|| values.iter().map(|value| value.ln()).collect())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Times as recoveries have them: never below something, now and then much longer.
    fn times(chance: &mut ChaCha8Rng, runs: usize, factor: f64) -> Vec<f64> {
        let one = |chance: &mut ChaCha8Rng| {
            let usual = 1.0 - 0.15 * (1.0 - chance.random::<f64>()).ln();
            if chance.random_bool(0.05) { usual * 2.0 } else { usual }
        };
        (0..runs).map(|_| one(chance) * factor).collect()
    }

    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut chance = ChaCha8Rng::seed_from_u64(11);
        for (runs, truth) in [(10, 1.0), (20, 1.2), (40, 0.9)] {
            let covered = (0..700)
                .filter(|_| {
                    let (a, b) = (times(&mut chance, runs, 1.0), times(&mut chance, runs, truth));
                    Ratio::of(&a, &b, Confidence::USUAL).unwrap().interval.contains(truth)
                })
                .count() as f64
                / 700.0;
            assert!((0.93..=0.97).contains(&covered), "{covered} at {runs} runs of {truth}");
        }
    }

    #[test]
    fn a_fifth_more_is_found_within_forty_runs_and_equals_are_no_difference() {
        let mut chance = ChaCha8Rng::seed_from_u64(5);
        let mut found = 0;
        let mut accused = 0;
        for _ in 0..300 {
            let a = times(&mut chance, 20, 1.0);
            let worse = times(&mut chance, 20, 1.2);
            let equal = times(&mut chance, 20, 1.0);
            let finding = |b: &[f64]| Ratio::of(&a, b, Confidence::USUAL).unwrap().finding();
            found += u32::from(finding(&worse) == Finding::Worse);
            accused += u32::from(finding(&equal) != Finding::NoDifference);
        }
        assert!(found > 270, "found in {found} of 300");
        assert!(accused < 27, "accused in {accused} of 300");
    }

    #[test]
    fn what_is_detectable_is_found_in_four_of_five() {
        let mut chance = ChaCha8Rng::seed_from_u64(9);
        let typical = Ratio::of(
            &times(&mut chance, 80, 1.0),
            &times(&mut chance, 80, 1.0),
            Confidence::USUAL,
        )
        .unwrap()
        .detectable;
        let found = (0..300)
            .filter(|_| {
                let (a, b) = (times(&mut chance, 80, 1.0), times(&mut chance, 80, typical));
                Ratio::of(&a, &b, Confidence::USUAL).unwrap().finding() == Finding::Worse
            })
            .count();
        assert!((195..=290).contains(&found), "{found} of 300 at {typical}");
    }

    #[test]
    fn too_few_say_nothing() {
        assert_eq!(Ratio::of(&[1.0; 5], &[1.0; 50], Confidence::USUAL), None);
        assert_eq!(Ratio::of(&[0.0; 9], &[1.0; 9], Confidence::USUAL), None);
        let same = Ratio::of(&[2.0; 9], &[2.0; 9], Confidence::USUAL).unwrap();
        assert_eq!(
            (same.estimate, same.finding(), same.at_most()),
            (1.0, Finding::NoDifference, 0.0)
        );
    }

    #[test]
    fn confidence_that_so_few_runs_cannot_have_is_not_claimed() {
        let sure = Confidence::USUAL.among(50);
        assert_eq!(Ratio::of(&[1.0; 6], &[2.0; 6], sure), None);
        assert!(Ratio::of(&[1.0; 9], &[2.0; 9], sure).is_some());
    }

    #[test]
    fn shares_are_told_apart_when_chance_is_no_explanation() {
        let of = |a: (u64, u64), b: (u64, u64)| {
            let tally = |(passed, failed)| Tally { passed, failed };
            Shares::of(tally(a), tally(b), Confidence::USUAL)
        };
        assert_eq!(of((0, 0), (9, 0)), None);
        assert_eq!(of((20, 0), (10, 10)).unwrap().finding(), Finding::Worse);
        assert_eq!(of((10, 10), (20, 0)).unwrap().finding(), Finding::Better);
        let equal = of((20, 0), (20, 0)).unwrap();
        assert_eq!((equal.finding(), equal.difference), (Finding::NoDifference, 0.0));
        assert!((equal.at_most() - 0.161).abs() < 0.001, "{equal:?}");
        assert_eq!(of((2, 0), (0, 2)).unwrap().detectable, None, "two runs find nothing");
    }

    /// What is detectable is found in four of five, and equal builds are told apart at most as often as is said.
    #[test]
    fn shares_keep_their_error_and_their_power() {
        let mut chance = ChaCha8Rng::seed_from_u64(8);
        let mut coin = |share: f64| {
            let passed = (0..40).filter(|_| chance.random_bool(share)).count() as u64;
            Tally { passed, failed: 40 - passed }
        };
        let a = Tally { passed: 38, failed: 2 };
        let all = Shares::of(a, a, Confidence::USUAL).unwrap().detectable.unwrap();
        let (mut found, mut accused, mut covered) = (0, 0, 0);
        for _ in 0..1000 {
            let less = Shares::of(a, coin(0.95 - all), Confidence::USUAL).unwrap();
            found += u32::from(less.finding() == Finding::Worse);
            let equal = Shares::of(coin(0.9), coin(0.9), Confidence::USUAL).unwrap();
            accused += u32::from(equal.finding() != Finding::NoDifference);
            covered += u32::from(equal.interval.contains(0.0));
        }
        assert!((760..=840).contains(&found), "found {found} of 1000 at {all}");
        assert!(accused <= 50, "accused {accused} of 1000");
        assert!((930..=995).contains(&covered), "covered {covered} of 1000");
    }

    #[test]
    fn fisher_knows_the_lady_who_tastes_tea() {
        let tally = |passed, failed| Tally { passed, failed };
        assert!((by_chance(tally(3, 1), tally(1, 3)) - 0.4857).abs() < 1e-4);
        assert!((by_chance(tally(8, 2), tally(1, 5)) - 0.0350).abs() < 1e-4);
        assert_eq!(by_chance(tally(10, 0), tally(10, 0)), 1.0);
        assert_eq!(by_chance(tally(0, 0), tally(0, 0)), 1.0);
    }
}
