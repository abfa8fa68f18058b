//! The whole node: made from its parts, run until a signal or a failure, taken apart in order.
//!
//! | module | is about |
//! | --- | --- |
//! | `joined` | the parts joined, on whatever host |

mod joined;

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::time::timeout;

pub use self::joined::{Joined, Opened, Running};
use crate::{
    base_path::BasePath,
    chain::{Chain, ChainParams},
    clock::Clock,
    config::Config,
    host::{
        Host,
        net::{Listener, Net},
        tcp::Tcp,
    },
    identity_file,
    metrics::{self, MetricsError, MetricsServer, Sources},
    miner::Pace,
    rpc::{self, RpcConfig, RpcServer},
    shutdown::Signals,
};

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
    let mut signals = Signals::catch()
        .context("cannot listen for signals; raise the limit of descriptors (ulimit -n)")?;
    let base = BasePath::prepare(&config.flags)?;
    let mut served = Served::start(&config, base.path()).await?;
    let end = tokio::select! {
        biased;
        name = signals.first() => {
            tracing::info!(signal = name, "stopping");
            Ok(())
        }
        error = served.node.failed() => Err(error),
    };
    if timeout(SHUTDOWN_TIME, served.stop()).await.is_err() {
        tracing::warn!("not everything ended in {} s; going anyway", SHUTDOWN_TIME.as_secs());
    }
    end?;
    base.remove()?;
    tracing::info!("stopped");
    Ok(())
}

/// A node on this machine, and where others ask it.
struct Served {
    node: Running,
    server: RpcServer,
    /// Ends when it is dropped.
    metrics: Option<MetricsServer>,
}

impl Served {
    async fn start(config: &Config, base: &Path) -> anyhow::Result<Self> {
        // First: whoever starts together with its seed is not refused, and waits in the backlog.
        let listener = listen_on(config.listen)?;
        let chain = open_chain(config, base)?;
        // After what needs no randomness, which may not be ready before.
        let identity = Arc::new(identity_file::load(&config.environment.identity, base)?);
        let host = Host::real(base, start_clock(config.environment.clock_offset_ms));
        let pace = if config.flags.dev { Pace::Dev } else { Pace::Unlimited };
        let node = Joined::new(config, host, Opened { listener, chain, identity, pace })?;
        let metrics = serve_metrics(config.metrics, &node).await?;
        let serving = RpcConfig::new(config.rpc, config.flags.rpc_methods);
        let server = rpc::start(serving, node.context().clone()).await?;
        announce(config, &node, server.addr(), metrics.as_ref().map(MetricsServer::addr));
        let (miner, node) = (node.context().miner.clone(), node.run());
        if config.environment.mine {
            miner.start(config.environment.mine_threads)?;
        }
        Ok(Self { node, server, metrics })
    }

    /// First what others depend on: sessions closed, peers stored. A client that holds its request
    /// open holds up nobody.
    async fn stop(self) {
        drop(self.metrics);
        self.node.stop().await;
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

fn listen_on(addr: SocketAddr) -> anyhow::Result<Box<dyn Listener>> {
    Tcp.bind(addr).with_context(|| {
        format!(
            "cannot listen on {addr}; choose another --port or --listen-addr, or stop what listens there"
        )
    })
}

async fn serve_metrics(
    addr: Option<SocketAddr>,
    node: &Joined,
) -> Result<Option<MetricsServer>, MetricsError> {
    let Some(addr) = addr else { return Ok(None) };
    let context = node.context();
    let sources = Sources {
        info: context.info.clone(),
        chain: context.chain.clone(),
        miner: context.miner.clone(),
        node: context.node.clone(),
        view: node.view().clone(),
        tally: node.registry().tally().clone(),
        sync: context.sync.clone(),
        imports: node.imports().clone(),
    };
    metrics::serve(addr, sources).await.map(Some)
}

fn announce(config: &Config, node: &Joined, rpc: SocketAddr, metrics: Option<SocketAddr>) {
    let (peer_id, listen) = (node.peer_id(), node.listen());
    let name = config.flags.name.clone().unwrap_or_else(|| format!("hegemon-{peer_id:?}"));
    let seeds =
        config.environment.seeds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let discovery = if config.environment.discovery { "on" } else { "off" };
    let metrics = metrics.map(tracing::field::display);
    tracing::info!(%name, peer = %peer_id, %listen, %rpc, metrics, seeds, discovery, dev = config.flags.dev, "hegemon-node {}", crate::config::VERSION);
}
