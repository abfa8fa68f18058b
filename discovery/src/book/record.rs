//! One address and what we know of it. [`Record::next`] is the only function that makes or changes
//! one.

use std::net::{IpAddr, SocketAddr};

use crate::{
    limits::{ALIVE_WITHIN, FAILURES_DOUBTED, FAILURES_LOST, HORIZON, LOST_AFTER},
    types::{Mono, PeerId},
};

/// What we know of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Where it is; canonical.
    pub addr: SocketAddr,
    /// Who told us of it first: its place in the book depends on it. Its own IP if that was its
    /// owner, or nobody.
    pub source: IpAddr,
    /// When we first had it, or had a sign of life of it ourselves. Hearsay does not renew it.
    pub last_seen: Mono,
    /// When we last shook hands with it, having dialled it.
    pub last_success: Option<Mono>,
    /// When we last began to dial it.
    pub last_tried: Option<Mono>,
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
    Heard {
        /// Who.
        source: IpAddr,
    },
    /// Somebody told us of it without being asked: a newcomer, who is probably dialling us already.
    HeardAsNews {
        /// Who.
        source: IpAddr,
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
    /// We begin to dial it.
    Dialled,
    /// We dialled it and shook hands.
    Succeeded {
        /// With whom.
        peer: PeerId,
    },
    /// We dialled it in vain.
    Failed,
    /// A dial did not leave this host, which says nothing about the address as long as nothing else
    /// says that we have a network.
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

impl Change {
    /// Who told us, if this change may begin a record. The others say nothing of an address that is
    /// not in the book.
    fn source(self, addr: SocketAddr) -> Option<IpAddr> {
        match self {
            Self::Heard { source } | Self::HeardAsNews { source, .. } => Some(source),
            Self::Announced { .. } | Self::Succeeded { .. } => Some(addr.ip()),
            Self::OwnerLeft
            | Self::Dialled
            | Self::Failed
            | Self::Unjudged { .. }
            | Self::Lasted { .. }
            | Self::TurnedAway => None,
        }
    }
}

impl Record {
    /// The record after `change`: change + previous + now → next. `None` if there was none and this
    /// change does not begin one.
    #[must_use]
    pub fn next(
        previous: Option<&Self>,
        addr: SocketAddr,
        change: Change,
        now: Mono,
    ) -> Option<Self> {
        let mut next = match previous {
            Some(previous) => *previous,
            None => Self::first(addr, change.source(addr)?, now),
        };
        match change {
            Change::Heard { .. } | Change::TurnedAway => {}
            Change::Lasted { not_before } => {
                next.last_seen = now;
                next.not_before = not_before;
            }
            Change::Unjudged { not_before } => next.not_before = not_before,
            Change::HeardAsNews { not_before, .. } if previous.is_none() => {
                next.not_before = not_before
            }
            Change::HeardAsNews { .. } => {}
            Change::Announced { by } => {
                next.last_seen = now;
                next.announced_by = Some(by);
            }
            Change::OwnerLeft => next.announced_by = None,
            Change::Dialled => next.last_tried = Some(now),
            Change::Succeeded { peer } => {
                next.last_seen = now;
                next.proven = Some(peer);
                next.last_success = Some(now);
                next.failures = 0;
            }
            Change::Failed => next.failures = next.failures.saturating_add(1),
        }
        Some(next)
    }

    fn first(addr: SocketAddr, source: IpAddr, now: Mono) -> Self {
        Self {
            addr,
            source,
            last_seen: now,
            last_success: None,
            last_tried: None,
            failures: 0,
            proven: None,
            announced_by: None,
            not_before: now,
        }
    }

    /// Whether we may pass it on: its owner's session lives, or we shook hands there ourselves, had
    /// a sign of life in the last three hours and none of its absence since.
    #[must_use]
    pub fn is_vouched_for(&self, now: Mono) -> bool {
        let alive =
            || self.last_success.is_some() && self.failures == 0 && was_alive(self.last_seen, now);
        self.announced_by.is_some() || alive()
    }

    /// Whether it may make room for another: nobody ever answered, or not for long. It stays for as
    /// long as nobody needs its place, since what is in the book is no news: forgotten, it would be
    /// told again, and dialled again.
    #[must_use]
    pub fn is_terrible(&self, now: Mono) -> bool {
        let lost = match self.last_success {
            None => self.failures >= FAILURES_DOUBTED,
            Some(success) => {
                let silent = now.since(success);
                (self.failures >= FAILURES_LOST && silent >= LOST_AFTER)
                    || (self.failures >= FAILURES_DOUBTED && silent > HORIZON)
            }
        };
        self.announced_by.is_none() && (lost || is_old(self.last_seen, now))
    }

    /// Whether nobody but others vouches for it.
    #[must_use]
    pub fn is_hearsay(&self) -> bool {
        self.announced_by.is_none() && self.last_success.is_none()
    }
}

/// Whether a sign of life at `last_seen` still counts.
pub(super) fn was_alive(last_seen: Mono, now: Mono) -> bool {
    now.since(last_seen) <= ALIVE_WITHIN
}

/// Whether a sign of life at `last_seen` is all too long ago.
pub(super) fn is_old(last_seen: Mono, now: Mono) -> bool {
    now.since(last_seen) > HORIZON
}
