//! Who is connected, over a network that keys its connections by peer: the discovery engine and what
//! is known of each session, under one owner. Pure: it is told of everything with the time, and
//! answers with [`Order`]s. What `net::peering` is to the node of this repository, whose network
//! tells its sessions apart.
//!
//! # The contract
//!
//! `now.mono` never goes back; [`Roster::start`] once, [`Roster::wakeup`] when
//! [`Roster::next_wakeup`] is due; one [`Roster::dialled`] for every [`Order::Connect`] and one
//! [`Roster::resolved`] for every [`Order::Resolve`]. Of connections anything may be told, in any
//! order and any number of times.
//!
//! `dials` knows which dial a connection ends, `proof` whether a session is one at the other end
//! too, `slots` what room there is, `recent` what is remembered of peers that are not connected,
//! `order` what comes back.

mod dials;
mod order;
mod proof;
mod recent;
mod slots;

use std::{collections::BTreeMap, net::SocketAddr};

use hegemon_discovery::{
    Action, Bucket, ChainState, Config, DecodeError, DialError, DialId, Direction, Engine, Event,
    Heard, Limits, Message, Mono, Now, PeerId, SeedIndex, SessionId, Status, limits::SCORE_CLOSE,
    snapshot::Stored,
};

pub use self::order::{End, Order};
use self::{
    dials::Dials,
    proof::{Proof, Step},
    recent::Recent,
};
use crate::limits::{
    CUTS, EARLY, EARLY_BY, EARLY_MESSAGES, MESSAGES_PER_SECOND, MESSAGES_SAVED, MUTE, MUTE_AGE,
    PARTED, UNSURE,
};

/// A peer that is connected.
#[derive(Debug)]
struct Peer {
    session: SessionId,
    remote: SocketAddr,
    direction: Direction,
    /// When its moment in an overflow slot is over; `None` in a regular one.
    ends: Option<Mono>,
    proof: Proof,
    /// Until then a disconnection may be another connection's.
    unsure_until: Mono,
    /// It said something about discovery, so it knows what a question is.
    speaks: bool,
    messages: Bucket,
}

/// A connected peer, to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerView {
    /// Who.
    pub peer_id: PeerId,
    /// The other end, as the network told it.
    pub remote: SocketAddr,
    /// Who dialled.
    pub direction: Direction,
    /// Whether it counts: it was heard, or stood for a while, and is not overdue with an answer.
    pub counts: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Roster {
    own: PeerId,
    limits: Limits,
    engine: Engine,
    /// As many as [`Limits`] and the overflow slots allow.
    peers: BTreeMap<PeerId, Peer>,
    dials: Dials,
    /// Peers that we disconnected: the network may still have to tell of it.
    parted: Recent<()>,
    /// Peers that are not connected yet, and what they said.
    early: Recent<Vec<Message>>,
    /// Peers whose silence ended their sessions so often.
    mute: Recent<u32>,
    next_session: u64,
    heard: Heard,
}

impl Roster {
    /// The node `own` at rest, with what was stored of its peers. `entropy` must be unpredictable.
    /// `limits` also replace `config.max_inbound`.
    #[must_use]
    pub fn new(
        own: PeerId,
        limits: Limits,
        config: Config,
        entropy: [u8; 32],
        stored: Stored,
        now: Now,
    ) -> Self {
        let config = Config { max_inbound: limits.inbound, ..config };
        Self {
            own,
            limits,
            engine: Engine::new(config, entropy, stored, now),
            peers: BTreeMap::new(),
            dials: Dials::default(),
            parted: Recent::new(PARTED, UNSURE),
            early: Recent::new(EARLY, EARLY_BY),
            mute: Recent::new(MUTE, MUTE_AGE),
            next_session: 0,
            heard: Heard::new(now.mono),
        }
    }

    /// The first call: the engine rests until then.
    pub fn start(&mut self, now: Now, out: &mut Vec<Order>) {
        self.discover(Event::Wakeup, now, out);
    }

    /// Does what is due.
    pub fn wakeup(&mut self, now: Now, out: &mut Vec<Order>) {
        self.prove(now, out);
        self.end_overflow(now, out);
        while let Some((peer, addr)) = self.dials.overdue(now.mono) {
            self.connected(peer, addr, true, now, out);
        }
        if self.engine.next_wakeup().is_some_and(|due| due <= now.mono) {
            self.discover(Event::Wakeup, now, out);
        }
    }

    /// When [`Roster::wakeup`] has something to do.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let proofs = self.peers.values().map(|peer| peer.proof.due());
        let ends = self.peers.values().filter_map(|peer| peer.ends);
        proofs.chain(ends).chain(self.engine.next_wakeup()).chain(self.dials.due()).min()
    }

    /// The network connected a peer; `addr` is what we dialled, or where it dialled from.
    pub fn connected(
        &mut self,
        peer_id: PeerId,
        addr: SocketAddr,
        is_outbound: bool,
        now: Now,
        out: &mut Vec<Order>,
    ) {
        let dial = if is_outbound { self.dials.to(peer_id, addr) } else { None };
        let direction = if dial.is_some() { Direction::Outbound } else { Direction::Inbound };
        let slot = match self.slot(peer_id, direction, now, out) {
            Ok(ends) => ends,
            Err(error) => {
                self.part(peer_id, now, out);
                if let Some(dial) = dial {
                    self.discover(Event::DialFailed { dial, error }, now, out);
                }
                return;
            }
        };
        let before = self.peers.remove(&peer_id);
        let (session, unsure) =
            (self.number(), before.is_some() || self.parted.has(peer_id, now.mono));
        let messages = Bucket::full(MESSAGES_SAVED, MESSAGES_PER_SECOND, now.mono);
        let peer = Peer {
            session,
            remote: addr,
            direction: before.as_ref().map_or(direction, |before| before.direction.max(direction)),
            ends: slot,
            proof: Proof::begin(now.mono),
            unsure_until: if unsure { now.mono.after(UNSURE) } else { now.mono },
            speaks: before.as_ref().is_some_and(|before| before.speaks),
            messages: before.as_ref().map_or(messages, |before| before.messages),
        };
        self.peers.insert(peer_id, peer);
        out.push(Order::Open { session, peer_id, direction });
        self.discover(Event::Opened { session, peer: peer_id, remote: addr, dial }, now, out);
        // The engine may have ended another one for it.
        self.seat(peer_id);
        if let Some(before) = before {
            let (session, why) = (before.session, End::Replaced);
            out.push(Order::End { session, peer_id, why });
            self.discover(Event::Closed { session }, now, out);
        }
        while let Some(dial) = self.dials.beside(peer_id) {
            let error = DialError::Duplicate(peer_id);
            self.discover(Event::DialFailed { dial, error }, now, out);
        }
        for message in self.early.take(peer_id, now.mono).unwrap_or_default() {
            self.message(peer_id, Ok(message), now, out);
        }
    }

    /// The network says that a peer is no longer connected.
    pub fn disconnected(&mut self, peer_id: PeerId, now: Now, out: &mut Vec<Order>) {
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        if now.mono >= peer.unsure_until {
            self.end(peer_id, End::Disconnected, now, out);
            return;
        }
        // It may be the end of another connection. If it is this one's, the network takes nothing
        // for it any more; an answer that nobody asked for is the least that there is to send.
        peer.proof.doubt(now.mono);
        out.push(Order::Send { session: peer.session, message: nothing() });
    }

    /// A discovery message came, or what claims to be one.
    pub fn message(
        &mut self,
        peer_id: PeerId,
        message: Result<Message, DecodeError>,
        now: Now,
        out: &mut Vec<Order>,
    ) {
        self.frame(peer_id, now, out);
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return self.keep_early(peer_id, message, now.mono);
        };
        let session = peer.session;
        if !peer.messages.take(now.mono) {
            self.discover(Event::Misbehaved { session, points: SCORE_CLOSE }, now, out);
            return;
        }
        peer.speaks |= message.is_ok();
        self.discover(Event::Message { session, message }, now, out);
    }

    /// Something of another protocol came: a sign of life.
    pub fn frame(&mut self, peer_id: PeerId, now: Now, out: &mut Vec<Order>) {
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        if peer.proof.heard(now.mono) {
            out.push(Order::Spoke { session: peer.session });
        }
        self.heard.note(now.mono);
        if self.heard.is_due(now.mono) {
            self.report_heard(now, out);
        }
    }

    /// A dial ended, as the network says.
    pub fn dialled(
        &mut self,
        dial: DialId,
        result: Result<PeerId, DialError>,
        now: Now,
        out: &mut Vec<Order>,
    ) {
        let error = match result {
            Ok(peer) if peer == self.own => DialError::Itself,
            Ok(peer) if self.peers.contains_key(&peer) => DialError::Duplicate(peer),
            // Its connection is told of by an event, which is on its way.
            Ok(peer) => {
                self.dials.answered(dial, peer, now.mono);
                return;
            }
            Err(error) => error,
        };
        if self.dials.end(dial) {
            // Whether anybody was heard while it failed decides whose fault it is.
            self.report_heard(now, out);
            self.discover(Event::DialFailed { dial, error }, now, out);
        }
    }

    /// The network took no message for a session.
    pub fn unsent(&mut self, session: SessionId, now: Now, out: &mut Vec<Order>) {
        if let Some(peer_id) = self.owner(session) {
            self.part(peer_id, now, out);
            self.end(peer_id, End::Unsent, now, out);
        }
    }

    /// A seed was looked up.
    pub fn resolved(
        &mut self,
        seed: SeedIndex,
        addrs: Vec<SocketAddr>,
        now: Now,
        out: &mut Vec<Order>,
    ) {
        self.discover(Event::Resolved { seed, addrs }, now, out);
    }

    /// What the chain says about the network.
    pub fn chain(&mut self, state: ChainState, now: Now, out: &mut Vec<Order>) {
        self.discover(Event::Chain(state), now, out);
    }

    /// A peer broke another protocol: the points join those for discovery's.
    pub fn misbehaved(&mut self, peer_id: PeerId, points: u32, now: Now, out: &mut Vec<Order>) {
        if let Some(session) = self.peers.get(&peer_id).map(|peer| peer.session) {
            self.discover(Event::Misbehaved { session, points }, now, out);
        }
    }

    /// The node is about to exit: what is not yet stored comes back as [`Order::Persist`].
    pub fn shut_down(&mut self, now: Now, out: &mut Vec<Order>) {
        self.discover(Event::Shutdown, now, out);
    }

    /// What to store.
    #[must_use]
    pub fn snapshot(&self, now: Now) -> Vec<u8> {
        self.engine.snapshot(now)
    }

    /// The engine in numbers: a walk over all addresses.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        self.engine.status(now)
    }

    /// Every connected peer.
    pub fn peers(&self, now: Mono) -> impl Iterator<Item = PeerView> {
        self.peers.iter().map(move |(peer_id, peer)| PeerView {
            peer_id: *peer_id,
            remote: peer.remote,
            direction: peer.direction,
            counts: peer.proof.counts(now),
        })
    }

    /// Asks those that have to give a sign of life, and ends those that gave none.
    fn prove(&mut self, now: Now, out: &mut Vec<Order>) {
        let steps = self.peers.iter_mut().filter_map(|(id, peer)| {
            peer.proof.step(now.mono).map(|step| (*id, peer.session, step))
        });
        for (peer_id, session, step) in steps.collect::<Vec<_>>() {
            match step {
                Step::Probe => self.discover(Event::Probe { session }, now, out),
                Step::Silent => self.cut(peer_id, now, out),
            }
        }
    }

    /// A peer was silent although it was asked.
    fn cut(&mut self, peer_id: PeerId, now: Now, out: &mut Vec<Order>) {
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        if !peer.speaks {
            let cuts = self.mute.note(peer_id, now.mono);
            if *cuts >= CUTS {
                peer.proof.excuse(now.mono);
                return;
            }
            *cuts += 1;
        }
        self.part(peer_id, now, out);
        self.end(peer_id, End::Silent, now, out);
    }

    /// What somebody says who is not connected is on its way past the news of its connection, or
    /// comes from a connection that the network forgot. An answer can be neither's.
    fn keep_early(&mut self, peer_id: PeerId, message: Result<Message, DecodeError>, now: Mono) {
        if let Ok(message @ (Message::Hello { .. } | Message::GetAddrs { .. })) = message {
            let early = self.early.note(peer_id, now);
            if early.len() < EARLY_MESSAGES {
                early.push(message);
            }
        }
    }

    fn report_heard(&mut self, now: Now, out: &mut Vec<Order>) {
        if let Some(at) = self.heard.report(now) {
            self.discover(Event::Heard, at, out);
        }
    }

    /// Tells the engine, and does what it says as far as that is done here.
    fn discover(&mut self, event: Event, now: Now, out: &mut Vec<Order>) {
        self.heard.told(now.mono);
        for action in self.engine.handle(event, now) {
            match action {
                Action::Send { session, message } => self.say(session, message, now.mono, out),
                Action::KeepAlive { session } => self.say(session, nothing(), now.mono, out),
                Action::Dial { dial, addr } => {
                    self.dials.begin(dial, addr);
                    out.push(Order::Connect { dial, addr });
                }
                Action::Close { session, reason } => {
                    if let Some(peer_id) = self.owner(session) {
                        self.part(peer_id, now, out);
                        self.end(peer_id, End::Engine(reason), now, out);
                    }
                }
                Action::Resolve { seed } => out.push(Order::Resolve { seed }),
                Action::Persist => out.push(Order::Persist),
                Action::Alarm { alarm, raised } => out.push(Order::Alarm { alarm, raised }),
            }
        }
    }

    fn say(&mut self, session: SessionId, message: Message, now: Mono, out: &mut Vec<Order>) {
        if let Some(peer) = self.peers.values_mut().find(|peer| peer.session == session) {
            if matches!(message, Message::GetAddrs { .. }) {
                peer.proof.asked(now);
            }
            out.push(Order::Send { session, message });
        }
    }

    /// The network has to end what it has of a peer, and will tell of it, or not.
    fn part(&mut self, peer_id: PeerId, now: Now, out: &mut Vec<Order>) {
        self.parted.note(peer_id, now.mono);
        out.push(Order::Disconnect { peer_id });
    }

    fn end(&mut self, peer_id: PeerId, why: End, now: Now, out: &mut Vec<Order>) {
        let Some(Peer { session, .. }) = self.peers.remove(&peer_id) else { return };
        out.push(Order::End { session, peer_id, why });
        self.discover(Event::Closed { session }, now, out);
    }

    fn owner(&self, session: SessionId) -> Option<PeerId> {
        self.peers.iter().find(|(_, peer)| peer.session == session).map(|(id, _)| *id)
    }

    fn number(&mut self) -> SessionId {
        self.next_session += 1;
        SessionId(self.next_session)
    }
}

/// An empty answer: a sign of life that every node understands and old networks pass on, as they do
/// not pass on an empty frame.
fn nothing() -> Message {
    Message::Addrs { addrs: Vec::new() }
}
