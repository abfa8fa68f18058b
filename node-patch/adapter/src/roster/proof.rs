//! Whether a session is one at the other end too.

use hegemon_discovery::Mono;

use crate::limits::{
    ASK_INTERVAL, PROBE_INTERVAL, PROBES, PROVE, PROVE_AFTER, SETTLED_AFTER, SILENT,
};

/// What is known of a session's life.
#[derive(Debug)]
pub(super) struct Proof {
    state: State,
    /// When its last frame came; at first, when it was opened.
    heard: Mono,
    /// When its peer was last asked something.
    asked: Option<Mono>,
    opened: Mono,
    /// A frame came.
    spoke: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// In doubt since then: it will be probed.
    Doubted { since: Mono },
    /// Probed then: something has to come, or it is probed so often again.
    Probed { at: Mono, until: Mono, again: u32 },
    /// It was heard.
    Given,
}

/// What to do about a session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask it something.
    Probe,
    /// Nothing came although it had to.
    Silent,
}

impl Proof {
    /// A session begins. With an old network each may be one that the other side dropped.
    pub(super) fn begin(now: Mono) -> Self {
        let state = State::Doubted { since: now };
        Self { state, heard: now, asked: None, opened: now, spoke: false }
    }

    /// Something happened after which it may be one-sided.
    pub(super) fn doubt(&mut self, now: Mono) {
        self.state = State::Doubted { since: now };
    }

    pub(super) fn asked(&mut self, now: Mono) {
        self.asked = Some(now);
    }

    /// A frame came; whether it was the first.
    pub(super) fn heard(&mut self, now: Mono) -> bool {
        self.heard = now;
        if matches!(self.state, State::Probed { .. }) {
            self.state = State::Given;
        }
        !std::mem::replace(&mut self.spoke, true)
    }

    /// It may be silent.
    pub(super) fn excuse(&mut self, now: Mono) {
        (self.state, self.heard) = (State::Given, now);
    }

    pub(super) fn due(&self) -> Mono {
        match self.state {
            State::Doubted { since } => {
                let answers = self.asked.map(|at| at.after(ASK_INTERVAL));
                since.after(PROVE_AFTER).max(answers.unwrap_or(since))
            }
            State::Probed { until, .. } => until,
            State::Given => self.heard.after(SILENT),
        }
    }

    /// What is due, if it is.
    pub(super) fn step(&mut self, now: Mono) -> Option<Step> {
        if self.due() > now {
            return None;
        }
        let (until, again) = match self.state {
            State::Doubted { .. } => (now.after(PROVE), 0),
            State::Given => (now.after(PROBE_INTERVAL), PROBES - 1),
            State::Probed { again: 0, .. } => return Some(Step::Silent),
            State::Probed { again, .. } => (now.after(PROBE_INTERVAL), again - 1),
        };
        self.state = State::Probed { at: now, until, again };
        Some(Step::Probe)
    }

    /// Whether its peer counts: it spoke, or stood for a while, and is not overdue with an answer.
    pub(super) fn counts(&self, now: Mono) -> bool {
        let overdue =
            matches!(self.state, State::Probed { at, .. } if now.since(at) >= SETTLED_AFTER);
        (self.spoke || now.since(self.opened) >= SETTLED_AFTER) && !overdue
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(0).after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_session_is_probed_when_the_peer_answers_again_and_has_to_deliver() {
        let mut proof = Proof::begin(at(0));
        proof.asked(at(1));
        assert!(proof.heard(at(1)), "the first");
        assert_eq!((proof.due(), proof.step(at(12))), (at(13), None), "too early to prove a thing");
        assert_eq!((proof.step(at(13)), proof.due()), (Some(Step::Probe), at(18)));
        assert_eq!(proof.step(at(18)), Some(Step::Silent));
        assert!(!proof.counts(at(18)), "overdue");
        assert!(!proof.heard(at(18)));
        assert_eq!((proof.due(), proof.counts(at(18))), (at(78), true), "it lives after all");
    }

    #[test]
    fn silence_is_probed_twice_before_it_ends_a_session_that_was_proven() {
        let mut proof = Proof::begin(at(0));
        assert_eq!(proof.step(at(1)), Some(Step::Probe));
        proof.heard(at(2));
        assert_eq!(proof.step(at(61)), None);
        assert_eq!(proof.step(at(62)), Some(Step::Probe));
        assert_eq!(proof.step(at(91)), None);
        assert_eq!(proof.step(at(92)), Some(Step::Probe));
        assert_eq!(proof.step(at(122)), Some(Step::Silent));
        proof.excuse(at(122));
        assert_eq!(proof.due(), at(182));
    }
}
