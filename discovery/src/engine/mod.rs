//! The state machine: one method per event, then what is due, then the dials that there is room
//! for.
//!
//! | module | has |
//! | --- | --- |
//! | `connections` | what sessions and dials that begin and end change, the seeds' schedule |
//! | `exchange` | what is said about addresses: learned, served, passed on |
//! | `dialling` | slots, feelers, probes |
//! | `upkeep` | the tick, the store, alarms, what the operator sees |

mod connections;
mod dialling;
mod exchange;
mod upkeep;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::{
    action::{Action, Alarm},
    admission::{Allowances, Discouraged},
    announce::Outbox,
    book::Book,
    bucket::Bucket,
    config::Config,
    dial::InFlight,
    event::{ChainState, Event},
    limits::{DIALS_BURST, DIALS_PER_SECOND, OWN_ADDRESS_QUIET, OWN_ADDRESSES},
    mentioned::Mentioned,
    outage::Outage,
    policy::{self, Refusal},
    sample::Samples,
    seeds::{Seed, SeedState},
    select::Turns,
    sessions::Sessions,
    snapshot::Stored,
    status::Counters,
    timer::{Timer, Timers},
    types::{Direction, Mono, Now, PeerId, SeedIndex},
};

/// See the crate's documentation for the contract.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    rng: ChaCha12Rng,
    book: Book,
    sessions: Sessions,
    in_flight: InFlight,
    turns: Turns,
    seeds: Vec<Seed>,
    /// Outbound peers of before the restart that are still to be dialled.
    anchors: VecDeque<SocketAddr>,
    /// Those of now, as far as they were stored.
    stored_anchors: Vec<SocketAddr>,
    outbox: Outbox,
    samples: Samples,
    mentioned: Mentioned,
    allowances: Allowances,
    discouraged: Discouraged,
    outage: Outage,
    timers: Timers,
    /// Addresses that turned out to be ours, and until when they are left alone.
    own: BTreeMap<SocketAddr, Mono>,
    /// The earliest moment for the next dial that only news causes.
    next_news_dial: Mono,
    dial_rate: Bucket,
    /// How many dials this event may cause.
    may_dial: usize,
    saturated: bool,
    persisted: Option<Mono>,
    refreshed: Option<Mono>,
    thawed: Option<Mono>,
    evicted: Option<Mono>,
    /// Since when there is no session.
    alone: Option<Mono>,
    chain: ChainState,
    alarms: BTreeSet<Alarm>,
    counters: Counters,
}

impl Engine {
    /// An engine at rest; [`Event::Wakeup`] starts it. `entropy` must be unpredictable in a node,
    /// and may be chosen in a simulation. `stored` is what a snapshot held; [`Stored::default`]
    /// without one.
    #[must_use]
    pub fn new(config: Config, entropy: [u8; 32], stored: Stored, now: Now) -> Self {
        let mut rng = ChaCha12Rng::from_seed(entropy);
        let key = stored.key.unwrap_or_else(|| rng.random());
        let mut engine = Self {
            book: Book::new(key, config.layout, config.groups),
            rng,
            sessions: Sessions::default(),
            in_flight: InFlight::new(),
            turns: Turns::default(),
            seeds: (0..config.seeds).map(|_| Seed::new(now.mono)).collect(),
            anchors: stored.anchors.iter().copied().collect(),
            stored_anchors: stored.anchors,
            outbox: Outbox::new(now.mono),
            samples: Samples::default(),
            mentioned: Mentioned::default(),
            allowances: Allowances::new(),
            discouraged: Discouraged::default(),
            outage: Outage::default(),
            timers: Timers::default(),
            own: BTreeMap::new(),
            next_news_dial: now.mono,
            dial_rate: Bucket::full(DIALS_BURST, DIALS_PER_SECOND, now.mono),
            may_dial: 0,
            saturated: false,
            persisted: None,
            refreshed: None,
            thawed: None,
            evicted: None,
            alone: Some(now.mono),
            chain: ChainState::Advancing,
            alarms: BTreeSet::new(),
            counters: Counters::default(),
            config,
        };
        engine.timers.set(Timer::Tick, now.mono.after(engine.config.tick));
        engine.timers.set(Timer::Dial, now.mono);
        for (record, table) in stored.records {
            if policy::dialable(record.addr, engine.config.loopback).is_ok() {
                engine.book.restore(record, table, now.mono);
            }
        }
        engine.set_feeler(now.mono);
        engine
    }

    /// Takes an event; says what to do about it.
    #[must_use = "the engine counts on its actions being carried out"]
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Wakeup => {}
            Event::Heard => self.heard(now),
            Event::Chain(state) => self.chain = state,
            Event::Opened { session, peer, remote, dial } => {
                self.opened(session, peer, remote, dial, now, &mut out)
            }
            Event::Closed { session } => self.closed(session, now),
            Event::Message { session, message } => self.message(session, message, now, &mut out),
            Event::Misbehaved { session, points } => {
                self.punish(session, points, now.mono, &mut out)
            }
            Event::Probe { session } => self.ask(session, now, &mut out),
            Event::DialFailed { dial, error } => self.dial_failed(dial, error, now, &mut out),
            Event::Resolved { seed, addrs } => self.resolved(seed, &addrs, now, &mut out),
            Event::Shutdown => {
                self.shut_down(now, &mut out);
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

    /// The peers in an outbound slot.
    pub fn outbound_peers(&self) -> impl Iterator<Item = PeerId> {
        self.sessions.peers().filter(|(_, peer)| peer.slot == Direction::Outbound).map(|(id, _)| id)
    }

    /// The addresses that the engine knows.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    fn run_due(&mut self, now: Now, out: &mut Vec<Action>) {
        while let Some(timer) = self.timers.expired(now.mono) {
            match timer {
                Timer::Tick => self.tick(now, out),
                Timer::Announce => self.announce(now, out),
                Timer::Persist => self.persist(now, out),
                Timer::Dial => self.redial(),
                Timer::Feeler => self.feel(now, out),
            }
        }
        for (index, seed) in self.seeds.iter_mut().enumerate() {
            if matches!(seed.state, SeedState::Waiting(due) if due <= now.mono) {
                seed.state = SeedState::Resolving;
                out.push(Action::Resolve { seed: SeedIndex(index) });
            }
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
