//! The book: which records there are, and in which of the two tables.
//!
//! What others tell us stays *new* until we dialled it with success; what we dialled with success
//! is *tried* and leaves only after a failed test connection. Both tables are bounded, and so is
//! what one source or one network group gets of either: what a flood pushes out is its own.
//!
//! A full book of 20,480 records, nearly half of them reached, takes 234 bytes per record all in; one
//! of a thousand, nearly all hearsay, 110 (`benches/book.rs` measures both): its row 64, with its part
//! of its block and the slack there 91; its key in a bucket that was full once 20; its hash 13 to 16;
//! what there is to say of a contact 88, with block and slack 120; the rest counts of groups, of which
//! the bench's addresses have nearly one each, and which a small book does without. Nothing else in
//! the engine grows with the number of addresses, but for a backoff of each host that failed.

mod room;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{
    buckets::{Buckets, GroupCount, group_counts},
    contact::Contact,
    hosts::Hosts,
    order::Keyed,
    placement::{Bucket, Layout, Placement, Table},
    record::{Change, Record},
    row::{Entry, Row},
    rows::Rows,
};
use crate::{
    hashes::Hash,
    key::Key,
    limits::{HORIZON, PORTS_PER_HOST},
    policy::{Group, Groups, Host, Refusal, Scope},
    types::{Mono, PeerId},
};

/// What a change was to the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It brought an address never seen before.
    New,
    /// It is of an address that is in the book already.
    Known,
    /// It is of an address that is not in the book, and no reason to take it in.
    Ignored,
}

/// See the module.
#[derive(Debug)]
pub struct Book {
    placement: Placement,
    rows: Rows,
    buckets: Buckets,
    hosts: Hosts,
    /// At most one per bucket of the tried table, and only for a bucket that is full.
    tests: BTreeMap<Bucket, Test>,
}

/// A newcomer waits for the place of an occupant that may be gone. It is new, reached, and has not
/// failed since; the occupant is tried.
#[derive(Debug, Clone, Copy)]
struct Test {
    occupant: SocketAddr,
    newcomer: SocketAddr,
}

impl Book {
    /// An empty book. `key` must be unpredictable in a node, and the same after a restart, or
    /// addresses would change their buckets.
    #[must_use]
    pub fn new(key: [u8; 16], layout: Layout, groups: Groups) -> Self {
        let placement = Placement::new(key, layout, groups);
        Self {
            rows: Rows::new(placement.index_key()),
            buckets: Buckets::new(layout, groups),
            placement,
            hosts: Hosts::default(),
            tests: BTreeMap::new(),
        }
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an address is in the book.
    #[must_use]
    pub fn contains(&self, addr: SocketAddr) -> bool {
        self.has(self.hash(Key::from(addr)))
    }

    /// By what to look up the addresses of a list.
    pub(crate) fn hashes(&self, addrs: &[SocketAddr]) -> Vec<Hash> {
        self.rows.hashes(addrs)
    }

    pub(crate) fn hash(&self, key: Key) -> Hash {
        self.rows.hash(key)
    }

    /// As [`Book::contains`].
    pub(crate) fn has(&self, hash: Hash) -> bool {
        self.rows.has(hash)
    }

    /// What is known of an address.
    #[must_use]
    pub fn get(&self, addr: SocketAddr) -> Option<Record> {
        self.rows.record(addr, self.hash(Key::from(addr)))
    }

    /// All records, by address.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        self.rows.iter().map(Entry::record)
    }

    /// The same without making a record of each.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows.iter()
    }

    /// What we may pass on to somebody of that reach, by address.
    pub(crate) fn vouched_for(&self, reach: Option<Scope>, now: Mono) -> impl Iterator<Item = Key> {
        let fits = move |one: &&Contact| one.is_vouched_for(now) && one.scope() >= reach;
        self.rows.contacts().filter(fits).map(Keyed::key)
    }

    /// Where an address has its place.
    #[must_use]
    pub fn bucket_of(&self, addr: SocketAddr) -> Option<Bucket> {
        self.rows.get(addr).map(Row::bucket)
    }

    /// Every place that is taken, by bucket and address.
    pub fn places(&self) -> impl Iterator<Item = (Bucket, SocketAddr)> {
        let place = |entry: Entry<'_>| (entry.row.bucket(), entry.row.key);
        let places: BTreeSet<(Bucket, Key)> = self.rows.iter().map(place).collect();
        places.into_iter().map(|(bucket, key)| (bucket, key.addr()))
    }

    /// Whether an address is in the tried table.
    #[must_use]
    pub fn is_tried(&self, addr: SocketAddr) -> bool {
        self.bucket_of(addr).is_some_and(|bucket| bucket.table == Table::Tried)
    }

    /// Number of tried records.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.buckets.total().tried
    }

    /// Number of new records.
    #[must_use]
    pub fn new_entries(&self) -> usize {
        self.buckets.total().new
    }

    /// How many records each network group has. Where groups are ignored, every address is one.
    pub fn groups(&self) -> impl Iterator<Item = (Group, GroupCount)> {
        group_counts(self.rows.iter().map(|entry| entry.row), self.placement.groups)
    }

    /// Applies what happened to an address, making a record for it if there is room and the change
    /// is a reason to.
    ///
    /// # Errors
    ///
    /// [`Refusal::PortsPerHost`], [`Refusal::GroupShare`] or [`Refusal::BookFull`] for a new
    /// address.
    pub fn note(&mut self, addr: SocketAddr, change: Change, now: Mono) -> Result<Noted, Refusal> {
        self.note_found(addr, self.hash(Key::from(addr)), change, now)
    }

    /// The same for an address that was looked up already.
    pub(crate) fn note_found(
        &mut self,
        addr: SocketAddr,
        hash: Hash,
        change: Change,
        now: Mono,
    ) -> Result<Noted, Refusal> {
        let previous = self.rows.record(addr, hash);
        let Some(next) = Record::next(previous.as_ref(), addr, change, now) else {
            return Ok(Noted::Ignored);
        };
        let noted = if previous.is_some() {
            self.rows.set(&next);
            Noted::Known
        } else {
            let table = if next.last_success.is_some() { Table::Tried } else { Table::New };
            self.admit(next, hash, table, now)?;
            Noted::New
        };
        if self.hosts.note(Host::of(addr), change, now) || noted == Noted::Known {
            self.hold(Host::of(addr));
        }
        match change {
            Change::Succeeded { .. } => self.reached(addr),
            Change::Failed => self.failed(addr, now),
            // Somebody is there, which is what a test is to find out.
            Change::Lasted { .. } | Change::TurnedAway => self.passed(addr),
            Change::Heard { .. }
            | Change::HeardAsNews { .. }
            | Change::Announced { .. }
            | Change::OwnerLeft
            | Change::Dialled
            | Change::Unjudged { .. } => {}
        }
        Ok(noted)
    }

    /// Takes over a record from a snapshot, within the book's bounds. A tried one for which there
    /// is no such place any more becomes a new one. New ones of which there was no sign for too
    /// long are left out; not so the tried, or a clock that is wrong by a month would cost us all
    /// of them.
    pub fn restore(&mut self, record: Record, table: Table, now: Mono) {
        let kept = table == Table::Tried || now.since(record.last_seen) <= HORIZON;
        if kept && !self.contains(record.addr) {
            // Without a place it is forgotten, which is all that a refusal can mean here.
            let hash = self.hash(Key::from(record.addr));
            let _ = self.admit(record, hash, table, now);
        }
    }

    /// Forgets an address: it is our own, or gives its place away.
    pub fn forget(&mut self, addr: SocketAddr) {
        let Some((_, bucket)) = self.release(addr) else {
            return;
        };
        match bucket.table {
            Table::New => self.withdrawn(addr),
            Table::Tried => {
                if let Some(test) = self.end_test(bucket, |_| true) {
                    self.promote(test.newcomer);
                }
            }
        }
        self.forget_host(addr);
    }

    /// The last session of `owner` ended: what only it vouched for is no longer passed on.
    pub fn owner_left(
        &mut self,
        owner: PeerId,
        addrs: impl IntoIterator<Item = SocketAddr>,
        now: Mono,
    ) {
        for addr in addrs {
            if let Some(record) = self.get(addr)
                && record.announced_by == Some(owner)
            {
                let _ = self.note(addr, Change::OwnerLeft, now);
            }
        }
    }

    /// Whether we shook hands with this very peer there.
    #[must_use]
    pub fn is_proven(&self, addr: SocketAddr, peer: PeerId) -> bool {
        self.rows.contact(addr).is_some_and(|contact| contact.proven() == Some(peer))
    }

    /// Whether we ever shook hands with anybody there.
    #[must_use]
    pub fn is_reached(&self, addr: SocketAddr) -> bool {
        self.rows.get(addr).is_some_and(|row| row.reached)
    }

    /// When an address may be dialled; `None` if it is not in the book.
    #[must_use]
    pub fn ready_at(&self, addr: SocketAddr) -> Option<Mono> {
        let row = self.rows.get(addr)?;
        debug_assert!(row.is_held_until(self.hosts.retry_at(Host::of(addr))));
        Some(row.ready_at)
    }

    /// Tried addresses of which a connection is to show whether they still deserve their place; the
    /// outcome is told like any dial's. At most one per bucket of the tried table.
    pub fn tests_wanted(&self) -> impl Iterator<Item = SocketAddr> {
        self.tests.values().map(|test| test.occupant)
    }

    /// Since when dials to an address's host have been in vain, with no answer between them.
    #[must_use]
    pub fn failing_since(&self, addr: SocketAddr) -> Option<Mono> {
        self.hosts.failing_since(Host::of(addr))
    }

    /// Somebody says that a host which is silent for us is back: it may be dialled at `at` already.
    /// Its next failure costs it as much as any in its row.
    pub fn hasten(&mut self, addr: SocketAddr, at: Mono) {
        self.hosts.hasten(Host::of(addr), at);
        self.hold(Host::of(addr));
    }

    /// A network that was parted is whole again: hosts that fell silent at `since` or later are not
    /// waited for any longer.
    pub fn thaw(&mut self, since: Mono, now: Mono) {
        self.hosts.thaw(since, now).into_iter().for_each(|host| self.hold(host));
    }

    pub(crate) fn key(&self) -> [u8; 16] {
        self.placement.key()
    }

    /// Finds a place for a new record, in `table` if that has one, else among the new.
    fn admit(
        &mut self,
        record: Record,
        hash: Hash,
        table: Table,
        now: Mono,
    ) -> Result<(), Refusal> {
        if self.ports(Host::of(record.addr)) >= PORTS_PER_HOST {
            return Err(Refusal::PortsPerHost);
        }
        let tried = match table {
            Table::Tried => {
                self.placement.tried_bucket(record.addr).filter(|bucket| self.has_room(*bucket))
            }
            Table::New => None,
        };
        let bucket = match tried {
            Some(bucket) => bucket,
            None => self.make_room(&record, now)?,
        };
        let retry_at = self.hosts.retry_at(Host::of(record.addr));
        self.buckets.insert(bucket, Key::from(record.addr));
        self.rows.insert(&record, hash, bucket, retry_at);
        Ok(())
    }

    /// Tells a host's rows when it may be dialled.
    fn hold(&mut self, host: Host) {
        let retry_at = self.hosts.retry_at(host);
        self.rows.hold(host, retry_at);
    }

    /// Addresses of a host in the book.
    fn ports(&self, host: Host) -> usize {
        self.rows.of_host(host)
    }

    /// A dial succeeded: the address moves to the tried ones, or asks for a test of the one that
    /// was silent longest in its bucket there.
    fn reached(&mut self, addr: SocketAddr) {
        let Some(bucket) = self.placement.tried_bucket(addr) else {
            return;
        };
        if self.is_tried(addr) {
            self.passed(addr);
        } else if self.has_room(bucket) {
            self.promote(addr);
        } else if !self.tests.contains_key(&bucket) {
            self.list(bucket);
            let silent_longest = self
                .around(bucket, addr)
                .map(|row| self.rows.entry(row).record())
                .min_by_key(|record| (record.last_success, record.addr));
            if let Some(occupant) = silent_longest.map(|record| record.addr) {
                self.tests.insert(bucket, Test { occupant, newcomer: addr });
            }
        }
    }

    /// A tried address was there: whoever waits for its place stays new.
    fn passed(&mut self, addr: SocketAddr) {
        if let Some(bucket) = self.placement.tried_bucket(addr) {
            self.end_test(bucket, |test| test.occupant == addr);
        }
    }

    /// A dial failed. If that was the test, the newcomer gets the place and the occupant is new
    /// again, or forgotten. A newcomer that fails gives up its claim.
    fn failed(&mut self, addr: SocketAddr, now: Mono) {
        let Some(bucket) = self.placement.tried_bucket(addr) else {
            return;
        };
        self.withdrawn(addr);
        if let Some(test) = self.end_test(bucket, |test| test.occupant == addr)
            && let Some((record, _)) = self.release(addr)
        {
            self.promote(test.newcomer);
            let hash = self.hash(Key::from(addr));
            let _ = self.admit(record, hash, Table::New, now);
            self.forget_host(addr);
        }
    }

    /// An address does not wait for another's place any longer.
    fn withdrawn(&mut self, addr: SocketAddr) {
        if let Some(bucket) = self.placement.tried_bucket(addr) {
            self.end_test(bucket, |test| test.newcomer == addr);
        }
    }

    /// Ends a bucket's test if it is the one that is meant.
    fn end_test(&mut self, bucket: Bucket, meant: impl Fn(&Test) -> bool) -> Option<Test> {
        if self.tests.get(&bucket).is_some_and(meant) { self.tests.remove(&bucket) } else { None }
    }

    /// Moves a new address, if it is still there, to the tried ones, where there is room.
    fn promote(&mut self, addr: SocketAddr) {
        if let Some(bucket) = self.placement.tried_bucket(addr)
            && let Some(before) = self.rows.put(addr, bucket)
        {
            self.buckets.remove(before, Key::from(addr));
            self.buckets.insert(bucket, Key::from(addr));
        }
    }

    /// Takes a record out of the book, and nothing else; where it was.
    fn release(&mut self, addr: SocketAddr) -> Option<(Record, Bucket)> {
        let released = self.rows.remove(addr)?;
        self.buckets.remove(released.1, Key::from(addr));
        Some(released)
    }

    /// Forgets the backoff of a host that has no record any more.
    fn forget_host(&mut self, addr: SocketAddr) {
        let host = Host::of(addr);
        if self.ports(host) == 0 {
            self.hosts.forget(host);
        }
    }
}
