//! What the owner of a [`Roster`](super::Roster) has to do.

use std::{fmt, net::SocketAddr};

use hegemon_discovery::{
    Alarm, CloseReason, DialId, Direction, Message, PeerId, SeedIndex, SessionId,
};

/// Something to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// There is a session: messages to its peer have an order of their own.
    Open {
        /// Its number.
        session: SessionId,
        /// Whose it is.
        peer_id: PeerId,
        /// A dialler waits for the other side's first word.
        direction: Direction,
    },
    /// The other side spoke: the first word is free.
    Spoke {
        /// Its session.
        session: SessionId,
    },
    /// Send a message; [`Roster::unsent`](super::Roster::unsent) if that is not possible.
    Send {
        /// Over which session.
        session: SessionId,
        /// What.
        message: Message,
    },
    /// There is no such session any more: what waits for it is dropped.
    End {
        /// Which.
        session: SessionId,
        /// Whose it was.
        peer_id: PeerId,
        /// Why.
        why: End,
    },
    /// Tell the network to end what it has of a peer.
    Disconnect {
        /// Whom.
        peer_id: PeerId,
    },
    /// The same, when what waits in its session has left: a visitor takes its answer along.
    Dismiss {
        /// Which, the last time that it is named but for its end.
        session: SessionId,
        /// Whom.
        peer_id: PeerId,
    },
    /// Connect; [`Roster::dialled`](super::Roster::dialled) says how it went.
    Connect {
        /// This dial's number.
        dial: DialId,
        /// Where to.
        addr: SocketAddr,
    },
    /// Look a seed up; [`Roster::resolved`](super::Roster::resolved) with its addresses.
    Resolve {
        /// Which.
        seed: SeedIndex,
    },
    /// Store [`Roster::snapshot`](super::Roster::snapshot).
    Persist,
    /// Tell the operator.
    Alarm {
        /// Of what.
        alarm: Alarm,
        /// `true` when it begins.
        raised: bool,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The network says so.
    Disconnected,
    /// The network connected the same peer again.
    Replaced,
    /// The network took no message for it.
    Unsent,
    /// Nothing came although it had to.
    Silent,
    /// Its moment in an overflow slot is over.
    Full,
    /// The engine.
    Engine(CloseReason),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "disconnected",
            Self::Replaced => "connected again",
            Self::Unsent => "the network takes nothing for it",
            Self::Silent => "silent: the other side may have forgotten it",
            Self::Full => "no slot",
            Self::Engine(CloseReason::Misbehaviour) => "misbehaviour",
            Self::Engine(CloseReason::Surplus) => "more outbound sessions than slots",
            Self::Engine(CloseReason::Feeler) => "it was only a feeler",
            Self::Engine(CloseReason::Evicted) => "room for a newcomer",
            Self::Engine(CloseReason::Discouraged) => "its IP misbehaved",
        })
    }
}
