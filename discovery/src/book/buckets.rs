//! Which places are taken: how many each bucket and each network group has, and the addresses of the
//! buckets that are full. Follows the records; decides nothing.

use std::collections::BTreeMap;

use super::placement::{Bucket, Layout, Table};
use crate::{
    key::Key,
    policy::{Group, Groups},
};

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

/// Counts per bucket and per group. Most buckets are never full, and nobody asks whose addresses are
/// in one that is not: the list of one's addresses is made when it is asked for, and kept.
#[derive(Debug)]
pub(crate) struct Buckets {
    layout: Layout,
    counted: Groups,
    /// The new table's, then the tried one's.
    filled: Vec<u32>,
    /// By the place of its count; each in order.
    lists: BTreeMap<usize, Vec<Key>>,
    /// By the group's first address; no entry for a group without addresses.
    groups: BTreeMap<Key, GroupCount>,
    total: GroupCount,
}

impl Buckets {
    pub(crate) fn new(layout: Layout, counted: Groups) -> Self {
        let buckets = usize::from(layout.new.buckets) + usize::from(layout.tried.buckets);
        Self {
            layout,
            counted,
            filled: vec![0; buckets],
            lists: BTreeMap::new(),
            groups: BTreeMap::new(),
            total: GroupCount::default(),
        }
    }

    pub(crate) fn insert(&mut self, bucket: Bucket, key: Key) {
        let at = self.at(bucket);
        self.filled[at] += 1;
        if let Some(list) = self.lists.get_mut(&at) {
            let place = list.binary_search(&key);
            debug_assert!(place.is_err(), "{key:?} is there already");
            list.insert(place.unwrap_or_else(|place| place), key);
        }
        *self.groups.entry(self.first(key)).or_default().of(bucket.table) += 1;
        *self.total.of(bucket.table) += 1;
    }

    pub(crate) fn remove(&mut self, bucket: Bucket, key: Key) {
        let (at, first) = (self.at(bucket), self.first(key));
        self.filled[at] -= 1;
        if let Some(list) = self.lists.get_mut(&at) {
            let place = list.binary_search(&key);
            debug_assert!(place.is_ok(), "{key:?} was not there");
            place.into_iter().for_each(|place| _ = list.remove(place));
        }
        if let Some(count) = self.groups.get_mut(&first) {
            *count.of(bucket.table) -= 1;
            if *count == GroupCount::default() {
                self.groups.remove(&first);
            }
        }
        *self.total.of(bucket.table) -= 1;
    }

    /// Addresses in a bucket.
    pub(crate) fn filled(&self, bucket: Bucket) -> usize {
        self.filled[self.at(bucket)] as usize
    }

    /// Keeps the list of a bucket's addresses from now on; `keys` has them in order, if it is not
    /// kept already.
    pub(crate) fn list(&mut self, bucket: Bucket, keys: impl FnOnce() -> Vec<Key>) {
        let (at, filled) = (self.at(bucket), self.filled(bucket));
        let list = self.lists.entry(at).or_insert_with(keys);
        debug_assert!(list.len() == filled && list.is_sorted());
    }

    /// The addresses of a bucket whose list is kept, in order, beginning at one and coming round to
    /// it.
    pub(crate) fn around(&self, bucket: Bucket, start: Key) -> impl Iterator<Item = Key> {
        let list = self.lists.get(&self.at(bucket)).map_or(&[][..], Vec::as_slice);
        let (before, behind) = list.split_at(list.partition_point(|key| *key < start));
        behind.iter().chain(before).copied()
    }

    /// How many its group has.
    pub(crate) fn group(&self, key: Key) -> GroupCount {
        self.groups.get(&self.first(key)).copied().unwrap_or_default()
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (Group, GroupCount)> {
        self.groups.iter().map(|(key, count)| (Group::counted(key.addr(), self.counted), *count))
    }

    pub(crate) fn total(&self) -> GroupCount {
        self.total
    }

    fn at(&self, bucket: Bucket) -> usize {
        match bucket.table {
            Table::New => usize::from(bucket.index),
            Table::Tried => usize::from(self.layout.new.buckets) + usize::from(bucket.index),
        }
    }

    /// The first address of an address's group.
    fn first(&self, key: Key) -> Key {
        Key::from(*Group::counted(key.addr(), self.counted).range().start())
    }
}
