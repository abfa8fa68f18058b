//! What the Docker provider knows of its nodes, behind one lock that is never held across a wait.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use harness_core::{
    node::{NodeSource, NodeState},
    profile::{METRICS_PORT, P2P_PORT},
    state::Limits,
};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    container::{self, Recipe, Seat},
    image::Image,
    labels::labels,
    network::Network,
    publish::Served,
    reach::Reach,
    volume,
};
use crate::{
    binary,
    provider::{Changes, NodeLaunch, ProviderError, ProviderOptions, Slot, options},
};

/// One reserved node.
#[derive(Debug)]
struct Node {
    /// What it is made from, and what it may be made from later.
    sources: Vec<(NodeSource, Image)>,
    /// Which of them it is.
    source: usize,
    address: Ipv4Addr,
    /// What it was started with last.
    launch: Option<NodeLaunch>,
    container: Option<Container>,
    /// How it ended, while its container is replaced.
    replaced: Option<NodeState>,
    /// Which of its volumes the state is in.
    generation: u32,
    /// How many there have been.
    generations: u32,
    /// What mounts that volume, while its container still has another.
    shelf: Option<String>,
    /// Whose the state is, once another image than the first may have another user.
    user: Option<String>,
    limits: Limits,
}

#[derive(Debug)]
struct Container {
    id: String,
    starts: watch::Sender<u64>,
    /// The start whose log was read to its end.
    read: watch::Receiver<Option<u64>>,
    /// Ends with the log.
    reading: Option<JoinHandle<()>>,
    /// Which of the node's volumes it mounts.
    generation: u32,
}

/// A container that is to make room for another.
pub(super) struct Replaced {
    pub(super) id: String,
    reading: Option<JoinHandle<()>>,
    /// What stood in for it at the engine, as far as files go.
    pub(super) shelf: Option<String>,
    /// Its volume, if the state is in another by now.
    pub(super) volume: Option<String>,
}

impl Replaced {
    /// What ends when the log was read, if it is read: it ends by itself, since no start can follow.
    pub(super) fn log_is_at_its_end(&mut self) -> Option<JoinHandle<()>> {
        self.reading.take()
    }
}

impl Node {
    fn image(&self) -> &Image {
        &self.sources[self.source].1
    }

    fn recipe(&self, options: &ProviderOptions, network: Network, launch: NodeLaunch) -> Recipe {
        Recipe {
            run: options.run_id.clone(),
            labels: labels(options),
            image: self.image().clone(),
            network,
            address: self.address,
            user: self.user.clone(),
            limits: self.limits,
            volume: volume::name(&options.run_id, &launch.name, self.generation),
            launch,
        }
    }
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

/// Where something that a node serves is, as far as memory goes.
pub(super) enum At {
    /// Always the same.
    Fixed(SocketAddr),
    /// At this address; what this port is there is to be looked up at this container.
    PublishedBy(IpAddr, String, u16),
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

    /// `sources`: what it is made from at first, and what it may be made from later.
    pub(super) fn add(
        &self,
        name: &str,
        sources: Vec<(NodeSource, Image)>,
        address: Ipv4Addr,
    ) -> Result<Slot, ProviderError> {
        let node = Node {
            sources,
            source: 0,
            address,
            launch: None,
            container: None,
            replaced: None,
            generation: 0,
            generations: 0,
            shelf: None,
            user: None,
            limits: Limits::default(),
        };
        let slot = slot(name, address, node.image());
        match self.lock().nodes.insert(name.to_owned(), node) {
            None => Ok(slot),
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
        if node.launch.replace(launch.clone()).is_some() {
            return Err(ProviderError::failed(
                format!("starting {}", launch.name),
                "it was started before; start it again instead",
            ));
        }
        Ok(node.recipe(options, network, launch.clone()))
    }

    /// Whether a node's container will do for its next start.
    pub(super) fn fits(&self, name: &str, changes: &Changes) -> Result<bool, ProviderError> {
        let inner = self.lock();
        let node = inner.nodes.get(name).ok_or_else(|| unknown(name))?;
        Ok(*changes == Changes::default() && node.shelf.is_none())
    }

    /// Everything for a start with changes, which stay. `owner`: whose the state is.
    pub(super) fn changed(
        &self,
        options: &ProviderOptions,
        name: &str,
        changes: &Changes,
        owner: Option<String>,
    ) -> Result<Recipe, ProviderError> {
        let mut inner = self.lock();
        let network = inner.network.clone();
        let (node, network) =
            inner.nodes.get_mut(name).zip(network).ok_or_else(|| unknown(name))?;
        if let Some(wanted) = &changes.source {
            node.source = source(name, node, wanted)?;
            node.user = owner;
        }
        let launch = node.launch.as_mut().ok_or_else(|| never_started(name))?;
        changes.apply(launch);
        let launch = launch.clone();
        Ok(node.recipe(options, network, launch))
    }

    /// Its container is about to go. How it ended is what there is to say of it until it has another.
    pub(super) fn replaced(
        &self,
        run: &str,
        name: &str,
        end: NodeState,
    ) -> Result<Replaced, ProviderError> {
        let mut inner = self.lock();
        let node = inner.nodes.get_mut(name).ok_or_else(|| unknown(name))?;
        let container = node.container.take().ok_or_else(|| never_started(name))?;
        node.replaced = Some(end);
        // That no start can follow is what ends the reading.
        drop(container.starts);
        let volume = (container.generation != node.generation)
            .then(|| volume::name(run, name, container.generation));
        let (id, reading, shelf) = (container.id, container.reading, node.shelf.take());
        Ok(Replaced { id, reading, shelf, volume })
    }

    /// Limits that a node's next container has as well.
    pub(super) fn limit(&self, name: &str, limits: Limits) {
        if let Some(node) = self.lock().nodes.get_mut(name) {
            node.limits = if limits == Limits::default() {
                limits
            } else {
                let before = node.limits;
                Limits {
                    memory: limits.memory.or(before.memory),
                    cpu: limits.cpu.or(before.cpu),
                    ..before
                }
            };
        }
    }

    /// What mounts the volume that a node's state is in.
    pub(super) fn holder(&self, name: &str) -> Result<String, ProviderError> {
        let shelf = self.lock().nodes.get(name).and_then(|node| node.shelf.clone());
        shelf.map_or_else(|| self.container(name), Ok)
    }

    /// Another volume for a node's state, and what makes a container with it.
    pub(super) fn another_volume(
        &self,
        options: &ProviderOptions,
        name: &str,
    ) -> Result<(u32, Recipe), ProviderError> {
        let mut inner = self.lock();
        let network = inner.network.clone();
        let (node, network) =
            inner.nodes.get_mut(name).zip(network).ok_or_else(|| unknown(name))?;
        let launch = node.launch.clone().ok_or_else(|| never_started(name))?;
        node.generations += 1;
        let volume = volume::name(&options.run_id, name, node.generations);
        Ok((node.generations, Recipe { volume, ..node.recipe(options, network, launch) }))
    }

    /// The state is in this volume from now on, which this container mounts. Returns what is of no use
    /// any more: the container and the volume that were the same before.
    pub(super) fn moved(
        &self,
        run: &str,
        name: &str,
        generation: u32,
        shelf: String,
    ) -> Option<(String, String)> {
        let mut inner = self.lock();
        let node = inner.nodes.get_mut(name)?;
        let before = std::mem::replace(&mut node.generation, generation);
        Some((node.shelf.replace(shelf)?, volume::name(run, name, before)))
    }

    /// How a node ended whose container is being replaced.
    pub(super) fn end_of_replaced(&self, name: &str) -> Option<NodeState> {
        self.lock().nodes.get(name)?.replaced.clone()
    }

    /// A node's slot as one of its sources.
    pub(super) fn slot(&self, name: &str, wanted: &NodeSource) -> Result<Slot, ProviderError> {
        let inner = self.lock();
        let node = inner.nodes.get(name).ok_or_else(|| unknown(name))?;
        let source = source(name, node, wanted)?;
        Ok(slot(name, node.address, &node.sources[source].1))
    }

    /// A node has its container now. Returns what tells of its later starts, and who is to be told that the log of one was
    /// read to its end.
    pub(super) fn created(
        &self,
        name: &str,
        id: &str,
    ) -> Result<(watch::Receiver<u64>, watch::Sender<Option<u64>>), ProviderError> {
        let ((starts, told), (reader, read)) = (watch::channel(0), watch::channel(None));
        let mut inner = self.lock();
        let node = inner.nodes.get_mut(name).ok_or_else(|| unknown(name))?;
        let generation = node.generation;
        let id = id.to_owned();
        node.container = Some(Container { id, starts, read, reading: None, generation });
        node.replaced = None;
        Ok((told, reader))
    }

    /// What reads the log of its container.
    pub(super) fn is_read(&self, name: &str, reading: JoinHandle<()>) {
        let mut inner = self.lock();
        let container = inner.nodes.get_mut(name).and_then(|node| node.container.as_mut());
        if let Some(container) = container {
            container.reading = Some(reading);
        }
    }

    /// Comes to its end when the log of the last start was read to its own, or is not read any more.
    pub(super) async fn log_is_read(&self, name: &str) {
        let reading = self.lock().nodes.get(name).and_then(|node| {
            let container = node.container.as_ref()?;
            Some((*container.starts.borrow(), container.read.clone()))
        });
        if let Some((start, mut read)) = reading {
            let _ = read.wait_for(|read| *read == Some(start)).await;
        }
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
            .ok_or_else(|| never_started(name))
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
        inner.nodes.get(name).map_or(Duration::ZERO, |node| node.image().profile.start_within)
    }

    pub(super) fn served(&self, name: &str, what: Served) -> Result<At, ProviderError> {
        let rpc_port = |inner: &Inner| {
            inner
                .nodes
                .get(name)
                .map(|node| node.image().profile.rpc_port)
                .ok_or_else(|| unknown(name))
        };
        let port = match what {
            Served::Rpc => rpc_port(&self.lock())?,
            Served::Metrics => METRICS_PORT,
        };
        let reach = self.lock().network.as_ref().map(|network| network.reach);
        match reach {
            Some(Reach::Published) => {
                self.container(name).map(|id| At::PublishedBy(Ipv4Addr::LOCALHOST.into(), id, port))
            }
            Some(Reach::Remote(host)) => {
                self.container(name).map(|id| At::PublishedBy(host, id, port))
            }
            Some(Reach::Container) | None => {
                let inner = self.lock();
                let node = inner.nodes.get(name).ok_or_else(|| unknown(name))?;
                Ok(At::Fixed(SocketAddr::from((node.address, port))))
            }
        }
    }

    /// What the run has made as far as memory goes, for when the engine cannot be asked.
    pub(super) fn remembered(&self, run: &str) -> Vec<String> {
        let inner = self.lock();
        let launched = inner.nodes.iter().filter(|(_, node)| node.launch.is_some());
        let mut objects: Vec<String> = launched
            .flat_map(|(name, node)| {
                let volume = volume::name(run, name, node.generation);
                [format!("container {}", container::name(run, name)), format!("volume {volume}")]
            })
            .collect();
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

/// Which of a node's sources this is.
fn source(name: &str, node: &Node, wanted: &NodeSource) -> Result<usize, ProviderError> {
    node.sources
        .iter()
        .position(|(source, _)| source == wanted)
        .ok_or_else(|| options::not_prepared(name, wanted))
}

/// What a node is promised.
fn slot(name: &str, address: Ipv4Addr, image: &Image) -> Slot {
    Slot {
        name: name.to_owned(),
        p2p: SocketAddr::from((address, P2P_PORT)),
        listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, P2P_PORT)),
        rpc_port: image.profile.rpc_port,
        rpc_external: true,
        metrics_port: METRICS_PORT,
        base_path: binary::DATA_DIR.into(),
        profile: Arc::clone(&image.profile),
        loopback: false,
    }
}

fn never_started(name: &str) -> ProviderError {
    ProviderError::failed(format!("using {name}"), "it was never started")
}

fn unknown(name: &str) -> ProviderError {
    ProviderError::failed(format!("using {name}"), "no node of this name was reserved")
}
