//! The sessions that exist, and what is remembered per session and per peer. Passive: the engine
//! decides.

use std::net::SocketAddr;

use crate::{
    bucket::Bucket,
    limits::{
        ADDRS_PER_ANSWER, ANSWER_WINDOW, CLAIMS_PER_PEER, SERVE_INTERVAL, TOKENS_MAX,
        TOKENS_PER_SECOND,
    },
    sorted::Sorted,
    types::{Direction, Mono, PeerId, SessionId},
};

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: PeerId,
    pub(crate) remote: SocketAddr,
    /// We end it ourselves, which is not the peer's fault.
    pub(crate) unwanted: bool,
    pub(crate) said_hello: bool,
    pub(crate) score: u32,
    answer_due: Option<Mono>,
    served: Option<Mono>,
    /// Addresses that it may still tell us: none at first, a list for each question of ours.
    tokens: Bucket,
}

/// One peer with its living sessions.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The youngest: nearly always the only one.
    session: SessionId,
    /// The others, the youngest last.
    older: Vec<SessionId>,
    /// The slot that it holds for as long as any of its sessions lives: outbound if we dialled any
    /// of them, so that a replaced session keeps its slot.
    pub(crate) slot: Direction,
    /// When its first living session was opened.
    pub(crate) opened: Mono,
    /// Addresses at which it proved its identity: not dialled while it lives.
    proven: Sorted<SocketAddr, ()>,
    /// Addresses that it says are its own. Anybody behind the same IP could say so.
    claimed: Sorted<SocketAddr, ()>,
    /// When it last told us an address that we did not know.
    pub(crate) useful: Option<Mono>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: Sorted<SessionId, Session>,
    peers: Sorted<PeerId, Peer>,
    /// Whose each proven address is.
    owners: Sorted<SocketAddr, PeerId>,
    /// How many living peers claim an address.
    claims: Sorted<SocketAddr, usize>,
    /// Peers in an outbound slot.
    outbound: usize,
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
        self.tokens.add(ADDRS_PER_ANSWER as f64, now);
        self.answer_due = Some(now.after(ANSWER_WINDOW));
    }

    /// Takes an `Addrs`; whether it is the answer to our question.
    pub(crate) fn is_answer(&mut self, now: Mono) -> bool {
        self.answer_due.take().is_some_and(|due| now <= due)
    }

    /// Whether one more address may be taken from this session.
    pub(crate) fn take_token(&mut self, now: Mono) -> bool {
        self.tokens.take(now)
    }

    /// Whether `GetAddrs` may be answered now; if so, it counts as answered.
    pub(crate) fn may_serve(&mut self, now: Mono) -> bool {
        let may = self.served.is_none_or(|served| now.since(served) >= SERVE_INTERVAL);
        if may {
            self.served = Some(now);
        }
        may
    }
}

impl Sessions {
    pub(crate) fn open(
        &mut self,
        id: SessionId,
        peer: PeerId,
        remote: SocketAddr,
        dialled: Option<SocketAddr>,
        now: Mono,
    ) {
        let tokens = Bucket::new(0.0, TOKENS_MAX, TOKENS_PER_SECOND, now);
        let session = Session {
            peer,
            remote,
            unwanted: false,
            said_hello: false,
            score: 0,
            answer_due: None,
            served: None,
            tokens,
        };
        self.by_id.insert(id, session);
        let entry = self.peers.or_insert_with(peer, || Peer {
            session: id,
            older: Vec::new(),
            slot: Direction::Inbound,
            opened: now,
            proven: Sorted::default(),
            claimed: Sorted::default(),
            useful: None,
        });
        entry.add(id);
        if let Some(addr) = dialled {
            if entry.slot == Direction::Inbound {
                entry.slot = Direction::Outbound;
                self.outbound += 1;
            }
            self.prove(peer, addr);
        }
    }

    pub(crate) fn close(&mut self, id: SessionId) -> Option<Ended> {
        let session = self.by_id.remove(id)?;
        let peer = self.peers.get_mut(session.peer)?;
        let last = !peer.keeps_any_without(id);
        let gone = if last { self.peers.remove(session.peer) } else { None };
        if let Some(gone) = &gone {
            self.forget(session.peer, gone);
        }
        Some(Ended { session, gone })
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn peer(&self, peer: PeerId) -> Option<&Peer> {
        self.peers.get(peer)
    }

    pub(crate) fn peer_mut(&mut self, peer: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(peer)
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.peers.iter()
    }

    /// The other ends of all sockets, whoever dialled.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = SocketAddr> {
        self.by_id.iter().map(|(_, session)| session.remote)
    }

    /// Distinct peers.
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Distinct peers in an outbound slot.
    pub(crate) fn outbound(&self) -> usize {
        self.outbound
    }

    /// A peer proved its identity at an address.
    pub(crate) fn prove(&mut self, peer: PeerId, addr: SocketAddr) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.proven.insert(addr, ());
            self.owners.insert(addr, peer);
        }
    }

    /// A peer says that an address is its own; noted within bounds.
    pub(crate) fn claim(&mut self, peer: PeerId, addr: SocketAddr) {
        if let Some(known) = self.peers.get_mut(peer)
            && known.claimed.len() < CLAIMS_PER_PEER
            && known.claimed.insert(addr, ())
        {
            *self.claims.or_insert_with(addr, || 0) += 1;
        }
    }

    /// The living peer that proved its identity at an address.
    pub(crate) fn owner(&self, addr: SocketAddr) -> Option<PeerId> {
        self.owners.get(addr).copied()
    }

    /// All addresses at which a living peer proved its identity.
    pub(crate) fn owned(&self) -> impl Iterator<Item = SocketAddr> {
        self.owners.keys()
    }

    /// All addresses that living peers say are their own.
    pub(crate) fn claimed(&self) -> impl Iterator<Item = SocketAddr> {
        self.claims.keys()
    }

    /// Whether a living peer says that an address is its own.
    pub(crate) fn is_claimed(&self, addr: SocketAddr) -> bool {
        self.claims.get(addr).is_some()
    }

    fn forget(&mut self, id: PeerId, gone: &Peer) {
        self.outbound -= usize::from(gone.slot == Direction::Outbound);
        for addr in gone.proven.keys() {
            if self.owners.get(addr) == Some(&id) {
                self.owners.remove(addr);
            }
        }
        for addr in gone.claimed.keys() {
            if let Some(count) = self.claims.get_mut(addr) {
                *count -= 1;
                if *count == 0 {
                    self.claims.remove(addr);
                }
            }
        }
    }
}

impl Peer {
    /// Whether an address is its own, proven or said.
    pub(crate) fn has(&self, addr: SocketAddr) -> bool {
        self.proven.get(addr).or(self.claimed.get(addr)).is_some()
    }

    /// Where we reached it, in order.
    pub(crate) fn proven(&self) -> impl Iterator<Item = SocketAddr> {
        self.proven.keys()
    }

    /// All its addresses, each once.
    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        let said = self.claimed.keys().filter(|addr| self.proven.get(*addr).is_none());
        self.proven.keys().chain(said).collect()
    }

    /// Its sessions, the youngest last.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.older.iter().copied().chain([self.session])
    }

    /// The session to talk over: the youngest, which is the one that survives a restart of the
    /// other side.
    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    fn add(&mut self, id: SessionId) {
        if id != self.session {
            self.older.push(id.min(self.session));
            self.older.sort_unstable();
            self.session = self.session.max(id);
        }
    }

    /// Takes a session out, if it is not the last one; whether there are others.
    fn keeps_any_without(&mut self, id: SessionId) -> bool {
        if id != self.session {
            self.older.retain(|older| *older != id);
            return true;
        }
        match self.older.pop() {
            Some(younger) => {
                self.session = younger;
                true
            }
            None => false,
        }
    }
}
