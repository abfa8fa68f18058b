//! The Docker provider: the [`Provider`] that the neighbouring modules make together. `teardown` is
//! its end.

mod teardown;

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bollard::Docker;
use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    fault::Capability,
    node::{Incarnation, NodeSource, NodeState, Resources},
    place::Environment,
    subnet::{Ipv4Subnet, Range, Taken},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    container,
    engine::{self, Engine},
    gate::Gate,
    helper::Helpers,
    image::{self, Image},
    labels::{RUN_LABEL, TESTBED_LABEL, labels, plain_labels},
    neighbours::Neighbours,
    network::{self, Wish},
    publish::{self, Served},
    reach::{self, Reach},
    starter::Starter,
    state::{At, Nodes},
};
use crate::{
    binary::{self, Binary, Progress, Staging},
    provider::{
        Changes, Injector, LogLine, NodeLaunch, NodeRequest, Provider, ProviderError,
        ProviderOptions, Slot, descriptors, memory::MemoryKills, options,
    },
};

/// Time that teardown gives a log reader to take another line.
const LOG_LIMIT: Duration = Duration::from_secs(5);
/// Between two knocks at a node that does not answer.
const KNOCK_EVERY: Duration = Duration::from_millis(100);
/// Lines that wait for a reader; what is more waits at the engine.
const LOG_QUEUE: usize = 512;

/// Nodes as containers. Dropped without teardown, it still removes everything of the run, unless
/// the run is kept.
#[derive(Debug)]
pub struct DockerProvider {
    options: ProviderOptions,
    reach: Option<Reach>,
    pub(super) engine: Engine,
    pub(super) nodes: Arc<Nodes>,
    /// Those in nodes' networks.
    pub(super) helpers: Arc<Helpers>,
    /// Calls that change the engine.
    calls: Gate,
    /// Tasks that read logs.
    pumps: TaskTracker,
    closing: CancellationToken,
    to_lines: Mutex<Option<mpsc::Sender<LogLine>>>,
    lines: Mutex<Option<mpsc::Receiver<LogLine>>>,
    memory_kills: MemoryKills,
    /// The kernel's table of them, once there is a network.
    neighbours: Mutex<Option<Neighbours>>,
    /// Something has come back from one of the nodes.
    reached: AtomicBool,
    /// Nothing is there to be removed, or nobody to be asked.
    done: AtomicBool,
    /// Nodes whose logs could not be read to their end.
    cut: Arc<Mutex<BTreeSet<String>>>,
}

impl DockerProvider {
    /// Finds the engine as this user's other tools do and asks it whether it will do. Changes
    /// nothing. Takes 2 s at most for each place at which there may be one.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] with the reason and the remedy.
    pub async fn connect(
        options: ProviderOptions,
        environment: &Environment,
    ) -> Result<Self, ProviderError> {
        options.check()?;
        let engine = engine::find(environment).await?;
        let (sender, lines) = mpsc::channel(LOG_QUEUE);
        let nodes = Arc::<Nodes>::default();
        let helpers = Helpers::new(engine.clone(), options.clone(), Arc::clone(&nodes));
        Ok(Self {
            options,
            reach: None,
            engine,
            nodes,
            helpers: Arc::new(helpers),
            calls: Gate::default(),
            pumps: TaskTracker::new(),
            closing: CancellationToken::new(),
            to_lines: Mutex::new(Some(sender)),
            lines: Mutex::new(Some(lines)),
            memory_kills: MemoryKills::so_far(),
            neighbours: Mutex::default(),
            reached: AtomicBool::new(false),
            done: AtomicBool::new(true),
            cut: Arc::default(),
        })
    }

    /// Says how RPC is reached instead of finding it out.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.reach = Some(reach);
        self
    }

    /// The engine in one line: where it is, what says so, and what it is.
    pub fn engine(&self) -> String {
        self.engine.describe()
    }

    /// Who has which addresses: the engine's networks and the host's routes.
    ///
    /// # Errors
    /// The engine does not list them.
    pub async fn taken(&self) -> Result<Vec<Taken>, ProviderError> {
        network::taken(&self.engine.docker).await
    }

    /// The shell command that removes a kept run: exactly what carries its labels.
    pub fn keep_hint(&self) -> String {
        let run = &self.options.run_id;
        let filter = format!("--filter label={TESTBED_LABEL}=1 --filter label={RUN_LABEL}={run}");
        format!(
            "docker ps -aq {filter} | xargs -r docker rm -fv; docker network ls -q {filter} | xargs -r docker network rm; docker volume ls -q {filter} | xargs -r docker volume rm; docker images -aq {filter} | xargs -r docker rmi -f"
        )
    }

    fn binary_dir(&self) -> PathBuf {
        self.options.scratch.join("bin")
    }

    /// Runs a change to its end, whether or not the caller waits for it.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
    ) -> Result<T, ProviderError> {
        self.calls.pass(change).await
    }

    /// The same to a node's container, by its ID and the node's name.
    pub(super) async fn change_container<T: Send + 'static, Change>(
        &self,
        name: &str,
        change: impl FnOnce(Docker, String, String) -> Change,
    ) -> Result<T, ProviderError>
    where
        Change: Future<Output = Result<T, ProviderError>> + Send + 'static,
    {
        let id = self.nodes.container(name)?;
        self.change(change(self.engine.docker.clone(), id, name.to_owned())).await
    }

    async fn reserve_all(
        &self,
        requests: &[NodeRequest],
        subnet: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<Vec<Slot>, ProviderError> {
        let wished = subnet
            .map(str::parse::<Ipv4Subnet>)
            .transpose()
            .map_err(|error| ProviderError::Subnet(error.to_string()))?;
        descriptors::check(requests.len())?;
        for request in requests {
            options::check_node_name(&request.name)?;
        }
        self.done.store(false, Ordering::Relaxed);
        let images = self.images(requests, progress).await?;
        let (engine, options, reach, count) =
            (self.engine.clone(), self.options.clone(), self.reach, requests.len());
        let ranges = ranges(&images)?;
        let wish = async move {
            network::create(
                &engine,
                Wish {
                    run: &options.run_id,
                    labels: &labels(&options),
                    nodes: count,
                    ranges: &ranges,
                    subnet: wished,
                    reach,
                },
            )
            .await
        };
        let network = self.change(wish).await?;
        let neighbours = Neighbours::of(requests.len());
        let shortage = neighbours.as_ref().and_then(Neighbours::shortage);
        network.remarks().into_iter().chain(shortage).for_each(progress);
        *self.neighbours.lock().expect("no code panics with this lock") = neighbours;
        self.nodes.has_network(network.clone());
        let mut slots = Vec::new();
        for (index, request) in requests.iter().enumerate() {
            let address =
                network.subnet.node(index).expect("the network was made for this many nodes");
            let made_of = |wanted: &NodeSource| {
                let image = images.iter().find(|(source, _)| source == wanted);
                image.cloned().expect("every source was resolved above")
            };
            let sources = request.sources().map(made_of).collect();
            slots.push(self.nodes.add(&request.name, sources, address)?);
        }
        Ok(slots)
    }

    async fn images(
        &self,
        requests: &[NodeRequest],
        progress: Progress<'_>,
    ) -> Result<Vec<(NodeSource, Image)>, ProviderError> {
        let dir = self.binary_dir();
        fs::create_dir_all(&dir)
            .map_err(|error| ProviderError::failed(format!("making {}", dir.display()), error))?;
        let mut images: Vec<(NodeSource, Image)> = Vec::new();
        for source in requests.iter().flat_map(NodeRequest::sources) {
            if !images.iter().any(|(known, _)| known == source) {
                let image = self.image(source, &dir, progress).await?;
                self.nodes.has_image(&image);
                images.push((source.clone(), image));
            }
        }
        // What is packed is not needed any more.
        self.remove_directory()?;
        Ok(images)
    }

    async fn image(
        &self,
        source: &NodeSource,
        dir: &Path,
        progress: Progress<'_>,
    ) -> Result<Image, ProviderError> {
        let binary = match source {
            NodeSource::Image(reference) => {
                return image::find(&self.engine, reference, self.options.profile.as_ref()).await;
            }
            NodeSource::Workspace => Binary::Built(binary::Program::Node, self.options.build),
            NodeSource::Hostile => Binary::Built(binary::Program::Hostile, self.options.build),
            NodeSource::Binary(path) => Binary::File(path),
        };
        let artefact = binary::prepare(
            binary,
            Staging { dir, profile: self.options.profile.as_ref() },
            progress,
        )
        .await?;
        let (engine, source, labels) =
            (self.engine.clone(), source.to_string(), plain_labels(&self.options));
        self.change(async move { image::import(&engine, &artefact, &source, &labels).await }).await
    }

    /// What makes and starts containers.
    pub(super) fn starter(&self) -> Starter {
        Starter {
            docker: self.engine.docker.clone(),
            options: self.options.clone(),
            nodes: Arc::clone(&self.nodes),
            helpers: Arc::clone(&self.helpers),
            pumps: self.pumps.clone(),
            closing: self.closing.clone(),
            cut: Arc::clone(&self.cut),
            to: self.to_lines.lock().expect("no code panics with this lock").clone(),
            // A kept container writes on.
            grace: (!self.options.keep).then_some(LOG_LIMIT),
        }
    }

    async fn start_first(&self, launch: &NodeLaunch) -> Result<Incarnation, ProviderError> {
        let recipe = self.nodes.recipe(&self.options, launch)?;
        self.change(self.starter().first(recipe)).await
    }

    /// The first node that runs is knocked at: if nothing comes back from it, nothing will from any
    /// other, and no node is to blame.
    async fn reach(&self, name: &str) -> Result<(), ProviderError> {
        let began = Instant::now();
        let Some(reach) = self.nodes.reach() else { return Ok(()) };
        while !self.reached.load(Ordering::Relaxed) {
            // It may have ended at once: that is for whoever watches it to say.
            let Ok(address) = self.address(name, Served::Rpc).await else { return Ok(()) };
            let Err(why) = reach::knock(address, reach).await else {
                self.reached.store(true, Ordering::Relaxed);
                break;
            };
            let container = self.nodes.container(name)?;
            if !container::state(&self.engine.docker, &container, name).await?.is_running() {
                break;
            }
            let limit = if reach::is_refusal(&why) {
                // A kind of node may take longer to listen.
                reach::REFUSED.max(self.nodes.start_within(name))
            } else {
                reach::SILENT
            };
            if began.elapsed() >= limit && !self.reached.load(Ordering::Relaxed) {
                return Err(reach::unreachable(name, address, reach, &why));
            }
            tokio::time::sleep(KNOCK_EVERY).await;
        }
        Ok(())
    }

    /// What the engine says of a node. While its container is replaced, that it has ended.
    async fn state_now(&self, name: &str) -> Result<NodeState, ProviderError> {
        loop {
            if let Some(end) = self.nodes.end_of_replaced(name) {
                return Ok(end);
            }
            let (id, seat) = (self.nodes.container(name)?, self.nodes.seat(name)?);
            let state = container::state_at(&self.engine.docker, &id, name, &seat).await;
            // A look may fall into the moment in which it goes.
            if state.is_ok() || self.nodes.container(name).is_ok_and(|now| now == id) {
                return state;
            }
        }
    }

    async fn address(&self, name: &str, what: Served) -> Result<SocketAddr, ProviderError> {
        match self.nodes.served(name, what)? {
            At::Fixed(address) => Ok(address),
            At::PublishedBy(host, id, port) => {
                let port = publish::published(&self.engine.docker, &id, name, port).await?;
                Ok(SocketAddr::from((host, port)))
            }
        }
    }
}

/// For the evidence: all drivers of an engine of 2020 change something, `local` cuts long lines.
const LOGS: &str = "as the engine's json-file driver keeps them: bytes that are not UTF-8 are replaced by U+FFFD, nothing else is changed or cut";

/// Where all of the nodes dial each other, the first preferred.
fn ranges(images: &[(NodeSource, Image)]) -> Result<Vec<Range>, ProviderError> {
    let dialled =
        |range: &Range| images.iter().all(|(_, image)| image.profile.dials(range.whole().base()));
    let ranges: Vec<Range> =
        [Range::Benchmark, Range::Private].into_iter().filter(dialled).collect();
    if ranges.is_empty() {
        return Err(ProviderError::Unsupported(
            "by their profiles (`dials`) these nodes dial neither 198.18.0.0/15 nor 10.128.0.0/9, where networks of runs are".to_owned(),
        ));
    }
    Ok(ranges)
}

impl Provider for DockerProvider {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn facts(&self) -> serde_json::Value {
        let (network, sources) = self.nodes.facts();
        serde_json::json!({ "provider": self.name(), "engine": self.engine.facts, "network": network, "sources": sources, "logs": LOGS })
    }

    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        subnet: Option<&'a str>,
        progress: Progress<'a>,
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>> {
        self.reserve_all(nodes, subnet, progress).boxed()
    }

    fn start<'a>(
        &'a self,
        node: &'a NodeLaunch,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        async move {
            let incarnation = self.start_first(node).await?;
            self.reach(&node.name).await?;
            Ok(incarnation)
        }
        .boxed()
    }

    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.change_container(name, |docker, id, name| async move {
            container::stop(&docker, &id, &name).await
        })
        .boxed()
    }

    fn kill<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.change_container(name, |docker, id, name| async move {
            container::kill(&docker, &id, &name).await
        })
        .boxed()
    }

    fn capabilities(&self) -> Vec<Capability> {
        let always = [
            Capability::Restart,
            Capability::Kill,
            Capability::Pause,
            Capability::State,
            Capability::Changes,
            Capability::LimitMemory,
            Capability::LimitCpu,
        ];
        // Helpers are made of this program: an engine for another processor cannot execute it.
        let has_helpers = self.engine.architecture == std::env::consts::ARCH;
        let of_helpers = [Capability::Lines, Capability::BadLines, Capability::Dials].into_iter();
        always.into_iter().chain(of_helpers.filter(|_| has_helpers)).collect()
    }

    fn injector(&self) -> &dyn Injector {
        self
    }

    fn start_again<'a>(
        &'a self,
        name: &'a str,
        changes: &'a Changes,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        self.change(self.starter().again(name.to_owned(), changes.clone())).boxed()
    }

    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.state_now(name).boxed()
    }

    fn why_ended<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<String>> {
        async move {
            let id = self.nodes.container(name).ok()?;
            if let Some(why) = container::why_ended(&self.engine.docker, &id, name).await {
                return Some(why);
            }
            let end = container::state(&self.engine.docker, &id, name).await.ok()?;
            self.memory_kills.explain(&end)
        }
        .boxed()
    }

    fn resources<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resources>, ProviderError>> {
        async move {
            if self.nodes.end_of_replaced(name).is_some() {
                return Ok(None);
            }
            let id = self.nodes.container(name)?;
            let used = container::resources(&self.engine.docker, &id, name).await;
            // It may have been replaced, or begun to be, while the engine looked at it.
            let is_gone = || {
                self.nodes.end_of_replaced(name).is_some()
                    || self.nodes.container(name).ok().as_ref() != Some(&id)
            };
            if used.is_err() && is_gone() { Ok(None) } else { used }
        }
        .boxed()
    }

    fn exhausted(&self) -> Option<String> {
        let neighbours = self.neighbours.lock().expect("no code panics with this lock");
        neighbours.as_ref().and_then(Neighbours::overflowed)
    }

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        self.address(name, Served::Rpc).boxed()
    }

    fn metrics<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        self.address(name, Served::Metrics).boxed()
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        self.lines.lock().expect("no code panics with this lock").take()
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.remove_everything().boxed()
    }
}
