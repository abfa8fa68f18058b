//! The run's own network: internal, so that nothing gets out, with addresses that nobody else has.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use bollard::{
    Docker,
    errors::Error as EngineError,
    models::{
        EndpointIpamConfig, EndpointSettings, Ipam, IpamConfig, NetworkConnectRequest,
        NetworkCreateRequest,
    },
    query_parameters::ListNetworksOptions,
};
use harness_core::subnet::{self, Ipv4Subnet, Range, Taken};

use super::{
    engine::{Engine, failed, whole},
    labels::GUEST_LABEL,
    reach::{self, Reach},
};
use crate::provider::ProviderError;

/// Subnets that are tried before giving up: each failure means that somebody took it in the
/// milliseconds since we looked.
const TRIES: usize = 32;

/// The network of a run.
#[derive(Debug, Clone)]
pub(super) struct Network {
    /// Its name on the engine.
    pub(super) name: String,
    /// Its addresses.
    pub(super) subnet: Ipv4Subnet,
    /// How RPC is reached.
    pub(super) reach: Reach,
    /// The container that the harness is in, which has joined.
    pub(super) guest: Option<String>,
    /// The range that it would better be in, and who has that.
    pub(super) instead_of: Option<String>,
}

impl Network {
    /// What its user should know of it.
    pub(super) fn remarks(&self) -> Vec<String> {
        let guest = self.guest.as_ref().map(|guest| {
            let guest = guest.get(..12).unwrap_or(guest);
            format!(
                "the harness is in the engine's container {guest}, which joins the run's network"
            )
        });
        let published = match self.reach {
            Reach::Container => None,
            Reach::Published => Some("this host has no route to containers: RPC goes through published loopback ports, and the nodes' network has a way out".to_owned()),
            Reach::Remote(host) => Some(format!("the engine is on another host ({host}): RPC goes through ports that it publishes on all of its addresses, and the nodes' network has a way out")),
        };
        let moved = self.instead_of.as_ref().map(|held| {
            format!("{held}: the run's network is {}, which our own nodes take", self.subnet)
        });
        guest.into_iter().chain(published).chain(moved).collect()
    }
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
    /// Where it may be.
    pub(super) ranges: &'a [Range],
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
/// The ways to reach what is on it, in their order: the harness's own container joins it; the host
/// has a route; ports are published.
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
    if let Some(reach) = wish.reach {
        return create_with(engine, wish, reach, None).await;
    }
    if let Some(own) = reach::own_container(engine).await {
        let network = create_with(engine, wish, Reach::Container, Some(own.clone())).await?;
        match join(engine, &network, &own, wish.nodes).await {
            Ok(()) => return Ok(network),
            // There may be another way.
            Err(_) => remove(engine, &network).await?,
        }
    }
    if !engine.is_desktop {
        let network = create_with(engine, wish, Reach::Container, None).await?;
        // The engine has just put a bridge with this route on its host. If that is not ours
        // (rootless, remote, in a virtual machine), there is no way in.
        if routes().iter().any(|route| route.subnet == network.subnet) {
            return Ok(network);
        }
        remove(engine, &network).await?;
    }
    let reach = reach::published(engine).await?;
    create_with(engine, wish, reach, None).await
}

async fn remove(engine: &Engine, network: &Network) -> Result<(), ProviderError> {
    engine
        .docker
        .remove_network(&network.name)
        .await
        .map_err(failed(format!("removing the network {}", network.name)))
}

/// The harness's own container gets the address after the last node's.
async fn join(
    engine: &Engine,
    network: &Network,
    own: &str,
    nodes: usize,
) -> Result<(), EngineError> {
    let address = network.subnet.node(nodes).map(|address| address.to_string());
    let request = NetworkConnectRequest {
        container: own.to_owned(),
        endpoint_config: Some(EndpointSettings {
            ipam_config: Some(EndpointIpamConfig {
                ipv4_address: address,
                ..EndpointIpamConfig::default()
            }),
            ..EndpointSettings::default()
        }),
    };
    engine.docker.connect_network(&network.name, request).await
}

async fn create_with(
    engine: &Engine,
    wish: Wish<'_>,
    reach: Reach,
    guest: Option<String>,
) -> Result<Network, ProviderError> {
    let room = wish.nodes + usize::from(guest.is_some());
    let start = RandomState::new().hash_one(wish.run);
    let (mut last_refusal, mut instead_of) = (String::new(), None);
    for _ in 0..TRIES {
        let taken = taken(&engine.docker).await?;
        let subnet = match wish.subnet {
            Some(subnet) => match subnet::taken_by(subnet, &taken) {
                None => subnet,
                Some(owner) => {
                    return Err(ProviderError::Subnet(format!(
                        "the subnet {subnet} is taken: {} has {}",
                        owner.by, owner.subnet
                    )));
                }
            },
            None => {
                let choice = subnet::choose(start, room, wish.ranges, &taken)
                    .map_err(|none| ProviderError::Subnet(none.to_string()))?;
                instead_of = choice.instead_of;
                choice.subnet
            }
        };
        let network = Network {
            name: name(wish.run),
            subnet,
            reach,
            guest: guest.clone(),
            instead_of: instead_of.take(),
        };
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

fn request(network: &Network, mut labels: HashMap<String, String>) -> NetworkCreateRequest {
    if let Some(guest) = &network.guest {
        labels.insert(GUEST_LABEL.to_owned(), guest.clone());
    }
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

pub(super) async fn taken(docker: &Docker) -> Result<Vec<Taken>, ProviderError> {
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
