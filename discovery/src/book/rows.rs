//! All that is known of addresses, and by what to find it: rows, contacts, the index. Follows the
//! records; decides nothing.

use std::net::SocketAddr;

use super::{
    contact::Contact,
    index::Index,
    order::{Keyed, Order},
    placement::Bucket,
    record::Record,
    row::{Entry, Row},
};
use crate::{
    hashes::Hash,
    key::Key,
    policy::{Group, Host},
    types::Mono,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Rows {
    index: Index,
    rows: Order<Row>,
    /// One for each row that says so.
    contacts: Order<Contact>,
}

impl Rows {
    /// None; `key` is the index's.
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self { index: Index::new(key), rows: Order::default(), contacts: Order::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// By what to look up the addresses of a list. Before the first one is used memory is asked for
    /// all of them, with nothing to compute in between, so that it is waited for once and not for
    /// each.
    pub(crate) fn hashes(&self, addrs: &[SocketAddr]) -> Vec<Hash> {
        let hashes: Vec<Hash> = addrs.iter().map(|addr| self.hash(Key::from(*addr))).collect();
        std::hint::black_box(hashes.iter().map(|hash| self.index.hashes.peek(*hash)).max());
        hashes
    }

    pub(crate) fn hash(&self, key: Key) -> Hash {
        self.index.hash(key)
    }

    pub(crate) fn has(&self, hash: Hash) -> bool {
        self.index.hashes.has(hash)
    }

    pub(crate) fn get(&self, addr: SocketAddr) -> Option<&Row> {
        self.find(Key::from(addr))
    }

    pub(crate) fn find(&self, key: Key) -> Option<&Row> {
        self.rows.get(key)
    }

    /// Of most addresses that are asked for nothing is known, which the index says more quickly.
    pub(crate) fn record(&self, addr: SocketAddr, hash: Hash) -> Option<Record> {
        let row = if self.has(hash) { self.get(addr)? } else { return None };
        Some(self.entry(row).record())
    }

    /// A row of these with its contact.
    pub(crate) fn entry<'a>(&'a self, row: &'a Row) -> Entry<'a> {
        Entry { row, contact: row.has_contact().then(|| self.contacts.get(row.key)).flatten() }
    }

    /// All, by address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut contacts = self.contacts.iter();
        self.rows.iter().map(move |row| {
            let contact = if row.has_contact() { contacts.next() } else { None };
            debug_assert_eq!(contact.map(Keyed::key), row.has_contact().then_some(row.key));
            Entry { row, contact }
        })
    }

    /// Those of whom there is more to say, by address.
    pub(crate) fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.iter()
    }

    pub(crate) fn contact(&self, addr: SocketAddr) -> Option<&Contact> {
        self.contacts.get(Key::from(addr))
    }

    /// How many a host has.
    pub(crate) fn of_host(&self, host: Host) -> usize {
        self.rows.count(Key::of_host(host))
    }

    /// A group's rows, by address, beginning at one and coming round to it.
    pub(crate) fn of_group(&self, group: Group, start: SocketAddr) -> impl Iterator<Item = &Row> {
        let ((first, last), start) = (Key::of_group(group).into_inner(), Key::from(start));
        let before = self.rows.range(first..=start).filter(move |row| row.key != start);
        self.rows.range(start..=last).chain(before)
    }

    /// Takes in a record for an address that has none.
    pub(crate) fn insert(
        &mut self,
        record: &Record,
        hash: Hash,
        bucket: Bucket,
        retry_at: Option<Mono>,
    ) {
        let row = Row::new(record, bucket, retry_at);
        if row.has_contact() {
            self.contacts.insert(Contact::of(record));
        }
        self.index.hashes.insert(hash);
        self.rows.insert(row);
    }

    /// Replaces an address's record.
    pub(crate) fn set(&mut self, record: &Record) {
        let Some(row) = self.rows.get_mut(Key::from(record.addr)) else { return };
        row.set(record);
        if row.has_contact() {
            let contact = Contact::of(record);
            match self.contacts.get_mut(row.key) {
                Some(known) => *known = contact,
                None => self.contacts.insert(contact),
            }
        }
    }

    /// Moves an address to another bucket; says from which.
    pub(crate) fn put(&mut self, addr: SocketAddr, bucket: Bucket) -> Option<Bucket> {
        self.rows.get_mut(Key::from(addr)).map(|row| row.put(bucket))
    }

    /// A host is not dialled before `retry_at`.
    pub(crate) fn hold(&mut self, host: Host, retry_at: Option<Mono>) {
        self.rows.update(Key::of_host(host), |row| row.hold(retry_at));
    }

    /// Takes an address's record out; where it was.
    pub(crate) fn remove(&mut self, addr: SocketAddr) -> Option<(Record, Bucket)> {
        let row = self.rows.remove(Key::from(addr))?;
        self.index.hashes.remove(self.hash(row.key));
        let contact = row.has_contact().then(|| self.contacts.remove(row.key)).flatten();
        Some((Entry { row: &row, contact: contact.as_ref() }.record(), row.bucket()))
    }
}
