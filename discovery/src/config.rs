//! What an operator may turn. Parsed and checked at the edge; the engine trusts it.

use std::{net::SocketAddr, time::Duration};

use crate::{
    book::Layout,
    policy::{Groups, Loopback},
};

/// Whether addresses are exchanged at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// As the protocol says.
    On,
    /// Seeds only: no `Hello`, no questions, no answers, no store. The testbed's negative control.
    Off,
}

/// The engine's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address exchange on or off.
    pub exchange: Exchange,
    /// Loopback addresses refused or allowed.
    pub loopback: Loopback,
    /// The address that we listen on; its port goes into `Hello`, its IP, if it is one, is never
    /// dialled.
    pub listen: SocketAddr,
    /// Number of configured seeds.
    pub seeds: usize,
    /// Outbound peers below which it is urgent: every tick asks and dials.
    pub min_peers: usize,
    /// Outbound peers that are filled up to; at least `min_peers`.
    pub target_outbound: usize,
    /// Inbound peers that may stay: a full node makes room for a newcomer now and then. The session
    /// table has the hard limit.
    pub max_inbound: usize,
    /// Whether network groups matter.
    pub groups: Groups,
    /// How the address book is laid out; [`Layout::TABLES`] but in comparisons.
    pub layout: Layout,
    /// The safety net's interval.
    pub tick: Duration,
}

/// How many sessions there may be, for whoever decides that: a session table, or what stands for
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Inbound ones; [`OVERFLOW_SLOTS`](crate::limits::OVERFLOW_SLOTS) more for a moment.
    pub inbound: usize,
    /// Outbound ones, seeds included.
    pub outbound: usize,
}

impl Limits {
    /// `sessions` together, divided: outbound slots, one for a feeler and one for each seed, which
    /// is dialled beside them; the rest is for others, at least one.
    #[must_use]
    pub fn within(sessions: usize, target_outbound: usize, seeds: usize) -> Self {
        let inbound = sessions.saturating_sub(target_outbound + 1 + seeds).max(1);
        Self { inbound, outbound: sessions.saturating_sub(inbound) }
    }
}

impl Config {
    /// The defaults for a node that listens on `listen` and has `seeds` seeds. Eight outbound peers
    /// as in Bitcoin; four are what a node needs to be hard to isolate.
    #[must_use]
    pub fn new(listen: SocketAddr, seeds: usize) -> Self {
        Self {
            exchange: Exchange::On,
            loopback: Loopback::Refused,
            listen,
            seeds,
            min_peers: 4,
            target_outbound: 8,
            max_inbound: 41,
            groups: Groups::Weighed,
            layout: Layout::TABLES,
            tick: Duration::from_secs(30),
        }
    }
}
