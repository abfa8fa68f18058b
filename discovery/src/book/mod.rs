//! The addresses that we know: a flat book, bounded, with a backoff that all ports of a host share.
//!
//! `record` is the only writer of a record; this module decides which records there are.

pub mod record;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use crate::{
    limits::{BOOK_CAPACITY, FAILURES_DOUBTED, HORIZON, HOST_BACKOFF, PORTS_PER_HOST, TURNED_AWAY_BACKOFF},
    policy::{Host, Refusal},
    types::{Mono, PeerId},
};
pub use record::{Change, Record};

/// Whether a change made a new record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Never seen before.
    New,
    /// In the book already.
    Known,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book {
    records: BTreeMap<SocketAddr, Record>,
    hosts: BTreeMap<Host, HostState>,
}

/// What the records of one host share.
#[derive(Debug, Default, Clone, Copy)]
struct HostState {
    ports: usize,
    failures: u32,
    retry_at: Option<Mono>,
}

impl Book {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether an address is in the book.
    #[must_use]
    pub fn contains(&self, addr: SocketAddr) -> bool {
        self.records.contains_key(&addr)
    }

    /// All records, by address.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Applies what happened to an address, making a record for it if there is room.
    ///
    /// # Errors
    ///
    /// [`Refusal::PortsPerHost`] or [`Refusal::BookFull`] for a new address.
    pub fn note(&mut self, addr: SocketAddr, change: Change, now: Mono) -> Result<Noted, Refusal> {
        let noted = if self.contains(addr) { Noted::Known } else { Noted::New };
        if noted == Noted::New {
            self.make_room(addr, change, now)?;
            self.hosts.entry(Host::of(addr)).or_default().ports += 1;
        }
        let record = Record::next(self.records.get(&addr), addr, change, now);
        self.records.insert(addr, record);
        self.note_host(Host::of(addr), change, now);
        Ok(noted)
    }

    /// Takes over a record from a snapshot, within the book's bounds.
    pub fn restore(&mut self, record: Record, now: Mono) {
        let forgotten = now.since(record.last_seen) > HORIZON;
        if forgotten || self.contains(record.addr) || self.make_room(record.addr, Change::Heard, now).is_err() {
            return;
        }
        self.hosts.entry(Host::of(record.addr)).or_default().ports += 1;
        self.records.insert(record.addr, record);
    }

    /// Forgets an address: it is our own.
    pub fn forget(&mut self, addr: SocketAddr) {
        if self.records.remove(&addr).is_none() {
            return;
        }
        let host = Host::of(addr);
        if let Some(state) = self.hosts.get_mut(&host) {
            state.ports -= 1;
            if state.ports == 0 {
                self.hosts.remove(&host);
            }
        }
    }

    /// The last session of `owner` ended: what only it vouched for is no longer passed on.
    pub fn owner_left(&mut self, owner: PeerId, addrs: impl IntoIterator<Item = SocketAddr>, now: Mono) {
        for addr in addrs {
            if let Some(record) = self.records.get_mut(&addr)
                && record.announced_by == Some(owner)
            {
                *record = Record::next(Some(record), addr, Change::OwnerLeft, now);
            }
        }
    }

    /// Whether we shook hands with this very peer there.
    #[must_use]
    pub fn is_proven(&self, addr: SocketAddr, peer: PeerId) -> bool {
        self.records.get(&addr).is_some_and(|record| record.proven == Some(peer))
    }

    /// Whether we ever shook hands with anybody there.
    #[must_use]
    pub fn is_reached(&self, addr: SocketAddr) -> bool {
        self.records.get(&addr).is_some_and(|record| record.last_success.is_some())
    }

    /// When an address may be dialled; `None` if it is not in the book.
    #[must_use]
    pub fn ready_at(&self, addr: SocketAddr) -> Option<Mono> {
        let record = self.records.get(&addr)?;
        let host = self.hosts.get(&Host::of(addr)).and_then(|state| state.retry_at);
        Some(record.not_before.max(host.unwrap_or(Mono(i64::MIN))))
    }

    /// Room for a new record, by evicting one that is doubted, or that we never reached and that failed. Only an address that its owner or a connection vouches for also evicts
    /// hearsay that nobody has tried.
    fn make_room(&mut self, addr: SocketAddr, change: Change, now: Mono) -> Result<(), Refusal> {
        if self.hosts.get(&Host::of(addr)).is_some_and(|state| state.ports >= PORTS_PER_HOST) {
            return Err(Refusal::PortsPerHost);
        }
        if self.records.len() < BOOK_CAPACITY {
            return Ok(());
        }
        let vouched = matches!(change, Change::Announced { .. } | Change::Succeeded { .. });
        let evictable = |record: &&Record| {
            let untried = record.last_success.is_none() && (vouched || record.failures > 0);
            let doubted = record.failures >= FAILURES_DOUBTED || now.since(record.last_seen) > HORIZON;
            record.announced_by.is_none() && (untried || doubted)
        };
        let worst =
            self.records.values().filter(evictable).max_by_key(|record| (record.failures, std::cmp::Reverse(record.last_seen))).map(|record| record.addr);
        self.forget(worst.ok_or(Refusal::BookFull)?);
        Ok(())
    }

    fn note_host(&mut self, host: Host, change: Change, now: Mono) {
        let state = self.hosts.entry(host).or_default();
        match change {
            // Who lets us in only to turn us away has not earned a new start.
            Change::Succeeded { .. } => state.retry_at = None,
            Change::Lasted { .. } => *state = HostState { ports: state.ports, ..HostState::default() },
            Change::Failed => state.back_off(HOST_BACKOFF.0, now),
            Change::TurnedAway => state.back_off(TURNED_AWAY_BACKOFF, now),
            Change::Heard | Change::HeardAsNews { .. } | Change::Unjudged { .. } | Change::Announced { .. } | Change::OwnerLeft => {}
        }
    }
}

impl HostState {
    fn back_off(&mut self, first: Duration, now: Mono) {
        let wait = doubled(first, self.failures, HOST_BACKOFF.1);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now.after(wait));
    }
}

/// `first × 2^times`, at most `longest`.
pub(crate) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(longest)
}
