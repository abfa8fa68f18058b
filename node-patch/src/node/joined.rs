//! A node's parts joined, on whatever host: what the binary runs, and what a simulator runs several
//! of in one process. Sockets for RPC and metrics, files and signals are the binary's alone.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use hegemon_discovery::PeerId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    chain::Chain,
    config::Config,
    host::{Host, Task, net::Listener},
    miner::{Miner, Pace},
    net::{
        discovery_driver::DiscoveryDriver,
        hub::{HUB_QUEUE, Hub, HubParts},
        listener::PendingLimits,
        registry::Registry,
        view::SharedView,
    },
    node_status::Status,
    rpc::{NodeInfo, RpcContext},
    sync::{DriverError, Imports, SyncDriver},
    tip_watch,
    transport::identity::Identity,
};

/// Network events that may wait for the chain. An import takes some milliseconds; what exceeds this
/// waits in the hub, and then is dropped.
const CHAIN_QUEUE: usize = 256;

/// What cannot be.
const HUB_ENDED: &str =
    "the network's task ended, which is a bug; start the node again, and report it with the log";

/// What a node begins with.
pub struct Opened {
    /// Its listener, of the host's network.
    pub listener: Box<dyn Listener>,
    /// Its chain, on the host's storage.
    pub chain: Arc<Chain>,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// How fast it mines when it does.
    pub pace: Pace,
}

/// A node that is whole and knows nobody yet: strangers wait in its listener's backlog.
pub struct Joined {
    hub: Hub,
    listener: Box<dyn Listener>,
    listen: SocketAddr,
    peer_id: PeerId,
    sync: Task<Result<(), DriverError>>,
    host: Host,
    context: RpcContext,
    view: SharedView,
    registry: Registry,
    imports: Arc<Imports>,
}

impl Joined {
    /// Joins the parts, inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the host has no randomness, or cannot tell where it listens.
    pub fn new(config: &Config, host: Host, opened: Opened) -> anyhow::Result<Self> {
        let Opened { listener, chain, identity, pace } = opened;
        let (listen, peer_id) = (listener.local_addr()?, identity.peer_id());
        let (registry, view) = (Registry::default(), SharedView::default());
        let (chain_sender, chain_events) = mpsc::channel(CHAIN_QUEUE);
        let events = mpsc::channel(HUB_QUEUE);
        let seeds = config.environment.seeds.clone().into();
        let driver = DiscoveryDriver::new(seeds, host.clone(), events.0.clone());
        let (limits, discovery) = (config.limits(), config.discovery(listen));
        let peering = driver.peering(peer_id, limits, discovery, host.clock.now())?;
        let hub_events = events.0.clone();
        let hub = Hub::new(HubParts {
            identity,
            peering,
            driver,
            host: host.clone(),
            registry: registry.clone(),
            view: view.clone(),
            chain: chain_sender,
            events,
        });
        let hub = hub.with_pending(PendingLimits::per_ip(config.environment.pending_per_ip));

        let network = Arc::new(registry.clone());
        let (clock, tasks) = (host.clock.clone(), &host.tasks);
        let sync = SyncDriver::spawn(chain.clone(), network, chain_events, clock.clone(), tasks);
        let block_time = Duration::from_millis(chain.params().block_time_ms().into());
        tasks.spawn(tip_watch::log_catch_ups(sync.status.clone(), sync.best.clone())).detach();
        tasks.spawn(tip_watch::watch(sync.best.clone(), block_time, hub_events)).detach();
        let status = Status::new(view.clone(), clock, tasks.clone(), peer_id, listen);
        let context = RpcContext {
            info: info(config, &chain),
            miner: Arc::new(Miner::on(&host, chain.clone(), sync.mined, peer_id.0, pace)),
            chain,
            node: Arc::new(status),
            best: sync.best,
            sync: sync.status,
        };
        let (imports, sync) = (sync.imports, sync.task);
        Ok(Self { hub, listener, listen, peer_id, sync, host, context, view, registry, imports })
    }

    /// Who it is.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Where it listens.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// What may be asked of it.
    #[must_use]
    pub fn context(&self) -> &RpcContext {
        &self.context
    }

    /// What its network shows.
    #[must_use]
    pub fn view(&self) -> &SharedView {
        &self.view
    }

    /// Who it can write to, and what is counted of them all.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What became of its blocks.
    #[must_use]
    pub fn imports(&self) -> &Arc<Imports> {
        &self.imports
    }

    /// Begins to accept and to dial.
    #[must_use]
    pub fn run(self) -> Running {
        let stop = CancellationToken::new();
        let hub = self.host.tasks.spawn(self.hub.run(self.listener, stop.clone()));
        let miner = self.context.miner.clone();
        Running { stop, hub, sync: self.sync, miner, host: self.host }
    }
}

fn info(config: &Config, chain: &Chain) -> NodeInfo {
    NodeInfo {
        name: "Hegemon Testbed Node".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        should_have_peers: !config.environment.seeds.is_empty(),
        starting_block: chain.best().number,
        mining_threads: config.environment.mine_threads,
    }
}

/// A node that runs, and has to be stopped.
pub struct Running {
    /// Ends the hub.
    stop: CancellationToken,
    hub: Task<()>,
    sync: Task<Result<(), DriverError>>,
    miner: Arc<Miner>,
    host: Host,
}

impl Running {
    /// Why the node cannot go on; waits for as long as it can.
    pub async fn failed(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            biased;
            ended = &mut self.sync => ended.context("the chain's task ended, which is a bug; start the node again, and report it with the log").and_then(|ended| ended.context("the chain cannot go on")),
            ended = &mut self.hub => ended.context(HUB_ENDED),
        };
        // A chain that ends without an error has lost the hub, which is no better.
        ended.err().unwrap_or_else(|| anyhow::anyhow!(HUB_ENDED))
    }

    /// Sessions closed, peers stored, the miner and the chain at rest.
    pub async fn stop(self) {
        self.stop.cancel();
        let miner = self.miner;
        let mining = self.host.tasks.spawn_long(async move { miner.stop() });
        if !self.hub.is_over() {
            let _ = self.hub.await;
        }
        let _ = mining.await;
        if !self.sync.is_over() {
            let _ = self.sync.await;
        }
    }
}
