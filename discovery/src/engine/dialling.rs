//! Whom to dial now: for the outbound slots, to see whether somebody is there, or, while we are cut
//! off, whether anybody is.

use std::{collections::BTreeSet, net::SocketAddr, ops::RangeInclusive, time::Duration};

use rand::{RngExt, seq::IteratorRandom};

use super::Engine;
use crate::{
    action::Action,
    book::{Change, Entry},
    config::Exchange,
    dial::Purpose,
    key::Key,
    limits::{FEELER_INTERVAL, FEELER_MILLIS_PER_ADDRESS},
    policy::{Group, Groups, Host},
    ranges::Ranges,
    seeds::{Seed, SeedState},
    select::{self, Candidate, Diversity},
    timer::Timer,
    types::{DialId, Direction, Mono, Now},
};

/// The addresses that nobody else has a hand on.
#[derive(Default)]
struct Candidates {
    /// May be dialled now.
    ready: Vec<Candidate>,
    /// When the first of the others may be.
    next: Option<Mono>,
    /// Of those, old acquaintances that were not dialled for a while.
    silent: Vec<SocketAddr>,
}

/// See [`Engine::taken`].
struct Taken {
    firmly: Ranges,
    by_claim: Ranges,
}

impl Taken {
    /// Asked of one row after the other.
    fn covers(&mut self, Entry { row, .. }: Entry<'_>) -> bool {
        self.firmly.covers(row.key) || (!row.reached && self.by_claim.covers(row.key))
    }
}

impl Engine {
    /// Dials candidates while there is room.
    pub(super) fn fill_slots(&mut self, now: Now, out: &mut Vec<Action>) {
        let allowed = std::mem::take(&mut self.may_dial);
        if allowed == 0 || self.config.exchange == Exchange::Off {
            return;
        }
        if self.outage.is_cut_off(self.company(), now.mono) {
            self.probe(now, out);
            return;
        }
        let room = self.in_flight.room(
            self.sessions.len(),
            self.sessions.outbound(),
            self.config.target_outbound,
        );
        if room == 0 {
            return;
        }
        let room = room.min(allowed);
        let left = room - self.dial_anchors(room, now, out);
        let candidates = self.candidates(now.mono);
        self.saturated = candidates.ready.is_empty() && candidates.next.is_none();
        for addr in
            select::choose(candidates.ready, left, self.diversity(), &mut self.turns, &mut self.rng)
        {
            self.dial_within_rate(addr, Purpose::Slot, now, out);
        }
        if let Some(next) = candidates.next {
            self.timers.advance(Timer::Dial, next);
        }
    }

    /// Sees whether somebody is at an address that we need not dial: a test that the book wants,
    /// else one that was never reached, else any, old acquaintances that fell silent included.
    pub(super) fn feel(&mut self, now: Now, out: &mut Vec<Action>) {
        self.set_feeler(now.mono);
        let idle = self.in_flight.count(Purpose::Feeler) == 0
            && self.sessions.outbound() >= self.config.target_outbound;
        if !idle || self.config.exchange == Exchange::Off || self.outage.since().is_some() {
            return;
        }
        let Candidates { ready, silent, .. } = self.candidates(now.mono);
        let wanted = self
            .book
            .tests_wanted()
            .find(|addr| ready.iter().any(|candidate| candidate.addr == *addr));
        let fresh = || {
            ready
                .iter()
                .filter(|candidate| !candidate.reached)
                .min_by_key(|candidate| candidate.waiting_since)
                .map(|candidate| candidate.addr)
        };
        let any = ready.iter().map(|candidate| candidate.addr).chain(silent).choose(&mut self.rng);
        if let Some(addr) = wanted.or_else(fresh).or(any) {
            self.dial_within_rate(addr, Purpose::Feeler, now, out);
        }
    }

    /// The next feeler's time, by the size of the book, jittered by half.
    pub(super) fn set_feeler(&mut self, now: Mono) {
        let (shortest, longest) = FEELER_INTERVAL;
        let known = u64::try_from(self.book.len()).unwrap_or(u64::MAX);
        let pace = Duration::from_millis(known.saturating_mul(FEELER_MILLIS_PER_ADDRESS))
            .clamp(shortest, longest);
        self.timers.set(Timer::Feeler, now.after(pace.mul_f64(self.rng.random_range(0.5..1.5))));
    }

    /// Something changed that may make room or candidates: look for dials at the end of this event.
    pub(super) fn redial(&mut self) {
        self.may_dial = usize::MAX;
    }

    pub(super) fn dial(
        &mut self,
        addr: SocketAddr,
        purpose: Purpose,
        now: Now,
        out: &mut Vec<Action>,
    ) -> DialId {
        let dial = self.in_flight.start(addr, purpose, now.mono);
        let _ = self.book.note(addr, Change::Dialled, now.mono);
        out.push(Action::Dial { dial, addr });
        dial
    }

    /// Dials if the rate allows; else as soon as it does.
    fn dial_within_rate(
        &mut self,
        addr: SocketAddr,
        purpose: Purpose,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        match self.dial_rate.take(now.mono) {
            true => {
                self.dial(addr, purpose, now, out);
            }
            false => self.timers.advance(Timer::Dial, now.mono.after(Duration::from_secs(1))),
        }
    }

    /// Cut off: one dial, or one seed's lookup, in turn.
    fn probe(&mut self, now: Now, out: &mut Vec<Action>) {
        let due = match self.outage.probe(now.mono) {
            Ok(()) => {
                self.probe_once(now, out);
                self.outage.probe(now.mono).err()
            }
            Err(due) => Some(due),
        };
        due.into_iter().for_each(|due| self.timers.advance(Timer::Dial, due));
    }

    fn probe_once(&mut self, now: Now, out: &mut Vec<Action>) {
        let waiting =
            self.seeds.iter_mut().filter(|seed| matches!(seed.state, SeedState::Waiting(_)));
        let seed = waiting.max_by_key(|seed| {
            if let SeedState::Waiting(due) = seed.state { due } else { now.mono }
        });
        if let Some(seed) = seed.filter(|_| self.rng.random_bool(0.5)) {
            seed.hurry(now.mono);
            return;
        }
        let candidates = self.candidates(now.mono).ready;
        let choice =
            select::choose(candidates, 1, Diversity::Ignored, &mut self.turns, &mut self.rng);
        for addr in choice {
            self.dial(addr, Purpose::Slot, now, out);
        }
    }

    /// The outbound peers of before the restart, each once; how many were dialled.
    fn dial_anchors(&mut self, room: usize, now: Now, out: &mut Vec<Action>) -> usize {
        let mut dialled = 0;
        while dialled < room
            && let Some(addr) = self.anchors.pop_front()
        {
            let free = self.book.contains(addr)
                && !self.is_own(addr, now.mono)
                && !self.is_taken(addr)
                && !self.in_flight.touches(Host::of(addr));
            if free {
                dialled += 1;
                self.dial_within_rate(addr, Purpose::Slot, now, out);
            }
        }
        dialled
    }

    /// Other groups than those of our outbound peers, and of those on the way.
    fn diversity(&self) -> Diversity {
        let outbound = self
            .sessions
            .peers()
            .filter(|(_, peer)| peer.slot == Direction::Outbound)
            .flat_map(|(_, peer)| peer.proven());
        let groups = || {
            outbound
                .chain(self.in_flight.iter().map(|flight| flight.addr))
                .map(Group::of)
                .collect::<BTreeSet<_>>()
        };
        match self.config.groups {
            Groups::Ignored => Diversity::Ignored,
            Groups::Weighed if self.in_flight.mostly_fail() => Diversity::InTurn(groups()),
            Groups::Weighed => Diversity::First(groups()),
        }
    }

    fn candidates(&self, now: Mono) -> Candidates {
        let (mut candidates, mut taken) = (Candidates::default(), self.taken(now));
        candidates.ready.reserve(self.book.len());
        for entry in self.book.rows() {
            let row = entry.row;
            if taken.covers(entry) {
                continue;
            }
            if row.ready_at > now {
                let next = candidates.next.map_or(row.ready_at, |next| next.min(row.ready_at));
                candidates.next = Some(next);
                if row.is_tried() && entry.is_silent(now) {
                    candidates.silent.push(row.key.addr());
                }
                continue;
            }
            candidates.ready.push(Candidate {
                addr: row.key.addr(),
                reached: row.reached && !self.mentioned.has(self.book.hash(row.key)),
                waiting_since: entry.waiting_since(),
            });
        }
        candidates
    }

    /// What somebody else has a hand on: addresses of a peer with a session, those left to a seed's
    /// schedule, our own, and hosts that are being dialled or discouraged. What
    /// [`Engine::is_taken`] and its neighbours say of one address, for a walk over all of them.
    fn taken(&self, now: Mono) -> Taken {
        let seeds = self.seeds.iter().filter(|seed| is_scheduled(seed));
        let addrs = self
            .sessions
            .owned()
            .chain(seeds.flat_map(|seed| seed.addrs.iter().copied()))
            .chain(self.own.iter().filter(|(_, until)| **until > now).map(|(addr, _)| *addr))
            .chain([self.config.listen])
            .map(only);
        let flights = self.in_flight.iter().map(|flight| Key::of_host(Host::of(flight.addr)));
        let ips = self.discouraged.ips(now);
        let ips = ips.map(|ip| Key::new(ip, 0)..=Key::new(ip, u16::MAX));
        Taken {
            firmly: Ranges::new(addrs.chain(flights).chain(ips)),
            by_claim: Ranges::new(self.sessions.claimed().map(only)),
        }
    }

    /// Whether an address is somebody's with whom we have a session, or is left to a seed's
    /// schedule. Where we once shook hands with somebody, a claim by `Hello` is not enough: anybody
    /// behind the same IP can make one.
    fn is_taken(&self, addr: SocketAddr) -> bool {
        let scheduled = |seed: &Seed| is_scheduled(seed) && seed.addrs.contains(&addr);
        self.sessions.owner(addr).is_some()
            || (self.sessions.is_claimed(addr) && !self.book.is_reached(addr))
            || self.seeds.iter().any(scheduled)
    }
}

fn only(addr: SocketAddr) -> RangeInclusive<Key> {
    Key::from(addr)..=Key::from(addr)
}

/// Whether a seed's addresses are left to its schedule.
fn is_scheduled(seed: &Seed) -> bool {
    !matches!(seed.state, SeedState::Connected { .. })
}
