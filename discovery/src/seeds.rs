//! The configured seeds' schedule: reconnected for ever, politely. By index; names and lookups are
//! the driver's.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use rand::{Rng, RngExt};

use crate::{
    book::doubled,
    limits::{LASTING_SESSION, SEED_BACKOFF, SEED_QUICK, SEED_TURNED_AWAY},
    types::{DialId, Mono, PeerId},
};

/// Attempts that follow each other quickly.
const QUICK: u32 = SEED_QUICK.len() as u32;

#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) state: SeedState,
    /// What its name last resolved to.
    pub(crate) addrs: Vec<SocketAddr>,
    /// Attempts since the last session that lasted.
    attempts: u32,
}

#[derive(Debug)]
pub(crate) enum SeedState {
    /// Tried again then.
    Waiting(Mono),
    /// The driver looks its name up.
    Resolving,
    /// These dials are out.
    Dialling(BTreeSet<DialId>),
    /// One of its addresses belongs to this living peer.
    Connected { peer: PeerId, since: Mono },
}

/// What a node that loses a seed still needs of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it has its target.
    Met,
    /// Not at once: it was told of others there.
    Advised,
    /// Anybody.
    Open,
}

impl Seed {
    pub(crate) fn new(now: Mono) -> Self {
        Self { state: SeedState::Waiting(now), addrs: Vec::new(), attempts: 0 }
    }

    /// An attempt failed: wait for the next one.
    pub(crate) fn failed(&mut self, now: Mono, rng: &mut impl Rng) {
        let wait = self.backoff(rng);
        self.attempts = self.attempts.saturating_add(1);
        self.state = SeedState::Waiting(now.after(wait));
    }

    /// Its last session ended. A node that has what it needs leaves a seed that turns it away to
    /// others; one that was told of others there tries these first.
    pub(crate) fn lost(&mut self, since: Mono, need: Need, now: Mono, rng: &mut impl Rng) {
        if now.since(since) >= LASTING_SESSION {
            self.attempts = 0;
        } else if need == Need::Met {
            let (shortest, longest) = SEED_TURNED_AWAY;
            self.state = SeedState::Waiting(now.after(rng.random_range(shortest..longest)));
            return;
        } else if need == Need::Advised {
            self.attempts = self.attempts.max(QUICK);
        }
        self.failed(now, rng);
    }

    /// If it waits for longer, it is tried at `at`.
    pub(crate) fn hurry(&mut self, at: Mono) {
        if let SeedState::Waiting(due) = &mut self.state {
            *due = at.min(*due);
        }
    }

    /// What kept it from answering was not its fault: quick attempts again.
    pub(crate) fn forgive(&mut self) {
        self.attempts = 0;
    }

    fn backoff(&self, rng: &mut impl Rng) -> Duration {
        if let Some(quick) = SEED_QUICK.get(self.attempts as usize) {
            return *quick;
        }
        let times = self.attempts - QUICK;
        let (first, longest) = SEED_BACKOFF;
        // Jitter keeps the nodes that lost one seed together from coming back together.
        doubled(first, times, longest).mul_f64(rng.random_range(0.75..1.25))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    use super::*;

    /// How long a node leaves a seed that turned it away at its first attempt.
    fn wait(need: Need) -> Duration {
        let mut seed = Seed::new(Mono(0));
        seed.lost(Mono(0), need, Mono(10), &mut ChaCha12Rng::from_seed([1; 32]));
        let SeedState::Waiting(due) = seed.state else { unreachable!() };
        due.since(Mono(10))
    }

    #[test]
    fn who_was_told_of_others_tries_these_before_the_seed_again() {
        assert_eq!(wait(Need::Open), SEED_QUICK[0]);
        assert!(wait(Need::Advised) >= SEED_BACKOFF.0.mul_f64(0.75));
        assert!(wait(Need::Advised) < SEED_BACKOFF.1 && wait(Need::Met) >= SEED_TURNED_AWAY.0);
    }
}
