//! Who we are connected to: the discovery engine, the session table and what is known of each
//! session, under one owner. Pure: it is told of everything with the time, and answers with
//! [`Output`]s. The node's hub drives it over sockets, the simulator in virtual time.
//!
//! # The contract
//!
//! The caller carries out what comes back, in order, and owes:
//!
//! - **A monotonic clock.** `now.mono` never goes back between calls.
//! - **[`Peering::start`] once**, and [`Peering::wakeup`] when [`Peering::next_wakeup`] is due. A
//!   spurious or late one is harmless.
//! - **[`Peering::opened`] for every authenticated connection**, under a number that was never used
//!   before. An error means that there is no session: end the connection, and say nothing more of
//!   it.
//! - **[`Peering::keep_alive`], [`Peering::frame`] or [`Peering::message`] for every frame**, and [`Peering::ended`] when a
//!   session ends by itself. After an [`Output::Ended`] nothing more has to be said of that
//!   session; what is said all the same changes nothing.
//! - **An outcome for every [`Output::Dial`]**: one of [`Peering::opened`] and
//!   [`Peering::dial_failed`]; and one [`Peering::resolved`] for every [`Output::Resolve`].
//!
//! # Who decides what
//!
//! The engine decides whom to dial and whom to leave alone, and keeps the one misbehaviour score of
//! a session, whichever protocol the misdeeds were on. The table decides which sessions may be, and
//! which of them are alive. What either ends, the other is told of here.

mod output;
mod twin;

use std::{collections::BTreeMap, net::SocketAddr};

use hegemon_discovery::{
    Action, ChainState, Config, DecodeError, DialError, DialId, Direction, Engine, Event, Heard,
    Message, Mono, Now, PeerId, SeedIndex, SessionId, Sorted, limits::LONELY, snapshot::Stored,
};

pub use self::output::{Attempts, End, Output};
use self::twin::Twin;
use crate::net::table::{Admission, CloseReason, Command, FrameKind, Limits, Table};

/// What is known of a session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who is at the other end.
    pub peer: PeerId,
    /// The other end of the socket.
    pub remote: SocketAddr,
    /// Who dialled.
    pub direction: Direction,
    /// When it was established.
    pub opened: Mono,
    /// Where its peer listens, if it said so or we dialled it.
    pub listen: Option<SocketAddr>,
    /// A `GetAddrs` of ours is unanswered.
    asked: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Peering {
    own: PeerId,
    engine: Engine,
    table: Table,
    /// As many as the table has.
    sessions: Sorted<SessionId, Session>,
    /// Where each dial under way goes: as many as the engine has in flight.
    dialling: BTreeMap<DialId, SocketAddr>,
    twin: Twin,
    heard: Heard,
}

impl Peering {
    /// The node `own` at rest, with what was stored of its peers. `entropy` must be unpredictable
    /// in a node, and may be chosen in a simulation. `limits` also replace `config.max_inbound`.
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
            engine: Engine::new(config, entropy, stored, now),
            table: Table::new(own, limits),
            sessions: Sorted::default(),
            dialling: BTreeMap::new(),
            twin: Twin::default(),
            heard: Heard::new(now.mono),
        }
    }

    /// The first call: the engine rests until then.
    pub fn start(&mut self, now: Now, out: &mut Vec<Output>) {
        self.discover(Event::Wakeup, now, out);
    }

    /// Does what is due.
    pub fn wakeup(&mut self, now: Now, out: &mut Vec<Output>) {
        self.command(now, out, |table, now, commands| table.wakeup(now, commands));
        out.extend(self.twin.due(now.mono).map(|remote| Output::Twin { remote }));
        if self.engine.next_wakeup().is_some_and(|due| due <= now.mono) {
            self.discover(Event::Wakeup, now, out);
        }
    }

    /// When [`Peering::wakeup`] has something to do.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let due = [self.engine.next_wakeup(), self.table.next_wakeup(), self.twin.next_due()];
        due.into_iter().flatten().min()
    }

    /// A connection was authenticated; `dial` is ours that led to it, if one did.
    ///
    /// # Errors
    ///
    /// Why there is no session, as a dialler is told: it was ourselves, there is one with that
    /// peer, or there is no slot.
    pub fn opened(
        &mut self,
        session: SessionId,
        peer: PeerId,
        remote: SocketAddr,
        dial: Option<DialId>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), DialError> {
        let listen = dial.and_then(|dial| self.dialling.remove(&dial));
        let direction = if dial.is_some() { Direction::Outbound } else { Direction::Inbound };
        let mut commands = Vec::new();
        let admitted = self.admit(session, peer, direction, now.mono, &mut commands);
        match (admitted, dial) {
            (Ok(()), _) => {
                let opened = now.mono;
                let known = Session { peer, remote, direction, opened, listen, asked: false };
                self.sessions.insert(session, known);
                // By this its peer knows us from an older node.
                out.push(Output::KeepAlive { session });
                self.discover(Event::Opened { session, peer, remote, dial }, now, out);
                // The engine may have ended another one for it.
                self.table.seat(session);
            }
            (Err(error), Some(dial)) => self.discover(Event::DialFailed { dial, error }, now, out),
            (Err(DialError::Itself), None) => self.twin.answered(remote, now.mono),
            (Err(_), None) => {}
        }
        self.carry_out(commands, now, out);
        admitted
    }

    /// An empty frame came: a sign of life of a node of ours.
    pub fn keep_alive(&mut self, session: SessionId, now: Now, out: &mut Vec<Output>) {
        self.take(session, FrameKind::Empty, now, out);
    }

    /// A frame came that is neither empty nor a discovery message: a sign of life.
    pub fn frame(&mut self, session: SessionId, now: Now, out: &mut Vec<Output>) {
        self.take(session, FrameKind::Full, now, out);
    }

    /// A frame came that is a discovery message, or claims to be one.
    pub fn message(
        &mut self,
        session: SessionId,
        message: Result<Message, DecodeError>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let hello = matches!(message, Ok(Message::Hello { .. }));
        self.take(session, if hello { FrameKind::Hello } else { FrameKind::Full }, now, out);
        let Some(known) = self.sessions.get_mut(session) else { return };
        match message {
            Ok(Message::Addrs { .. }) if std::mem::take(&mut known.asked) => {
                self.table.answered(session)
            }
            Ok(Message::Hello { listen_port }) if listen_port != 0 => {
                known.listen.get_or_insert(SocketAddr::new(known.remote.ip(), listen_port));
            }
            Ok(Message::Addrs { .. } | Message::Hello { .. } | Message::GetAddrs { .. })
            | Err(_) => {}
        }
        self.discover(Event::Message { session, message }, now, out);
    }

    /// An empty frame came at `at`, which may be a while ago. The engine hears of it with the next
    /// [`Peering::frame`] or [`Peering::report_heard`].
    pub fn heard_at(&mut self, session: SessionId, at: Mono, now: Now, out: &mut Vec<Output>) {
        self.hear(session, FrameKind::Empty, at, now, out);
    }

    /// Tells the engine of the last frame, if it does not know of it.
    pub fn report_heard(&mut self, now: Now, out: &mut Vec<Output>) {
        if let Some(at) = self.heard.report(now) {
            self.discover(Event::Heard, at, out);
        }
    }

    /// A session ended by itself: the other end, the network or its task ended it.
    pub fn ended(&mut self, session: SessionId, now: Now, out: &mut Vec<Output>) {
        self.close(session, End::Reported, now, out);
    }

    /// A dial ended without an authenticated connection.
    pub fn dial_failed(&mut self, dial: DialId, error: DialError, now: Now, out: &mut Vec<Output>) {
        let dialled = self.dialling.remove(&dial);
        if let (DialError::Itself, Some(addr)) = (error, dialled) {
            self.twin.dialled(addr, now.mono);
        }
        // Whether anybody was heard while it failed decides whose fault it is.
        self.report_heard(now, out);
        self.discover(Event::DialFailed { dial, error }, now, out);
    }

    /// A seed's name was looked up.
    pub fn resolved(
        &mut self,
        seed: SeedIndex,
        addrs: Vec<SocketAddr>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        self.discover(Event::Resolved { seed, addrs }, now, out);
    }

    /// What the chain says about the network.
    pub fn chain(&mut self, state: ChainState, now: Now, out: &mut Vec<Output>) {
        self.discover(Event::Chain(state), now, out);
    }

    /// A peer broke a protocol that is not discovery's. The points join those for discovery's: at
    /// [`hegemon_discovery::limits::SCORE_CLOSE`] the session ends and its IP is left alone for a
    /// while, whatever they were for. Neither a seed's IP nor this host's is.
    pub fn misbehaved(&mut self, session: SessionId, points: u32, now: Now, out: &mut Vec<Output>) {
        self.discover(Event::Misbehaved { session, points }, now, out);
    }

    /// The node is about to exit: what is not yet stored comes back as [`Output::Persist`].
    pub fn shut_down(&mut self, now: Now, out: &mut Vec<Output>) {
        self.discover(Event::Shutdown, now, out);
    }

    /// The engine, to look at.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The session table, to look at.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Every session, by number.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter()
    }

    /// One session.
    #[must_use]
    pub fn session(&self, session: SessionId) -> Option<&Session> {
        self.sessions.get(session)
    }

    /// When each session's last frame came; at first, when it was established.
    pub fn heard(&self) -> impl Iterator<Item = (SessionId, Mono)> {
        self.table.heard()
    }

    /// A frame came now.
    fn take(&mut self, session: SessionId, kind: FrameKind, now: Now, out: &mut Vec<Output>) {
        if self.hear(session, kind, now.mono, now, out) && self.heard.is_due(now.mono) {
            self.report_heard(now, out);
        }
    }

    /// A frame came; whether there is such a session.
    fn hear(
        &mut self,
        session: SessionId,
        kind: FrameKind,
        at: Mono,
        now: Now,
        out: &mut Vec<Output>,
    ) -> bool {
        let mut commands = Vec::new();
        if !self.table.frame(session, kind, at, &mut commands) {
            return false;
        }
        self.heard.note(at);
        self.carry_out(commands, now, out);
        true
    }

    fn admit(
        &mut self,
        session: SessionId,
        peer: PeerId,
        direction: Direction,
        now: Mono,
        commands: &mut Vec<Command>,
    ) -> Result<(), DialError> {
        // As a listener we answer ourselves; as a dialler the handshake has said so already.
        if peer == self.own {
            return Err(DialError::Itself);
        }
        match self.table.open(session, peer, direction, now, commands) {
            Admission::Admitted => Ok(()),
            Admission::Refused(CloseReason::Full) => Err(DialError::NoSlot),
            Admission::Refused(
                CloseReason::Duplicate | CloseReason::Silent | CloseReason::Forgotten,
            ) => Err(DialError::Duplicate(peer)),
        }
    }

    /// Tells the engine, and does what it says as far as that is done here.
    fn discover(&mut self, event: Event, now: Now, out: &mut Vec<Output>) {
        self.heard.told(now.mono);
        for action in self.engine.handle(event, now) {
            match action {
                Action::Send { session, message } => self.say(session, message, out),
                Action::KeepAlive { session } => out.push(Output::KeepAlive { session }),
                Action::Dial { dial, addr } => {
                    self.dialling.insert(dial, addr);
                    let lonely = self.table.peers() < LONELY;
                    let attempts = if lonely { Attempts::Two } else { Attempts::One };
                    out.push(Output::Dial { dial, addr, attempts });
                }
                Action::Close { session, reason } => {
                    self.close(session, End::Engine(reason), now, out)
                }
                Action::Resolve { seed } => out.push(Output::Resolve { seed }),
                Action::Persist => out.push(Output::Persist),
                Action::Alarm { alarm, raised } => out.push(Output::Alarm { alarm, raised }),
            }
        }
    }

    fn say(&mut self, session: SessionId, message: Message, out: &mut Vec<Output>) {
        let Some(known) = self.sessions.get_mut(session) else { return };
        known.asked |= matches!(message, Message::GetAddrs { .. });
        out.push(Output::Send { session, message });
    }

    /// Tells the table, and does what it says.
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
                Command::Close(session, reason) => self.end(session, End::Table(reason), now, out),
                Command::Probe(session) => self.discover(Event::Probe { session }, now, out),
            }
        }
    }

    /// Ends a session that the table still has.
    fn close(&mut self, session: SessionId, why: End, now: Now, out: &mut Vec<Output>) {
        if self.sessions.get(session).is_some() {
            self.end(session, why, now, out);
            self.command(now, out, |table, now, _| table.closed(session, now));
        }
    }

    /// Forgets a session that has left the table, or is about to.
    fn end(&mut self, session: SessionId, why: End, now: Now, out: &mut Vec<Output>) {
        let Some(Session { peer, remote, .. }) = self.sessions.remove(session) else { return };
        out.push(Output::Ended { session, peer, remote, why });
        self.discover(Event::Closed { session }, now, out);
    }
}
