//! What an operator may see of the engine: one value for RPC, metrics and logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{action::Alarm, event::DialError, policy::Refusal};

/// The engine's state in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Records in the book.
    pub known: usize,
    /// Of these: in the table of the tried.
    pub tried: usize,
    /// Of these: dialled with success at some time.
    pub verified: usize,
    /// Of these: announced by their owner's living session.
    pub announced: usize,
    /// Of these: failed since the last success.
    pub failing: usize,
    /// Distinct network groups among the records.
    pub groups: usize,
    /// Distinct peers with a session.
    pub peers: usize,
    /// Of these: in an outbound slot.
    pub outbound: usize,
    /// Of these: inbound.
    pub inbound: usize,
    /// Distinct network groups among the outbound ones.
    pub outbound_groups: usize,
    /// Outbound peers below which it is urgent.
    pub min_peers: usize,
    /// Outbound peers that are filled up to.
    pub target_outbound: usize,
    /// Inbound peers that may stay.
    pub max_inbound: usize,
    /// Dials in flight.
    pub dialling: usize,
    /// Of these: feelers.
    pub feelers: usize,
    /// No candidate is left to dial, now or after a wait.
    pub saturated: bool,
    /// Seeds with a living session.
    pub seeds_connected: usize,
    /// IPs left alone for misbehaviour.
    pub discouraged: usize,
    /// For how long this host has seemed to be cut off; `None` if it does not.
    pub cut_off: Option<Duration>,
    /// What the operator should know of.
    pub alarms: BTreeSet<Alarm>,
    /// Since the last `Addrs` that we asked for; `None` if there was none.
    pub last_refresh: Option<Duration>,
    /// What happened since the start.
    pub counters: Counters,
}

/// What happened since the start, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Ended dials by outcome.
    pub dials: Dials,
    /// Addresses that were not admitted, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Sessions closed for misbehaviour.
    pub misbehaved: u64,
    /// Inbound peers that made room for a newcomer.
    pub evicted: u64,
    /// `GetAddrs` that came too soon.
    pub rate_limited: u64,
}

/// Ended dials by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dials {
    /// Led to a session.
    pub succeeded: u64,
    /// Nobody listens there.
    pub refused: u64,
    /// No answer in time, no route.
    pub unreachable: u64,
    /// Somebody who does not speak our protocol.
    pub handshake: u64,
    /// Did not leave this host.
    pub local_network: u64,
    /// We had no slot.
    pub no_slot: u64,
    /// Ourselves.
    pub itself: u64,
    /// A peer that we had already.
    pub duplicate: u64,
}

impl Dials {
    /// The counter of dials that failed so.
    pub(crate) fn failed(&mut self, error: DialError) -> &mut u64 {
        match error {
            DialError::Refused => &mut self.refused,
            DialError::Unreachable => &mut self.unreachable,
            DialError::Handshake => &mut self.handshake,
            DialError::LocalNetwork => &mut self.local_network,
            DialError::NoSlot => &mut self.no_slot,
            DialError::Itself => &mut self.itself,
            DialError::Duplicate(_) => &mut self.duplicate,
        }
    }
}
