//! The sessions that exist, and what is remembered per session and per peer. Passive: the engine decides.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use crate::{
    limits::{ADDRS_PER_ANSWER, ANSWER_WINDOW, CLAIMS_PER_PEER, SERVE_INTERVAL, TOKENS_MAX, TOKENS_PER_SECOND},
    types::{Direction, Mono, PeerId, SessionId},
};

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: PeerId,
    pub(crate) remote: SocketAddr,
    /// We end it for want of a slot, which is not the peer's fault.
    pub(crate) surplus: bool,
    pub(crate) said_hello: bool,
    pub(crate) score: u32,
    answer_due: Option<Mono>,
    served: Option<Mono>,
    tokens: f64,
    refilled: Mono,
}

/// One peer with its living sessions.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) sessions: BTreeSet<SessionId>,
    /// The slot that it holds for as long as any of its sessions lives: outbound if we dialled any of them, so that a replaced session keeps its slot.
    pub(crate) slot: Direction,
    /// When its first living session was opened.
    pub(crate) opened: Mono,
    /// Addresses at which it proved its identity: not dialled while it lives.
    pub(crate) proven: BTreeSet<SocketAddr>,
    /// Addresses that it says are its own. Anybody behind the same IP could say so.
    claimed: BTreeSet<SocketAddr>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<SessionId, Session>,
    peers: BTreeMap<PeerId, Peer>,
}

/// What a session's end leaves behind.
pub(crate) struct Ended {
    pub(crate) session: Session,
    /// The peer's addresses, if this was its last session.
    pub(crate) gone: Option<Peer>,
}

impl Session {
    /// We ask: one answer is expected, and may fill a whole list.
    pub(crate) fn asked(&mut self, now: Mono) {
        self.refill(now);
        self.tokens = (self.tokens + ADDRS_PER_ANSWER as f64).min(TOKENS_MAX);
        self.answer_due = Some(now.after(ANSWER_WINDOW));
    }

    /// Takes an `Addrs`; whether it is the answer to our question.
    pub(crate) fn is_answer(&mut self, now: Mono) -> bool {
        self.answer_due.take().is_some_and(|due| now <= due)
    }

    /// Whether one more address may be taken from this session.
    pub(crate) fn take_token(&mut self, now: Mono) -> bool {
        self.refill(now);
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }

    /// Whether `GetAddrs` may be answered now; if so, it counts as answered.
    pub(crate) fn may_serve(&mut self, now: Mono) -> bool {
        let may = self.served.is_none_or(|served| now.since(served) >= SERVE_INTERVAL);
        if may {
            self.served = Some(now);
        }
        may
    }

    fn refill(&mut self, now: Mono) {
        self.tokens = (self.tokens + now.since(self.refilled).as_secs_f64() * TOKENS_PER_SECOND).min(TOKENS_MAX);
        self.refilled = now;
    }
}

impl Sessions {
    pub(crate) fn open(&mut self, id: SessionId, peer: PeerId, remote: SocketAddr, dialled: Option<SocketAddr>, now: Mono) {
        let session = Session { peer, remote, surplus: false, said_hello: false, score: 0, answer_due: None, served: None, tokens: 0.0, refilled: now };
        self.by_id.insert(id, session);
        let entry = self.peers.entry(peer).or_insert_with(|| Peer {
            sessions: BTreeSet::new(),
            slot: Direction::Inbound,
            opened: now,
            proven: BTreeSet::new(),
            claimed: BTreeSet::new(),
        });
        entry.sessions.insert(id);
        if let Some(addr) = dialled {
            entry.slot = Direction::Outbound;
            entry.proven.insert(addr);
        }
    }

    pub(crate) fn close(&mut self, id: SessionId) -> Option<Ended> {
        let session = self.by_id.remove(&id)?;
        let peer = self.peers.get_mut(&session.peer)?;
        peer.sessions.remove(&id);
        let last = peer.sessions.is_empty();
        let gone = if last { self.peers.remove(&session.peer) } else { None };
        Some(Ended { session, gone })
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn peer(&self, peer: PeerId) -> Option<&Peer> {
        self.peers.get(&peer)
    }

    pub(crate) fn peer_mut(&mut self, peer: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(&peer)
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.peers.iter().map(|(id, peer)| (*id, peer))
    }

    /// Distinct peers.
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Distinct peers in an outbound slot.
    pub(crate) fn outbound(&self) -> usize {
        self.peers.values().filter(|peer| peer.slot == Direction::Outbound).count()
    }

    /// The living peer that proved its identity at an address.
    pub(crate) fn owner(&self, addr: SocketAddr) -> Option<PeerId> {
        self.peers.iter().find(|(_, peer)| peer.proven.contains(&addr)).map(|(id, _)| *id)
    }

    /// Whether a living peer says that an address is its own.
    pub(crate) fn is_claimed(&self, addr: SocketAddr) -> bool {
        self.peers.values().any(|peer| peer.claimed.contains(&addr))
    }
}

impl Peer {
    /// Notes what it says of itself, within bounds.
    pub(crate) fn claim(&mut self, addr: SocketAddr) {
        if self.claimed.len() < CLAIMS_PER_PEER {
            self.claimed.insert(addr);
        }
    }

    /// Whether an address is its own, proven or said.
    pub(crate) fn has(&self, addr: SocketAddr) -> bool {
        self.proven.contains(&addr) || self.claimed.contains(&addr)
    }

    /// All its addresses.
    pub(crate) fn addrs(&self) -> BTreeSet<SocketAddr> {
        self.proven.union(&self.claimed).copied().collect()
    }

    /// The session to talk over: the youngest, which is the one that survives a restart of the other side.
    pub(crate) fn session(&self) -> SessionId {
        *self.sessions.last().expect("a peer without a session was removed with its last one")
    }
}
