//! Ports of a container that the harness reaches at its host, where the container's own address is out of
//! reach: its RPC, and its metrics if it is told to serve them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bollard::{
    Docker,
    models::{ContainerInspectResponse, ContainerSummary, PortBinding, PortMap},
    query_parameters::InspectContainerOptions,
};

use super::{engine::failed, labels::Origin, reach::Reach};
use crate::provider::ProviderError;

/// What a node serves for the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// JSON-RPC.
    Rpc,
    /// Its page of metrics.
    Metrics,
}

/// Where the engine publishes a container's RPC now, for whoever did not start it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// At this port of its host, until it ends.
    At(u16),
    /// Nowhere: it does not run. What port it had may be somebody else's by now.
    Nowhere,
}

impl Published {
    /// As an inspection says; nothing of a container that has an address of its own instead.
    pub(super) fn by_inspection(whole: &ContainerInspectResponse) -> Option<Self> {
        let labels = whole.config.as_ref()?.labels.as_ref()?;
        let port = Origin::of(labels)?.published?;
        Some(host_port(whole, port).map_or(Self::Nowhere, Self::At))
    }

    /// The same, as a list of containers says.
    pub(super) fn by_list(container: &ContainerSummary) -> Option<Self> {
        let port = Origin::of(container.labels.as_ref()?)?.published?;
        let mut ports = container.ports.iter().flatten().filter(|it| it.private_port == port);
        Some(ports.find_map(|it| it.public_port).map_or(Self::Nowhere, Self::At))
    }

    /// On this host.
    pub(crate) fn on(self, host: IpAddr) -> Option<SocketAddr> {
        match self {
            Self::At(port) => Some(SocketAddr::from((host, port))),
            Self::Nowhere => None,
        }
    }
}

/// What the image is to expose.
pub(super) fn exposed(reach: Reach, ports: &[u16]) -> Option<Vec<String>> {
    (reach != Reach::Container).then(|| ports.iter().copied().map(key).collect())
}

/// Where the engine publishes it.
pub(super) fn bindings(reach: Reach, ports: &[u16]) -> Option<PortMap> {
    let at = match reach {
        Reach::Container => return None,
        Reach::Published => IpAddr::from(Ipv4Addr::LOCALHOST),
        Reach::Remote(IpAddr::V4(_)) => Ipv4Addr::UNSPECIFIED.into(),
        Reach::Remote(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let binding = PortBinding { host_ip: Some(at.to_string()), host_port: None };
    Some(ports.iter().map(|port| (key(*port), Some(vec![binding.clone()]))).collect())
}

/// As engines call it.
fn key(port: u16) -> String {
    format!("{port}/tcp")
}

/// The port that the engine gave to one of the container's at the last start.
pub(super) async fn published(
    docker: &Docker,
    id: &str,
    name: &str,
    port: u16,
) -> Result<u16, ProviderError> {
    let inspect = docker
        .inspect_container(id, None::<InspectContainerOptions>)
        .await
        .map_err(failed(format!("looking at {name}")))?;
    host_port(&inspect, port).ok_or_else(|| {
        ProviderError::failed(
            format!("looking up the port {port} of {name}"),
            "the engine has published none; is the container running?",
        )
    })
}

fn host_port(inspect: &ContainerInspectResponse, port: u16) -> Option<u16> {
    let ports = inspect.network_settings.as_ref()?.ports.as_ref()?;
    ports.get(&key(port))?.as_ref()?.first()?.host_port.as_ref()?.parse().ok()
}
