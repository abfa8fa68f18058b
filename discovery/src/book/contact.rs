//! What there is to say of an address once it was dialled, or its owner was here: kept apart from its
//! row, since most addresses are known by hearsay only.
//!
//! In a full book nearly half the addresses have one, so its size is most of what an address costs:
//! two identities that are mostly the same one are kept once, and a moment that never was is a number.

use super::record::{Record, was_alive};
use crate::{
    book::order::Keyed,
    key::Key,
    policy::{self, Scope},
    types::{Mono, PeerId},
};

/// See the module. Only a [`Record`] changes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    key: Key,
    failures: u32,
    last_success: Moment,
    last_tried: Moment,
    /// As the row's.
    last_seen: Mono,
    peers: Peers,
}

const _: () = assert!(size_of::<Contact>() == 88);

/// A moment that may never have been: then the first one that there is, at which nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment(i64);

/// Who shook hands with us there, and the living peer that announced it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Peers {
    Nobody,
    Proven(PeerId),
    Announced(PeerId),
    /// Both are the same.
    Owner(PeerId),
    /// Who was there before, and who says that he is there now. Rare enough for an allocation.
    Changed(Box<[PeerId; 2]>),
}

impl Contact {
    /// What a record says beyond a row.
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            key: Key::from(record.addr),
            failures: record.failures,
            last_success: Moment::of(record.last_success),
            last_tried: Moment::of(record.last_tried),
            last_seen: record.last_seen,
            peers: Peers::of(record.proven, record.announced_by),
        }
    }

    /// Whether that is anything. Of most it is nothing.
    pub(crate) fn is_any(record: &Record) -> bool {
        record.last_tried.is_some()
            || record.last_success.is_some()
            || record.failures > 0
            || record.proven.is_some()
            || record.announced_by.is_some()
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn last_success(&self) -> Option<Mono> {
        self.last_success.get()
    }

    pub(crate) fn last_tried(&self) -> Option<Mono> {
        self.last_tried.get()
    }

    pub(crate) fn proven(&self) -> Option<PeerId> {
        match &self.peers {
            Peers::Nobody | Peers::Announced(_) => None,
            Peers::Proven(peer) | Peers::Owner(peer) => Some(*peer),
            Peers::Changed(peers) => Some(peers[0]),
        }
    }

    pub(crate) fn announced_by(&self) -> Option<PeerId> {
        match &self.peers {
            Peers::Nobody | Peers::Proven(_) => None,
            Peers::Announced(peer) | Peers::Owner(peer) => Some(*peer),
            Peers::Changed(peers) => Some(peers[1]),
        }
    }

    pub(crate) fn scope(&self) -> Option<Scope> {
        policy::scope(self.key.ip())
    }

    /// As [`Record::is_vouched_for`]; who is no contact never is.
    pub(crate) fn is_vouched_for(&self, now: Mono) -> bool {
        !matches!(self.peers, Peers::Nobody | Peers::Proven(_))
            || (self.last_success.get().is_some()
                && self.failures == 0
                && was_alive(self.last_seen, now))
    }
}

impl Keyed for Contact {
    fn key(&self) -> Key {
        self.key
    }
}

impl Moment {
    const NEVER: i64 = i64::MIN;

    fn of(moment: Option<Mono>) -> Self {
        Self(moment.map_or(Self::NEVER, |Mono(at)| at.max(Self::NEVER + 1)))
    }

    fn get(self) -> Option<Mono> {
        (self.0 != Self::NEVER).then_some(Mono(self.0))
    }
}

impl Peers {
    fn of(proven: Option<PeerId>, announced_by: Option<PeerId>) -> Self {
        match (proven, announced_by) {
            (None, None) => Self::Nobody,
            (Some(proven), None) => Self::Proven(proven),
            (None, Some(by)) => Self::Announced(by),
            (Some(proven), Some(by)) if proven == by => Self::Owner(proven),
            (Some(proven), Some(by)) => Self::Changed(Box::new([proven, by])),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::book::record::Change;

    #[test]
    fn a_contact_is_what_its_record_says() {
        let addr = SocketAddr::from(([20, 0, 0, 1], 30_333));
        let heard = Change::Heard { source: addr.ip() };
        let first = Record::next(None, addr, heard, Mono(0)).unwrap();
        let (one, other) = (Some(PeerId([1; 32])), Some(PeerId([2; 32])));
        for (proven, announced_by) in
            [(None, None), (one, None), (None, one), (one, one), (one, other)]
        {
            for at in [None, Some(Mono(i64::MIN + 1)), Some(Mono(0)), Some(Mono(i64::MAX))] {
                let record =
                    Record { proven, announced_by, last_success: at, last_tried: at, ..first };
                let contact = Contact::of(&record);
                assert_eq!((contact.proven(), contact.announced_by()), (proven, announced_by));
                assert_eq!((contact.last_success(), contact.last_tried()), (at, at));
                assert_eq!(contact.is_vouched_for(Mono(0)), record.is_vouched_for(Mono(0)));
            }
        }
    }
}
