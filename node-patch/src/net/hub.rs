//! The one task that owns the session table and the discovery engine. Everything that happens on
//! the network is an event in its queue, so that nothing needs a lock and every order of things is
//! one that a test can make.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use hegemon_discovery::{
    Action, ChainState, CloseReason as EngineReason, DialError, DialId, Direction, Event, Message,
    Mono, PeerId, SeedIndex, SessionId,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    discovery_driver::DiscoveryDriver,
    net::{
        handle::ChainEvent,
        listener::{self, PendingLimits},
        registry::{Outlet, Registry},
        session::{self, Inbound, SessionEnd, Shared},
        socket::{self, Connection},
        table::{Admission, CloseReason, Command, Limits, Table},
        view::{NetworkView, SessionView, SharedView},
    },
    transport::{envelope::Protocol, identity::Identity, pool::FramePool},
};

/// Events that may wait for the hub. Its work per event is microseconds; what fills this is a
/// flood, and then the readers wait. The largest, a full list of addresses, has 32 KiB.
pub const HUB_QUEUE: usize = 256;
/// Chain frames dropped while the chain is this many events behind; openings and closings wait
/// instead.
const CHAIN_BACKLOG: usize = 1_024;
/// Bytes of chain frames between their readers and the chain, long ones not counted: those keep
/// their share of the pool.
const CHAIN_BYTES: usize = 2 * 1024 * 1024;
/// The view's numbers that change by themselves are renewed this often.
const VIEW_INTERVAL: Duration = Duration::from_secs(1);
/// The engine is told of a sign of life at most once in this time.
const HEARD_INTERVAL: Duration = Duration::from_secs(1);

/// Something that happened on the network.
pub enum HubEvent {
    /// A dial ended.
    Dialled {
        /// Which.
        dial: DialId,
        /// An authenticated connection, or what to make of it.
        result: Result<Box<Connection>, DialError>,
    },
    /// A stranger shook hands.
    Accepted(Box<Connection>),
    /// A frame came.
    Frame {
        /// Over which session.
        session: SessionId,
        /// What it was.
        inbound: Inbound,
    },
    /// A session's reader ended: nothing more comes.
    Ended {
        /// Which.
        session: SessionId,
        /// For the log.
        why: SessionEnd,
    },
    /// What the chain says about the network.
    Chain(ChainState),
    /// A seed's name was looked up.
    Resolved {
        /// Which.
        seed: SeedIndex,
        /// Its addresses.
        addrs: Vec<SocketAddr>,
    },
}

/// What a hub is made of.
pub struct HubParts {
    /// Who we are.
    pub identity: Arc<Identity>,
    /// How many sessions there may be.
    pub limits: Limits,
    /// Discovery.
    pub driver: DiscoveryDriver,
    /// The node's clock.
    pub clock: Clock,
    /// Who can be written to; shared with the chain side.
    pub registry: Registry,
    /// What RPC shows.
    pub view: SharedView,
    /// Sessions and frames for the chain side.
    pub chain: mpsc::Sender<ChainEvent>,
    /// The hub's own queue: the sender is for the tasks that it starts.
    pub events: (mpsc::Sender<HubEvent>, mpsc::Receiver<HubEvent>),
}

struct Session {
    peer: PeerId,
    transcript: [u8; 32],
    remote: SocketAddr,
    direction: Direction,
    opened: Mono,
    listen: Option<SocketAddr>,
    /// A `GetAddrs` of ours is unanswered.
    asked: bool,
    outlet: Arc<Outlet>,
}

/// See the module.
pub struct Hub {
    identity: Arc<Identity>,
    driver: DiscoveryDriver,
    clock: Clock,
    registry: Registry,
    view: SharedView,
    chain: mpsc::Sender<ChainEvent>,
    events: (mpsc::Sender<HubEvent>, mpsc::Receiver<HubEvent>),
    /// What frames on their way may hold of memory, over all sessions.
    pool: FramePool,
    chain_bytes: Arc<Semaphore>,
    pending: PendingLimits,
    table: Table,
    sessions: BTreeMap<SessionId, Session>,
    next_session: u64,
    /// Openings and closings that the chain side had no room for.
    unheard: VecDeque<ChainEvent>,
    /// Where each dial under way goes.
    dialling: BTreeMap<DialId, SocketAddr>,
    /// When the last frame came, and when the engine was last told that one did.
    heard: Mono,
    told_heard: Mono,
    /// A session came or went since the view was renewed.
    changed: bool,
    shown_settled: usize,
    view_due: Mono,
}

impl Hub {
    /// A hub at rest.
    #[must_use]
    pub fn new(parts: HubParts) -> Self {
        let table = Table::new(parts.identity.peer_id(), parts.limits);
        Self {
            identity: parts.identity,
            driver: parts.driver,
            clock: parts.clock,
            registry: parts.registry,
            view: parts.view,
            chain: parts.chain,
            events: parts.events,
            pool: FramePool::default(),
            chain_bytes: Arc::new(Semaphore::new(CHAIN_BYTES)),
            pending: PendingLimits::default(),
            table,
            sessions: BTreeMap::new(),
            next_session: 0,
            unheard: VecDeque::new(),
            dialling: BTreeMap::new(),
            heard: Mono(i64::MIN),
            told_heard: Mono(i64::MIN),
            changed: true,
            shown_settled: 0,
            view_due: Mono(0),
        }
    }

    /// The same with other limits for the handshakes of strangers.
    #[must_use]
    pub fn with_pending(self, pending: PendingLimits) -> Self {
        Self { pending, ..self }
    }

    /// Accepts, dials and keeps sessions until `stop`; then ends them all and writes the peer
    /// store.
    pub async fn run(mut self, listener: TcpListener, stop: CancellationToken) {
        let accepting = tokio::spawn(listener::accept(
            listener,
            self.identity.clone(),
            self.pending,
            self.events.0.clone(),
        ));
        self.discover(Event::Wakeup);
        loop {
            self.publish();
            let wakeup = self.next_wakeup();
            tokio::select! {
                () = stop.cancelled() => break,
                event = self.events.1.recv() => match event {
                    Some(event) => self.event(event),
                    None => break,
                },
                permit = self.chain.clone().reserve_owned(), if !self.unheard.is_empty() => match (permit, self.unheard.pop_front()) {
                    (Ok(permit), Some(event)) => drop(permit.send(event)),
                    (Err(_), _) | (_, None) => break,
                },
                () = sleep_until(self.clock.instant(wakeup)) => self.wakeup(),
            }
        }
        accepting.abort();
        for session in self.sessions.keys() {
            self.registry.remove(*session);
        }
        self.driver.shut_down().await;
    }

    fn event(&mut self, event: HubEvent) {
        match event {
            HubEvent::Dialled { dial, result: Ok(connection) } => {
                self.opened(*connection, Some(dial))
            }
            HubEvent::Dialled { dial, result: Err(error) } => {
                self.dialling.remove(&dial);
                // Whether anybody was heard while it failed decides whose fault it is.
                self.tell_heard(Duration::ZERO);
                self.discover(Event::DialFailed { dial, error });
            }
            HubEvent::Accepted(connection) => self.opened(*connection, None),
            HubEvent::Frame { session, inbound } => self.frame(session, inbound),
            HubEvent::Ended { session, why } => {
                if self.sessions.contains_key(&session) {
                    self.end(session, &why.to_string());
                    self.command(|table, now, _| table.closed(session, now));
                }
            }
            HubEvent::Chain(state) => self.discover(Event::Chain(state)),
            HubEvent::Resolved { seed, addrs } => self.discover(Event::Resolved { seed, addrs }),
        }
    }

    fn wakeup(&mut self) {
        let now = self.clock.now().mono;
        self.command(Table::wakeup);
        if self.driver.next_wakeup().is_some_and(|due| due <= now) {
            self.discover(Event::Wakeup);
        }
    }

    fn opened(&mut self, connection: Connection, dial: Option<DialId>) {
        let now = self.clock.now().mono;
        let (peer, remote) = (connection.established.peer, connection.remote);
        let direction = if dial.is_some() { Direction::Outbound } else { Direction::Inbound };
        let dialled = dial.and_then(|dial| self.dialling.remove(&dial));
        if peer == self.identity.peer_id() {
            // As a listener we answer ourselves; as a dialler the handshake has said so already.
            dial.into_iter().for_each(|dial| {
                self.discover(Event::DialFailed { dial, error: DialError::Itself })
            });
            return;
        }
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let mut commands = Vec::new();
        let admission = self.table.open(session, peer, direction, now, &mut commands);
        if let Admission::Refused(reason) = admission {
            tracing::debug!(?peer, %remote, ?direction, ?reason, "session refused");
            if let Some(dial) = dial {
                let error = if reason == CloseReason::Full {
                    DialError::NoSlot
                } else {
                    DialError::Duplicate(peer)
                };
                self.discover(Event::DialFailed { dial, error });
            }
            self.carry_out(commands);
            return;
        }
        tracing::info!(?session, ?peer, %remote, ?direction, "session established");
        let (outlet, queue) = self.registry.open(session);
        self.changed = true;
        self.sessions.insert(
            session,
            Session {
                peer,
                transcript: connection.established.transcript,
                remote,
                direction,
                opened: now,
                listen: dialled,
                asked: false,
                outlet: outlet.clone(),
            },
        );
        let shared = Shared {
            clock: self.clock,
            hub: self.events.0.clone(),
            pool: self.pool.clone(),
            chain_bytes: self.chain_bytes.clone(),
        };
        session::spawn(session, direction, connection, (outlet, queue), shared);
        self.tell_chain(ChainEvent::Opened { session, peer });
        self.discover(Event::Opened { session, peer, remote, dial });
        self.carry_out(commands);
    }

    fn frame(&mut self, session: SessionId, inbound: Inbound) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        self.command(|table, now, out| table.frame(session, now, out));
        self.heard = self.clock.now().mono;
        self.tell_heard(HEARD_INTERVAL);
        match inbound {
            Inbound::Discovery(message) => {
                self.note(session, &message);
                self.discover(Event::Message { session, message });
            }
            Inbound::Chain(protocol, data) => {
                self.tell_chain(ChainEvent::Frame { session, protocol, data })
            }
            Inbound::Other => {}
        }
    }

    /// Tells the engine that a frame came, if it does not know of one this young.
    fn tell_heard(&mut self, interval: Duration) {
        if self.heard.since(self.told_heard) > interval {
            self.told_heard = self.heard;
            self.discover(Event::Heard);
        }
    }

    /// What the table and the view want to know of a discovery message.
    fn note(
        &mut self,
        session: SessionId,
        message: &Result<Message, hegemon_discovery::DecodeError>,
    ) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        match message {
            Ok(Message::Addrs { .. }) if std::mem::take(&mut known.asked) => {
                self.table.answered(session)
            }
            Ok(Message::Hello { listen_port }) if *listen_port != 0 => {
                known.listen.get_or_insert(SocketAddr::new(known.remote.ip(), *listen_port));
            }
            Ok(Message::Addrs { .. } | Message::Hello { .. } | Message::GetAddrs { .. })
            | Err(_) => {}
        }
    }

    /// Tells the engine and does what it says.
    fn discover(&mut self, event: Event) {
        for action in self.driver.handle(event) {
            match action {
                Action::Send { session, message } => self.say(session, &message),
                Action::KeepAlive { session } => self.registry.keep_alive(session),
                Action::Dial { dial, addr } => self.dial(dial, addr),
                Action::Close { session, reason } => self.close_for_engine(session, reason),
                Action::Resolve { .. } | Action::Persist { .. } | Action::Alarm { .. } => {
                    unreachable!("the driver keeps these")
                }
            }
        }
    }

    fn say(&mut self, session: SessionId, message: &Message) {
        if let (Message::GetAddrs { .. }, Some(known)) = (message, self.sessions.get_mut(&session))
        {
            known.asked = true;
        }
        self.registry.send(session, Protocol::Discovery, &message.encode());
    }

    fn close_for_engine(&mut self, session: SessionId, reason: EngineReason) {
        let why = match reason {
            EngineReason::Misbehaviour => "misbehaviour",
            EngineReason::Surplus => "more outbound sessions than slots",
            EngineReason::Feeler => "it was only a feeler",
            EngineReason::Evicted => "room for a newcomer",
            EngineReason::Discouraged => "its IP misbehaved",
        };
        if self.sessions.contains_key(&session) {
            self.end(session, why);
            self.command(|table, now, _| table.closed(session, now));
        }
    }

    fn dial(&mut self, dial: DialId, addr: SocketAddr) {
        self.dialling.insert(dial, addr);
        let (identity, events) = (self.identity.clone(), self.events.0.clone());
        tokio::spawn(async move {
            let result = socket::dial(addr, identity).await.map(Box::new).map_err(|error| {
                tracing::debug!(%addr, %error, "dial failed");
                error.blame()
            });
            let _ = events.send(HubEvent::Dialled { dial, result }).await;
        });
    }

    fn command(&mut self, tell: impl FnOnce(&mut Table, Mono, &mut Vec<Command>)) {
        let mut commands = Vec::new();
        tell(&mut self.table, self.clock.now().mono, &mut commands);
        self.carry_out(commands);
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Close(session, reason) => self.end(session, &format!("{reason:?}")),
                Command::Probe(session) => self.discover(Event::Probe { session }),
            }
        }
    }

    /// Forgets a session that has left the table, or is about to.
    fn end(&mut self, session: SessionId, why: &str) {
        let Some(known) = self.sessions.remove(&session) else { return };
        self.changed = true;
        tracing::info!(?session, peer = ?known.peer, remote = %known.remote, why, "session ended");
        self.registry.remove(session);
        self.tell_chain(ChainEvent::Closed { session });
        self.discover(Event::Closed { session });
    }

    /// Frames may be lost when the chain is far behind, like on any network; that a session opened
    /// or closed may not.
    fn tell_chain(&mut self, event: ChainEvent) {
        let waiting = !self.unheard.is_empty();
        let rejected = if waiting {
            Some(event)
        } else {
            self.chain.try_send(event).err().map(mpsc::error::TrySendError::into_inner)
        };
        match rejected {
            Some(frame @ ChainEvent::Frame { .. }) if self.unheard.len() < CHAIN_BACKLOG => {
                self.unheard.push_back(frame)
            }
            Some(ChainEvent::Frame { session, .. }) => {
                tracing::debug!(?session, "the chain is behind: a frame is dropped")
            }
            Some(ChainEvent::Closed { session }) => self.unhear(session),
            Some(opened @ ChainEvent::Opened { .. }) => self.unheard.push_back(opened),
            None => {}
        }
    }

    /// A session that ended before the chain heard that it opened is not told at all: what waits is
    /// bounded by the living sessions, however often peers come and go.
    fn unhear(&mut self, ended: SessionId) {
        let of = |event: &ChainEvent| match event {
            ChainEvent::Opened { session, .. }
            | ChainEvent::Closed { session }
            | ChainEvent::Frame { session, .. } => *session,
        };
        let untold = self
            .unheard
            .iter()
            .any(|event| matches!(event, ChainEvent::Opened { session, .. } if *session == ended));
        self.unheard.retain(|event| of(event) != ended);
        if !untold {
            self.unheard.push_back(ChainEvent::Closed { session: ended });
        }
    }

    fn next_wakeup(&self) -> Mono {
        let now = self.clock.now().mono;
        [
            self.driver.next_wakeup(),
            self.table.next_wakeup(),
            self.table.next_settled(now),
            Some(self.view_due),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(now.after(VIEW_INTERVAL))
    }

    /// Renews the view if it would show something else, or is old.
    fn publish(&mut self) {
        let now = self.clock.now().mono;
        let settled_peers = self.table.settled_peers(now);
        if !self.changed && settled_peers == self.shown_settled && now < self.view_due {
            return;
        }
        (self.changed, self.shown_settled, self.view_due) =
            (false, settled_peers, now.after(VIEW_INTERVAL));
        let session = |(id, session): (&SessionId, &Session)| SessionView {
            session: *id,
            peer: session.peer,
            transcript: session.transcript,
            remote: session.remote,
            direction: session.direction,
            opened: session.opened,
            listen: session.listen,
            settled: self.table.is_settled(*id, now),
            outlet: session.outlet.clone(),
        };
        self.view.publish(NetworkView {
            settled_peers,
            rivalries: self.table.rivalries(),
            sessions: self.sessions.iter().map(session).collect(),
            discovery: self.driver.status(),
        });
    }
}
