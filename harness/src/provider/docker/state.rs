//! What the Docker provider knows of its nodes, behind one lock that is never held across a wait.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    container::{self, Recipe, Seat},
    image::Image,
    labels::labels,
    network::Network,
    reach::Reach,
};
use crate::provider::{NodeLaunch, ProviderError, ProviderOptions};

/// One reserved node.
#[derive(Debug)]
struct Node {
    image: Image,
    address: Ipv4Addr,
    launched: bool,
    container: Option<Container>,
}

#[derive(Debug)]
struct Container {
    id: String,
    starts: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    network: Option<Network>,
    nodes: BTreeMap<String, Node>,
    sources: Vec<serde_json::Value>,
    /// Those that the run has made.
    images: Vec<String>,
}

/// All nodes of a run.
#[derive(Debug, Default)]
pub(super) struct Nodes(Mutex<Inner>);

/// Where RPC is, as far as memory goes.
pub(super) enum Rpc {
    /// Fixed.
    At(SocketAddr),
    /// At this address; the port is to be looked up at this container.
    PublishedBy(IpAddr, String),
}

impl Nodes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no code panics with this lock")
    }

    pub(super) fn has_network(&self, network: Network) {
        self.lock().network = Some(network);
    }

    pub(super) fn has_image(&self, image: &Image) {
        let mut inner = self.lock();
        inner.sources.push(image.facts.clone());
        inner.images.extend(image.made.clone());
    }

    pub(super) fn add(
        &self,
        name: &str,
        image: Image,
        address: Ipv4Addr,
    ) -> Result<(), ProviderError> {
        let node = Node { image, address, launched: false, container: None };
        match self.lock().nodes.insert(name.to_owned(), node) {
            None => Ok(()),
            Some(_) => {
                Err(ProviderError::failed(format!("reserving {name}"), "two nodes have this name"))
            }
        }
    }

    /// How they are reached, once there is a network.
    pub(super) fn reach(&self) -> Option<Reach> {
        self.lock().network.as_ref().map(|network| network.reach)
    }

    /// Everything for a first start, which happens once.
    pub(super) fn recipe(
        &self,
        options: &ProviderOptions,
        launch: &NodeLaunch,
    ) -> Result<Recipe, ProviderError> {
        let mut inner = self.lock();
        let network = inner.network.clone();
        let (node, network) =
            inner.nodes.get_mut(&launch.name).zip(network).ok_or_else(|| unknown(&launch.name))?;
        if std::mem::replace(&mut node.launched, true) {
            return Err(ProviderError::failed(
                format!("starting {}", launch.name),
                "it was started before; start it again instead",
            ));
        }
        Ok(Recipe {
            run: options.run_id.clone(),
            labels: labels(options),
            image: node.image.clone(),
            network,
            address: node.address,
            launch: launch.clone(),
        })
    }

    /// A node has its container now. Returns what tells of its later starts.
    pub(super) fn created(
        &self,
        name: &str,
        id: &str,
    ) -> Result<watch::Receiver<u64>, ProviderError> {
        let (starts, told) = watch::channel(0);
        self.lock().nodes.get_mut(name).ok_or_else(|| unknown(name))?.container =
            Some(Container { id: id.to_owned(), starts });
        Ok(told)
    }

    /// The container was started once more.
    pub(super) fn started_again(&self, name: &str) {
        if let Some(container) =
            self.lock().nodes.get(name).and_then(|node| node.container.as_ref())
        {
            container.starts.send_modify(|starts| *starts += 1);
        }
    }

    pub(super) fn container(&self, name: &str) -> Result<String, ProviderError> {
        let inner = self.lock();
        let node = inner.nodes.get(name).ok_or_else(|| unknown(name))?;
        node.container
            .as_ref()
            .map(|container| container.id.clone())
            .ok_or_else(|| ProviderError::failed(format!("using {name}"), "it was never started"))
    }

    /// Where the run has put a node.
    pub(super) fn seat(&self, name: &str) -> Result<Seat, ProviderError> {
        let inner = self.lock();
        let (node, network) =
            inner.nodes.get(name).zip(inner.network.as_ref()).ok_or_else(|| unknown(name))?;
        Ok(Seat { network: network.name.clone(), address: node.address })
    }

    /// How long a node of this kind may take to its first answer.
    pub(super) fn start_within(&self, name: &str) -> Duration {
        let inner = self.lock();
        inner.nodes.get(name).map_or(Duration::ZERO, |node| node.image.profile.start_within)
    }

    pub(super) fn rpc(&self, name: &str) -> Result<Rpc, ProviderError> {
        let reach = self.lock().network.as_ref().map(|network| network.reach);
        match reach {
            Some(Reach::Published) => {
                self.container(name).map(|id| Rpc::PublishedBy(Ipv4Addr::LOCALHOST.into(), id))
            }
            Some(Reach::Remote(host)) => self.container(name).map(|id| Rpc::PublishedBy(host, id)),
            Some(Reach::Container) | None => {
                let inner = self.lock();
                let node = inner.nodes.get(name).ok_or_else(|| unknown(name))?;
                Ok(Rpc::At(SocketAddr::from((node.address, node.image.profile.rpc_port))))
            }
        }
    }

    /// What the run has made as far as memory goes, for when the engine cannot be asked.
    pub(super) fn remembered(&self, run: &str) -> Vec<String> {
        let inner = self.lock();
        let launched = inner.nodes.iter().filter(|(_, node)| node.launched);
        let mut objects: Vec<String> =
            launched.map(|(name, _)| format!("container {}", container::name(run, name))).collect();
        objects.extend(inner.network.as_ref().map(|network| format!("network {}", network.name)));
        objects.extend(inner.images.iter().map(|image| format!("image {image}")));
        objects
    }

    pub(super) fn facts(&self) -> (serde_json::Value, Vec<serde_json::Value>) {
        let inner = self.lock();
        let network = inner.network.as_ref().map_or(serde_json::Value::Null, |network| {
            serde_json::json!({
                "kind": "docker",
                "name": network.name,
                "subnet": network.subnet.to_string(),
                "internal": network.reach == Reach::Container,
                "rpc": network.reach.words(),
                "joined_by": network.guest,
            })
        });
        (network, inner.sources.clone())
    }
}

fn unknown(name: &str) -> ProviderError {
    ProviderError::failed(format!("using {name}"), "no node of this name was reserved")
}
