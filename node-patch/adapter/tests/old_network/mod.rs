//! A network in memory that does what old nodes' do. It keys by peer; looks for a peer and inserts it
//! later; drops the newer of two connections without a word; cleans up by peer, so that the end of
//! one takes the other's entry with it; loses what a dialler says together with `Finish`; and tells
//! what happens by two queues, of which either may be faster, and lifecycle events in any order.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod connection;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hegemon_adapter::{
    Discovery, Limits, Network, NetworkEvent, PeerStore, Remark, Seed, Settings, Unsent,
};
use hegemon_discovery::{Config, DialError, PeerId};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use self::connection::{Connection, Frame};

pub(crate) struct World {
    rng: Mutex<ChaCha12Rng>,
    listeners: Mutex<BTreeMap<SocketAddr, Arc<OldNetwork>>>,
    next: AtomicU64,
    /// Frames that were lost with `Finish`.
    pub(crate) lost: AtomicU64,
    /// Connections that were dropped as duplicates, and those that replaced another.
    pub(crate) dropped: AtomicU64,
    pub(crate) replaced: AtomicU64,
    /// Entries of a living connection that went with the end of another.
    pub(crate) forgotten: AtomicU64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            rng: Mutex::new(ChaCha12Rng::seed_from_u64(seed)),
            listeners: Mutex::default(),
            next: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
        })
    }

    pub(crate) fn delay(&self, millis: Range<u64>) -> Duration {
        let drawn = self.rng.lock().unwrap().next_u64() % (millis.end - millis.start);
        Duration::from_millis(millis.start + drawn)
    }

    async fn pass(&self, millis: Range<u64>) {
        sleep(self.delay(millis)).await;
    }
}

type End = (Arc<Connection>, usize);

pub(crate) struct OldNetwork {
    own: PeerId,
    listen: SocketAddr,
    world: Arc<World>,
    table: Mutex<BTreeMap<PeerId, End>>,
    discovery: OnceLock<Discovery>,
    messages: mpsc::UnboundedSender<(PeerId, Frame)>,
    stopped: AtomicBool,
}

enum Lifecycle {
    Connected(SocketAddr, bool),
    Disconnected,
}

impl OldNetwork {
    fn start(world: &Arc<World>, own: PeerId, listen: SocketAddr) -> Arc<Self> {
        let (messages, mut coming) = mpsc::unbounded_channel::<(PeerId, Frame)>();
        let network = Arc::new(Self {
            own,
            listen,
            world: world.clone(),
            table: Mutex::default(),
            discovery: OnceLock::new(),
            messages,
            stopped: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&network);
        tokio::spawn(async move {
            while let Some((peer_id, Frame { protocol, data })) = coming.recv().await {
                let Some(network) = weak.upgrade() else { return };
                network.world.pass(0..15).await;
                let (protocol, data) = (protocol.as_str(), data.as_slice());
                network.tell(NetworkEvent::MessageReceived { peer_id, protocol, data }).await;
            }
        });
        world.listeners.lock().unwrap().insert(listen, network.clone());
        network
    }

    async fn tell(&self, event: NetworkEvent<'_>) {
        if let Some(discovery) = self.discovery.get() {
            discovery.tell(event).await;
        }
    }

    /// In any order.
    fn happened(self: &Arc<Self>, peer_id: PeerId, what: Lifecycle) {
        let this = self.clone();
        tokio::spawn(async move {
            this.world.pass(0..15).await;
            this.tell(match what {
                Lifecycle::Connected(addr, is_outbound) => {
                    NetworkEvent::PeerConnected { peer_id, addr, is_outbound }
                }
                Lifecycle::Disconnected => NetworkEvent::PeerDisconnected { peer_id },
            })
            .await;
        });
    }

    async fn dial(self: &Arc<Self>, addr: SocketAddr) -> Result<PeerId, DialError> {
        self.world.pass(1..40).await;
        let listener = self.world.listeners.lock().unwrap().get(&addr).cloned();
        let listener = listener.ok_or(DialError::Refused)?;
        if listener.own == self.own {
            return Err(DialError::Itself);
        }
        self.world.pass(1..40).await;
        let number = self.world.next.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::new(number, self.world.clone());
        let port = 40_000 + u16::try_from(number % 20_000).unwrap();
        let (peer, remote) = (listener.own, SocketAddr::new(self.listen.ip(), port));
        let (own, other_end) = (self.own, connection.clone());
        tokio::spawn(async move {
            listener.world.pass(1..40).await;
            listener.upgraded((other_end, 1), own, remote, false).await;
        });
        self.upgraded((connection, 0), peer, addr, true).await;
        Ok(peer)
    }

    async fn upgraded(self: &Arc<Self>, end: End, peer: PeerId, addr: SocketAddr, dialled: bool) {
        let has = self.table.lock().unwrap().contains_key(&peer);
        if has || self.stopped.load(Ordering::Relaxed) {
            self.world.dropped.fetch_add(1, Ordering::Relaxed);
            end.0.close(end.1);
            return;
        }
        self.world.pass(0..30).await;
        if self.table.lock().unwrap().insert(peer, end.clone()).is_some() {
            self.world.replaced.fetch_add(1, Ordering::Relaxed);
        }
        self.happened(peer, Lifecycle::Connected(addr, dialled));
        let this = self.clone();
        tokio::spawn(async move {
            let (connection, side) = end;
            let take = |frame| _ = this.messages.send((peer, frame));
            connection.read(side, take).await;
            this.forget(peer, Some(connection.id));
        });
    }

    /// By peer, whichever connection it was.
    fn forget(self: &Arc<Self>, peer: PeerId, ended: Option<u64>) {
        if let Some((connection, side)) = self.table.lock().unwrap().remove(&peer) {
            match ended {
                None => connection.close(side),
                Some(id) if id != connection.id => {
                    self.world.forgotten.fetch_add(1, Ordering::Relaxed);
                }
                Some(_) => {}
            }
            self.happened(peer, Lifecycle::Disconnected);
        }
    }
}

/// What the trait is implemented for.
struct Handle(Arc<OldNetwork>);

impl Network for Handle {
    async fn connect(&self, addr: SocketAddr) -> Result<PeerId, DialError> {
        self.0.dial(addr).await
    }

    async fn send_message(
        &self,
        peer_id: PeerId,
        protocol: &'static str,
        data: Vec<u8>,
    ) -> Result<(), Unsent> {
        let end = self.0.table.lock().unwrap().get(&peer_id).cloned();
        let (connection, side) = end.ok_or(Unsent)?;
        connection.send(side, Some(Frame { protocol: protocol.to_owned(), data }));
        Ok(())
    }

    async fn disconnect(&self, peer_id: PeerId) {
        self.0.forget(peer_id, None);
    }

    fn remark(&self, _: &Remark) {}
}

/// A node over such a network.
pub(crate) struct Node {
    pub(crate) network: Arc<OldNetwork>,
    pub(crate) discovery: Discovery,
}

impl Node {
    /// Node `number`, whose seed is `seed`.
    pub(crate) fn start(world: &Arc<World>, number: u8, seed: u8, base_path: &Path) -> Self {
        let network = OldNetwork::start(world, PeerId([number; 32]), listen(number));
        let seeds = vec![Seed { host: listen(seed).ip().to_string(), port: listen(seed).port() }];
        let mut entropy = [number; 32];
        world.rng.lock().unwrap().fill_bytes(&mut entropy);
        let settings = Settings {
            own: network.own,
            discovery: Config::new(listen(number), 1),
            limits: Limits::within(50, 8, 1),
            seeds,
            store: PeerStore::under(base_path),
            entropy,
        };
        let discovery = Discovery::start(Arc::new(Handle(network.clone())), settings);
        assert!(network.discovery.set(discovery.clone()).is_ok());
        Self { network, discovery }
    }

    /// Ends it, and all of its connections.
    pub(crate) async fn stop(self) {
        self.network.stopped.store(true, Ordering::Relaxed);
        self.network.world.listeners.lock().unwrap().remove(&self.network.listen);
        self.discovery.shut_down().await;
        let ends: Vec<End> = self.network.table.lock().unwrap().values().cloned().collect();
        ends.iter().for_each(|(connection, side)| connection.close(*side));
    }

    /// Its peers as discovery counts them, and as the network has them: whether what is sent arrives.
    async fn peers(&self) -> (Vec<PeerId>, BTreeMap<PeerId, bool>) {
        let counted = self.discovery.peers().await;
        let counted = counted.iter().filter(|peer| peer.counts).map(|peer| peer.peer_id);
        let table = self.network.table.lock().unwrap();
        let connected = table.iter().map(|(peer, (connection, _))| (*peer, connection.is_open()));
        (counted.collect(), connected.collect())
    }
}

/// What is not as it should be in a network in which everybody is connected to everybody: who is
/// missed or forgotten by whom, and who counts wrongly.
pub(crate) async fn amiss(nodes: &[Node]) -> Vec<String> {
    let mut all = Vec::new();
    for node in nodes {
        all.push((node.network.own, node.peers().await));
    }
    let mut amiss = Vec::new();
    for (own, (counted, connected)) in &all {
        let others: Vec<PeerId> = all.iter().map(|(id, _)| *id).filter(|id| id != own).collect();
        if *counted != others {
            amiss.push(format!("{own:?} counts {counted:?}"));
        }
        // Old networks may send over one connection and hear over another: each then is open.
        for other in others.iter().filter(|other| connected.get(other) != Some(&true)) {
            amiss.push(format!("{own:?} cannot send to {other:?}"));
        }
    }
    amiss
}

/// Waits until nothing is amiss; how long that took.
pub(crate) async fn converged(nodes: &[Node], within: Duration) -> Duration {
    let began = Instant::now();
    loop {
        let amiss = amiss(nodes).await;
        if amiss.is_empty() {
            return began.elapsed();
        }
        assert!(began.elapsed() < within, "after {within:?}: {amiss:#?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A network group of its own for each.
fn listen(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 18, number, 1], 30_333))
}
