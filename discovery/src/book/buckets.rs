//! Which places are taken: the addresses of every bucket, and how many each network group has.
//! Follows the records; decides nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
};

use super::placement::{Bucket, Table};
use crate::policy::Group;

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

/// One ordered set instead of a list per bucket: a small network's book costs what its few
/// addresses cost, not three hundred empty lists.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    places: BTreeSet<(Bucket, SocketAddr)>,
    /// Addresses per bucket; no entry for an empty one.
    filled: BTreeMap<Bucket, usize>,
    /// No entry for a group without addresses.
    groups: BTreeMap<Group, GroupCount>,
    total: GroupCount,
}

impl Buckets {
    pub(crate) fn insert(&mut self, bucket: Bucket, group: Group, addr: SocketAddr) {
        let added = self.places.insert((bucket, addr));
        debug_assert!(added, "{addr} is there already");
        *self.filled.entry(bucket).or_default() += 1;
        *self.groups.entry(group).or_default().of(bucket.table) += 1;
        *self.total.of(bucket.table) += 1;
    }

    pub(crate) fn remove(&mut self, bucket: Bucket, group: Group, addr: SocketAddr) {
        let removed = self.places.remove(&(bucket, addr));
        debug_assert!(removed, "{addr} was not there");
        if let Some(filled) = self.filled.get_mut(&bucket) {
            *filled -= 1;
            if *filled == 0 {
                self.filled.remove(&bucket);
            }
        }
        if let Some(count) = self.groups.get_mut(&group) {
            *count.of(bucket.table) -= 1;
            if *count == GroupCount::default() {
                self.groups.remove(&group);
            }
        }
        *self.total.of(bucket.table) -= 1;
    }

    /// Addresses in a bucket.
    pub(crate) fn filled(&self, bucket: Bucket) -> usize {
        self.filled.get(&bucket).copied().unwrap_or(0)
    }

    /// A bucket's addresses, by address, beginning at one and coming round to it.
    pub(crate) fn around(
        &self,
        bucket: Bucket,
        start: SocketAddr,
    ) -> impl Iterator<Item = SocketAddr> {
        let first = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let behind = self.places.range((bucket, start)..).take_while(move |(of, _)| *of == bucket);
        behind.chain(self.places.range((bucket, first)..(bucket, start))).map(|(_, addr)| *addr)
    }

    pub(crate) fn group(&self, group: Group) -> GroupCount {
        self.groups.get(&group).copied().unwrap_or_default()
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (Group, GroupCount)> {
        self.groups.iter().map(|(group, count)| (*group, *count))
    }

    pub(crate) fn total(&self) -> GroupCount {
        self.total
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = (Bucket, SocketAddr)> {
        self.places.iter().copied()
    }
}
