//! What the network's tasks count for metrics, where nobody else keeps it. Since the start, never
//! going back.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hegemon_discovery::Direction;

use crate::net::socket::ConnectError;

/// One number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// As many as there were.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Tally {
    /// Frame bytes of all sessions, also of those that have ended.
    pub traffic: Traffic,
    /// Sessions that were established.
    pub sessions: Sessions,
    /// Handshakes as the listener, by how they ended.
    pub handshakes: Handshakes,
    /// What a full queue or budget cost.
    pub drops: Drops,
}

/// Frame bytes in either direction, length prefixes not counted.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Received.
    pub received: AtomicU64,
    /// Sent.
    pub sent: AtomicU64,
}

impl Traffic {
    /// Received and sent.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.received.load(Relaxed), self.sent.load(Relaxed))
    }
}

/// Sessions that were established, by who dialled.
#[derive(Debug, Default)]
pub struct Sessions {
    /// They did.
    pub inbound: Count,
    /// We did.
    pub outbound: Count,
}

/// Handshakes as the listener, by how they ended.
#[derive(Debug, Default)]
pub struct Handshakes {
    /// Both sides know each other.
    pub completed: Count,
    /// Not in time.
    pub timed_out: Count,
    /// The other side hung up.
    pub hung_up: Count,
    /// What it said was none of ours.
    pub invalid: Count,
    /// Hung up on before anything was read: too many at once.
    pub turned_away: Count,
}

/// What a full queue or budget cost.
#[derive(Debug, Default)]
pub struct Drops {
    /// Sessions ended: their own queue was full.
    pub session: Count,
    /// Sessions ended: all queues together were, and theirs was the longest.
    pub sessions: Count,
    /// Frames dropped: the chain had too many events before it.
    pub chain: Count,
    /// Frames dropped: the chain's share of memory was used up.
    pub chain_bytes: Count,
}

impl Tally {
    /// A session was established.
    pub fn established(&self, direction: Direction) {
        match direction {
            Direction::Inbound => self.sessions.inbound.add(),
            Direction::Outbound => self.sessions.outbound.add(),
        }
    }

    /// A handshake as the listener ended.
    pub fn answered<T>(&self, result: &Result<T, ConnectError>) {
        let handshakes = &self.handshakes;
        match result {
            Ok(_) => handshakes.completed.add(),
            Err(ConnectError::Timeout) => handshakes.timed_out.add(),
            Err(ConnectError::HungUp | ConnectError::Connect(_)) => handshakes.hung_up.add(),
            Err(ConnectError::Handshake(_) | ConnectError::Itself | ConnectError::Frame(_)) => {
                handshakes.invalid.add()
            }
        }
    }
}
