//! The state machine: one method per event, then what is due, then the dials that there is room for.

use std::{collections::BTreeMap, net::SocketAddr};

use rand::{RngExt, SeedableRng, seq::IteratorRandom, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;

use crate::{
    action::{Action, CloseReason},
    announce::{News, Outbox},
    book::{Book, Change, Noted, Record},
    config::{Config, Exchange},
    dial::InFlight,
    event::{DialError, Event},
    limits::{
        ADDRS_PER_ANSWER, ADDRS_RELAYED, DIALS_PER_ANSWER, LASTING_SESSION, NETWORK_SEEN, OUTAGE_PROBE, OWN_ADDRESS_QUIET, OWN_ADDRESSES, PERSIST_DELAY,
        PERSIST_INTERVAL, REDIAL_DELAY, RELAY_DIAL_DELAY, RELAY_DIAL_INTERVAL, RELAY_FANOUT, SCORE_CLOSE, SCORE_LONG_LIST, SCORE_UNDECODABLE, SEED_ADDRESSES,
    },
    message::{DecodeError, Message},
    policy::{self, Host, Refusal},
    seeds::{Seed, SeedState},
    sessions::{Peer, Sessions},
    snapshot,
    status::Status,
    timer::{Timer, Timers},
    types::{DialId, Mono, Now, PeerId, SeedIndex, SessionId},
};

/// See the crate's documentation for the contract.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    rng: ChaCha12Rng,
    book: Book,
    sessions: Sessions,
    in_flight: InFlight,
    seeds: Vec<Seed>,
    outbox: Outbox,
    timers: Timers,
    /// Addresses that turned out to be ours, and until when they are left alone.
    own: BTreeMap<SocketAddr, Mono>,
    /// When anybody last answered a dial, if only with a refusal: we have a network.
    answered: Option<Mono>,
    /// The earliest moment for the next dial that only news causes.
    next_news_dial: Mono,
    /// How many dials this event may cause.
    may_dial: usize,
    saturated: bool,
    persisted: Option<Mono>,
    refreshed: Option<Mono>,
    counters: Status,
}

/// Addresses on their way from one peer into the book.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// The answer to our question.
    Answer,
    /// Unasked, and short enough to be passed on.
    News,
    /// Unasked and long: noted at most.
    Dump,
}

impl Engine {
    /// An engine at rest; [`Event::Wakeup`] starts it. `entropy` must be unpredictable in a node, and may be chosen in a simulation. `known` is what a snapshot held.
    #[must_use]
    pub fn new(config: Config, entropy: [u8; 32], known: impl IntoIterator<Item = Record>, now: Now) -> Self {
        let mut engine = Self {
            rng: ChaCha12Rng::from_seed(entropy),
            book: Book::default(),
            sessions: Sessions::default(),
            in_flight: InFlight::default(),
            seeds: (0..config.seeds).map(|_| Seed::new(now.mono)).collect(),
            outbox: Outbox::new(now.mono),
            timers: Timers::default(),
            own: BTreeMap::new(),
            answered: None,
            next_news_dial: now.mono,
            may_dial: 0,
            saturated: false,
            persisted: None,
            refreshed: None,
            counters: Status::default(),
            config,
        };
        engine.timers.set(Timer::Tick, now.mono.after(engine.config.tick));
        engine.timers.set(Timer::Dial, now.mono);
        for record in known {
            if policy::dialable(record.addr, engine.config.loopback).is_ok() {
                engine.book.restore(record, now.mono);
            }
        }
        engine
    }

    /// Takes an event; says what to do about it.
    #[must_use = "the engine counts on its actions being carried out"]
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Wakeup => {}
            Event::Opened { session, peer, remote, dial } => self.opened(session, peer, remote, dial, now, &mut out),
            Event::Closed { session } => self.closed(session, now),
            Event::Message { session, message } => self.message(session, message, now, &mut out),
            Event::Probe { session } => self.ask(session, now, &mut out),
            Event::DialFailed { dial, error } => self.dial_failed(dial, error, now),
            Event::Resolved { seed, addrs } => self.resolved(seed, &addrs, now, &mut out),
            Event::Shutdown => {
                if self.timers.is_set(Timer::Persist) {
                    self.persist(now, &mut out);
                }
                return out;
            }
        }
        self.run_due(now, &mut out);
        self.fill_slots(now, &mut out);
        out
    }

    /// When the engine wants [`Event::Wakeup`] at the latest.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let seeds = self.seeds.iter().filter_map(|seed| match seed.state {
            SeedState::Waiting(due) => Some(due),
            SeedState::Resolving | SeedState::Dialling(_) | SeedState::Connected { .. } => None,
        });
        seeds.chain(self.timers.next()).min()
    }

    /// The engine in numbers.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let count = |test: fn(&Record) -> bool| self.book.records().filter(|record| test(record)).count();
        Status {
            known: self.book.len(),
            verified: count(|record| record.last_success.is_some()),
            announced: count(|record| record.announced_by.is_some()),
            failing: count(|record| record.failures > 0),
            peers: self.sessions.len(),
            outbound: self.sessions.outbound(),
            min_peers: self.config.min_peers,
            target_outbound: self.config.target_outbound,
            dialling: self.in_flight.len(),
            saturated: self.saturated,
            seeds_connected: self.seeds.iter().filter(|seed| matches!(seed.state, SeedState::Connected { .. })).count(),
            last_refresh: self.refreshed.map(|at| now.mono.since(at)),
            ..self.counters.clone()
        }
    }

    fn opened(&mut self, id: SessionId, peer: PeerId, remote: SocketAddr, dial: Option<DialId>, now: Now, out: &mut Vec<Action>) {
        let dialled = dial.and_then(|dial| self.in_flight.end(dial));
        let is_new = self.sessions.peer(peer).is_none();
        self.sessions.open(id, peer, policy::canonical(remote), dialled, now.mono);
        let for_seed = dial.is_some_and(|dial| self.seed_dial_ended(dial, Some(peer), now));
        if let Some(addr) = dialled {
            self.counters.dials.succeeded += 1;
            self.answered = Some(now.mono);
            let _ = self.note(addr, Change::Succeeded { peer }, now);
            self.redial();
        }
        if dialled.is_some() && is_new && !for_seed && self.sessions.outbound() > self.config.target_outbound {
            if let Some(session) = self.sessions.get_mut(id) {
                session.surplus = true;
            }
            out.push(Action::Close { session: id, reason: CloseReason::Surplus });
        } else if self.config.exchange == Exchange::On {
            out.push(Action::Send { session: id, message: Message::Hello { listen_port: self.config.listen.port() } });
            self.ask(id, now, out);
        }
    }

    fn closed(&mut self, id: SessionId, now: Now) {
        let Some(ended) = self.sessions.close(id) else {
            return;
        };
        let peer = ended.session.peer;
        // While it has another session, nothing has ended but a duplicate.
        let Some(gone) = ended.gone else { return };
        self.book.owner_left(peer, gone.addrs(), now.mono);
        if !ended.session.surplus {
            self.note_end(&gone, now);
        }
        let satisfied = self.sessions.outbound() >= self.config.target_outbound;
        for seed in &mut self.seeds {
            if let SeedState::Connected { peer: connected, since } = seed.state
                && connected == peer
            {
                seed.lost(since, satisfied, now.mono, &mut self.rng);
            }
        }
        self.redial();
    }

    /// What the end of a peer's last session says about the addresses that we reached it at.
    fn note_end(&mut self, gone: &Peer, now: Now) {
        let lasted = now.mono.since(gone.opened) >= LASTING_SESSION;
        for addr in &gone.proven {
            let (shortest, longest) = REDIAL_DELAY;
            let not_before = now.mono.after(self.rng.random_range(shortest..longest));
            let _ = self.note(*addr, if lasted { Change::Lasted { not_before } } else { Change::TurnedAway }, now);
        }
    }

    fn message(&mut self, id: SessionId, message: Result<Message, DecodeError>, now: Now, out: &mut Vec<Action>) {
        if self.sessions.get_mut(id).is_none() {
            return;
        }
        match message {
            Err(DecodeError::TooManyAddresses) => self.punish(id, SCORE_CLOSE, out),
            Err(DecodeError::Malformed) => self.punish(id, SCORE_UNDECODABLE, out),
            Ok(Message::GetAddrs { limit }) => self.serve(id, usize::from(limit), now, out),
            Ok(Message::Hello { listen_port }) if self.config.exchange == Exchange::On => self.hello(id, listen_port, now),
            Ok(Message::Addrs { addrs }) if self.config.exchange == Exchange::On => self.addrs(id, addrs, now, out),
            Ok(Message::Hello { .. } | Message::Addrs { .. }) => {}
        }
    }

    /// The sender's own address: the IP seen on its socket and the port that it says. Said once per session.
    fn hello(&mut self, id: SessionId, listen_port: u16, now: Now) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut session.said_hello, true) {
            return;
        }
        let (peer, source) = (session.peer, session.remote.ip());
        let addr = SocketAddr::new(source, listen_port);
        if let Err(refusal) = policy::learnable(addr, source, self.config.loopback) {
            self.refuse(refusal);
            return;
        }
        let proven = self.book.is_proven(addr, peer);
        if let Some(peer) = self.sessions.peer_mut(peer) {
            // What it proved once it need not prove again; anything else is only its word.
            if proven {
                peer.proven.insert(addr);
            } else {
                peer.claim(addr);
            }
        }
        if self.note(addr, Change::Announced { by: peer }, now) == Ok(Noted::New) {
            self.tell(News { addr, from: peer }, now);
        }
    }

    /// Answers with a random sample of what is vouched for, reaches as far as the asker, and is not the asker's own.
    fn serve(&mut self, id: SessionId, limit: usize, now: Now, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let (asker, reach) = (session.peer, policy::scope(session.remote.ip()));
        if !session.may_serve(now.mono) || self.config.exchange == Exchange::Off {
            self.counters.rate_limited += 1;
            out.push(Action::KeepAlive { session: id });
            return;
        }
        let own = self.sessions.peer(asker).map(Peer::addrs).unwrap_or_default();
        let eligible = self.book.records().filter(|record| record.is_vouched_for() && !own.contains(&record.addr) && policy::scope(record.addr.ip()) >= reach);
        let addrs = eligible.map(|record| record.addr).sample(&mut self.rng, limit.min(ADDRS_PER_ANSWER));
        out.push(Action::Send { session: id, message: Message::Addrs { addrs } });
    }

    fn addrs(&mut self, id: SessionId, mut addrs: Vec<SocketAddr>, now: Now, out: &mut Vec<Action>) {
        if addrs.len() > ADDRS_PER_ANSWER {
            addrs.truncate(ADDRS_PER_ANSWER);
            self.punish(id, SCORE_LONG_LIST, out);
        }
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let arrival = match session.is_answer(now.mono) {
            true => Arrival::Answer,
            false if addrs.len() <= ADDRS_RELAYED => Arrival::News,
            false => Arrival::Dump,
        };
        if arrival == Arrival::Answer {
            self.refreshed = Some(now.mono);
            self.may_dial = self.may_dial.max(DIALS_PER_ANSWER);
        }
        for addr in addrs {
            if let Err(refusal) = self.learn(id, policy::canonical(addr), arrival, now) {
                self.refuse(refusal);
            }
        }
    }

    /// One address that a peer told us. What is known is not renewed by hearsay.
    fn learn(&mut self, id: SessionId, addr: SocketAddr, arrival: Arrival, now: Now) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(id) else {
            return Ok(());
        };
        if !session.take_token(now.mono) {
            return Err(Refusal::RateLimit);
        }
        let (from, source) = (session.peer, session.remote.ip());
        policy::learnable(addr, source, self.config.loopback)?;
        if self.is_own(addr, now.mono) {
            return Err(Refusal::Own);
        }
        if self.book.contains(addr) {
            return Ok(());
        }
        if arrival == Arrival::News {
            let not_before = self.news_dial_slot(now.mono);
            self.note(addr, Change::HeardAsNews { not_before }, now)?;
            self.tell(News { addr, from }, now);
            self.timers.advance(Timer::Dial, not_before);
        } else {
            self.note(addr, Change::Heard, now)?;
        }
        Ok(())
    }

    fn news_dial_slot(&mut self, now: Mono) -> Mono {
        let (shortest, longest) = RELAY_DIAL_DELAY;
        let slot = now.after(self.rng.random_range(shortest..longest)).max(self.next_news_dial);
        self.next_news_dial = slot.after(RELAY_DIAL_INTERVAL);
        slot
    }

    fn dial_failed(&mut self, dial: DialId, error: DialError, now: Now) {
        let Some(addr) = self.in_flight.end(dial) else {
            return;
        };
        let dials = &mut self.counters.dials;
        let counter = match error {
            DialError::Refused => &mut dials.refused,
            DialError::Unreachable => &mut dials.unreachable,
            DialError::Handshake => &mut dials.handshake,
            DialError::LocalNetwork => &mut dials.local_network,
            DialError::NoSlot => &mut dials.no_slot,
            DialError::Itself => &mut dials.itself,
            DialError::Duplicate(_) => &mut dials.duplicate,
        };
        *counter += 1;
        if !matches!(error, DialError::Unreachable | DialError::LocalNetwork) {
            self.answered = Some(now.mono);
        }
        let mut found = None;
        let change = match error {
            DialError::Refused | DialError::Unreachable | DialError::Handshake => Some(Change::Failed),
            DialError::LocalNetwork if self.has_network(now.mono) => Some(Change::Failed),
            DialError::LocalNetwork => Some(Change::Unjudged { not_before: now.mono.after(OUTAGE_PROBE) }),
            DialError::NoSlot => Some(Change::TurnedAway),
            DialError::Itself => {
                self.own_address(addr, now.mono);
                None
            }
            DialError::Duplicate(peer) => {
                found = self.sessions.peer_mut(peer).map(|living| {
                    living.proven.insert(addr);
                    peer
                });
                None
            }
        };
        if let Some(change) = change.filter(|_| self.book.contains(addr)) {
            let _ = self.note(addr, change, now);
        }
        self.seed_dial_ended(dial, found, now);
        self.redial();
    }

    /// Takes a dial out of the seeds that wait for it; whether there was one. A seed with its last dial gone waits, or is connected to `found`.
    fn seed_dial_ended(&mut self, dial: DialId, found: Option<PeerId>, now: Now) -> bool {
        let mut any = false;
        for index in 0..self.seeds.len() {
            let seed = &mut self.seeds[index];
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
                self.seeds[index].failed(now.mono, &mut self.rng);
            }
        }
        any
    }

    fn resolved(&mut self, seed: SeedIndex, addrs: &[SocketAddr], now: Now, out: &mut Vec<Action>) {
        let SeedIndex(index) = seed;
        if !self.seeds.get(index).is_some_and(|seed| matches!(seed.state, SeedState::Resolving)) {
            return;
        }
        let mut addrs: Vec<SocketAddr> = addrs.iter().copied().map(policy::canonical).filter(|addr| addr.port() != 0).collect();
        addrs.sort_unstable();
        addrs.dedup();
        addrs.truncate(SEED_ADDRESSES);
        self.seeds[index].addrs.clone_from(&addrs);
        if let Some(peer) = addrs.iter().find_map(|addr| self.sessions.owner(*addr)) {
            self.seeds[index].state = SeedState::Connected { peer, since: now.mono };
            return;
        }
        addrs.retain(|addr| !self.is_own(*addr, now.mono));
        let dials = addrs.into_iter().map(|addr| self.in_flight.to(addr).unwrap_or_else(|| self.dial(addr, out))).collect::<std::collections::BTreeSet<_>>();
        if dials.is_empty() {
            // Unknown, or only ourselves: the name may say something else next time.
            self.seeds[index].failed(now.mono, &mut self.rng);
        } else {
            self.seeds[index].state = SeedState::Dialling(dials);
        }
    }

    fn run_due(&mut self, now: Now, out: &mut Vec<Action>) {
        while let Some(timer) = self.timers.expired(now.mono) {
            match timer {
                Timer::Tick => self.tick(now, out),
                Timer::Announce => self.announce(now, out),
                Timer::Persist => self.persist(now, out),
                Timer::Dial => self.redial(),
            }
        }
        for (index, seed) in self.seeds.iter_mut().enumerate() {
            if matches!(seed.state, SeedState::Waiting(due) if due <= now.mono) {
                seed.state = SeedState::Resolving;
                out.push(Action::Resolve { seed: SeedIndex(index) });
            }
        }
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        self.timers.set(Timer::Tick, now.mono.after(self.config.tick));
        if self.config.exchange == Exchange::Off || self.sessions.outbound() >= self.config.min_peers {
            return;
        }
        self.redial();
        let asked = self.sessions.peers().map(|(_, peer)| peer.session()).choose(&mut self.rng);
        if let Some(session) = asked {
            self.ask(session, now, out);
        }
    }

    fn announce(&mut self, now: Now, out: &mut Vec<Action>) {
        let batch = self.outbox.batch(now.mono);
        if batch.is_empty() {
            return;
        }
        let recipients = self.sessions.peers().map(|(id, peer)| (id, peer.session())).sample(&mut self.rng, RELAY_FANOUT + 1);
        let mut told = 0;
        for (id, session) in recipients {
            if told == RELAY_FANOUT {
                break;
            }
            let Some(reach) = self.sessions.get_mut(session).map(|session| policy::scope(session.remote.ip())) else {
                continue;
            };
            let theirs = |addr: &SocketAddr| self.sessions.peer(id).is_some_and(|peer| peer.has(*addr));
            let addrs: Vec<SocketAddr> =
                batch.iter().filter(|news| news.from != id).map(|news| news.addr).filter(|addr| policy::scope(addr.ip()) >= reach && !theirs(addr)).collect();
            if !addrs.is_empty() {
                told += 1;
                out.push(Action::Send { session, message: Message::Addrs { addrs } });
            }
        }
        if told > 0 {
            self.outbox.told(now.mono);
        }
        if let Some(due) = self.outbox.due() {
            self.timers.set(Timer::Announce, due.max(now.mono));
        }
    }

    /// Dials candidates while there is room: those that we once reached first, at random within either kind, one per host.
    fn fill_slots(&mut self, now: Now, out: &mut Vec<Action>) {
        let allowed = std::mem::take(&mut self.may_dial);
        if allowed == 0 || self.config.exchange == Exchange::Off {
            return;
        }
        let room = self.in_flight.room(self.sessions.len(), self.sessions.outbound(), self.config.target_outbound);
        if room == 0 {
            return;
        }
        let (mut ready, next) = self.candidates(now.mono);
        self.saturated = ready.is_empty() && next.is_none();
        ready.shuffle(&mut self.rng);
        ready.sort_by_key(|record| record.last_success.is_none());
        let mut left = room.min(allowed);
        for record in ready {
            if left == 0 {
                // More may be dialled when one of these ends; the tick is the safety net.
                break;
            }
            if !self.in_flight.touches(Host::of(record.addr)) {
                self.dial(record.addr, out);
                left -= 1;
            }
        }
        if let Some(next) = next {
            self.timers.advance(Timer::Dial, next);
        }
    }

    /// Addresses that may be dialled now, and when the first of the others may be.
    fn candidates(&self, now: Mono) -> (Vec<Record>, Option<Mono>) {
        let mut ready = Vec::new();
        let mut next: Option<Mono> = None;
        for record in self.book.records() {
            let addr = record.addr;
            if self.is_own(addr, now) || self.is_taken(addr) || self.in_flight.touches(Host::of(addr)) {
                continue;
            }
            match self.book.ready_at(addr) {
                Some(at) if at > now => next = Some(next.map_or(at, |next| next.min(at))),
                Some(_) => ready.push(*record),
                None => {}
            }
        }
        (ready, next)
    }

    /// Whether an address is somebody's with whom we have a session, or is left to a seed's schedule. Where we once shook hands with somebody, a claim by `Hello` is not enough:
    /// anybody behind the same IP can make one.
    fn is_taken(&self, addr: SocketAddr) -> bool {
        let scheduled = |seed: &Seed| !matches!(seed.state, SeedState::Connected { .. }) && seed.addrs.contains(&addr);
        self.sessions.owner(addr).is_some() || (self.sessions.is_claimed(addr) && !self.book.is_reached(addr)) || self.seeds.iter().any(scheduled)
    }

    /// Whether anything says that the network is up, so that an address out of reach is to blame itself.
    fn has_network(&self, now: Mono) -> bool {
        self.sessions.len() > 0 || self.answered.is_some_and(|at| now.since(at) < NETWORK_SEEN)
    }

    fn dial(&mut self, addr: SocketAddr, out: &mut Vec<Action>) -> DialId {
        let dial = self.in_flight.start(addr);
        out.push(Action::Dial { dial, addr });
        dial
    }

    /// Something changed that may make room or candidates: look for dials at the end of this event.
    fn redial(&mut self) {
        self.may_dial = usize::MAX;
    }

    fn ask(&mut self, id: SessionId, now: Now, out: &mut Vec<Action>) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.asked(now.mono);
            let limit = u16::try_from(ADDRS_PER_ANSWER).expect("64 fits");
            out.push(Action::Send { session: id, message: Message::GetAddrs { limit } });
        }
    }

    fn tell(&mut self, news: News, now: Now) {
        let due = self.outbox.push(news);
        self.timers.advance(Timer::Announce, due.max(now.mono));
    }

    fn note(&mut self, addr: SocketAddr, change: Change, now: Now) -> Result<Noted, Refusal> {
        let noted = self.book.note(addr, change, now.mono);
        if self.config.exchange == Exchange::On && noted.is_ok() && !self.timers.is_set(Timer::Persist) {
            let earliest = self.persisted.map_or(now.mono, |at| at.after(PERSIST_INTERVAL));
            self.timers.set(Timer::Persist, earliest.max(now.mono.after(PERSIST_DELAY)));
        }
        noted
    }

    fn persist(&mut self, now: Now, out: &mut Vec<Action>) {
        self.timers.stop(Timer::Persist);
        self.persisted = Some(now.mono);
        out.push(Action::Persist { snapshot: snapshot::encode(&self.book, now) });
    }

    fn punish(&mut self, id: SessionId, points: u32, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let before = session.score;
        session.score = before.saturating_add(points);
        if before < SCORE_CLOSE && session.score >= SCORE_CLOSE {
            self.counters.misbehaved += 1;
            out.push(Action::Close { session: id, reason: CloseReason::Misbehaviour });
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        *self.counters.refused.entry(refusal).or_default() += 1;
    }

    fn own_address(&mut self, addr: SocketAddr, now: Mono) {
        self.own.retain(|_, until| *until > now);
        if self.own.len() < OWN_ADDRESSES {
            self.own.insert(addr, now.after(OWN_ADDRESS_QUIET));
        }
        self.book.forget(addr);
    }

    fn is_own(&self, addr: SocketAddr, now: Mono) -> bool {
        addr == self.config.listen || self.own.get(&addr).is_some_and(|until| *until > now)
    }
}
