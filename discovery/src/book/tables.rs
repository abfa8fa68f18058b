//! The book: which records there are, and in which of the two tables.
//!
//! What others tell us stays *new* until we dialled it with success; what we dialled with success
//! is *tried* and leaves only after a failed test connection. Both tables are bounded, and so is
//! what one source or one network group gets of either: what a flood pushes out is its own.
//!
//! A full book of 20,480 records, a fifth of them reached, takes 281 bytes per record all in; one of
//! a thousand, nearly all hearsay, 233 (`benches/book.rs` measures both): its row 80, with the slack
//! of its block 115; its key in a bucket 24 to 48; its hash 14; what there is to say of a contact
//! 110; the rest counts of groups, of which the bench's addresses have nearly one each. Nothing else
//! in the engine grows with the number of addresses, but for a backoff of each host that failed.

use std::{cmp::Reverse, collections::BTreeMap, net::SocketAddr};

use super::{
    buckets::{Buckets, GroupCount},
    hosts::Hosts,
    index::Index,
    order::Order,
    placement::{Bucket, Layout, Placement, Table},
    record::{Change, Record},
    row::Row,
};
use crate::{
    key::Key,
    limits::{BUCKET_SIZE, HORIZON, PORTS_PER_HOST},
    policy::{Group, Groups, Host, Refusal},
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
    rows: Order,
    index: Index,
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

/// What speaks for a record that wants a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Others say so. It takes the place of what is terrible.
    Hearsay,
    /// Its owner's session or a connection of ours. It takes the place of hearsay, too.
    Vouched,
}

impl Standing {
    fn of(record: &Record) -> Self {
        if record.is_hearsay() { Self::Hearsay } else { Self::Vouched }
    }
}

impl Book {
    /// An empty book. `key` must be unpredictable in a node, and the same after a restart, or
    /// addresses would change their buckets.
    #[must_use]
    pub fn new(key: [u8; 16], layout: Layout, groups: Groups) -> Self {
        let placement = Placement::new(key, layout, groups);
        Self {
            rows: Order::default(),
            index: Index::new(placement.index_key()),
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
        self.index.has(Key::from(addr))
    }

    /// What is known of an address.
    #[must_use]
    pub fn get(&self, addr: SocketAddr) -> Option<Record> {
        self.row(addr).map(Row::record)
    }

    /// All records, by address.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        self.rows.iter().map(Row::record)
    }

    /// The same without making a record of each.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Where an address has its place.
    #[must_use]
    pub fn bucket_of(&self, addr: SocketAddr) -> Option<Bucket> {
        self.row(addr).map(|row| row.bucket)
    }

    /// Every place that is taken, by bucket.
    pub fn places(&self) -> impl Iterator<Item = (Bucket, SocketAddr)> {
        self.buckets.places()
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
        self.buckets.groups()
    }

    /// Applies what happened to an address, making a record for it if there is room and the change
    /// is a reason to.
    ///
    /// # Errors
    ///
    /// [`Refusal::PortsPerHost`], [`Refusal::GroupShare`] or [`Refusal::BookFull`] for a new
    /// address.
    pub fn note(&mut self, addr: SocketAddr, change: Change, now: Mono) -> Result<Noted, Refusal> {
        let known = self.rows.get_mut(Key::from(addr));
        let previous = known.as_ref().map(|row| row.record());
        let Some(next) = Record::next(previous.as_ref(), addr, change, now) else {
            return Ok(Noted::Ignored);
        };
        let noted = if let Some(row) = known {
            row.set(&next);
            Noted::Known
        } else {
            let table = if next.last_success.is_some() { Table::Tried } else { Table::New };
            self.admit(next, table, now)?;
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
            let _ = self.admit(record, table, now);
        }
    }

    /// Forgets an address: it is our own, or gives its place away.
    pub fn forget(&mut self, addr: SocketAddr) {
        let Some(Row { bucket, .. }) = self.release(addr) else {
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
        self.row(addr).is_some_and(|row| row.contact().proven == Some(peer))
    }

    /// Whether we ever shook hands with anybody there.
    #[must_use]
    pub fn is_reached(&self, addr: SocketAddr) -> bool {
        self.row(addr).is_some_and(Row::is_reached)
    }

    /// When an address may be dialled; `None` if it is not in the book.
    #[must_use]
    pub fn ready_at(&self, addr: SocketAddr) -> Option<Mono> {
        let row = self.row(addr)?;
        debug_assert_eq!(
            row.ready_at,
            Row::new(&row.record(), row.bucket, self.hosts.retry_at(Host::of(addr))).ready_at
        );
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
    fn admit(&mut self, record: Record, table: Table, now: Mono) -> Result<(), Refusal> {
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
        self.index.insert(Key::from(record.addr));
        self.rows.insert(Row::new(&record, bucket, retry_at));
        Ok(())
    }

    /// Tells a host's rows when it may be dialled.
    fn hold(&mut self, host: Host) {
        let retry_at = self.hosts.retry_at(host);
        self.rows.update(Key::of_host(host), |row| row.hold(retry_at));
    }

    /// A bucket of the new table with room for a record within its group's share, if need be by
    /// forgetting one of that group and one of that bucket.
    fn make_room(&mut self, record: &Record, now: Mono) -> Result<Bucket, Refusal> {
        let (bucket, group, standing) = (
            self.placement.new_bucket(record),
            self.placement.group(record.addr),
            Standing::of(record),
        );
        let share_used =
            self.buckets.group(Key::from(record.addr)).new >= self.placement.layout.new_per_group;
        let of_group = match share_used {
            true => Some(
                self.dispensable(self.members(group, record.addr), standing, now)
                    .ok_or(Refusal::GroupShare)?,
            ),
            false => None,
        };
        let relieved = of_group.is_some_and(|addr| self.bucket_of(addr) == Some(bucket));
        let of_bucket = match relieved || self.has_room(bucket) {
            true => None,
            false => Some(
                self.dispensable(self.around(bucket, record.addr), standing, now)
                    .ok_or(Refusal::BookFull)?,
            ),
        };
        for addr in of_group.into_iter().chain(of_bucket) {
            self.forget(addr);
        }
        Ok(bucket)
    }

    /// The least valuable of the first candidates that may go for a newcomer of this standing. No
    /// more than a bucket is looked at, whatever the layout.
    fn dispensable<'a>(
        &self,
        candidates: impl Iterator<Item = &'a Row>,
        standing: Standing,
        now: Mono,
    ) -> Option<SocketAddr> {
        candidates
            .take(BUCKET_SIZE)
            .map(Row::record)
            .filter(|record| {
                record.is_terrible(now) || (standing == Standing::Vouched && record.is_hearsay())
            })
            .max_by_key(|record| {
                (record.is_terrible(now), record.failures, Reverse(record.last_seen), record.addr)
            })
            .map(|record| record.addr)
    }

    fn row(&self, addr: SocketAddr) -> Option<&Row> {
        self.rows.get(Key::from(addr))
    }

    /// A group's new rows, by address, beginning at one and coming round to it.
    fn members(&self, group: Group, start: SocketAddr) -> impl Iterator<Item = &Row> {
        let ((first, last), start) = (group.range().into_inner(), Key::from(start));
        let behind = self.rows.range(start..=Key::from(last));
        let before = self.rows.range(Key::from(first)..=start).filter(move |row| row.key != start);
        behind.chain(before).filter(|row| row.bucket.table == Table::New)
    }

    /// A bucket's rows, likewise.
    fn around(&self, bucket: Bucket, start: SocketAddr) -> impl Iterator<Item = &Row> {
        self.buckets.around(bucket, Key::from(start)).filter_map(|key| self.rows.get(key))
    }

    fn has_room(&self, bucket: Bucket) -> bool {
        self.buckets.filled(bucket) < self.placement.layout.grid(bucket.table).size
    }

    /// Addresses of a host in the book.
    fn ports(&self, host: Host) -> usize {
        self.rows.range(Key::of_host(host)).count()
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
            let silent_longest = self
                .around(bucket, addr)
                .map(Row::record)
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
            && let Some(row) = self.release(addr)
        {
            self.promote(test.newcomer);
            let _ = self.admit(row.record(), Table::New, now);
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
        let key = Key::from(addr);
        if let Some(bucket) = self.placement.tried_bucket(addr)
            && let Some(row) = self.rows.get_mut(key)
        {
            let before = std::mem::replace(&mut row.bucket, bucket);
            self.buckets.remove(before, key);
            self.buckets.insert(bucket, key);
        }
    }

    /// Takes a row out of the book, and nothing else.
    fn release(&mut self, addr: SocketAddr) -> Option<Row> {
        let row = self.rows.remove(Key::from(addr))?;
        self.buckets.remove(row.bucket, row.key);
        self.index.remove(row.key);
        Some(row)
    }

    /// Forgets the backoff of a host that has no record any more.
    fn forget_host(&mut self, addr: SocketAddr) {
        let host = Host::of(addr);
        if self.ports(host) == 0 {
            self.hosts.forget(host);
        }
    }
}
