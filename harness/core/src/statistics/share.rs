//! The share of runs that pass, of runs that passed or failed: exactly, by the binomial distribution.
//!
//! A gate that looks after every run, and stops when it likes what it sees, accepts more bad builds than
//! it says. So how many failures are let pass is written down before the first run, and with it the number of
//! runs: [`Plan`]. Ending early when both answers are the same is no peeking.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF};

use super::{Confidence, Interval};

/// Runs that were judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
}

impl Tally {
    /// All of them.
    pub fn runs(&self) -> u64 {
        self.passed + self.failed
    }

    /// Which shares of passes remain possible, after so many runs: Clopper and Pearson's bounds, each of
    /// which is right by itself with at least this confidence. So whatever a [`Plan`] accepts lies above what it asked.
    pub fn interval(&self, confidence: Confidence) -> Interval {
        let tail = confidence.error();
        let (passed, failed) = (self.passed as f64, self.failed as f64);
        let low = Beta::new(passed, failed + 1.0).map_or(0.0, |beta| beta.inverse_cdf(tail));
        let high = Beta::new(passed + 1.0, failed).map_or(1.0, |beta| beta.inverse_cdf(1.0 - tail));
        Interval { low, high }
    }
}

/// What a gate does: decided before its first run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// The share of passes that is asked for: more than 0, less than 1.
    pub share: f64,
    /// How sure an acceptance has to be.
    pub confidence: Confidence,
    /// How many failures are let pass.
    pub failures: u64,
}

/// Where a gate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The share is at least what was asked for, with the stated confidence.
    Accepted,
    /// More failures than were let pass.
    Rejected,
    /// As many more passes are needed.
    Open {
        /// Runs without another failure.
        more: u64,
    },
}

impl Plan {
    /// How many runs an acceptance takes: the fewest of which a build of just less than that share would pass
    /// all but `failures` with at most the probability of error. 299 for 99 % at 95 % without a failure.
    pub fn runs(&self) -> u64 {
        let accepts_a_bad_one = |runs: u64| {
            Binomial::new(1.0 - self.share, runs).map_or(1.0, |failed| failed.cdf(self.failures))
        };
        let good = |runs: u64| accepts_a_bad_one(runs) <= self.confidence.error();
        let mut above = self.failures + 1;
        while !good(above) && above < 1 << 40 {
            above *= 2;
        }
        let mut below = self.failures;
        while above - below > 1 {
            let middle = u64::midpoint(below, above);
            if good(middle) { above = middle } else { below = middle }
        }
        above
    }

    /// What these runs decide. Runs after the decision change nothing: the first that decided did.
    pub fn standing(&self, tally: Tally) -> Standing {
        let runs = self.runs();
        if tally.failed > self.failures {
            Standing::Rejected
        } else if tally.runs() >= runs {
            Standing::Accepted
        } else {
            Standing::Open { more: runs - tally.runs() }
        }
    }

    /// How often so many runs, at least [`Self::runs`], accept a build of which this share passes.
    pub fn accepts(&self, share: f64, runs: u64) -> f64 {
        Binomial::new(1.0 - share, runs).map_or(0.0, |failed| failed.cdf(self.failures))
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn plan(share: f64, failures: u64) -> Plan {
        Plan { share, confidence: Confidence::USUAL, failures }
    }

    #[test]
    fn as_many_runs_as_people_know() {
        let known = [(0.99, 0, 299), (0.95, 0, 59), (0.9, 0, 29), (0.99, 1, 473), (0.99, 2, 628)];
        for (share, failures, runs) in known {
            assert_eq!(plan(share, failures).runs(), runs, "{share}, {failures} failures");
        }
    }

    #[test]
    fn failures_end_it_early_and_passes_at_the_end() {
        let plan = plan(0.95, 1);
        let at = |passed, failed| plan.standing(Tally { passed, failed });
        assert_eq!(plan.runs(), 93);
        assert_eq!(at(0, 0), Standing::Open { more: 93 });
        assert_eq!(at(10, 1), Standing::Open { more: 82 });
        assert_eq!(at(10, 2), Standing::Rejected);
        assert_eq!(at(92, 1), Standing::Accepted);
        assert_eq!(at(91, 1), Standing::Open { more: 1 });
    }

    /// One thousand gates over a coin of known bias, each run for run.
    #[test]
    fn a_gate_accepts_as_often_as_it_says() {
        let mut chance = ChaCha8Rng::seed_from_u64(7);
        for (asked, failures, truth) in
            [(0.9, 0, 0.9), (0.9, 2, 0.9), (0.9, 0, 0.99), (0.9, 1, 0.8)]
        {
            let plan = plan(asked, failures);
            let accepted = (0..1000)
                .filter(|_| {
                    let mut tally = Tally::default();
                    loop {
                        match plan.standing(tally) {
                            Standing::Accepted => return true,
                            Standing::Rejected => return false,
                            Standing::Open { .. } if chance.random_bool(truth) => tally.passed += 1,
                            Standing::Open { .. } => tally.failed += 1,
                        }
                    }
                })
                .count() as f64;
            let expected = plan.accepts(truth, plan.runs()) * 1000.0;
            let deviation = (expected * (1.0 - expected / 1000.0)).sqrt();
            assert!(
                (accepted - expected).abs() <= 4.0 * deviation + 1.0,
                "{accepted}, not {expected}"
            );
            assert!(truth > asked || expected <= 50.0, "a build that is not good enough");
        }
    }

    #[test]
    fn what_remains_possible() {
        let interval = Tally { passed: 299, failed: 0 }.interval(Confidence::USUAL);
        assert!(interval.high == 1.0 && (interval.low - 0.99003).abs() < 1e-5, "{interval:?}");
        let nothing = Tally::default().interval(Confidence::USUAL);
        assert_eq!((nothing.low, nothing.high), (0.0, 1.0));
        let half = Tally { passed: 5, failed: 5 }.interval(Confidence::USUAL);
        assert!((half.low - 0.2224).abs() < 1e-3 && (half.high - 0.7776).abs() < 1e-3, "{half:?}");
    }
}
