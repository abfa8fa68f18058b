//! One address and what we know of it. [`Record::next`] is the only function that makes or changes one.

use std::net::SocketAddr;

use crate::{
    limits::FAILURES_DOUBTED,
    types::{Mono, PeerId},
};

/// What we know of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Where it is; canonical.
    pub addr: SocketAddr,
    /// When we first had it, or had a sign of life of it ourselves. Hearsay does not renew it.
    pub last_seen: Mono,
    /// When we last shook hands with it, having dialled it.
    pub last_success: Option<Mono>,
    /// Dials that failed since then.
    pub failures: u32,
    /// Who shook hands with us there.
    pub proven: Option<PeerId>,
    /// The living peer that announced it as its own.
    pub announced_by: Option<PeerId>,
    /// Not dialled before.
    pub not_before: Mono,
}

/// What happened to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Somebody told us of it.
    Heard,
    /// Somebody told us of it without being asked: a newcomer, who is probably dialling us already.
    HeardAsNews {
        /// When we may dial it ourselves.
        not_before: Mono,
    },
    /// Its owner told us.
    Announced {
        /// The owner.
        by: PeerId,
    },
    /// The last session of the peer that announced it ended.
    OwnerLeft,
    /// We dialled it and shook hands.
    Succeeded {
        /// With whom.
        peer: PeerId,
    },
    /// We dialled it in vain.
    Failed,
    /// A dial did not leave this host, which says nothing about the address as long as nothing else says that we have a network.
    Unjudged {
        /// When to try again.
        not_before: Mono,
    },
    /// The last session with the peer that it belongs to ended, after a good while.
    Lasted {
        /// Not dialled before: the other side lost it in the same moment.
        not_before: Mono,
    },
    /// The last session with the peer that it belongs to ended soon after it began.
    TurnedAway,
}

impl Record {
    /// The record after `change`: change + previous + now → next.
    #[must_use]
    pub fn next(previous: Option<&Self>, addr: SocketAddr, change: Change, now: Mono) -> Self {
        let mut next =
            previous.copied().unwrap_or(Self { addr, last_seen: now, last_success: None, failures: 0, proven: None, announced_by: None, not_before: now });
        match change {
            Change::Heard | Change::TurnedAway => {}
            Change::Lasted { not_before } => {
                next.last_seen = now;
                next.not_before = not_before;
            }
            Change::Unjudged { not_before } => next.not_before = not_before,
            Change::HeardAsNews { not_before } if previous.is_none() => next.not_before = not_before,
            Change::HeardAsNews { .. } => {}
            Change::Announced { by } => {
                next.last_seen = now;
                next.announced_by = Some(by);
            }
            Change::OwnerLeft => next.announced_by = None,
            Change::Succeeded { peer } => {
                next.last_seen = now;
                next.proven = Some(peer);
                next.last_success = Some(now);
                next.failures = 0;
            }
            Change::Failed => next.failures = next.failures.saturating_add(1),
        }
        next
    }

    /// Whether we may pass it on: we connected to it ourselves and have not failed again and again since, or its owner's session lives.
    #[must_use]
    pub fn is_vouched_for(&self) -> bool {
        self.announced_by.is_some() || (self.last_success.is_some() && self.failures < FAILURES_DOUBTED)
    }
}
