//! How the harness reaches what runs on an engine, and whether it does: an engine may be on this
//! host, on another one, or on that of the container that the harness itself is in.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bollard::query_parameters::InspectContainerOptions;
use harness_core::place::own_containers;
use tokio::net::TcpStream;

use super::engine::Engine;
use crate::provider::ProviderError;

/// A host that answers does so in milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// Nothing comes back for so long from a container that runs: nothing will.
pub(super) const SILENT: Duration = Duration::from_secs(5);
/// A published port may be refused until the node itself listens, if the engine only redirects it.
pub(super) const REFUSED: Duration = Duration::from_secs(20);

/// How the harness reaches a node's RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// At the container's own address: the host has a route into the network, or the harness is in
    /// a container that has joined it.
    Container,
    /// At a port published on the host's loopback: the network then cannot be internal.
    Published,
    /// At a port published on every address of the engine's host, which is another one and has this
    /// address: the network then cannot be internal either.
    Remote(IpAddr),
}

impl Reach {
    /// For the evidence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Container => "container address",
            Self::Published => "published loopback port",
            Self::Remote(_) => "port published on the engine's host",
        }
    }
}

/// Where a container's ports are published, if they must be.
pub(super) async fn published(engine: &Engine) -> Result<Reach, ProviderError> {
    let Some(host) = engine.place.address.other_host() else { return Ok(Reach::Published) };
    let what = format!("looking up the engine's host {host}");
    let found: Vec<IpAddr> = tokio::net::lookup_host((host, 0))
        .await
        .map_err(|why| ProviderError::failed(&what, why))?
        .map(|address| address.ip())
        .collect();
    // Every engine publishes on IPv4; not every one on IPv6.
    let address = found.iter().find(|ip| ip.is_ipv4()).or_else(|| found.first());
    let address = address.ok_or_else(|| ProviderError::failed(&what, "it has no address"))?;
    Ok(Reach::Remote(*address))
}

/// The container that this process is in, if it is one of this engine's and has a network: or the
/// one whose network it shares.
pub(super) async fn own_container(engine: &Engine) -> Option<String> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let candidates = own_containers(
        &read("/proc/self/mountinfo"),
        &read("/proc/self/cgroup"),
        &read("/proc/sys/kernel/hostname"),
    );
    for candidate in candidates {
        let container = engine
            .docker
            .inspect_container(&candidate, None::<InspectContainerOptions>)
            .await
            .ok()
            .filter(|container| container.state.as_ref().is_some_and(|it| it.running == Some(true)))
            .filter(|it| it.id.as_ref().is_some_and(|id| id.starts_with(&candidate)));
        let Some(container) = container else { continue };
        let mode = container.host_config.and_then(|config| config.network_mode);
        return match mode.as_deref().unwrap_or_default() {
            // The engine's own host, in which its bridges are, and nothing, which cannot be joined.
            "host" | "none" => None,
            mode => mode.strip_prefix("container:").map(str::to_owned).or(container.id),
        };
    }
    None
}

/// Whether anything comes back from an address, if only a refusal: where the container's own kernel
/// answers, that has come the whole way.
///
/// # Errors
/// Nothing does, or what does is not from there.
pub(super) async fn knock(address: SocketAddr, reach: Reach) -> io::Result<()> {
    match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) if is_refusal(&why) && reach == Reach::Container => Ok(()),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "nothing comes back")),
    }
}

pub(super) fn is_refusal(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

/// A node that runs cannot be reached, and so none can: not the node's fault.
pub(super) fn unreachable(
    node: &str,
    address: SocketAddr,
    reach: Reach,
    why: &io::Error,
) -> ProviderError {
    let remedy = match reach {
        Reach::Container => {
            "most likely a firewall or VPN of this machine drops what goes to the engine's bridges: let it pass (`iptables -L -v -n` shows which rule counts), or use --provider process"
        }
        Reach::Published => {
            "the engine publishes on a loopback that is not this process's: run the harness on the engine's own host, or in a container with `--network host`, or use --provider process"
        }
        Reach::Remote(_) => {
            "let the ports that the engine publishes (32768 and up) pass between the two hosts, or run the harness on the engine's own host"
        }
    };
    ProviderError::Unavailable {
        what: format!(
            "no container can be reached from here: {node} runs, by the engine's word, and at {address} ({}): {why}",
            reach.words()
        ),
        remedy: remedy.to_owned(),
    }
}
