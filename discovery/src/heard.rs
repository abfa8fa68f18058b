//! When anybody was last heard, and when the engine is told: for whoever drives one. A frame is worth
//! a note; an event for each would be most of what the engine does.

use std::time::Duration;

use crate::types::{Mono, Now};

/// The engine is told of a sign of life at most once in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Heard {
    /// When the last frame came, over whatever session.
    last: Option<Mono>,
    /// The last one that the engine was told of.
    reported: Option<Mono>,
    /// The engine's time: it never goes back.
    told: Mono,
}

impl Heard {
    /// Nobody was heard; the engine's time is `now`.
    #[must_use]
    pub fn new(now: Mono) -> Self {
        Self { last: None, reported: None, told: now }
    }

    /// A frame came at `at`.
    pub fn note(&mut self, at: Mono) {
        self.last = self.last.max(Some(at));
    }

    /// The engine was told something.
    pub fn told(&mut self, now: Mono) {
        self.told = now;
    }

    /// Whether the engine was not told for a while.
    #[must_use]
    pub fn is_due(&self, now: Mono) -> bool {
        self.reported.is_none_or(|at| now.since(at) >= INTERVAL)
    }

    /// The moment to tell [`Event::Heard`](crate::Event::Heard) for, unless the engine knows of the
    /// last frame. That may have come a while ago: it is as near to it as the engine's clock allows,
    /// since what was heard before a dial says nothing of the network during it.
    #[must_use]
    pub fn report(&mut self, now: Now) -> Option<Now> {
        let last = self.last.filter(|_| self.last > self.reported)?;
        let mono = last.max(self.told);
        self.reported = Some(mono);
        Some(Now { mono, wall: now.wall.saturating_sub(now.mono.since(mono)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono: i64) -> Now {
        Now { mono: Mono(mono), wall: Duration::from_secs(1_000) }
    }

    #[test]
    fn a_frame_is_reported_once_for_its_own_moment_unless_the_engine_is_further() {
        let mut heard = Heard::new(Mono(0));
        assert!(heard.is_due(Mono(0)) && heard.report(at(0)).is_none(), "nobody was heard");
        heard.note(Mono(2_000));
        heard.note(Mono(1_000));
        let wall = Duration::from_secs(998);
        assert_eq!(heard.report(at(4_000)), Some(Now { mono: Mono(2_000), wall }));
        assert_eq!(heard.report(at(4_000)), None);
        assert!(!heard.is_due(Mono(2_999)) && heard.is_due(Mono(3_000)));
        heard.told(Mono(6_000));
        heard.note(Mono(5_000));
        assert_eq!(heard.report(at(6_000)), Some(at(6_000)));
    }
}
