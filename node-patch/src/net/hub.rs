//! The one task that owns [`Peering`] and drives it: a queue of what happens on the network, the
//! sockets, the chain side, and what RPC shows. It decides nothing. Everything passes through its
//! queue, so that nothing needs a lock and every order of things is one that a test can make.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hegemon_discovery::{DialId, Direction, Mono, Now, SessionId};
use tokio::{
    sync::{Semaphore, mpsc},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use crate::{
    host::{Host, net::Listener},
    net::{
        chain_feed::ChainFeed,
        discovery_driver::DiscoveryDriver,
        event::{HubEvent, Inbound},
        handle::ChainEvent,
        listener::{self, PendingLimits},
        log::PeerLog,
        peering::{Attempts, End, Output, Peering},
        registry::Registry,
        session::{self, Shared},
        socket::{self, Connection},
        table::CloseReason,
        view::{NetworkView, SessionView, SharedView},
    },
    transport::{envelope::Protocol, identity::Identity, pool::FramePool},
};

/// Events that may wait for the hub. Its work per event is microseconds; what fills this is a
/// flood, and then the readers wait. The largest, a full list of addresses, has 32 KiB.
pub const HUB_QUEUE: usize = 256;
/// Bytes of chain frames between their readers and the chain, long ones not counted: those keep
/// their share of the pool.
const CHAIN_BYTES: usize = 2 * 1024 * 1024;
/// The view's numbers that change by themselves are renewed this often.
const VIEW_INTERVAL: Duration = Duration::from_secs(1);

/// What a hub is made of.
pub struct HubParts {
    /// Who we are.
    pub identity: Arc<Identity>,
    /// Whom we are connected to.
    pub peering: Peering,
    /// Looks seeds up and stores peers.
    pub driver: DiscoveryDriver,
    /// What the node runs on.
    pub host: Host,
    /// Who can be written to; shared with the chain side.
    pub registry: Registry,
    /// What RPC shows.
    pub view: SharedView,
    /// Sessions and frames for the chain side.
    pub chain: mpsc::Sender<ChainEvent>,
    /// The hub's own queue: the sender is for the tasks that it starts.
    pub events: (mpsc::Sender<HubEvent>, mpsc::Receiver<HubEvent>),
}

/// See the module.
pub struct Hub {
    identity: Arc<Identity>,
    peering: Peering,
    driver: DiscoveryDriver,
    host: Host,
    registry: Registry,
    view: SharedView,
    chain: ChainFeed,
    events: (mpsc::Sender<HubEvent>, mpsc::Receiver<HubEvent>),
    /// What frames on their way may hold of memory, over all sessions.
    pool: FramePool,
    chain_bytes: Arc<Semaphore>,
    pending: PendingLimits,
    log: PeerLog,
    next_session: u64,
    /// A session came or went since the view was renewed.
    changed: bool,
    shown_settled: usize,
    view_due: Mono,
}

impl Hub {
    /// A hub at rest.
    #[must_use]
    pub fn new(parts: HubParts) -> Self {
        Self {
            identity: parts.identity,
            peering: parts.peering,
            driver: parts.driver,
            host: parts.host,
            chain: ChainFeed::new(parts.chain, parts.registry.tally().clone()),
            registry: parts.registry,
            view: parts.view,
            events: parts.events,
            pool: FramePool::default(),
            chain_bytes: Arc::new(Semaphore::new(CHAIN_BYTES)),
            pending: PendingLimits::default(),
            log: PeerLog::default(),
            next_session: 0,
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
    pub async fn run(mut self, listener: Box<dyn Listener>, stop: CancellationToken) {
        let accepting = self.host.tasks.spawn(listener::accept(
            listener,
            self.host.tasks.clone(),
            self.identity.clone(),
            self.pending,
            self.registry.tally().clone(),
            self.events.0.clone(),
        ));
        self.tell(Peering::start);
        loop {
            self.publish();
            let wakeup = self.next_wakeup();
            tokio::select! {
                // In this order, always. Each of the first four comes to rest by itself: a wake-up
                // puts the next one off, all misdeeds are judged at once, what waits for the chain
                // only shrinks here. What others send need not ever end, so it comes last.
                biased;
                () = stop.cancelled() => break,
                () = sleep_until(self.host.clock.instant(wakeup)) => self.tell(Peering::wakeup),
                () = self.registry.misdeeds() => self.judge(),
                passed = self.chain.pass_on() => if passed.is_err() { break },
                event = self.events.1.recv() => match event {
                    Some(event) => self.event(event),
                    None => break,
                },
            }
        }
        accepting.abort();
        for (session, _) in self.peering.sessions() {
            self.registry.remove(session);
        }
        self.tell(Peering::shut_down);
        self.driver.finish().await;
    }

    fn event(&mut self, event: HubEvent) {
        match event {
            HubEvent::Dialled { dial, result: Ok(connection) } => {
                self.opened(*connection, Some(dial))
            }
            HubEvent::Dialled { dial, result: Err(error) } => {
                self.tell(|peering, now, out| peering.dial_failed(dial, error, now, out))
            }
            HubEvent::Accepted(connection) => self.opened(*connection, None),
            HubEvent::Frame { session, inbound } => self.frame(session, inbound),
            HubEvent::Ended { session, why } => {
                if let Some(known) = self.peering.session(session) {
                    self.log.ended(session, known.peer, known.remote, &why);
                }
                self.tell(|peering, now, out| peering.ended(session, now, out));
            }
            HubEvent::Chain(state) => self.tell(|peering, now, out| peering.chain(state, now, out)),
            HubEvent::Resolved { seed, addrs } => {
                self.tell(|peering, now, out| peering.resolved(seed, addrs, now, out))
            }
        }
    }

    fn opened(&mut self, connection: Connection, dial: Option<DialId>) {
        let (peer, remote) = (connection.established.peer, connection.remote);
        let direction = if dial.is_some() { Direction::Outbound } else { Direction::Inbound };
        let session = SessionId(self.next_session);
        self.next_session += 1;
        let (now, mut out) = (self.host.clock.now(), Vec::new());
        match self.peering.opened(session, peer, remote, dial, now, &mut out) {
            Ok(()) => {
                tracing::debug!(?session, ?peer, %remote, ?direction, "session established");
                self.registry.tally().established(direction);
                self.changed = true;
                let outlet = self.registry.open(session, connection.established.transcript);
                let shared = Shared {
                    clock: self.host.clock.clone(),
                    tasks: self.host.tasks.clone(),
                    hub: self.events.0.clone(),
                    pool: self.pool.clone(),
                    chain_bytes: self.chain_bytes.clone(),
                };
                session::spawn(session, direction, connection, outlet, shared);
                self.chain.tell(ChainEvent::Opened { session, peer });
            }
            Err(error) => {
                tracing::debug!(?peer, %remote, ?direction, ?error, "session refused")
            }
        }
        self.carry_out(out);
    }

    fn frame(&mut self, session: SessionId, inbound: Inbound) {
        match inbound {
            Inbound::Discovery(message) => {
                self.tell(|peering, now, out| peering.message(session, message, now, out))
            }
            Inbound::Chain(protocol, data) => {
                self.tell(|peering, now, out| peering.frame(session, now, out));
                if self.peering.session(session).is_some() {
                    self.chain.tell(ChainEvent::Frame { session, protocol, data });
                }
            }
            Inbound::Empty => self.tell(|peering, now, out| peering.keep_alive(session, now, out)),
            Inbound::Other => self.tell(|peering, now, out| peering.frame(session, now, out)),
        }
    }

    /// What peers did on the chain protocols joins what they did on discovery's.
    fn judge(&mut self) {
        for (session, points) in self.registry.take_misdeeds() {
            self.tell(|peering, now, out| peering.misbehaved(session, points, now, out));
        }
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Peering, Now, &mut Vec<Output>)) {
        let mut out = Vec::new();
        tell(&mut self.peering, self.host.clock.now(), &mut out);
        self.carry_out(out);
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send { session, message } => {
                    self.registry.send(session, Protocol::Discovery, &message.encode())
                }
                Output::KeepAlive { session } => self.registry.keep_alive(session),
                Output::Ended { session, peer, remote, why } => {
                    if why != End::Reported {
                        self.log.ended(session, peer, remote, &why);
                    }
                    self.changed = true;
                    match why {
                        End::Table(CloseReason::Full) => self.registry.dismiss(session),
                        End::Table(_) | End::Engine(_) | End::Reported => {
                            self.registry.remove(session)
                        }
                    }
                    self.chain.tell(ChainEvent::Closed { session });
                }
                Output::Dial { dial, addr, attempts } => self.dial(dial, addr, attempts),
                Output::Resolve { seed } => self.driver.resolve(seed),
                Output::Persist => {
                    self.driver.persist(self.peering.engine().snapshot(self.host.clock.now()))
                }
                Output::Twin { remote } => tracing::error!(
                    %remote,
                    identity = %self.identity.peer_id(),
                    "another node has this node's identity: both are one peer to everybody, and neither can reach the other. Give one of them an identity of its own (remove its pq-identity.seed, or its HEGEMON_PQ_IDENTITY_SEED)"
                ),
                Output::Alarm { alarm, raised: true } => {
                    tracing::warn!(?alarm, "{}", alarm.advice())
                }
                Output::Alarm { alarm, raised: false } => {
                    tracing::info!(?alarm, "the alarm is over")
                }
            }
        }
    }

    fn dial(&self, dial: DialId, addr: SocketAddr, attempts: Attempts) {
        let (identity, events) = (self.identity.clone(), self.events.0.clone());
        let net = self.host.net.clone();
        let dialling = async move {
            let result = socket::dial(&*net, addr, attempts, identity).await.map(Box::new);
            let result = result.map_err(|error| {
                tracing::debug!(%addr, %error, "dial failed");
                error.blame()
            });
            let _ = events.send(HubEvent::Dialled { dial, result }).await;
        };
        self.host.tasks.spawn(dialling).detach();
    }

    fn next_wakeup(&self) -> Mono {
        let settled = self.peering.table().next_settled(self.host.clock.now().mono);
        [self.peering.next_wakeup(), settled].into_iter().flatten().fold(self.view_due, Mono::min)
    }

    /// Renews the view if it would show something else, or is old.
    fn publish(&mut self) {
        let now = self.host.clock.now();
        let table = self.peering.table();
        let settled_peers = table.settled_peers(now.mono);
        if !self.changed && settled_peers == self.shown_settled && now.mono < self.view_due {
            return;
        }
        (self.changed, self.shown_settled, self.view_due) =
            (false, settled_peers, now.mono.after(VIEW_INTERVAL));
        let outlets = self.registry.outlets();
        let sessions = self.peering.sessions().filter_map(|(id, known)| {
            let (outlet, settled) = (outlets.get(&id)?.clone(), table.is_settled(id, now.mono));
            Some(SessionView { session: id, known: known.clone(), settled, outlet })
        });
        let sessions: Vec<_> = sessions.collect();
        self.log.look(&sessions, now.mono);
        self.view.publish(NetworkView {
            settled_peers,
            rivalries: table.rivalries(),
            sessions,
            discovery: self.peering.engine().status(now),
        });
    }
}
