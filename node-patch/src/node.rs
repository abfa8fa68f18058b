//! The whole node: made from its parts, run until a signal or a failure, taken apart in order.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use hegemon_adapter::PeerStore;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    base_path::BasePath,
    chain::{Chain, ChainParams},
    clock::Clock,
    config::Config,
    identity_file,
    metrics::{self, MetricsError, MetricsServer, Sources},
    miner::{Miner, Pace},
    net::{
        discovery_driver::DiscoveryDriver,
        hub::{HUB_QUEUE, Hub, HubParts},
        listener::{self, PendingLimits},
        registry::Registry,
        tally::Tally,
        view::SharedView,
    },
    node_status::Status,
    rpc::{self, NodeInfo, RpcConfig, RpcContext, RpcServer},
    shutdown::Signals,
    sync::{DriverError, Imports, SyncDriver},
    tip_watch,
};

/// Network events that may wait for the chain. An import takes some milliseconds; what exceeds this
/// waits in the hub, and then is dropped.
const CHAIN_QUEUE: usize = 256;
/// Requests that are running when the node stops.
const RPC_SHUTDOWN_TIME: Duration = Duration::from_secs(1);
/// Taking the node apart; what is not done by then is cut off, which loses nothing that is on disk.
const SHUTDOWN_TIME: Duration = Duration::from_secs(4);

/// What cannot be.
const HUB_ENDED: &str =
    "the network's task ended, which is a bug; start the node again, and report it with the log";

/// Runs a node until it is told to stop.
///
/// # Errors
///
/// Whatever keeps it from starting or going on, with what to do about it.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::catch()
        .context("cannot listen for signals; raise the limit of descriptors (ulimit -n)")?;
    let base = BasePath::prepare(&config.flags)?;
    let mut running = Running::start(&config, base.path()).await?;
    let end = tokio::select! {
        name = signals.first() => {
            tracing::info!(signal = name, "stopping");
            Ok(())
        }
        ended = &mut running.sync => ended.context("the chain's task ended, which is a bug; start the node again, and report it with the log")?.context("the chain cannot go on"),
        ended = &mut running.hub => ended.context(HUB_ENDED).and_then(|()| Err(anyhow::anyhow!(HUB_ENDED))),
    };
    if timeout(SHUTDOWN_TIME, running.stop()).await.is_err() {
        tracing::warn!("not everything ended in {} s; going anyway", SHUTDOWN_TIME.as_secs());
    }
    end?;
    base.remove()?;
    tracing::info!("stopped");
    Ok(())
}

/// What runs, and has to be stopped.
struct Running {
    /// Ends the hub.
    stop: CancellationToken,
    hub: JoinHandle<()>,
    sync: JoinHandle<Result<(), DriverError>>,
    miner: Arc<Miner>,
    server: RpcServer,
    /// Ends when it is dropped.
    metrics: Option<MetricsServer>,
}

impl Running {
    /// Joins the parts.
    async fn start(config: &Config, base: &Path) -> anyhow::Result<Self> {
        // First: whoever starts together with its seed is not refused, and waits in the backlog.
        let listener = listen_on(config.listen)?;
        let listen = listener.local_addr()?;
        let chain = open_chain(config, base)?;
        // After what needs no randomness, which may not be ready before.
        let identity = Arc::new(identity_file::load(&config.environment.identity, base)?);
        let peer_id = identity.peer_id();

        let clock = start_clock(config.environment.clock_offset_ms);
        let (registry, view) = (Registry::default(), SharedView::default());
        let (chain_sender, chain_events) = mpsc::channel(CHAIN_QUEUE);
        let events = mpsc::channel(HUB_QUEUE);
        let seeds = config.environment.seeds.clone().into();
        let driver = DiscoveryDriver::new(seeds, PeerStore::under(base), events.0.clone());
        let peering =
            driver.peering(peer_id, config.limits(), config.discovery(listen), clock.now())?;
        let hub_events = events.0.clone();
        let hub = Hub::new(HubParts {
            identity,
            peering,
            driver,
            clock,
            registry: registry.clone(),
            view: view.clone(),
            chain: chain_sender,
            events,
        });
        let hub = hub.with_pending(PendingLimits::per_ip(config.environment.pending_per_ip));

        let tally = registry.tally().clone();
        let sync = SyncDriver::spawn(chain.clone(), Arc::new(registry), chain_events, clock);
        let block_time = Duration::from_millis(chain.params().block_time_ms().into());
        tokio::spawn(tip_watch::log_catch_ups(sync.status.clone(), sync.best.clone()));
        tokio::spawn(tip_watch::watch(sync.best.clone(), block_time, hub_events));
        let pace = if config.flags.dev { Pace::Dev } else { Pace::Unlimited };
        let miner = Arc::new(Miner::new(chain.clone(), sync.mined, peer_id.0, pace, clock));
        let context = RpcContext {
            info: info(config, &chain),
            chain,
            miner: miner.clone(),
            node: Arc::new(Status::new(view.clone(), clock, peer_id, listen)),
            best: sync.best,
            sync: sync.status,
        };
        let metrics = serve_metrics(config.metrics, &context, view, tally, sync.imports).await?;
        let serving = RpcConfig::new(config.rpc, config.flags.rpc_methods);
        let server = rpc::start(serving, context).await?;

        let stop = CancellationToken::new();
        let hub = tokio::spawn(hub.run(listener, stop.clone()));
        announce(config, peer_id, listen, server.addr(), metrics.as_ref().map(MetricsServer::addr));
        if config.environment.mine {
            miner.start(config.environment.mine_threads)?;
        }
        Ok(Self { stop, hub, sync: sync.task, miner, server, metrics })
    }

    /// First what others depend on: sessions closed, peers stored. A client that holds its request
    /// open holds up nobody.
    async fn stop(self) {
        self.stop.cancel();
        drop(self.metrics);
        let miner = self.miner;
        let mining = tokio::task::spawn_blocking(move || miner.stop());
        if !self.hub.is_finished() {
            let _ = self.hub.await;
        }
        let _ = mining.await;
        if !self.sync.is_finished() {
            let _ = self.sync.await;
        }
        if timeout(RPC_SHUTDOWN_TIME, self.server.stop()).await.is_err() {
            tracing::debug!("an RPC client holds its request open; going without it");
        }
    }
}

fn start_clock(offset_ms: i64) -> Clock {
    if offset_ms != 0 {
        tracing::warn!(offset_ms, "the wall clock is off, as HEGEMON_CLOCK_OFFSET_MS says");
    }
    Clock::off_by(offset_ms)
}

fn open_chain(config: &Config, base: &Path) -> anyhow::Result<Arc<Chain>> {
    let params = if config.flags.dev {
        ChainParams::dev(config.environment.block_time_ms)?
    } else {
        ChainParams::testbed()
    };
    Ok(Arc::new(Chain::open(&base.join("chain.redb"), params)?))
}

fn listen_on(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    listener::listen(addr).with_context(|| {
        format!(
            "cannot listen on {addr}; choose another --port or --listen-addr, or stop what listens there"
        )
    })
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

async fn serve_metrics(
    addr: Option<SocketAddr>,
    context: &RpcContext,
    view: SharedView,
    tally: Arc<Tally>,
    imports: Arc<Imports>,
) -> Result<Option<MetricsServer>, MetricsError> {
    let Some(addr) = addr else { return Ok(None) };
    let sources = Sources {
        info: context.info.clone(),
        chain: context.chain.clone(),
        miner: context.miner.clone(),
        node: context.node.clone(),
        view,
        tally,
        sync: context.sync.clone(),
        imports,
    };
    metrics::serve(addr, sources).await.map(Some)
}

fn announce(
    config: &Config,
    peer_id: hegemon_discovery::PeerId,
    listen: SocketAddr,
    rpc: SocketAddr,
    metrics: Option<SocketAddr>,
) {
    let name = config.flags.name.clone().unwrap_or_else(|| format!("hegemon-{peer_id:?}"));
    let seeds =
        config.environment.seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let discovery = if config.environment.discovery { "on" } else { "off" };
    let metrics = metrics.map(tracing::field::display);
    tracing::info!(%name, peer = %peer_id, %listen, %rpc, metrics, seeds, discovery, dev = config.flags.dev, "hegemon-node {}", crate::config::VERSION);
}
