//! The records: each in a slot that it keeps for as long as it lives, found by address through a
//! hash whose key only this node knows, walked over in the order of addresses. The hash decides
//! nothing but how fast that is: no order comes from it.
//!
//! | what | found by | holds |
//! | --- | --- | --- |
//! | slots | number | record, bucket |
//! | index | address | slot |
//! | [`Order`] | rank | slot, and what is asked of all addresses at once |
//!
//! As many slots as there were ever records at a time: [`crate::limits::BOOK_CAPACITY`] at most.

use std::{hash::Hasher, net::SocketAddr};

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use super::{
    order::{Line, Order},
    placement::Bucket,
    record::Record,
};
use crate::{key::Key, policy, types::Mono};

/// A record and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    pub(crate) bucket: Bucket,
}

pub(crate) struct Entries {
    hash_key: [u8; 16],
    pub(crate) slots: Vec<Entry>,
    /// Slots without a record, the last one forgotten last.
    free: Vec<u32>,
    index: HashTable<u32>,
    pub(crate) order: Order,
}

impl std::fmt::Debug for Entries {
    /// Without the key: who reads it in a log can slow our look-ups down.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Entries {
    pub(crate) fn new(hash_key: [u8; 16]) -> Self {
        Self {
            hash_key,
            slots: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            order: Order::default(),
        }
    }

    /// Where an address's record is.
    pub(crate) fn find(&self, addr: SocketAddr) -> Option<u32> {
        let is_it = |slot: &u32| self.at(*slot).record.addr == addr;
        self.index.find(hash(self.hash_key, addr), is_it).copied()
    }

    /// The record in a slot that [`Entries::find`] or a line told.
    pub(crate) fn at(&self, slot: u32) -> &Entry {
        &self.slots[slot as usize]
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> &mut Entry {
        &mut self.slots[slot as usize]
    }

    pub(crate) fn get(&self, addr: SocketAddr) -> Option<&Entry> {
        self.find(addr).map(|slot| self.at(slot))
    }

    /// All of them, by address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().map(|line| self.at(line.slot))
    }

    /// Takes a record for an address that has none. `retry_at` as for [`line`].
    pub(crate) fn insert(&mut self, entry: Entry, retry_at: Option<Mono>) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            u32::try_from(self.slots.len()).expect("the book is bounded far below that")
        });
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = entry,
            None => {
                // By a quarter, not by as much again: a full book is to pay for what it holds.
                if self.slots.len() == self.slots.capacity() {
                    self.slots.reserve_exact(16.max(self.slots.len() / 4));
                }
                self.slots.push(entry);
            }
        }
        let (hash_key, slots) = (self.hash_key, &self.slots);
        let rehash = |slot: &u32| hash(hash_key, slots[*slot as usize].record.addr);
        self.index.insert_unique(hash(hash_key, entry.record.addr), slot, rehash);
        self.order.insert(line(slot, &entry.record, retry_at));
        slot
    }

    /// Takes a record out.
    pub(crate) fn remove(&mut self, addr: SocketAddr) -> Option<(u32, Entry)> {
        let slots = &self.slots;
        let is_it = |slot: &u32| slots[*slot as usize].record.addr == addr;
        let found = self.index.find_entry(hash(self.hash_key, addr), is_it).ok()?;
        let (slot, _) = found.remove();
        self.order.remove(Key::from(addr));
        self.free.push(slot);
        Some((slot, self.slots[slot as usize]))
    }
}

/// What the order says of a record whose host is not dialled before `retry_at`.
pub(crate) fn line(slot: u32, record: &Record, retry_at: Option<Mono>) -> Line {
    Line {
        key: Key::from(record.addr),
        slot,
        scope: policy::scope(record.addr.ip()),
        ready_at: retry_at.map_or(record.not_before, |at| at.max(record.not_before)),
        vouched_until: record.vouched_until().unwrap_or(Mono(i64::MIN)),
    }
}

fn hash(key: [u8; 16], addr: SocketAddr) -> u64 {
    let mut hasher = SipHasher13::new_with_key(&key);
    hasher.write(&Key::from(addr).bytes());
    hasher.finish()
}
