//! Sessions and dials that begin and end, and what that says about addresses, seeds and the
//! network.

use std::{collections::BTreeSet, net::SocketAddr};

use rand::{RngExt, seq::IteratorRandom};

use super::Engine;
use crate::{
    action::{Action, CloseReason},
    announce::News,
    book::Change,
    config::Exchange,
    dial::{Flight, Purpose},
    event::DialError,
    eviction::{self, Inbound},
    limits::{
        ADDRS_PER_VISIT, EVICTION_INTERVAL, HEARD_AFTER, LASTING_SESSION, OUTAGE_PROBE,
        OVERFLOW_TIME, REDIAL_DELAY, SEED_ADDRESSES, THAW_INTERVAL, THAW_SLACK,
    },
    message::Message,
    outage::{Company, Judgement},
    policy::{self, Group},
    seeds::{Need, SeedState},
    sessions::Peer,
    timer::Timer,
    types::{DialId, Direction, Mono, Now, PeerId, SeedIndex, SessionId},
};

impl Engine {
    pub(super) fn opened(
        &mut self,
        id: SessionId,
        peer: PeerId,
        remote: SocketAddr,
        dial: Option<DialId>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        self.heard(now);
        self.alone = None;
        let flight = dial.and_then(|dial| self.in_flight.end(dial));
        let (remote, is_new) = (policy::canonical(remote), self.sessions.peer(peer).is_none());
        self.sessions.open(id, peer, remote, flight.map(|flight| flight.addr), now.mono);
        let for_seed = dial.is_some_and(|dial| self.seed_dial_ended(dial, Some(peer), now));
        if let Some(flight) = flight {
            self.counters.dials.succeeded += 1;
            self.in_flight.succeeded();
            self.reached(flight.addr, peer, now);
        }
        if let Some(reason) =
            self.unwanted(remote, flight.filter(|_| is_new && !for_seed), now.mono)
        {
            if let Some(session) = self.sessions.get_mut(id) {
                session.unwanted = true;
            }
            out.push(Action::Close { session: id, reason });
            return;
        }
        let is_visitor = flight.is_none() && is_new && !self.has_room(peer, now.mono, out);
        if self.config.exchange == Exchange::On {
            out.push(Action::Send {
                session: id,
                message: Message::Hello { listen_port: self.config.listen.port() },
            });
            if is_visitor {
                // It gets what it came for in the same breath, and is asked nothing.
                self.serve(id, ADDRS_PER_VISIT, now, out);
            } else {
                self.ask(id, now, out);
            }
        }
    }

    pub(super) fn closed(&mut self, id: SessionId, now: Now) {
        let Some(ended) = self.sessions.close(id) else {
            return;
        };
        let peer = ended.session.peer;
        // While it has another session, nothing has ended but a duplicate.
        let Some(gone) = ended.gone else { return };
        self.book.owner_left(peer, gone.addrs(), now.mono);
        if !ended.session.unwanted {
            self.note_end(&gone, now);
        }
        let need = if self.sessions.outbound() >= self.config.target_outbound {
            Need::Met
        } else if gone.useful.is_some() {
            Need::Advised
        } else {
            Need::Open
        };
        for seed in &mut self.seeds {
            if let SeedState::Connected { peer: connected, since } = seed.state
                && connected == peer
            {
                seed.lost(since, need, now.mono, &mut self.rng);
            }
        }
        if self.sessions.len() == 0 {
            self.alone = Some(now.mono);
        }
        self.redial();
    }

    pub(super) fn dial_failed(
        &mut self,
        dial: DialId,
        error: DialError,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some(flight) = self.in_flight.end(dial) else {
            return;
        };
        *self.counters.dials.failed(error) += 1;
        if !matches!(error, DialError::Itself | DialError::Duplicate(_)) {
            self.in_flight.failed();
        }
        if !matches!(error, DialError::Unreachable | DialError::LocalNetwork) {
            self.heard(now);
        }
        let addr = flight.addr;
        let mut found = None;
        let change = match error {
            DialError::Refused | DialError::Handshake => Some(Change::Failed),
            DialError::Unreachable | DialError::LocalNetwork => {
                Some(self.unanswered(flight, now, out))
            }
            DialError::NoSlot => Some(Change::TurnedAway),
            DialError::Itself => {
                self.own_address(addr, now.mono);
                None
            }
            DialError::Duplicate(peer) => {
                self.sessions.prove(peer, addr);
                found = self.sessions.peer(peer).map(|_| peer);
                None
            }
        };
        if let Some(change) = change {
            let _ = self.note(addr, change, now);
        }
        self.seed_dial_ended(dial, found, now);
        self.redial();
    }

    pub(super) fn resolved(
        &mut self,
        seed: SeedIndex,
        addrs: &[SocketAddr],
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let SeedIndex(index) = seed;
        if !self.seeds.get(index).is_some_and(|seed| matches!(seed.state, SeedState::Resolving)) {
            return;
        }
        let mut addrs: Vec<SocketAddr> =
            addrs.iter().copied().map(policy::canonical).filter(|addr| addr.port() != 0).collect();
        addrs.sort_unstable();
        addrs.dedup();
        addrs.truncate(SEED_ADDRESSES);
        self.seeds[index].addrs.clone_from(&addrs);
        if let Some(peer) = addrs.iter().find_map(|addr| self.sessions.owner(*addr)) {
            self.seeds[index].state = SeedState::Connected { peer, since: now.mono };
            return;
        }
        addrs.retain(|addr| !self.is_own(*addr, now.mono));
        let dials = addrs
            .into_iter()
            .map(|addr| {
                self.in_flight.to(addr).unwrap_or_else(|| self.dial(addr, Purpose::Seed, now, out))
            })
            .collect::<BTreeSet<_>>();
        if dials.is_empty() {
            // Unknown, or only ourselves: the name may say something else next time.
            self.outage.seed_failed();
            self.seeds[index].failed(now.mono, &mut self.rng);
            self.redial();
        } else {
            self.seeds[index].state = SeedState::Dialling(dials);
        }
    }

    /// Somebody gave a sign of life: what it settles about dials that nobody answered.
    pub(super) fn heard(&mut self, now: Now) {
        let settled = self.outage.heard(now.mono);
        for addr in settled.their_fault {
            let _ = self.note(addr, Change::Failed, now);
        }
        if settled.back {
            for seed in &mut self.seeds {
                seed.forgive();
                seed.hurry(now.mono);
            }
            self.redial();
        }
    }

    /// What we have to go by when nobody answers.
    pub(super) fn company(&self) -> Company {
        Company { peers: self.sessions.len(), seeds: self.seeds.len(), known: self.book.len() }
    }

    /// Nobody answered: the address's fault, or not known yet; then a peer is asked for a sign of
    /// life, and the address may soon be tried again.
    fn unanswered(&mut self, flight: Flight, now: Now, out: &mut Vec<Action>) -> Change {
        if self.outage.unanswered(flight.addr, flight.began, now.mono) == Judgement::TheirFault {
            return Change::Failed;
        }
        if flight.purpose == Purpose::Seed {
            self.outage.seed_failed();
        }
        if self.sessions.len() > 0 && self.outage.may_ask(now.mono) {
            let asked = self.sessions.peers().map(|(_, peer)| peer.session()).choose(&mut self.rng);
            asked.into_iter().for_each(|session| self.ask(session, now, out));
            // If it does not answer, that says something too.
            self.timers.advance(Timer::Dial, now.mono.after(HEARD_AFTER));
        }
        Change::Unjudged { not_before: now.mono.after(OUTAGE_PROBE) }
    }

    /// We shook hands with `peer` at an address. If that had failed before, others that began to
    /// fail then may be back too.
    fn reached(&mut self, addr: SocketAddr, peer: PeerId, now: Now) {
        self.anchors.retain(|anchor| *anchor != addr);
        let failing = self.book.failing_since(addr);
        let _ = self.note(addr, Change::Succeeded { peer }, now);
        self.is_back(News { addr, from: peer }, failing, now);
        self.redial();
    }

    /// A host that had been failing since `failing` gave a sign of life.
    pub(super) fn thaw(&mut self, failing: Option<Mono>, now: Mono) {
        let rested = self.thawed.is_none_or(|at| now.since(at) >= THAW_INTERVAL);
        if let Some(since) = failing.filter(|_| rested) {
            self.thawed = Some(now);
            self.book.thaw(since.before(THAW_SLACK), now);
            self.redial();
        }
    }

    /// Why a new session cannot stay, if so. `flight` is the dial of ours that led to it, unless it
    /// belongs to a seed or a peer that we have.
    fn unwanted(
        &self,
        remote: SocketAddr,
        flight: Option<Flight>,
        now: Mono,
    ) -> Option<CloseReason> {
        let surplus = self.sessions.outbound() > self.config.target_outbound;
        match flight {
            None if self.discouraged.has(remote.ip(), now) && !self.is_seed(remote) => {
                Some(CloseReason::Discouraged)
            }
            None => None,
            Some(flight) => surplus.then_some(if flight.purpose == Purpose::Feeler {
                CloseReason::Feeler
            } else {
                CloseReason::Surplus
            }),
        }
    }

    /// Whether a seed's name last resolved to this IP.
    pub(super) fn is_seed(&self, addr: SocketAddr) -> bool {
        self.seeds.iter().any(|seed| seed.addrs.iter().any(|known| known.ip() == addr.ip()))
    }

    /// Whether a newcomer may stay. In a full node one of the others goes for it, now and then; if
    /// none does it is a visitor, whom the session table ends. Whoever is younger than a visit may be
    /// one too: its end would make no room.
    fn has_room(&mut self, newcomer: PeerId, now: Mono, out: &mut Vec<Action>) -> bool {
        // More inbound peers than may stay: the youngest has a place for a moment only.
        if self.sessions.len() - self.sessions.outbound() <= self.config.max_inbound {
            return true;
        }
        if self.evicted.is_some_and(|at| now.since(at) < EVICTION_INTERVAL) {
            return false;
        }
        let others: Vec<Inbound> = self
            .sessions
            .peers()
            .filter(|(id, peer)| peer.slot == Direction::Inbound && *id != newcomer)
            .filter(|(_, peer)| now.since(peer.opened) >= OVERFLOW_TIME)
            .map(|(id, peer)| self.inbound(id, peer))
            .collect();
        let Some(victim) = eviction::victim(others).and_then(|peer| self.sessions.peer(peer))
        else {
            return false;
        };
        let close = |session| Action::Close { session, reason: CloseReason::Evicted };
        out.extend(victim.sessions().map(close));
        self.evicted = Some(now);
        self.counters.evicted += 1;
        true
    }

    fn inbound(&self, id: PeerId, peer: &Peer) -> Inbound {
        let remote = self
            .sessions
            .get(peer.session())
            .map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |session| session.remote);
        Inbound { peer: id, opened: peer.opened, group: Group::of(remote), useful: peer.useful }
    }

    /// What the end of a peer's last session says about the addresses that we reached it at.
    fn note_end(&mut self, gone: &Peer, now: Now) {
        let lasted = now.mono.since(gone.opened) >= LASTING_SESSION || self.outage.is_doubtful();
        for addr in gone.proven() {
            let (shortest, longest) = REDIAL_DELAY;
            let not_before = now.mono.after(self.rng.random_range(shortest..longest));
            let _ = self.note(
                addr,
                if lasted { Change::Lasted { not_before } } else { Change::TurnedAway },
                now,
            );
        }
    }

    /// Takes a dial out of the seeds that wait for it; whether there was one. A seed with its last
    /// dial gone waits, or is connected to `found`.
    fn seed_dial_ended(&mut self, dial: DialId, found: Option<PeerId>, now: Now) -> bool {
        let mut any = false;
        for seed in &mut self.seeds {
            let SeedState::Dialling(out) = &mut seed.state else {
                continue;
            };
            if !out.remove(&dial) {
                continue;
            }
            any = true;
            if let Some(peer) = found {
                seed.state = SeedState::Connected { peer, since: now.mono };
            } else if out.is_empty() {
                seed.failed(now.mono, &mut self.rng);
            }
        }
        any
    }
}
