//! Everything that the engine can ask for.

use std::net::SocketAddr;

use crate::{
    listed::listed,
    message::Message,
    types::{DialId, SeedIndex, SessionId},
};

/// Something to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a discovery message.
    Send {
        /// Over this session.
        session: SessionId,
        /// What to send.
        message: Message,
    },
    /// Send an empty frame: a sign of life for a question that is not answered now.
    KeepAlive {
        /// Over this session.
        session: SessionId,
    },
    /// Connect and shake hands; answer with [`crate::Event::Opened`] or
    /// [`crate::Event::DialFailed`].
    Dial {
        /// This dial's number.
        dial: DialId,
        /// Where to.
        addr: SocketAddr,
    },
    /// Look up a seed's name now; answer with [`crate::Event::Resolved`].
    Resolve {
        /// Which seed.
        seed: SeedIndex,
    },
    /// End a session.
    Close {
        /// Which.
        session: SessionId,
        /// Why.
        reason: CloseReason,
    },
    /// Tell the operator.
    Alarm {
        /// Of what.
        alarm: Alarm,
        /// `true` when it begins, `false` when it is over.
        raised: bool,
    },
    /// Write [`crate::Engine::snapshot`] durably; a cache, so an error is worth a warning and nothing
    /// more. It is not handed out with the action: who does not write it need not have it made.
    Persist,
}

listed! {
    /// What an operator should know of: something that discovery cannot mend by itself.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Alarm {
        /// No session with anybody for a while.
        Isolated,
        /// Every outbound peer was learned from one network group that is no seed's although others are
        /// known, or the chain stands still while groups are known that no peer belongs to.
        Eclipse,
    }
}

impl Alarm {
    /// What an operator should do about it.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Isolated => {
                "no peer for a while: check this host's network, and that the nodes of HEGEMON_SEEDS run and can be reached"
            }
            Self::Eclipse => {
                "all peers may be one party's: compare the best block with a node that you trust, and name seeds in other networks in HEGEMON_SEEDS"
            }
        }
    }
}

/// Why the engine ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// It broke the protocol, once badly or often.
    Misbehaviour,
    /// More dials succeeded than there are outbound slots.
    Surplus,
    /// It was only opened to see whether somebody is there.
    Feeler,
    /// An inbound session made room for another one.
    Evicted,
    /// Its IP misbehaved a short while ago.
    Discouraged,
}
