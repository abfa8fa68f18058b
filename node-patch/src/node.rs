//! The whole node: made from its parts, run until a signal or a failure, taken apart in order.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    chain::{Chain, ChainParams},
    clock::Clock,
    config::Config,
    identity_file,
    miner::{Miner, Pace},
    net::{
        discovery_driver::DiscoveryDriver,
        hub::{HUB_QUEUE, Hub, HubParts},
        listener::{self, PendingLimits},
        registry::Registry,
        view::SharedView,
    },
    node_status::Status,
    peer_store::PeerStore,
    rpc::{self, NodeInfo, RpcConfig, RpcContext, RpcServer},
    shutdown::Signals,
    sync::{DriverError, SyncDriver},
    tip_watch,
};

/// Network events that may wait for the chain. An import takes some milliseconds; what exceeds this
/// waits in the hub, and then is dropped.
const CHAIN_QUEUE: usize = 256;
/// Requests that are running when the node stops.
const RPC_SHUTDOWN_TIME: Duration = Duration::from_secs(1);
/// Taking the node apart; what is not done by then is cut off, which loses nothing that is on disk.
const SHUTDOWN_TIME: Duration = Duration::from_secs(4);

/// Runs a node until it is told to stop.
///
/// # Errors
///
/// Whatever keeps it from starting or going on, with what to do about it.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::catch().context("cannot listen for signals")?;
    let base = BasePath::prepare(&config)?;
    let mut running = Running::start(&config, base.path()).await?;
    let end = tokio::select! {
        name = signals.first() => {
            tracing::info!(signal = name, "stopping");
            Ok(())
        }
        ended = &mut running.sync => ended.context("the chain's task ended")?.context("the chain cannot go on"),
        ended = &mut running.hub => ended.context("the network's task ended").and_then(|()| Err(anyhow::anyhow!("the network's task ended"))),
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
}

impl Running {
    /// Joins the parts.
    async fn start(config: &Config, base: &Path) -> anyhow::Result<Self> {
        let identity = Arc::new(identity_file::load(&config.environment.identity, base)?);
        let peer_id = identity.peer_id();
        let chain = open_chain(config, base)?;
        let listener = listen_on(config.listen)?;
        let listen = listener.local_addr()?;

        let offset = config.environment.clock_offset_ms;
        if offset != 0 {
            tracing::warn!(
                offset_ms = offset,
                "the wall clock is off, as HEGEMON_CLOCK_OFFSET_MS says"
            );
        }
        let clock = Clock::off_by(offset);
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

        let sync = SyncDriver::spawn(chain.clone(), Arc::new(registry), chain_events, clock);
        let block_time = Duration::from_millis(chain.params().block_time_ms().into());
        tokio::spawn(tip_watch::watch(sync.best, block_time, hub_events));
        let pace = if config.flags.dev { Pace::Dev } else { Pace::Unlimited };
        let miner = Arc::new(Miner::new(chain.clone(), sync.mined, peer_id.0, pace, clock));
        let context = RpcContext {
            info: info(config, &chain),
            chain,
            miner: miner.clone(),
            node: Arc::new(Status::new(view, clock, peer_id, listen)),
            sync: sync.status,
        };
        let serving = RpcConfig { addr: config.rpc, methods: config.flags.rpc_methods };
        let server = rpc::start(serving, context).await?;

        let stop = CancellationToken::new();
        let hub = tokio::spawn(hub.run(listener, stop.clone()));
        announce(config, peer_id, listen, server.addr());
        if config.environment.mine {
            miner.start(config.environment.mine_threads)?;
        }
        Ok(Self { stop, hub, sync: sync.task, miner, server })
    }

    /// First what others depend on: sessions closed, peers stored. A client that holds its request
    /// open holds up nobody.
    async fn stop(self) {
        self.stop.cancel();
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
        format!("cannot listen on {addr}; choose another --port, or stop what listens there")
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

fn announce(
    config: &Config,
    peer_id: hegemon_discovery::PeerId,
    listen: SocketAddr,
    rpc: SocketAddr,
) {
    let name = config.flags.name.clone().unwrap_or_else(|| format!("hegemon-{peer_id:?}"));
    let seeds =
        config.environment.seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let discovery = if config.environment.discovery { "on" } else { "off" };
    tracing::info!(%name, peer = %peer_id, %listen, %rpc, seeds, discovery, dev = config.flags.dev, "hegemon-node {}", crate::config::VERSION);
}

/// The state directory; a temporary one goes with a clean exit.
enum BasePath {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl BasePath {
    fn prepare(config: &Config) -> anyhow::Result<Self> {
        if config.flags.tmp {
            let directory = tempfile::Builder::new()
                .prefix("hegemon-node-")
                .tempdir()
                .context("cannot make a temporary directory")?;
            return Ok(Self::Temporary(directory));
        }
        let path = match &config.flags.base_path {
            Some(path) => path.clone(),
            None => data_directory().context("neither XDG_DATA_HOME nor HOME is set; say where the state goes with --base-path")?.join("hegemon-node"),
        };
        std::fs::create_dir_all(&path).with_context(|| {
            format!(
                "cannot make the state directory {}; choose another --base-path",
                path.display()
            )
        })?;
        Ok(Self::Kept(path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }

    fn remove(self) -> anyhow::Result<()> {
        match self {
            Self::Kept(_) => Ok(()),
            Self::Temporary(directory) => {
                directory.close().context("cannot remove the temporary state directory")
            }
        }
    }
}

fn data_directory() -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
}
