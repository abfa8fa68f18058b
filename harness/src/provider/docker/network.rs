//! The run's own network: internal, so that nothing gets out, with addresses that nobody else has.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use harness_core::subnet::{self, Ipv4Subnet, Taken};
use testcontainers::bollard::{
    Docker,
    errors::Error as EngineError,
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::ListNetworksOptions,
};

use super::engine::{Engine, failed, whole};
use crate::provider::ProviderError;

/// Subnets that are tried before giving up: each failure means that somebody took it in the
/// milliseconds since we looked.
const TRIES: usize = 32;

/// How the harness reaches a node's RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// At the container's own address: the host has a route into the network.
    Container,
    /// At a port published on the host's loopback: the network then cannot be internal.
    Published,
}

/// The network of a run.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// Its name on the engine.
    pub(super) name: String,
    /// Its addresses.
    pub(super) subnet: Ipv4Subnet,
    /// How RPC is reached.
    pub(super) reach: Reach,
}

/// What a run asks of its network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// The run.
    pub(super) run: &'a str,
    /// What says that the network is the run's.
    pub(super) labels: &'a HashMap<String, String>,
    /// How many nodes it is for.
    pub(super) nodes: usize,
    /// The scenario's own subnet, if it has one.
    pub(super) subnet: Option<Ipv4Subnet>,
    /// `None`: found out.
    pub(super) reach: Option<Reach>,
}

/// The network's name: the run's.
pub(super) fn name(run: &str) -> String {
    format!("hegemon-{run}")
}

/// Creates the network.
///
/// # Errors
/// The wished subnet is taken (by whom), none is free, or the engine fails.
pub(super) async fn create(engine: &Engine, wish: Wish<'_>) -> Result<Network, ProviderError> {
    if let Some(subnet) = wish.subnet.filter(|subnet| !subnet.has_room_for(wish.nodes)) {
        return Err(ProviderError::Subnet(format!(
            "the subnet {subnet} has no room for {} nodes",
            wish.nodes
        )));
    }
    match wish.reach {
        Some(reach) => create_with(engine, wish, reach).await,
        None if engine.is_desktop => create_with(engine, wish, Reach::Published).await,
        None => {
            let network = create_with(engine, wish, Reach::Container).await?;
            // The engine has just put a bridge with this route on its host. If that is not ours
            // (rootless, remote, in a virtual machine), there is no way in.
            if routes().iter().any(|route| route.subnet == network.subnet) {
                return Ok(network);
            }
            engine
                .docker
                .remove_network(&network.name)
                .await
                .map_err(failed(format!("removing the network {}", network.name)))?;
            create_with(engine, wish, Reach::Published).await
        }
    }
}

async fn create_with(
    engine: &Engine,
    wish: Wish<'_>,
    reach: Reach,
) -> Result<Network, ProviderError> {
    let start = RandomState::new().hash_one(wish.run);
    let mut last_refusal = String::new();
    for _ in 0..TRIES {
        let taken = taken(&engine.docker).await?;
        let subnet = match wish.subnet {
            Some(subnet) => match subnet::taken_by(subnet, &taken) {
                None => subnet,
                Some(owner) => return Err(ProviderError::Subnet(format!("the subnet {subnet} is taken: {} has {}", owner.by, owner.subnet))),
            },
            None => {
                subnet::candidates(start).find(|candidate| candidate.has_room_for(wish.nodes) && subnet::taken_by(*candidate, &taken).is_none()).ok_or_else(
                    || ProviderError::Subnet("no /24 of 198.18.0.0/15 is both free of the engine's networks and the host's routes and large enough".to_owned()),
                )?
            }
        };
        let network = Network { name: name(wish.run), subnet, reach };
        match engine.docker.create_network(request(&network, wish.labels.clone())).await {
            Ok(_) => return Ok(network),
            // Another run was quicker: look again.
            Err(error) if is_overlap(&error) => last_refusal = whole(&error),
            Err(error) => {
                return Err(failed(format!("creating the network {} ({subnet})", network.name))(
                    error,
                ));
            }
        }
    }
    Err(ProviderError::Subnet(format!("no subnet after {TRIES} tries: {last_refusal}")))
}

fn request(network: &Network, labels: HashMap<String, String>) -> NetworkCreateRequest {
    let addresses = IpamConfig {
        subnet: Some(network.subnet.to_string()),
        gateway: Some(network.subnet.gateway().to_string()),
        ..IpamConfig::default()
    };
    NetworkCreateRequest {
        name: network.name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(network.reach == Reach::Container),
        ipam: Some(Ipam { config: Some(vec![addresses]), ..Ipam::default() }),
        enable_ipv6: Some(false),
        labels: Some(labels),
        ..NetworkCreateRequest::default()
    }
}

/// The engine says "Pool overlaps with other one on this address space" (20.10 … 29), or that a
/// route conflicts.
fn is_overlap(error: &EngineError) -> bool {
    matches!(error, EngineError::DockerResponseServerError { message, .. } if message.contains("overlap") || message.contains("conflicts with"))
}

async fn taken(docker: &Docker) -> Result<Vec<Taken>, ProviderError> {
    let networks = docker
        .list_networks(None::<ListNetworksOptions>)
        .await
        .map_err(failed("listing the engine's networks"))?;
    let of_engine = networks.into_iter().flat_map(|network| {
        let name = network.name.unwrap_or_default();
        let configs = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        configs
            .into_iter()
            .filter_map(move |config| Taken::by_engine(&config.subnet?, &name))
            .collect::<Vec<_>>()
    });
    Ok(of_engine.chain(routes()).collect())
}

fn routes() -> Vec<Taken> {
    subnet::host_routes(&std::fs::read_to_string("/proc/net/route").unwrap_or_default())
}
