//! One TCP connection, from the dial to the end at both sides. Its number is its session's at
//! either end.

use std::time::Duration;

use hegemon_discovery::{DialId, SessionId};

use crate::{frame::Frame, world::HostIndex};

/// Position in the world's list of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionIndex(pub(crate) usize);

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Dialler,
    Listener,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The handshake is under way.
    Pending,
    Open,
    Closed,
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: HostIndex,
    /// The host's life that it belongs to.
    pub(crate) life: u32,
    pub(crate) state: State,
}

/// What a frame or the end of all frames is while it is on its way.
#[derive(Debug)]
pub(crate) enum Carried {
    Frame(Frame),
    Fin,
}

/// Packets vanish; what was sent is kept by TCP and sent again when they pass.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) held: Vec<(Side, Carried)>,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) dialler: End,
    pub(crate) listener: End,
    pub(crate) dial: DialId,
    pub(crate) one_way: Duration,
    pub(crate) cut: Option<Cut>,
    /// Counts cuts: a timeout of an earlier one is void.
    pub(crate) cuts: u32,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

impl ConnectionIndex {
    pub(crate) fn session(self) -> SessionId {
        SessionId(self.0 as u64)
    }

    pub(crate) fn of(session: SessionId) -> Self {
        Self(
            usize::try_from(session.0)
                .expect("it was an index before it became a session's number"),
        )
    }
}

impl Connection {
    pub(crate) fn end(&self, side: Side) -> &End {
        match side {
            Side::Dialler => &self.dialler,
            Side::Listener => &self.listener,
        }
    }

    pub(crate) fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Dialler => &mut self.dialler,
            Side::Listener => &mut self.listener,
        }
    }

    /// The end at a host.
    pub(crate) fn side(&self, host: HostIndex) -> Side {
        if self.dialler.host == host { Side::Dialler } else { Side::Listener }
    }

    /// Whether there is a session at either end.
    pub(crate) fn is_alive(&self) -> bool {
        self.dialler.state == State::Open || self.listener.state == State::Open
    }

    /// Whether both ends have a session.
    pub(crate) fn is_whole(&self) -> bool {
        self.dialler.state == State::Open && self.listener.state == State::Open
    }
}
