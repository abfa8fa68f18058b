//! What a host did, counted from outside the engine and over all its lives.

use std::net::SocketAddr;

use hegemon_discovery::{DialError, Mono, status::Dials};

/// Counted since the host exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Every dial that was started, in order.
    pub started: Vec<(Mono, SocketAddr)>,
    /// Of these: to somebody with whom the dialler had a session.
    pub redials: u64,
    /// Ended dials by outcome.
    pub dials: Dials,
    /// Handshakes that the host dialled or answered.
    pub handshakes: u64,
    /// Discovery messages sent.
    pub messages: u64,
    /// Their frames' bytes.
    pub bytes: u64,
    /// Empty frames received, which discovery did not ask for.
    pub keepalives: u64,
    /// Addresses in answers.
    pub served: Addresses,
    /// Addresses in news.
    pub passed_on: Addresses,
    /// Alarms raised.
    pub alarms: u64,
}

/// Addresses by what is really there in the moment in which they are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Somebody who can be dialled.
    pub live: u64,
    /// A node that runs but cannot be dialled.
    pub unreachable: u64,
    /// Nobody.
    pub dead: u64,
}

impl Tally {
    /// Counts a dial that led to no session.
    pub(crate) fn failed(&mut self, error: DialError) {
        let dials = &mut self.dials;
        let counter = match error {
            DialError::Refused => &mut dials.refused,
            DialError::Unreachable => &mut dials.unreachable,
            DialError::Handshake => &mut dials.handshake,
            DialError::LocalNetwork => &mut dials.local_network,
            DialError::NoSlot => &mut dials.no_slot,
            DialError::Itself => &mut dials.itself,
            DialError::Duplicate(_) => &mut dials.duplicate,
        };
        *counter += 1;
    }

    /// Dials that were started from `from` on.
    #[must_use]
    pub fn dials_from(&self, from: Mono) -> &[(Mono, SocketAddr)] {
        &self.started[self.started.partition_point(|(at, _)| *at < from)..]
    }
}

impl Addresses {
    /// The sum of two counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            live: self.live + other.live,
            unreachable: self.unreachable + other.unreachable,
            dead: self.dead + other.dead,
        }
    }

    /// What is in this count and not in the earlier one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            live: self.live - earlier.live,
            unreachable: self.unreachable - earlier.unreachable,
            dead: self.dead - earlier.dead,
        }
    }
}
