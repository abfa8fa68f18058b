//! Who gives up a place among the new for a newcomer.

use std::{cmp::Reverse, net::SocketAddr};

use super::{Book, Bucket, Entry, Record, Row};
use crate::{
    key::Key,
    limits::BUCKET_SIZE,
    policy::{Group, Refusal},
    types::Mono,
};

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
    /// A bucket of the new table with room for a record within its group's share, if need be by
    /// forgetting one of that group and one of that bucket.
    pub(super) fn make_room(&mut self, record: &Record, now: Mono) -> Result<Bucket, Refusal> {
        let (group, standing) = (self.placement.group(record.addr), Standing::of(record));
        let share = self.placement.layout.new_per_group;
        // In a small book nobody has used up a share, and groups need not even be counted.
        let share_used = self.buckets.total().new >= share && {
            let rows = &self.rows;
            self.buckets.count_groups(|| rows.iter().map(|entry| entry.row));
            self.buckets.group(Key::from(record.addr)).new >= share
        };
        let of_group = match share_used {
            true => Some(
                self.dispensable(self.members(group, record.addr), standing, now)
                    .ok_or(Refusal::GroupShare)?,
            ),
            false => None,
        };
        // Not before: most of a flood is refused by now, and a bucket takes three hashes to find.
        let bucket = self.placement.new_bucket(record);
        let relieved = of_group.is_some_and(|addr| self.bucket_of(addr) == Some(bucket));
        let of_bucket = match relieved || self.has_room(bucket) {
            true => None,
            false => Some({
                self.list(bucket);
                self.dispensable(self.around(bucket, record.addr), standing, now)
                    .ok_or(Refusal::BookFull)?
            }),
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
            // Of a crowd that nobody dialled none may go, and no record is made to see it.
            .filter(|row| standing == Standing::Vouched || row.may_be_terrible(now))
            .map(|row| self.rows.entry(row).record())
            .filter(|record| {
                record.is_terrible(now) || (standing == Standing::Vouched && record.is_hearsay())
            })
            .max_by_key(|record| {
                (record.is_terrible(now), record.failures, Reverse(record.last_seen), record.addr)
            })
            .map(|record| record.addr)
    }

    /// A group's new rows, by address, beginning at one and coming round to it.
    fn members(&self, group: Group, start: SocketAddr) -> impl Iterator<Item = &Row> {
        self.rows.of_group(group, start).filter(|row| !row.is_tried())
    }

    /// Sees to it that a bucket can be looked through.
    pub(super) fn list(&mut self, bucket: Bucket) {
        let of_bucket = |entry: &Entry<'_>| entry.row.bucket() == bucket;
        let rows = &self.rows;
        self.buckets
            .list(bucket, || rows.iter().filter(of_bucket).map(|entry| entry.row.key).collect());
    }

    /// The rows of a bucket that [`Book::list`] was asked for, likewise.
    pub(super) fn around(&self, bucket: Bucket, start: SocketAddr) -> impl Iterator<Item = &Row> {
        self.buckets.around(bucket, Key::from(start)).filter_map(|key| self.rows.find(key))
    }

    pub(super) fn has_room(&self, bucket: Bucket) -> bool {
        self.buckets.filled(bucket) < self.placement.layout.grid(bucket.table).size
    }
}
