//! Which places are taken: the addresses of every bucket, and how many each network group has.
//! Follows the records; decides nothing.

use std::{collections::BTreeMap, net::SocketAddr};

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

/// A list per bucket, and a count per group.
#[derive(Debug)]
pub(crate) struct Buckets {
    layout: Layout,
    counted: Groups,
    /// The new table's, then the tried one's; each in order.
    lists: Vec<Vec<Key>>,
    /// By the group's first address; no entry for a group without addresses.
    groups: BTreeMap<Key, GroupCount>,
    total: GroupCount,
}

impl Buckets {
    pub(crate) fn new(layout: Layout, counted: Groups) -> Self {
        let lists = usize::from(layout.new.buckets) + usize::from(layout.tried.buckets);
        Self {
            layout,
            counted,
            lists: vec![Vec::new(); lists],
            groups: BTreeMap::new(),
            total: GroupCount::default(),
        }
    }

    pub(crate) fn insert(&mut self, bucket: Bucket, key: Key) {
        let list = self.list(bucket);
        let place = self.lists[list].binary_search(&key);
        debug_assert!(place.is_err(), "{key:?} is there already");
        self.lists[list].insert(place.unwrap_or_else(|place| place), key);
        *self.groups.entry(self.first(key)).or_default().of(bucket.table) += 1;
        *self.total.of(bucket.table) += 1;
    }

    pub(crate) fn remove(&mut self, bucket: Bucket, key: Key) {
        let (list, first) = (self.list(bucket), self.first(key));
        let place = self.lists[list].binary_search(&key);
        debug_assert!(place.is_ok(), "{key:?} was not there");
        let Ok(place) = place else { return };
        self.lists[list].remove(place);
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
        self.lists[self.list(bucket)].len()
    }

    /// A bucket's addresses, in order, beginning at one and coming round to it.
    pub(crate) fn around(&self, bucket: Bucket, start: Key) -> impl Iterator<Item = Key> {
        let list = &self.lists[self.list(bucket)];
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

    /// Every place that is taken, by bucket.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Bucket, SocketAddr)> {
        let new = self.layout.new.buckets;
        let bucket = move |list: u16| match list.checked_sub(new) {
            Some(index) => Bucket { table: Table::Tried, index },
            None => Bucket { table: Table::New, index: list },
        };
        (0..)
            .zip(&self.lists)
            .flat_map(move |(list, keys)| keys.iter().map(move |key| (bucket(list), key.addr())))
    }

    fn list(&self, bucket: Bucket) -> usize {
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
