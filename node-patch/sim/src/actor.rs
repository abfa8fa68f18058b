//! Who runs on a host: an honest node or a script. Either is told the same things, and wants the
//! same kinds of things of the network.

use std::net::SocketAddr;

use hegemon_discovery::{ChainState, DialError, DialId, Mono, Now, PeerId, SeedIndex, SessionId};

use crate::{frame::Frame, hostile::Hostile, node::Node, output::Output};

/// Who runs on a host now.
#[derive(Debug)]
pub(crate) enum Actor {
    Node(Box<Node>),
    Hostile(Box<Hostile>),
}

/// A script does not care for most of what it is told.
impl Actor {
    pub(crate) fn sessions(&self) -> Vec<SessionId> {
        match self {
            Self::Node(node) => node.sessions().collect(),
            Self::Hostile(hostile) => hostile.sessions().collect(),
        }
    }

    pub(crate) fn next_wakeup(&self) -> Option<Mono> {
        match self {
            Self::Node(node) => node.next_wakeup(),
            Self::Hostile(hostile) => hostile.next_wakeup(),
        }
    }

    pub(crate) fn begin(&mut self, now: Now, out: &mut Vec<Output>) {
        match self {
            Self::Node(node) => node.tell(out, |peering, out| peering.start(now, out)),
            Self::Hostile(hostile) => hostile.wake(now, out),
        }
    }

    pub(crate) fn wake(&mut self, now: Now, out: &mut Vec<Output>) {
        match self {
            Self::Node(node) => node.tell(out, |peering, out| peering.wakeup(now, out)),
            Self::Hostile(hostile) => hostile.wake(now, out),
        }
    }

    /// A session was established; the error says why it may not stay.
    pub(crate) fn opened(
        &mut self,
        session: SessionId,
        peer: PeerId,
        remote: SocketAddr,
        dial: Option<DialId>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), DialError> {
        match self {
            Self::Node(node) => {
                node.tell(out, |peering, out| peering.opened(session, peer, remote, dial, now, out))
            }
            Self::Hostile(hostile) => {
                hostile.opened(session, dial, out);
                Ok(())
            }
        }
    }

    pub(crate) fn frame(
        &mut self,
        session: SessionId,
        frame: Frame,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        match self {
            Self::Node(node) => node.frame(session, frame, now, out),
            Self::Hostile(hostile) => hostile.frame(session, &frame, out),
        }
    }

    pub(crate) fn ended(&mut self, session: SessionId, now: Now, out: &mut Vec<Output>) {
        match self {
            Self::Node(node) => node.tell(out, |peering, out| peering.ended(session, now, out)),
            Self::Hostile(hostile) => hostile.ended(session, now),
        }
    }

    pub(crate) fn dial_failed(
        &mut self,
        dial: DialId,
        error: DialError,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        match self {
            Self::Node(node) => {
                node.tell(out, |peering, out| peering.dial_failed(dial, error, now, out))
            }
            Self::Hostile(hostile) => hostile.dial_failed(dial, now),
        }
    }

    pub(crate) fn resolved(
        &mut self,
        seed: SeedIndex,
        addrs: Vec<SocketAddr>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        match self {
            Self::Node(node) => {
                node.tell(out, |peering, out| peering.resolved(seed, addrs, now, out))
            }
            Self::Hostile(_) => {}
        }
    }

    pub(crate) fn chain(&mut self, state: ChainState, now: Now, out: &mut Vec<Output>) {
        match self {
            Self::Node(node) => node.tell(out, |peering, out| peering.chain(state, now, out)),
            Self::Hostile(_) => {}
        }
    }

    pub(crate) fn shut_down(&mut self, now: Now, out: &mut Vec<Output>) {
        match self {
            Self::Node(node) => node.tell(out, |peering, out| peering.shut_down(now, out)),
            Self::Hostile(_) => {}
        }
    }
}
