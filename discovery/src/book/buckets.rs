//! Which places are taken: the slots of every bucket, and how many each network group has.
//! Follows the records; decides nothing.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{
    entries::Entries,
    placement::{Bucket, Layout, Table},
};
use crate::{key::Key, policy::Group};

/// A network group's addresses in the book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupCount {
    /// In the new table.
    pub new: usize,
    /// In the tried table.
    pub tried: usize,
}

impl GroupCount {
    fn of(&mut self, table: Table) -> &mut usize {
        match table {
            Table::New => &mut self.new,
            Table::Tried => &mut self.tried,
        }
    }
}

/// A list per bucket, and a count per group.
#[derive(Debug)]
pub(crate) struct Buckets {
    layout: Layout,
    /// The new table's, then the tried one's. Slots in the order of their addresses.
    lists: Vec<Vec<u32>>,
    /// By the group's first address; no entry for a group without addresses.
    groups: BTreeMap<Key, (Group, GroupCount)>,
    total: GroupCount,
}

impl Buckets {
    pub(crate) fn new(layout: Layout) -> Self {
        let lists = usize::from(layout.new.buckets) + usize::from(layout.tried.buckets);
        Self {
            layout,
            lists: vec![Vec::new(); lists],
            groups: BTreeMap::new(),
            total: GroupCount::default(),
        }
    }

    /// Takes an entry's slot.
    pub(crate) fn insert(&mut self, slot: u32, group: Group, entries: &Entries) {
        let entry = entries.at(slot);
        let place = self.rank(entry.bucket, entry.record.addr, entries);
        let list = self.list(entry.bucket);
        self.lists[list].insert(place, slot);
        let (_, count) = self.groups.entry(first(group)).or_insert((group, GroupCount::default()));
        *count.of(entry.bucket.table) += 1;
        *self.total.of(entry.bucket.table) += 1;
    }

    /// Forgets a slot that is in a bucket.
    pub(crate) fn remove(&mut self, slot: u32, bucket: Bucket, group: Group) {
        let list = self.list(bucket);
        let place = self.lists[list].iter().position(|taken| *taken == slot);
        debug_assert!(place.is_some(), "slot {slot} is not in {bucket:?}");
        place.map(|place| self.lists[list].remove(place));
        if let Some((_, count)) = self.groups.get_mut(&first(group)) {
            *count.of(bucket.table) -= 1;
            if *count == GroupCount::default() {
                self.groups.remove(&first(group));
            }
        }
        *self.total.of(bucket.table) -= 1;
    }

    /// Addresses in a bucket.
    pub(crate) fn filled(&self, bucket: Bucket) -> usize {
        self.lists[self.list(bucket)].len()
    }

    /// A bucket's slots, by address, beginning at one and coming round to it.
    pub(crate) fn around(
        &self,
        bucket: Bucket,
        start: SocketAddr,
        entries: &Entries,
    ) -> impl Iterator<Item = u32> {
        let (before, behind) =
            self.lists[self.list(bucket)].split_at(self.rank(bucket, start, entries));
        behind.iter().chain(before).copied()
    }

    pub(crate) fn group(&self, group: Group) -> GroupCount {
        self.groups.get(&first(group)).map(|(_, count)| *count).unwrap_or_default()
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (Group, GroupCount)> {
        self.groups.values().copied()
    }

    pub(crate) fn total(&self) -> GroupCount {
        self.total
    }

    /// Every bucket's slots.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Bucket, u32)> {
        let new = self.layout.new.buckets;
        let bucket = move |list: u16| match list.checked_sub(new) {
            Some(index) => Bucket { table: Table::Tried, index },
            None => Bucket { table: Table::New, index: list },
        };
        (0..)
            .zip(&self.lists)
            .flat_map(move |(list, slots)| slots.iter().map(move |slot| (bucket(list), *slot)))
    }

    /// Where an address is among a bucket's, or would be.
    fn rank(&self, bucket: Bucket, addr: SocketAddr, entries: &Entries) -> usize {
        let key = Key::from(addr);
        self.lists[self.list(bucket)]
            .partition_point(|slot| Key::from(entries.at(*slot).record.addr) < key)
    }

    fn list(&self, bucket: Bucket) -> usize {
        match bucket.table {
            Table::New => usize::from(bucket.index),
            Table::Tried => usize::from(self.layout.new.buckets) + usize::from(bucket.index),
        }
    }
}

fn first(group: Group) -> Key {
    Key::from(*group.range().start())
}
