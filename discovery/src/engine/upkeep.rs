//! What is done from time to time: the tick, the store, alarms; and what the operator sees.

use std::{collections::BTreeSet, net::SocketAddr};

use rand::seq::IteratorRandom;

use super::Engine;
use crate::{
    action::{Action, Alarm},
    book::{Change, Noted, Record},
    config::Exchange,
    dial::Purpose,
    event::ChainState,
    hashes::Hash,
    key::Key,
    limits::{
        ANCHORS, ISOLATED_AFTER, LASTING_SESSION, PERSIST_DELAY, PERSIST_EACH, PERSIST_INTERVAL,
    },
    policy::{Group, Groups, Refusal},
    seeds::SeedState,
    sessions::Peer,
    snapshot,
    status::Status,
    timer::Timer,
    types::{Direction, Mono, Now},
};

impl Engine {
    /// The engine in numbers.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let count = |test: fn(&Record) -> bool| self.book.records().filter(test).count();
        let of = |slot| self.sessions.peers().filter(|(_, peer)| peer.slot == slot).count();
        Status {
            known: self.book.len(),
            tried: self.book.tried(),
            verified: count(|record| record.last_success.is_some()),
            announced: count(|record| record.announced_by.is_some()),
            failing: count(|record| record.failures > 0),
            groups: self
                .book
                .records()
                .map(|record| Group::of(record.addr))
                .collect::<BTreeSet<_>>()
                .len(),
            peers: self.sessions.len(),
            outbound: self.sessions.outbound(),
            inbound: of(Direction::Inbound),
            outbound_groups: self
                .outbound()
                .filter_map(|(addr, _)| addr.map(Group::of))
                .collect::<BTreeSet<_>>()
                .len(),
            min_peers: self.config.min_peers,
            target_outbound: self.config.target_outbound,
            max_inbound: self.config.max_inbound,
            dialling: self.in_flight.len(),
            feelers: self.in_flight.count(Purpose::Feeler),
            saturated: self.saturated,
            seeds_connected: self
                .seeds
                .iter()
                .filter(|seed| matches!(seed.state, SeedState::Connected { .. }))
                .count(),
            discouraged: self.discouraged.len(now.mono),
            cut_off: self.outage.since().map(|since| now.mono.since(since)),
            alarms: self.alarms.clone(),
            last_refresh: self.refreshed.map(|at| now.mono.since(at)),
            counters: self.counters.clone(),
        }
    }

    pub(super) fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        self.timers.set(Timer::Tick, now.mono.after(self.config.tick));
        if self.config.exchange == Exchange::Off {
            return;
        }
        self.sound_alarms(now.mono, out);
        if self.choose_anchors(now.mono) {
            self.persist_soon(false, now.mono);
        }
        if self.sessions.outbound() >= self.config.min_peers {
            return;
        }
        self.redial();
        let asked = self.sessions.peers().map(|(_, peer)| peer.session()).choose(&mut self.rng);
        if let Some(session) = asked {
            self.ask(session, now, out);
        }
    }

    pub(super) fn note(
        &mut self,
        addr: SocketAddr,
        change: Change,
        now: Now,
    ) -> Result<Noted, Refusal> {
        self.take_in(addr, self.book.hash(Key::from(addr)), change, now)
    }

    /// The same for an address that was looked up already.
    pub(super) fn take_in(
        &mut self,
        addr: SocketAddr,
        hash: Hash,
        change: Change,
        now: Now,
    ) -> Result<Noted, Refusal> {
        let tried = self.book.tried();
        let noted = self.book.note_found(addr, hash, change, now.mono)?;
        let known = noted == Noted::New && self.book.len() <= PERSIST_EACH;
        let reached = (tried + 1..=PERSIST_EACH).contains(&self.book.tried());
        self.persist_soon(known || reached, now.mono);
        Ok(noted)
    }

    /// Writes what is not yet written: the book, or other anchors.
    pub(super) fn shut_down(&mut self, now: Now, out: &mut Vec<Action>) {
        let changed = self.choose_anchors(now.mono) && self.config.exchange == Exchange::On;
        if changed || self.timers.is_set(Timer::Persist) {
            self.persist(now, out);
        }
    }

    /// One of few addresses does not wait until the interval is over.
    fn persist_soon(&mut self, one_of_few: bool, now: Mono) {
        if self.config.exchange == Exchange::On {
            let last = self.persisted.filter(|_| !one_of_few);
            let earliest = last.map_or(now, |at| at.after(PERSIST_INTERVAL));
            self.timers.advance(Timer::Persist, earliest.max(now.after(PERSIST_DELAY)));
        }
    }

    pub(super) fn persist(&mut self, now: Now, out: &mut Vec<Action>) {
        self.timers.stop(Timer::Persist);
        self.persisted = Some(now.mono);
        self.choose_anchors(now.mono);
        out.push(Action::Persist);
    }

    /// What a node starts with again: what [`Action::Persist`] wants written.
    #[must_use]
    pub fn snapshot(&self, now: Now) -> Vec<u8> {
        snapshot::encode(&self.book, &self.stored_anchors, now)
    }

    /// The outbound peers that have lasted, oldest first; whether they are others than before. Who
    /// has none keeps those of before: the next start needs them all the more.
    fn choose_anchors(&mut self, now: Mono) -> bool {
        let mut lasting: Vec<(Mono, SocketAddr)> = self
            .outbound()
            .filter(|(_, peer)| now.since(peer.opened) >= LASTING_SESSION)
            .filter_map(|(addr, peer)| Some((peer.opened, addr?)))
            .collect();
        lasting.sort_unstable();
        let chosen: Vec<SocketAddr> =
            lasting.into_iter().map(|(_, addr)| addr).take(ANCHORS).collect();
        let changed = !chosen.is_empty() && chosen != self.stored_anchors;
        if changed {
            self.stored_anchors = chosen;
        }
        changed
    }

    /// Outbound peers, each with an address at which it was reached.
    fn outbound(&self) -> impl Iterator<Item = (Option<SocketAddr>, &Peer)> {
        self.sessions
            .peers()
            .filter(|(_, peer)| peer.slot == Direction::Outbound)
            .map(|(_, peer)| (peer.proven().next(), peer))
    }

    fn sound_alarms(&mut self, now: Mono, out: &mut Vec<Action>) {
        let isolated = self.alone.is_some_and(|since| now.since(since) >= ISOLATED_AFTER);
        for (alarm, raised) in
            [(Alarm::Isolated, isolated), (Alarm::Eclipse, self.smells_of_eclipse(now))]
        {
            let changed =
                if raised { self.alarms.insert(alarm) } else { self.alarms.remove(&alarm) };
            if changed {
                out.push(Action::Alarm { alarm, raised });
            }
        }
    }

    /// Every outbound peer was told us by one group, or the chain stands still, although there are
    /// others whom we could dial: two groups of them, or one, that no peer belongs to. Seeds that we
    /// were configured with were told us by nobody, and so was what they tell: that is how every
    /// newcomer finds its first peers.
    fn smells_of_eclipse(&self, now: Mono) -> bool {
        if self.config.groups == Groups::Ignored || self.sessions.len() == 0 {
            return false;
        }
        let mut tellers = self.outbound().map(|(addr, _)| self.teller(addr));
        let first = tellers.next().flatten();
        let one_teller = first.filter(|_| tellers.all(|teller| teller == first));
        let stalled = self.chain == ChainState::Stalled;
        // Nearly always: then nobody looks through the book.
        if one_teller.is_none() && !stalled {
            return false;
        }
        let remotes = self.sessions.remotes().map(Group::of);
        let connected: BTreeSet<Group> =
            self.outbound().filter_map(|(addr, _)| addr.map(Group::of)).chain(remotes).collect();
        // By address: those of one group follow each other.
        let mut others: Vec<Group> = Vec::new();
        for entry in self.book.rows().filter(|entry| entry.row.ready_at <= now) {
            let group = Group::of(entry.row.key.addr());
            if others.last() != Some(&group) && !connected.contains(&group) {
                others.push(group);
                let foreign = others.iter().filter(|group| Some(**group) != one_teller).count();
                if stalled || foreign >= 2 {
                    return true;
                }
            }
        }
        false
    }

    /// The group that told us of an outbound peer.
    fn teller(&self, addr: Option<SocketAddr>) -> Option<Group> {
        let addr = addr.filter(|addr| !self.is_seed(*addr))?;
        let source = SocketAddr::new(self.book.get(addr)?.source, addr.port());
        (!self.is_seed(source)).then(|| Group::of(source))
    }
}
