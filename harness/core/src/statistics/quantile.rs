//! What a share of runs stays below, from the runs in order and nothing else: no shape of their times is
//! assumed.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::Confidence;

/// The smallest of these values that the quantile is not above, with this confidence. `None`: so few values
/// say nothing of it.
///
/// By order statistics: the k-th of n values is at least the quantile unless k or more of n fell below it.
pub fn at_most(quantile: f64, values: &[f64], confidence: Confidence) -> Option<f64> {
    let sorted = sorted(values)?;
    let below = Binomial::new(quantile, sorted.len() as u64).ok()?;
    // The k-th value is at least the quantile when at most k - 1 values fell below that.
    let k = (1..=sorted.len()).find(|k| below.cdf(*k as u64 - 1) >= confidence.probability())?;
    Some(sorted[k - 1])
}

/// How many values it takes before anything can be said of a quantile at all: 59 for 95 % at 95 %.
pub fn values_needed(quantile: f64, confidence: Confidence) -> u64 {
    (confidence.error().ln() / quantile.ln()).ceil() as u64
}

/// In order; `None`: there are none, or one is no number.
fn sorted(values: &[f64]) -> Option<Vec<f64>> {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(sorted)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn few_values_say_nothing() {
        assert_eq!(values_needed(0.95, Confidence::USUAL), 59);
        let values: Vec<_> = (0..59).map(f64::from).collect();
        assert_eq!(at_most(0.95, &values, Confidence::USUAL), Some(58.0));
        assert_eq!(at_most(0.95, &values[1..], Confidence::USUAL), None);
        assert_eq!(at_most(0.5, &[], Confidence::USUAL), None);
        assert_eq!(at_most(0.5, &[f64::NAN; 100], Confidence::USUAL), None);
    }

    /// The true 95 % quantile of uniform values is 0.95; the bound is below it in at most one of twenty.
    #[test]
    fn the_bound_is_right_as_often_as_it_says() {
        let mut chance = ChaCha8Rng::seed_from_u64(3);
        let wrong = (0..1000)
            .filter(|_| {
                let values: Vec<f64> = (0..100).map(|_| chance.random()).collect();
                at_most(0.95, &values, Confidence::USUAL).unwrap() < 0.95
            })
            .count();
        // 3.7 % by the binomial distribution: 37 of 1000, 12 either way are two deviations.
        assert!((20..=54).contains(&wrong), "{wrong} of 1000");
    }
}
