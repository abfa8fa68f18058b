//! One address as the book keeps it: a record without what most records lack. What others tell us
//! is mostly never dialled, and costs 80 bytes; what a contact of ours says is kept apart.

use std::net::IpAddr;

use super::{
    placement::Bucket,
    record::{Record, was_alive},
};
use crate::{
    key::Key,
    limits::FEELER_RETRY,
    policy::{self, Scope},
    types::{Mono, PeerId},
};

/// See the module. Only a [`Record`] changes one.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: Key,
    /// When it may be dialled, by its record and by its host.
    pub(crate) ready_at: Mono,
    /// As the record's.
    pub(crate) last_seen: Mono,
    not_before: Mono,
    pub(crate) source: IpAddr,
    pub(crate) bucket: Bucket,
    pub(crate) scope: Option<Scope>,
    reached: bool,
    contact: Option<Box<Contact>>,
}

// Twenty thousand of them, and all are walked over.
const _: () = assert!(size_of::<Row>() <= 80);

/// What there is to say of an address once it was dialled, or its owner was here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) last_success: Option<Mono>,
    pub(crate) last_tried: Option<Mono>,
    pub(crate) failures: u32,
    pub(crate) proven: Option<PeerId>,
    announced_by: Option<PeerId>,
}

const NONE: Contact =
    Contact { last_success: None, last_tried: None, failures: 0, proven: None, announced_by: None };

impl Row {
    /// Of a record whose host is not dialled before `retry_at`.
    pub(crate) fn new(record: &Record, bucket: Bucket, retry_at: Option<Mono>) -> Self {
        let mut row = Self {
            key: Key::from(record.addr),
            ready_at: record.not_before,
            last_seen: record.last_seen,
            not_before: record.not_before,
            source: record.source,
            bucket,
            scope: policy::scope(record.addr.ip()),
            reached: false,
            contact: None,
        };
        row.set(record);
        row.hold(retry_at);
        row
    }

    /// Says what its record says now; its host has its say by [`Row::hold`].
    pub(crate) fn set(&mut self, record: &Record) {
        let contact = Contact {
            last_success: record.last_success,
            last_tried: record.last_tried,
            failures: record.failures,
            proven: record.proven,
            announced_by: record.announced_by,
        };
        self.reached = record.last_success.is_some();
        self.last_seen = record.last_seen;
        self.not_before = record.not_before;
        match &mut self.contact {
            Some(known) => **known = contact,
            None => self.contact = (contact != NONE).then(|| Box::new(contact)),
        }
    }

    /// What is known of the address.
    pub(crate) fn record(&self) -> Record {
        let contact = self.contact();
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

    /// What is not known of most.
    pub(crate) fn contact(&self) -> &Contact {
        self.contact.as_deref().unwrap_or(&NONE)
    }

    /// Its host is not dialled before `retry_at`.
    pub(crate) fn hold(&mut self, retry_at: Option<Mono>) {
        self.ready_at = retry_at.map_or(self.not_before, |at| at.max(self.not_before));
    }

    /// Whether we ever shook hands with anybody there.
    pub(crate) fn is_reached(&self) -> bool {
        self.reached
    }

    /// Since it was last dialled, or first heard of.
    pub(crate) fn waiting_since(&self) -> Mono {
        self.contact().last_tried.unwrap_or(self.last_seen)
    }

    /// Whether it was dialled once, and not for a while.
    pub(crate) fn is_silent(&self, now: Mono) -> bool {
        self.contact().last_tried.is_some_and(|tried| now.since(tried) >= FEELER_RETRY)
    }

    /// As [`Record::is_vouched_for`].
    pub(crate) fn is_vouched_for(&self, now: Mono) -> bool {
        self.contact.as_ref().is_some_and(|contact| {
            contact.announced_by.is_some()
                || (self.reached && contact.failures == 0 && was_alive(self.last_seen, now))
        })
    }
}
