//! What the engine remembers of one session, and whose turn it is.

use std::{collections::VecDeque, time::Duration};

use hegemon_discovery::{Bucket, Mono};

use super::serve::Queue;
use crate::{chain::Hash, net::handle::PeerId};

/// Block hashes remembered as known to a peer. It only spares announcements, so a few are enough.
const MAX_KNOWN: usize = 64;

/// Announcements per second and session, and at once: three times what a chain with the shortest
/// block time has.
const ANNOUNCEMENTS_PER_SECOND: f64 = 64.0;

/// First wait after a request that brought nothing; doubled with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// Longest wait: a peer that once claimed more than we have is asked again at least this often.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// Whether the peer's blocks can be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As far as we know.
    SameChain,
    /// It has another genesis or other rules: nothing is asked of it or announced to it. It may
    /// still be a good source of addresses.
    OtherChain,
}

/// The best block that a peer says it has. Its work was checked, its ancestors were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its hash.
    pub hash: Hash,
    /// Its height, as its header says.
    pub number: u64,
}

/// Fetching a peer's blocks in ascending order, from a block whose parent we have.
#[derive(Debug, Clone, Copy)]
pub(super) struct CatchUp {
    /// Height to ask for next, or asked for.
    pub(super) next: u64,
    /// How far to step back if the parent of the block at `next` is unknown; doubled each time.
    pub(super) step: u64,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A request is in flight.
    Asked { slow_at: Mono, deadline: Mono },
    /// Its blocks are being imported.
    Importing,
}

/// Who is asked next. By turns: were it always those that promise most, then liars who come again
/// under ever new names would be asked for ever, and nobody else.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// First those that delivered, then those that claim most.
    #[default]
    Promising,
    /// Whoever has waited longest.
    Waiting,
}

impl Turn {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Promising => Self::Waiting,
            Self::Waiting => Self::Promising,
        }
    }
}

/// One session.
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) standing: Standing,
    /// The last best block that it announced.
    pub(super) claim: Option<Claim>,
    /// Whether `claim` is worth asking for: not here, and not being imported.
    pub(super) claim_missing: bool,
    pub(super) catch_up: Option<CatchUp>,
    /// Not asked before this.
    pub(super) retry_at: Mono,
    /// Requests in a row that brought nothing.
    pub(super) failures: u32,
    /// Whether it ever gave a block that was news: what it claims may be true.
    pub(super) delivered: bool,
    /// When it last said something of its chain, or was last asked without having said anything.
    pub(super) heard_at: Mono,
    pub(super) requests: Queue,
    pub(super) announcements: Bucket,
    known: VecDeque<Hash>,
}

impl Peer {
    pub(super) fn new(id: PeerId, now: Mono) -> Self {
        Self {
            id,
            standing: Standing::SameChain,
            claim: None,
            claim_missing: false,
            catch_up: None,
            retry_at: now,
            failures: 0,
            delivered: false,
            heard_at: now,
            requests: Queue::new(now),
            announcements: Bucket::full(ANNOUNCEMENTS_PER_SECOND, ANNOUNCEMENTS_PER_SECOND, now),
            known: VecDeque::new(),
        }
    }

    /// Whether a request to it is in flight.
    pub(super) fn is_asked(&self) -> bool {
        self.catch_up.is_some_and(|catch_up| catch_up.phase != Phase::Importing)
    }

    /// Notes that the peer has a block; true if that is news.
    pub(super) fn note_known(&mut self, hash: Hash) -> bool {
        if self.known.contains(&hash) {
            return false;
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(hash);
        true
    }

    /// Ends a catch-up that brought nothing; the peer gets its next turn later and later.
    pub(super) fn fail(&mut self, now: Mono) {
        self.catch_up = None;
        self.retry_at =
            now.after(FIRST_BACKOFF.saturating_mul(1 << self.failures.min(16)).min(MAX_BACKOFF));
        self.failures = self.failures.saturating_add(1);
    }

    /// Never asks the peer again and never announces to it.
    pub(super) fn set_other_chain(&mut self) {
        self.standing = Standing::OtherChain;
        self.catch_up = None;
        self.claim = None;
        self.claim_missing = false;
    }
}
