//! One address as the book keeps it: a record without what most records lack. What others tell us
//! is mostly never dialled, and costs 80 bytes; what a contact of ours says is kept apart.

use std::net::IpAddr;

use super::{placement::Bucket, record::Record};
use crate::{
    key::Key,
    policy::{self, Scope},
    types::{Mono, PeerId},
};

/// See the module. Written whole, from a [`Record`].
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: Key,
    /// When it may be dialled, by its record and by its host.
    pub(crate) ready_at: Mono,
    pub(crate) bucket: Bucket,
    pub(crate) scope: Option<Scope>,
    source: IpAddr,
    last_seen: Mono,
    not_before: Mono,
    contact: Option<Box<Contact>>,
}

// Twenty thousand of them, and all are walked over.
const _: () = assert!(size_of::<Row>() <= 80);

/// What there is to say of an address once it was dialled, or its owner was here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Contact {
    last_success: Option<Mono>,
    last_tried: Option<Mono>,
    failures: u32,
    proven: Option<PeerId>,
    announced_by: Option<PeerId>,
}

impl Row {
    /// Of a record whose host is not dialled before `retry_at`.
    pub(crate) fn new(record: &Record, bucket: Bucket, retry_at: Option<Mono>) -> Self {
        let contact = Contact {
            last_success: record.last_success,
            last_tried: record.last_tried,
            failures: record.failures,
            proven: record.proven,
            announced_by: record.announced_by,
        };
        Self {
            key: Key::from(record.addr),
            ready_at: later(record.not_before, retry_at),
            bucket,
            scope: policy::scope(record.addr.ip()),
            source: record.source,
            last_seen: record.last_seen,
            not_before: record.not_before,
            contact: (contact != Contact::default()).then(|| Box::new(contact)),
        }
    }

    /// What is known of the address.
    pub(crate) fn record(&self) -> Record {
        let contact = self.contact.as_deref().copied().unwrap_or_default();
        Record {
            addr: self.key.addr(),
            source: self.source,
            last_seen: self.last_seen,
            last_success: contact.last_success,
            last_tried: contact.last_tried,
            failures: contact.failures,
            proven: contact.proven,
            announced_by: contact.announced_by,
            not_before: self.not_before,
        }
    }

    /// Its host is not dialled before `retry_at`.
    pub(crate) fn hold(&mut self, retry_at: Option<Mono>) {
        self.ready_at = later(self.not_before, retry_at);
    }

    /// As [`Record::is_vouched_for`]. Nobody vouches for most, and this sees it at a glance.
    pub(crate) fn is_vouched_for(&self, now: Mono) -> bool {
        self.contact.is_some() && self.record().is_vouched_for(now)
    }
}

fn later(not_before: Mono, retry_at: Option<Mono>) -> Mono {
    retry_at.map_or(not_before, |at| at.max(not_before))
}
