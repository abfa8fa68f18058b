//! What the engine remembers of one session, and whose turn it is.

use std::{collections::VecDeque, time::Duration};

use hegemon_discovery::{Bucket, Mono};

use super::{branch::Branch, pace::Pace, serve::Queue};
use crate::{
    chain::Hash,
    host::net::TCP_USER_TIMEOUT,
    net::{event::FRAMES_SAVED, handle::PeerId},
};

/// Block hashes remembered as known to a peer. It only spares announcements, so a few are enough.
const MAX_KNOWN: usize = 64;

/// Announcements per second and session: three times what a chain with the shortest block time has.
const ANNOUNCEMENTS_PER_SECOND: f64 = 64.0;

/// Announcements at once. When the network was cut and TCP outlives that, everything that an honest
/// peer announced meanwhile comes in one moment. What a flood costs stays small: an announcement has
/// a block's work or is of one that we have, and what waits to be looked at is bounded elsewhere.
const ANNOUNCEMENTS_SAVED: f64 = ANNOUNCEMENTS_PER_SECOND * TCP_USER_TIMEOUT.as_secs_f64();

const _: () = assert!(
    ANNOUNCEMENTS_SAVED <= FRAMES_SAVED,
    "what is forgiven here must not have ended the session before"
);

/// First wait after a request that brought nothing; doubled with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// Longest wait: a peer that once claimed more than we have is asked again at least this often.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// A request that is unanswered for so long holds up nobody: its peer may still deliver, but others
/// are asked as well. Otherwise forty peers that claim much and say nothing would keep a node from
/// its chain for forty times [`REQUEST_TIMEOUT`].
const PROMPT: Duration = Duration::from_secs(1);

/// How long a request may take: a full response of 1 MiB on a line of 300 KiB/s. What comes later
/// is not looked at.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

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

/// A request for headers that is in flight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    /// The block that the answer begins with.
    pub(super) from: Hash,
    /// What the peer claimed when it was asked: of what it announces later an answer says nothing.
    pub(super) claim: Option<Claim>,
    pub(super) stage: Stage,
    pub(super) asked: Asked,
}

/// What a request for headers is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A block that both have: so far below our best one.
    Locating {
        /// Doubled each time.
        below: u32,
    },
    /// What follows a block that both have.
    Following,
}

/// A request's times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) at: Mono,
    /// Others get their turn from here on.
    pub(super) slow_at: Mono,
    /// Given up.
    pub(super) deadline: Mono,
}

impl Asked {
    pub(super) fn new(now: Mono) -> Self {
        Self { at: now, slow_at: now.after(PROMPT), deadline: now.after(REQUEST_TIMEOUT) }
    }
}

/// A request for bodies that is in flight.
#[derive(Debug)]
pub(super) struct BodiesAsked {
    pub(super) hashes: Vec<Hash>,
    pub(super) asked: Asked,
    /// Others may be asked for the same.
    pub(super) is_slow: bool,
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
    /// Its request for headers.
    pub(super) walk: Option<Walk>,
    /// What it is asked for headers next, when its pace allows: a walk goes on from where it was.
    pub(super) step: Option<Stage>,
    /// Its headers, while they do not show more work than ours, or another branch is fetched.
    pub(super) branch: Option<Branch>,
    /// Whether more headers may follow it.
    pub(super) branch_has_more: bool,
    /// Its request for bodies.
    pub(super) bodies: Option<BodiesAsked>,
    /// Whether it has the branch that is fetched.
    pub(super) provides: bool,
    pub(super) pace: Pace,
    /// Whether a request to it ever timed out: an answer may belong to an earlier question.
    pub(super) was_late: bool,
    /// Whether the last that timed out may still be answered.
    owes: bool,
    /// When it was last asked for headers without having claimed something.
    pub(super) walked_at: Mono,
    /// Not asked before this.
    pub(super) retry_at: Mono,
    /// Requests in a row that brought nothing.
    pub(super) failures: u32,
    /// Whether it ever showed a better branch than ours: what it claims may be true.
    pub(super) proven: bool,
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
            walk: None,
            step: None,
            branch: None,
            branch_has_more: false,
            bodies: None,
            provides: false,
            pace: Pace::new(now),
            was_late: false,
            owes: false,
            walked_at: now,
            retry_at: now,
            failures: 0,
            proven: false,
            heard_at: now,
            requests: Queue::new(now),
            announcements: Bucket::full(ANNOUNCEMENTS_SAVED, ANNOUNCEMENTS_PER_SECOND, now),
            known: VecDeque::new(),
        }
    }

    /// Whether a request to it is in flight.
    pub(super) fn is_asked(&self) -> bool {
        self.walk.is_some() || self.bodies.is_some()
    }

    /// Whether more headers are to show what its branch is worth.
    pub(super) fn is_walking(&self) -> bool {
        self.walk.is_some() || self.step.is_some()
    }

    /// What its walk was to find is here, or comes.
    pub(super) fn end_walk(&mut self) {
        if self.step.take() == Some(Stage::Following) {
            self.branch = None;
        }
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

    /// A request brought nothing; the peer gets its next turn later and later.
    pub(super) fn fail(&mut self, now: Mono) {
        self.walk = None;
        self.step = None;
        self.branch = None;
        self.provides = false;
        self.retry_at =
            now.after(FIRST_BACKOFF.saturating_mul(1 << self.failures.min(16)).min(MAX_BACKOFF));
        self.failures = self.failures.saturating_add(1);
    }

    /// No answer came in time. A peer that answered others just before has a rate of its own, and is
    /// asked at that, the same once more.
    pub(super) fn time_out(&mut self, asked: Asked, now: Mono) {
        (self.was_late, self.owes) = (true, true);
        if self.pace.dropped(asked.at, now) {
            if let Some(walk) = self.walk.take() {
                // Whoever leads the branch that is fetched has none: it is asked for what follows that.
                let goes_on = walk.stage != Stage::Following || self.branch.is_some();
                self.step = goes_on.then_some(walk.stage);
            }
            self.retry_at = self.retry_at.max(self.pace.next());
        } else {
            self.fail(now);
        }
    }

    /// An answer came after its time: it is of no use any more, but the peer is slow rather than
    /// silent, and worth the next question now. Once for each that it was late with.
    pub(super) fn answered_late(&mut self, now: Mono) {
        if std::mem::take(&mut self.owes) {
            self.retry_at = now;
        }
    }

    /// Never asks the peer again and never announces to it.
    pub(super) fn set_other_chain(&mut self) {
        self.standing = Standing::OtherChain;
        self.walk = None;
        self.step = None;
        self.branch = None;
        self.provides = false;
        self.claim = None;
        self.claim_missing = false;
    }
}
