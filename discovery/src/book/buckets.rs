//! Which places are taken: how many each bucket and each network group has, and the addresses of the
//! buckets that are full. Follows the records; decides nothing.

use std::collections::BTreeMap;

use super::{
    placement::{Bucket, Layout, Table},
    row::Row,
};
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

/// A [`GroupCount`] in half its bytes: in a large book nearly every address has a group of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    new: u32,
    tried: u32,
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
    /// By the group's first address; no entry for a group without addresses. Counted once somebody
    /// asks, which is when the new table has as many addresses as one group may have.
    groups: Option<BTreeMap<Key, Count>>,
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
            groups: None,
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
        let first = self.first(key);
        if let Some(groups) = &mut self.groups {
            groups.entry(first).or_default().add(bucket.table);
        }
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
        if let Some(groups) = &mut self.groups
            && let Some(count) = groups.get_mut(&first)
        {
            count.take(bucket.table);
            if *count == Count::default() {
                groups.remove(&first);
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

    /// Counts groups from now on; `rows` are all that there are, by address.
    pub(crate) fn count_groups<'a, R: Iterator<Item = &'a Row>>(
        &mut self,
        rows: impl FnOnce() -> R,
    ) {
        let counted = self.counted;
        self.groups.get_or_insert_with(|| {
            let first = |(group, count): (Group, GroupCount)| (first_of(group), Count::from(count));
            group_counts(rows(), counted).map(first).collect()
        });
    }

    /// How many its group has, if groups are counted.
    pub(crate) fn group(&self, key: Key) -> GroupCount {
        let count = self.groups.as_ref().and_then(|groups| groups.get(&self.first(key)));
        count.map_or_else(GroupCount::default, |count| GroupCount {
            new: count.new as usize,
            tried: count.tried as usize,
        })
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
        first_of(Group::counted(key.addr(), self.counted))
    }
}

impl Count {
    fn add(&mut self, table: Table) {
        *self.of(table) += 1;
    }

    fn take(&mut self, table: Table) {
        *self.of(table) -= 1;
    }

    fn of(&mut self, table: Table) -> &mut u32 {
        match table {
            Table::New => &mut self.new,
            Table::Tried => &mut self.tried,
        }
    }
}

impl From<GroupCount> for Count {
    fn from(GroupCount { new, tried }: GroupCount) -> Self {
        let number = |count: usize| u32::try_from(count).expect("a table has fewer places");
        Self { new: number(new), tried: number(tried) }
    }
}

/// How many of these rows, which come by address, each group has.
pub(crate) fn group_counts<'a>(
    rows: impl Iterator<Item = &'a Row>,
    counted: Groups,
) -> impl Iterator<Item = (Group, GroupCount)> {
    let group = move |row: &Row| Group::counted(row.key.addr(), counted);
    let mut rows = rows.peekable();
    std::iter::from_fn(move || {
        let this = group(rows.peek()?);
        let mut count = GroupCount::default();
        while let Some(row) = rows.next_if(|row| group(row) == this) {
            *count.of(row.bucket().table) += 1;
        }
        Some((this, count))
    })
}

fn first_of(group: Group) -> Key {
    Key::from(*group.range().start())
}
