//! One honest node: the real engine and the real session table, joined as the node's hub joins
//! them, without sockets. All uses of the engine's constructor and configuration are here.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use hegemon_discovery::{
    Action, Config, DialError, DialId, Direction, Engine, Event, Message, Mono, Now, PeerId,
    SeedIndex, SessionId, snapshot,
};
use hegemon_node::net::{
    session::KEEP_ALIVE,
    table::{Admission, CloseReason, Command, Limits, Table},
};

use crate::frame::Frame;

/// Sessions of a node, all in all: the node's default.
pub const MAX_PEERS: usize = 50;

/// A sign of life is reported to the engine once in this time.
const HEARD_INTERVAL: Duration = Duration::from_secs(1);

/// What an actor wants of the network.
#[derive(Debug)]
pub(crate) enum Output {
    /// Carry a frame to the other end.
    Frame { session: SessionId, frame: Frame },
    /// Connect.
    Dial { dial: DialId, addr: SocketAddr },
    /// Look a seed up.
    Resolve { seed: SeedIndex },
    /// Keep these bytes over a restart.
    Persist { snapshot: Vec<u8> },
    /// The session is over at this end.
    Ended { session: SessionId },
    /// The operator was told.
    Alarmed,
}

#[derive(Debug)]
struct Session {
    peer: PeerId,
    /// When the last frame came; at first, when it was opened.
    last_frame: Mono,
    /// A `GetAddrs` of ours is unanswered.
    asked: bool,
}

#[derive(Debug)]
pub(crate) struct Node {
    engine: Engine,
    table: Table,
    sessions: BTreeMap<SessionId, Session>,
    /// When the last frame came, and the last one that the engine was told of.
    heard: Option<Mono>,
    heard_reported: Option<Mono>,
    /// The engine's time: it never goes back.
    told: Mono,
}

/// Session limits as the node derives them from [`MAX_PEERS`]: outbound slots, one for a feeler and
/// one for each seed; the rest is for others.
fn limits(config: &Config) -> Limits {
    let inbound = MAX_PEERS.saturating_sub(config.target_outbound + 1 + config.seeds).max(1);
    Limits { inbound, outbound: MAX_PEERS - inbound }
}

impl Node {
    /// A node with what its store holds. A store that cannot be read is none.
    pub(crate) fn start(
        identity: PeerId,
        mut config: Config,
        entropy: [u8; 32],
        stored: &[u8],
        now: Now,
    ) -> Self {
        let limits = limits(&config);
        config.max_inbound = limits.inbound;
        let stored = snapshot::decode(stored, now).unwrap_or_default();
        let engine = Engine::new(config, entropy, stored, now);
        Self {
            engine,
            table: Table::new(identity, limits),
            sessions: BTreeMap::new(),
            heard: None,
            heard_reported: None,
            told: now.mono,
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Living sessions.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    /// Peers in an outbound slot.
    pub(crate) fn outbound(&self) -> BTreeSet<PeerId> {
        self.engine.outbound_peers().collect()
    }

    /// Whether it has a session with a peer.
    pub(crate) fn has(&self, peer: PeerId) -> bool {
        self.sessions.values().any(|session| session.peer == peer)
    }

    /// All peers, each once.
    pub(crate) fn peers(&self) -> BTreeSet<PeerId> {
        self.sessions.values().map(|session| session.peer).collect()
    }

    pub(crate) fn next_wakeup(&self) -> Option<Mono> {
        [self.engine.next_wakeup(), self.table.next_wakeup()].into_iter().flatten().min()
    }

    pub(crate) fn wake(&mut self, now: Now, out: &mut Vec<Output>) {
        self.command(now, out, |table, now, commands| table.wakeup(now, commands));
        if self.engine.next_wakeup().is_some_and(|due| due <= now.mono) {
            self.discover(Event::Wakeup, now, out);
        }
    }

    /// The first call: the engine rests until then.
    pub(crate) fn begin(&mut self, now: Now, out: &mut Vec<Output>) {
        self.discover(Event::Wakeup, now, out);
    }

    /// A session was established.
    ///
    /// # Errors
    ///
    /// Why the table refuses it, as a dialler is told.
    pub(crate) fn opened(
        &mut self,
        session: SessionId,
        peer: PeerId,
        remote: SocketAddr,
        dial: Option<DialId>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), DialError> {
        let direction = if dial.is_some() { Direction::Outbound } else { Direction::Inbound };
        let mut commands = Vec::new();
        let admission = self.table.open(session, peer, direction, now.mono, &mut commands);
        if let Admission::Refused(reason) = admission {
            let error = if reason == CloseReason::Full {
                DialError::NoSlot
            } else {
                DialError::Duplicate(peer)
            };
            if let Some(dial) = dial {
                self.discover(Event::DialFailed { dial, error }, now, out);
            }
            self.carry_out(commands, now, out);
            return Err(error);
        }
        self.sessions.insert(session, Session { peer, last_frame: now.mono, asked: false });
        self.discover(Event::Opened { session, peer, remote, dial }, now, out);
        self.carry_out(commands, now, out);
        Ok(())
    }

    pub(crate) fn frame(
        &mut self,
        session: SessionId,
        frame: Frame,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.last_frame = now.mono;
        self.heard = Some(now.mono);
        self.command(now, out, |table, now, commands| table.frame(session, now, commands));
        if self.heard_reported.is_none_or(|at| now.mono.since(at) >= HEARD_INTERVAL) {
            self.report_heard(now, out);
        }
        let message = match frame {
            Frame::Empty => return,
            Frame::Message(message) => Ok(message),
            Frame::Bytes(bytes) => Message::decode(&bytes),
        };
        let answered = matches!(message, Ok(Message::Addrs { .. }))
            && self
                .sessions
                .get_mut(&session)
                .is_some_and(|known| std::mem::take(&mut known.asked));
        if answered {
            self.table.answered(session);
        }
        self.discover(Event::Message { session, message }, now, out);
    }

    /// The other end, or the network, ended a session.
    pub(crate) fn ended(&mut self, session: SessionId, now: Now, out: &mut Vec<Output>) {
        if self.sessions.contains_key(&session) {
            self.end(session, now, out);
            self.command(now, out, |table, now, _| table.closed(session, now));
        }
    }

    pub(crate) fn dial_failed(
        &mut self,
        dial: DialId,
        error: DialError,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        self.report_heard(now, out);
        self.discover(Event::DialFailed { dial, error }, now, out);
    }

    pub(crate) fn resolved(
        &mut self,
        seed: SeedIndex,
        addrs: Vec<SocketAddr>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        self.discover(Event::Resolved { seed, addrs }, now, out);
    }

    pub(crate) fn shut_down(&mut self, now: Now, out: &mut Vec<Output>) {
        self.discover(Event::Shutdown, now, out);
    }

    /// Catches up on keepalives. The other end of a session sends one after [`KEEP_ALIVE`] without
    /// another frame; instead of an event for each, those that came since the last frame are
    /// counted when it matters. `flows` says which sessions are whole.
    pub(crate) fn settle(
        &mut self,
        flows: impl Fn(SessionId) -> bool,
        now: Now,
        out: &mut Vec<Output>,
    ) -> u64 {
        let (mut commands, mut counted) = (Vec::new(), 0);
        for (id, session) in &mut self.sessions {
            let silent = now.mono.since(session.last_frame);
            if silent < KEEP_ALIVE || !flows(*id) {
                continue;
            }
            let missed =
                u32::try_from(silent.as_millis() / KEEP_ALIVE.as_millis()).unwrap_or(u32::MAX);
            session.last_frame = session.last_frame.after(KEEP_ALIVE.saturating_mul(missed));
            self.heard = self.heard.max(Some(session.last_frame));
            self.table.frame(*id, session.last_frame, &mut commands);
            counted += u64::from(missed);
        }
        self.carry_out(commands, now, out);
        counted
    }

    /// Tells the engine of a frame that it does not know of yet. A keepalive that was caught up on
    /// came earlier than now: the engine is told as near to that moment as its clock allows, since
    /// what was heard before a dial says nothing of the network during it.
    pub(crate) fn report_heard(&mut self, now: Now, out: &mut Vec<Output>) {
        if let Some(heard) = self.heard.filter(|_| self.heard > self.heard_reported) {
            let mono = heard.max(self.told);
            self.heard_reported = Some(mono);
            self.discover(
                Event::Heard,
                Now { mono, wall: now.wall.saturating_sub(now.mono.since(mono)) },
                out,
            );
        }
    }

    fn discover(&mut self, event: Event, now: Now, out: &mut Vec<Output>) {
        self.told = now.mono;
        for action in self.engine.handle(event, now) {
            match action {
                Action::Send { session, message } => self.say(session, message, out),
                Action::KeepAlive { session } => {
                    out.push(Output::Frame { session, frame: Frame::Empty })
                }
                Action::Dial { dial, addr } => out.push(Output::Dial { dial, addr }),
                Action::Resolve { seed } => out.push(Output::Resolve { seed }),
                Action::Close { session, .. } => self.ended(session, now, out),
                Action::Alarm { raised, .. } => out.extend(raised.then_some(Output::Alarmed)),
                Action::Persist { snapshot } => out.push(Output::Persist { snapshot }),
            }
        }
    }

    fn say(&mut self, session: SessionId, message: Message, out: &mut Vec<Output>) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.asked |= matches!(message, Message::GetAddrs { .. });
        out.push(Output::Frame { session, frame: Frame::Message(message) });
    }

    fn command(
        &mut self,
        now: Now,
        out: &mut Vec<Output>,
        tell: impl FnOnce(&mut Table, Mono, &mut Vec<Command>),
    ) {
        let mut commands = Vec::new();
        tell(&mut self.table, now.mono, &mut commands);
        self.carry_out(commands, now, out);
    }

    fn carry_out(&mut self, commands: Vec<Command>, now: Now, out: &mut Vec<Output>) {
        for command in commands {
            match command {
                Command::Close(session, _) => self.end(session, now, out),
                Command::Probe(session) => self.discover(Event::Probe { session }, now, out),
            }
        }
    }

    /// Forgets a session that has left the table, or is about to.
    fn end(&mut self, session: SessionId, now: Now, out: &mut Vec<Output>) {
        if self.sessions.remove(&session).is_some() {
            out.push(Output::Ended { session });
            self.discover(Event::Closed { session }, now, out);
        }
    }
}
