//! Numbers from many runs, or from many nodes.

use std::time::Duration;

/// What the value at a percentile is: the smallest value that so many of a hundred do not exceed.
/// `None` for no values.
#[must_use]
pub fn percentile<T: Copy + Ord>(values: &[T], percent: usize) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// How long something took in each run; what did not happen within the run's limit took longer than
/// all that did.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// From each run's time.
    #[must_use]
    pub fn new(times: impl IntoIterator<Item = Option<Duration>>) -> Self {
        Self(times.into_iter().map(|time| time.unwrap_or(Duration::MAX)).collect())
    }

    /// A percentile; [`Duration::MAX`] if it did not happen.
    #[must_use]
    pub fn at(&self, percent: usize) -> Duration {
        percentile(&self.0, percent).unwrap_or(Duration::MAX)
    }

    /// `p50 1.20 s, p95 never` and so on.
    #[must_use]
    pub fn describe(&self, percents: &[usize]) -> String {
        let one = |percent: &usize| {
            let time = self.at(*percent);
            let name = if *percent == 100 { "max".to_owned() } else { format!("p{percent}") };
            if time == Duration::MAX {
                format!("{name} not in time")
            } else {
                format!("{name} {:.2} s", time.as_secs_f64())
            }
        };
        percents.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// A share of a whole in per cent; zero of nothing.
#[must_use]
pub fn per_cent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=200).rev().collect();
        assert_eq!(
            [1, 50, 95, 99, 100].map(|percent| percentile(&values, percent)),
            [Some(2), Some(100), Some(190), Some(198), Some(200)]
        );
        assert_eq!(percentile(&[7], 50), Some(7));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }

    #[test]
    fn what_never_happened_is_slower_than_everything() {
        let times = Times::new([Some(Duration::from_secs(1)), None, Some(Duration::from_secs(2))]);
        assert_eq!(times.describe(&[50, 100]), "p50 2.00 s, max not in time");
    }
}
