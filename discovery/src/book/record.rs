//! One address and what we know of it. [`Record::next`] is the only function that makes or changes one.

use std::net::SocketAddr;

use crate::types::{Mono, PeerId};

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
    Succeeded,
    /// We dialled it in vain.
    Failed,
    /// A session that we dialled lasted.
    Lasted,
    /// We dialled it and were turned away soon after.
    TurnedAway,
}

impl Record {
    /// The record after `change`: change + previous + now → next.
    #[must_use]
    pub fn next(previous: Option<&Self>, addr: SocketAddr, change: Change, now: Mono) -> Self {
        let mut next = previous.copied().unwrap_or(Self { addr, last_seen: now, last_success: None, failures: 0, announced_by: None, not_before: now });
        match change {
            Change::Heard | Change::TurnedAway => {}
            Change::Lasted => next.last_seen = now,
            Change::HeardAsNews { not_before } if previous.is_none() => next.not_before = not_before,
            Change::HeardAsNews { .. } => {}
            Change::Announced { by } => {
                next.last_seen = now;
                next.announced_by = Some(by);
            }
            Change::OwnerLeft => next.announced_by = None,
            Change::Succeeded => {
                next.last_seen = now;
                next.last_success = Some(now);
                next.failures = 0;
            }
            Change::Failed => next.failures = next.failures.saturating_add(1),
        }
        next
    }

    /// Whether we may pass it on: we connected to it ourselves, or its owner's session lives.
    #[must_use]
    pub fn is_vouched_for(&self) -> bool {
        self.last_success.is_some() || self.announced_by.is_some()
    }
}
