//! What so many runs, blocks or samples can say, and with what confidence. Pure: numbers in, numbers
//! out; whatever is drawn comes from a seed.
//!
//! | module | answers |
//! | --- | --- |
//! | [`blocks`] | how long a healthy chain may take for so many blocks |
//! | [`share`] | which share of runs passes; how many runs a claim about it takes |
//! | [`quantile`] | what 95 of 100 runs stay below |
//! | [`versus`] | whether one build is better or worse than another, and what could have been missed |
//! | [`slope`] | whether something grows, and how long it may |
//!
//! Distributions are `statrs`'s. Each claim is tested against a truth that is known.

pub mod blocks;
pub mod quantile;
pub mod share;
pub mod slope;
pub mod versus;

use std::fmt;

use statrs::distribution::{ContinuousCDF, Normal};

/// How sure a statement has to be: a probability between one half and one.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// What people mean who do not say.
    pub const USUAL: Self = Self(0.95);

    /// `None`: it is not between 0.5 and 0.9999. Less is a guess, more takes more runs than anybody does.
    pub fn new(probability: f64) -> Option<Self> {
        (0.5..=0.9999).contains(&probability).then_some(Self(probability))
    }

    /// The probability of being right.
    pub fn probability(self) -> f64 {
        self.0
    }

    /// The probability of being wrong.
    pub fn error(self) -> f64 {
        1.0 - self.0
    }

    /// How sure each of so many statements has to be, for all of them to be right at once so surely
    /// (Bonferroni's correction).
    #[must_use]
    pub fn among(self, statements: usize) -> Self {
        Self(1.0 - self.error() / statements.max(1) as f64)
    }

    /// How many standard deviations to both sides of the mean a normal value stays within, so often.
    fn deviations(self) -> f64 {
        Normal::standard().inverse_cdf(0.5 + self.0 / 2.0)
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} %", round(self.0 * 100.0))
    }
}

/// From, to: what remains possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether this is one of the possible values.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Three significant digits, for people.
pub fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    (value * digits).round() / digits
}

/// A probability for people: `26.4 %`; what is less than anybody can tell from nothing is said so.
pub fn percent(probability: f64) -> String {
    const LEAST: f64 = 1e-6;
    if probability < LEAST {
        return "below 0.0001 %".to_owned();
    }
    format!("{} %", round(probability * 100.0))
}

/// The middle of sorted values; `None` of nothing.
pub(crate) fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[half]),
        _ => Some(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_three_digits() {
        let rounded = [0.0, 0.012_345, 1.0, 99.9999, 1234.5].map(round);
        assert_eq!(rounded, [0.0, 0.0123, 1.0, 100.0, 1230.0]);
        assert_eq!(Confidence::USUAL.to_string(), "95 %");
    }

    #[test]
    fn a_guess_is_no_confidence() {
        for wrong in [0.0, 0.49, 1.0, 95.0, f64::NAN] {
            assert_eq!(Confidence::new(wrong), None, "{wrong}");
        }
        assert_eq!(Confidence::new(0.95), Some(Confidence::USUAL));
    }
}
