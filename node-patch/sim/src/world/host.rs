//! One host: who is on it, how it is reached, what it has done.

use std::{net::SocketAddr, time::Duration};

use hegemon_discovery::{Mono, PeerId};

use crate::{actor::Actor, hostile::Script, node::Node, world::Tally};

/// Position in the world's list of hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostIndex(pub usize);

/// Whether a host can be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// By everybody.
    Public,
    /// By nobody: it is behind a NAT that drops what comes unasked. It can dial, and announces its
    /// port all the same.
    Nat,
}

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Asked to: it hands out what is not yet persisted, its sockets are closed.
    Orderly,
    /// Killed: its sockets are closed by the kernel, the rest is lost.
    Killed,
    /// The host is gone: nobody is told, dials to it get no answer.
    PowerLoss,
}

/// How a host is without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Its interface is down: dials and lookups fail at once, as the host's own fault.
    InterfaceDown,
    /// Its router forwards nothing: dials and lookups time out.
    Upstream,
}

/// What runs on a host when it runs.
#[derive(Debug)]
pub(crate) enum Role {
    Honest,
    Hostile(Script),
}

/// See the module.
#[derive(Debug)]
pub struct Host {
    /// Where it is.
    pub addr: SocketAddr,
    /// Who it is, over all its lives.
    pub peer: PeerId,
    /// Whether it can be dialled.
    pub reach: Reach,
    /// What it did.
    pub tally: Tally,
    /// What it would find in its store.
    pub stored: Vec<u8>,
    pub(crate) role: Role,
    pub(crate) actor: Option<Actor>,
    /// Counts starts: what was under way for an earlier life does not reach a later one.
    pub(crate) life: u32,
    /// The host is gone, and does not even refuse.
    pub(crate) gone: bool,
    pub(crate) outage: Option<Outage>,
    /// Packets pass only between hosts with the same number.
    pub(crate) side: u8,
    /// How far its wall clock is ahead of the others'.
    pub(crate) ahead: Duration,
    /// When the queue holds a valid wake-up for it.
    pub(crate) wake_at: Option<Mono>,
}

impl Host {
    pub(crate) fn new(addr: SocketAddr, peer: PeerId, reach: Reach, role: Role) -> Self {
        Self {
            addr,
            peer,
            reach,
            tally: Tally::default(),
            stored: Vec::new(),
            role,
            actor: None,
            life: 0,
            gone: false,
            outage: None,
            side: 0,
            ahead: Duration::ZERO,
            wake_at: None,
        }
    }

    /// Whether something runs on it.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.actor.is_some()
    }

    /// Whether it belongs to the attacker.
    #[must_use]
    pub fn is_hostile(&self) -> bool {
        matches!(self.role, Role::Hostile(_))
    }

    /// The honest node that runs on it.
    pub(crate) fn node(&self) -> Option<&Node> {
        match &self.actor {
            Some(Actor::Node(node)) => Some(node),
            Some(Actor::Hostile(_)) | None => None,
        }
    }
}
