//! What the owner of a [`Peering`](super::Peering) has to do.

use std::{fmt, net::SocketAddr};

use hegemon_discovery::{
    Alarm, CloseReason as EngineReason, DialId, Message, PeerId, SeedIndex, SessionId,
};

use crate::net::table::CloseReason as TableReason;

/// Something to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a discovery message.
    Send {
        /// Over this session.
        session: SessionId,
        /// What to send.
        message: Message,
    },
    /// Send an empty frame.
    KeepAlive {
        /// Over this session.
        session: SessionId,
    },
    /// There is no such session any more: end its connection, and tell whoever was told of it.
    Ended {
        /// Which.
        session: SessionId,
        /// Who was at the other end.
        peer: PeerId,
        /// The other end of the socket.
        remote: SocketAddr,
        /// Who ended it, and why.
        why: End,
    },
    /// Connect and shake hands.
    Dial {
        /// This dial's number.
        dial: DialId,
        /// Where to.
        addr: SocketAddr,
        /// How.
        attempts: Attempts,
    },
    /// Look a seed's name up.
    Resolve {
        /// Which.
        seed: SeedIndex,
    },
    /// Store [`Engine::snapshot`](hegemon_discovery::Engine::snapshot) durably. A cache: an error is
    /// worth a warning and nothing more.
    Persist,
    /// Another node has this one's identity: tell the operator.
    Twin {
        /// Where it is: what we dialled, or where it dialled from.
        remote: SocketAddr,
    },
    /// Tell the operator.
    Alarm {
        /// Of what.
        alarm: Alarm,
        /// `true` when it begins, `false` when it is over.
        raised: bool,
    },
}

/// How a dial connects. Its outcome is one, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    /// Once: whatever is lost on the way, the kernel repeats a second later.
    One,
    /// A second time beside the first, a moment later: for who has hardly anybody to wait with.
    Two,
}

/// Who ended a session, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It ended by itself: the caller reported it, and knows more.
    Reported,
    /// The session table.
    Table(TableReason),
    /// The engine.
    Engine(EngineReason),
}

impl fmt::Display for End {
    /// For the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reported => "it ended by itself",
            Self::Table(TableReason::Duplicate) => "another session with the peer is kept",
            Self::Table(TableReason::Silent) => "silent",
            Self::Table(TableReason::Forgotten) => "an older node took two and forgets both",
            Self::Table(TableReason::Full) => "no slot",
            Self::Engine(EngineReason::Misbehaviour) => "misbehaviour",
            Self::Engine(EngineReason::Surplus) => "more outbound sessions than slots",
            Self::Engine(EngineReason::Feeler) => "it was only a feeler",
            Self::Engine(EngineReason::Evicted) => "room for a newcomer",
            Self::Engine(EngineReason::Discouraged) => "its IP misbehaved",
        })
    }
}
