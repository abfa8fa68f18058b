//! Ports of a container that the harness reaches at its host, where the container's own address is out of
//! reach: its RPC, and its metrics if it is told to serve them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bollard::{
    Docker,
    models::{PortBinding, PortMap},
    query_parameters::InspectContainerOptions,
};

use super::{engine::failed, reach::Reach};
use crate::provider::ProviderError;

/// What a node serves for the harness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// JSON-RPC.
    Rpc,
    /// Its page of metrics.
    Metrics,
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
    let mut ports =
        inspect.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
    let published =
        |bindings: Option<Vec<PortBinding>>| bindings?.first()?.host_port.as_ref()?.parse().ok();
    ports.remove(&key(port)).and_then(published).ok_or_else(|| {
        ProviderError::failed(
            format!("looking up the port {port} of {name}"),
            "the engine has published none; is the container running?",
        )
    })
}
