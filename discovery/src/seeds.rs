//! The configured seeds' schedule: reconnected for ever, politely. By index; names and lookups are
//! the driver's.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use rand::{Rng, RngExt};

use crate::{
    book::doubled,
    limits::{LASTING_SESSION, SEED_BACKOFF, SEED_QUICK, SEED_TURNED_AWAY},
    types::{DialId, Mono, PeerId},
};

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

    /// Its last session ended. A node that has what it needs (`satisfied`) leaves a seed that turns
    /// it away to others.
    pub(crate) fn lost(&mut self, since: Mono, satisfied: bool, now: Mono, rng: &mut impl Rng) {
        if now.since(since) >= LASTING_SESSION {
            self.attempts = 0;
        } else if satisfied {
            let (shortest, longest) = SEED_TURNED_AWAY;
            self.state = SeedState::Waiting(now.after(rng.random_range(shortest..longest)));
            return;
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
        let attempts = self.attempts as usize;
        if let Some(quick) = SEED_QUICK.get(attempts) {
            return *quick;
        }
        let times = u32::try_from(attempts - SEED_QUICK.len()).unwrap_or(u32::MAX);
        let (first, longest) = SEED_BACKOFF;
        // Jitter keeps the nodes that lost one seed together from coming back together.
        doubled(first, times, longest).mul_f64(rng.random_range(0.75..1.25))
    }
}
