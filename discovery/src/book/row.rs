//! One address as the book keeps it: in a row what is known of every address, and apart from it what
//! is known of a [`Contact`]. What others tell us is mostly never dialled, and costs a row of 64 bytes: a
//! line of memory, which is what a walk over all of them takes time for.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    contact::Contact,
    order::Keyed,
    placement::{Bucket, Table},
    record::{Record, is_old},
};
use crate::{key::Key, limits::FEELER_RETRY, types::Mono};

/// See the module. Only a [`Record`] changes one.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Row {
    pub(crate) key: Key,
    /// When it may be dialled, by its record and by its host.
    pub(crate) ready_at: Mono,
    /// As the record's.
    pub(crate) last_seen: Mono,
    not_before: Mono,
    /// An IPv4 one as IPv6 maps it.
    source: Ipv6Addr,
    place: Place,
    /// Whether we ever shook hands with anybody there.
    pub(crate) reached: bool,
    /// Whether there is a [`Contact`].
    contact: bool,
}

const _: () = assert!(size_of::<Row>() == 64);

/// A [`Bucket`] in two bytes.
#[derive(Debug, Clone, Copy)]
struct Place(u16);

/// A row with what is known of its contact, if anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) row: &'a Row,
    pub(crate) contact: Option<&'a Contact>,
}

impl Place {
    const TRIED: u16 = 1 << 15;

    fn of(bucket: Bucket) -> Self {
        match bucket.table {
            Table::New => Self(bucket.index),
            Table::Tried => Self(bucket.index | Self::TRIED),
        }
    }

    fn bucket(self) -> Bucket {
        let table = if self.0 < Self::TRIED { Table::New } else { Table::Tried };
        Bucket { table, index: self.0 & !Self::TRIED }
    }
}

impl Keyed for Row {
    fn key(&self) -> Key {
        self.key
    }
}

impl Row {
    /// Of a record whose host is not dialled before `retry_at`.
    pub(crate) fn new(record: &Record, bucket: Bucket, retry_at: Option<Mono>) -> Self {
        let mut row = Self {
            key: Key::from(record.addr),
            ready_at: record.not_before,
            last_seen: record.last_seen,
            not_before: record.not_before,
            source: match record.source {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            },
            place: Place::of(bucket),
            reached: false,
            contact: false,
        };
        row.set(record);
        row.hold(retry_at);
        row
    }

    /// Says what its record says now; its host has its say by [`Row::hold`], and a contact is noted
    /// by whoever keeps them.
    pub(crate) fn set(&mut self, record: &Record) {
        self.reached = record.last_success.is_some();
        self.contact |= Contact::is_any(record);
        self.last_seen = record.last_seen;
        self.not_before = record.not_before;
    }

    /// Its host is not dialled before `retry_at`.
    pub(crate) fn hold(&mut self, retry_at: Option<Mono>) {
        self.ready_at = self.ready_after(retry_at);
    }

    /// Whether that is what it was told last.
    pub(crate) fn is_held_until(&self, retry_at: Option<Mono>) -> bool {
        self.ready_at == self.ready_after(retry_at)
    }

    fn ready_after(&self, retry_at: Option<Mono>) -> Mono {
        retry_at.map_or(self.not_before, |at| at.max(self.not_before))
    }

    pub(crate) fn bucket(&self) -> Bucket {
        self.place.bucket()
    }

    /// Moves it to another bucket; says from which.
    pub(crate) fn put(&mut self, bucket: Bucket) -> Bucket {
        std::mem::replace(&mut self.place, Place::of(bucket)).bucket()
    }

    pub(crate) fn is_tried(&self) -> bool {
        self.bucket().table == Table::Tried
    }

    pub(crate) fn source(&self) -> IpAddr {
        IpAddr::V6(self.source).to_canonical()
    }

    pub(crate) fn has_contact(&self) -> bool {
        self.contact
    }

    /// Whether its record may be [`Record::is_terrible`]: of what was never dialled, only by its age.
    pub(crate) fn may_be_terrible(&self, now: Mono) -> bool {
        self.contact || is_old(self.last_seen, now)
    }
}

impl Entry<'_> {
    /// What is known of the address. In line: who looks through a bucket uses a field or two.
    #[inline(always)]
    pub(crate) fn record(self) -> Record {
        let Entry { row, contact } = self;
        Record {
            addr: row.key.addr(),
            source: row.source(),
            last_seen: row.last_seen,
            last_success: contact.and_then(Contact::last_success),
            last_tried: contact.and_then(Contact::last_tried),
            failures: contact.map_or(0, Contact::failures),
            proven: contact.and_then(Contact::proven),
            announced_by: contact.and_then(Contact::announced_by),
            not_before: row.not_before,
        }
    }

    fn last_tried(self) -> Option<Mono> {
        self.contact.and_then(Contact::last_tried)
    }

    /// Since it was last dialled, or first heard of.
    pub(crate) fn waiting_since(self) -> Mono {
        self.last_tried().unwrap_or(self.row.last_seen)
    }

    /// Whether it was dialled once, and not for a while.
    pub(crate) fn is_silent(self, now: Mono) -> bool {
        self.last_tried().is_some_and(|tried| now.since(tried) >= FEELER_RETRY)
    }
}
