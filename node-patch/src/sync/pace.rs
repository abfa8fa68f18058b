//! How fast one peer answers. Some drop what exceeds a rate of their own, such as four requests in
//! ten seconds: that is no offence, and asking faster does not help.

use std::{collections::VecDeque, time::Duration};

use hegemon_discovery::Mono;

/// What such rates are counted over.
const WINDOW: Duration = Duration::from_secs(10);

/// Answers in [`WINDOW`] below which a drop shows no rate: nobody takes so few, but a request that
/// was lost or a host that stood still looks like it, and would be asked once in ten seconds for long.
const FEWEST_ANSWERS: usize = 4;

/// Answers remembered: a peer that gives more in [`WINDOW`] has no rate that matters.
const MAX_ANSWERS: usize = 64;

/// Answers in a row after which a little faster is tried.
const STREAK: u32 = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    answers: VecDeque<Mono>,
    interval: Duration,
    next: Mono,
    streak: u32,
}

impl Pace {
    /// Of a peer that was not asked yet.
    pub(super) fn new(now: Mono) -> Self {
        Self { answers: VecDeque::new(), interval: Duration::ZERO, next: now, streak: 0 }
    }

    /// From when on it may be asked.
    pub(super) fn next(&self) -> Mono {
        self.next
    }

    /// A request goes out.
    pub(super) fn asked(&mut self, now: Mono) {
        self.next = now.after(self.interval);
    }

    /// An answer came.
    pub(super) fn answered(&mut self, now: Mono) {
        if self.answers.len() >= MAX_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(now);
        self.streak += 1;
        if self.streak >= STREAK {
            self.streak = 0;
            self.interval = self.interval * 3 / 4;
        }
    }

    /// No answer came to a request of `asked`. Whether that looks like a rate: the peer answered
    /// some others in the window before it.
    pub(super) fn dropped(&mut self, asked: Mono, now: Mono) -> bool {
        self.streak = 0;
        self.answers.retain(|answer| answer.after(WINDOW) > asked);
        let Some(first) = self.answers.front().filter(|_| self.answers.len() >= FEWEST_ANSWERS)
        else {
            return false;
        };
        let count = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        self.interval = self.interval.max(WINDOW / count);
        self.next = first.after(WINDOW).max(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_learnt_from_the_first_drop() {
        let mut pace = Pace::new(Mono(0));
        for moment in [100, 200, 300, 400] {
            assert!(pace.next() <= Mono(moment));
            pace.asked(Mono(moment));
            pace.answered(Mono(moment));
        }
        pace.asked(Mono(500));
        assert!(pace.dropped(Mono(500), Mono(4_500)));
        assert_eq!(pace.next(), Mono(10_100));
        pace.asked(Mono(10_100));
        assert_eq!(pace.next(), Mono(12_600));
    }

    #[test]
    fn silence_is_no_rate_and_a_rate_is_forgotten() {
        let mut pace = Pace::new(Mono(0));
        pace.asked(Mono(0));
        assert!(!pace.dropped(Mono(0), Mono(4_000)));
        for moment in [4_500, 5_000, 5_500] {
            pace.answered(Mono(moment));
        }
        assert!(!pace.dropped(Mono(6_000), Mono(10_000)), "nor are a few answers");
        pace.answered(Mono(10_500));
        assert!(pace.dropped(Mono(11_000), Mono(15_000)));
        for moment in 0..320 {
            pace.answered(Mono(20_000 + moment));
        }
        pace.asked(Mono(30_000));
        assert!(pace.next() < Mono(30_050), "{:?}", pace.next());
    }
}
