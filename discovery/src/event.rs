//! Everything that can happen to the engine.

use std::net::SocketAddr;

use crate::{
    message::{DecodeError, Message},
    types::{DialId, PeerId, SeedIndex, SessionId},
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The node is up; also after [`crate::Engine::next_wakeup`] was due. Harmless at any time.
    Wakeup,
    /// A session was authenticated. Reported for every one, also for a second one with the same
    /// peer.
    Opened {
        /// Its number.
        session: SessionId,
        /// Who is at the other end; never ourselves.
        peer: PeerId,
        /// The other end of the socket.
        remote: SocketAddr,
        /// The dial that led to it; `None` for an inbound session.
        dial: Option<DialId>,
    },
    /// A session ended, for whatever reason.
    Closed {
        /// Its number.
        session: SessionId,
    },
    /// A discovery message, or what was wrong with it.
    Message {
        /// The session it came over.
        session: SessionId,
        /// From [`Message::decode`].
        message: Result<Message, DecodeError>,
    },
    /// A peer broke a protocol that the engine does not read. Its score is the same one: at
    /// [`crate::limits::SCORE_CLOSE`] points the session ends and its IP is left alone for a while.
    Misbehaved {
        /// Over which session.
        session: SessionId,
        /// How bad it was.
        points: u32,
    },
    /// A frame of any protocol came over some session: the network is up. Reported at most once a
    /// second, and before a [`Event::DialFailed`] if one came since the last report.
    Heard,
    /// The session table wants a sign of life: ask this peer something that it answers.
    Probe {
        /// The session to ask over.
        session: SessionId,
    },
    /// A dial ended without a session.
    DialFailed {
        /// Which.
        dial: DialId,
        /// Why.
        error: DialError,
    },
    /// A seed's name was looked up; an empty list means that there is no address for it now.
    Resolved {
        /// Which seed.
        seed: SeedIndex,
        /// All its addresses.
        addrs: Vec<SocketAddr>,
    },
    /// What the chain says about the network.
    Chain(ChainState),
    /// The node is about to exit: hand out what is not yet persisted.
    Shutdown,
}

/// Whether blocks come in. A tip that stands still while there are groups that no peer belongs to is
/// a sign of an eclipse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainState {
    /// As often as one may expect, or there never were any to go by.
    Advancing,
    /// They came before, and now none for much longer than usual.
    Stalled,
}

/// Why a dial led to no session, by culprit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialError {
    /// Nobody listens there.
    Refused,
    /// No answer in time, or no route to that host.
    Unreachable,
    /// Somebody answered who does not speak our protocol, or not correctly.
    Handshake,
    /// The dial did not leave this host: no route, no descriptor.
    LocalNetwork,
    /// They are there, and we have no slot for them.
    NoSlot,
    /// It was ourselves, by identity key.
    Itself,
    /// A session with that peer exists already; neither a failure nor a success.
    Duplicate(PeerId),
}
