//! The process provider: the [`Provider`] that the neighbouring modules make together.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt, join_all};
use harness_core::{
    fault::Capability,
    node::{Incarnation, NodeSource, NodeState, Resources},
};
use rustix::process::Signal;
use tokio::sync::mpsc;

use super::{
    executable::Hashes,
    execution::Custody,
    limits,
    network::{Dialler, Network},
    place::{self, Wish},
    procfs,
    spawner::{Program, Spawner},
    state::{Node, Nodes},
    strays,
    tail::Tail,
};
use crate::{
    binary::{self, Artefact, Binary, Progress, Staging},
    provider::{
        Changes, Dial, Injector, LogLine, NodeLaunch, NodeRequest, Provider, ProviderError,
        ProviderOptions, Slot, descriptors, memory::MemoryKills, options, paths::Changed,
    },
};

/// Time that a node has to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Time that the kernel has to report the end of a killed process.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Time that teardown gives a log reader to take another line.
const LOG_LIMIT: Duration = Duration::from_secs(5);
/// Lines that wait for a reader; what is more waits in the files.
const LOG_QUEUE: usize = 512;

/// Nodes as processes. Dropped without teardown, it still kills every node and removes every
/// directory, unless the run is kept.
#[derive(Debug)]
pub struct ProcessProvider {
    options: ProviderOptions,
    spawner: Spawner,
    tail: Tail,
    lines: Mutex<Option<mpsc::Receiver<LogLine>>>,
    pub(super) nodes: Nodes,
    pub(super) network: Arc<Network>,
    /// What was done to lines.
    pub(super) changed: Changed,
    /// What nodes' names mean.
    pub(super) names: Mutex<BTreeMap<String, Ipv4Addr>>,
    pub(super) hashes: Hashes,
    memory_kills: MemoryKills,
}

impl ProcessProvider {
    /// Prepares a run in its scratch directory. Starts nothing but two threads, and the process that
    /// holds the run's network.
    ///
    /// # Errors
    /// No `/proc`, no threads, a run ID that would not do as a name, or no network namespaces where
    /// those are insisted on.
    pub fn create(options: ProviderOptions) -> Result<Self, ProviderError> {
        options.check()?;
        let boot = procfs::boot_time().ok_or_else(|| ProviderError::Unavailable {
            what: "the process provider reads process start times from /proc, and there is none"
                .to_owned(),
            remedy: "run it on Linux, or use --provider docker".to_owned(),
        })?;
        let custody = if options.keep { Custody::User } else { Custody::Harness };
        let failed =
            |error| ProviderError::failed("starting the process provider's threads", error);
        let (sender, lines) = mpsc::channel(LOG_QUEUE);
        let (spawner, tail) =
            (Spawner::new(boot, custody).map_err(failed)?, Tail::new(sender).map_err(failed)?);
        let network = Arc::new(Network::take(&options)?);
        Ok(Self {
            options,
            spawner,
            tail,
            lines: Mutex::new(Some(lines)),
            nodes: Nodes::default(),
            network,
            changed: Changed::default(),
            names: Mutex::default(),
            hashes: Hashes::default(),
            memory_kills: MemoryKills::so_far(),
        })
    }

    /// The shell command that ends a kept run and removes what is its own.
    pub fn keep_hint(&self) -> String {
        let groups: String = self
            .nodes
            .incarnations()
            .iter()
            .map(|incarnation| incarnation.pid)
            .chain(self.network.keeper().map(i64::from))
            .map(|group| format!(" -{group}"))
            .collect();
        // What is frozen ends when it is thawed.
        let kill = if groups.is_empty() {
            String::new()
        } else {
            format!("kill --{groups}; kill -s CONT --{groups} 2>/dev/null; ")
        };
        // A path may hold anything, and this line is to be pasted into a shell.
        let quoted = |path: PathBuf| shell_words::quote(&path.display().to_string()).into_owned();
        let hosts = self.network.hosts().map(|hosts| format!(" {}", quoted(hosts.to_owned())));
        let (nodes, binaries) = (quoted(self.node_root()), quoted(self.binary_dir()));
        format!("{kill}rm -rf -- {nodes} {binaries}{}", hosts.unwrap_or_default())
    }

    /// The beginning of a command that is executed where the nodes can be reached, if that is not here.
    pub fn way_in(&self) -> Option<String> {
        self.network.way_in()
    }

    /// Every group that this run has made last for its nodes.
    fn groups(&self) -> BTreeSet<i64> {
        let nodes = self.nodes.incarnations();
        let nodes = nodes.iter().map(|incarnation| incarnation.pid);
        nodes.chain(self.network.keeper().map(i64::from)).collect()
    }

    fn node_root(&self) -> PathBuf {
        self.options.scratch.join("nodes")
    }

    fn binary_dir(&self) -> PathBuf {
        self.options.scratch.join("bin")
    }

    async fn prepare(
        &self,
        source: &NodeSource,
        progress: Progress<'_>,
    ) -> Result<Artefact, ProviderError> {
        let binary = match source {
            NodeSource::Workspace => Binary::Built(binary::Program::Node, self.options.build),
            NodeSource::Hostile => Binary::Built(binary::Program::Hostile, self.options.build),
            NodeSource::Binary(path) => Binary::File(path),
            NodeSource::Image(image) => {
                return Err(ProviderError::Unsupported(format!(
                    "an image (`{image}`) cannot be run as a process; use --provider docker or --node-bin"
                )));
            }
        };
        let dir = self.binary_dir();
        fs::create_dir_all(&dir)
            .map_err(|error| ProviderError::failed(format!("making {}", dir.display()), error))?;
        let staging = Staging { dir: &dir, profile: self.options.profile.as_ref() };
        Ok(binary::prepare(binary, staging, progress).await?)
    }

    async fn reserve_all(
        &self,
        requests: &[NodeRequest],
        subnet: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<Vec<Slot>, ProviderError> {
        descriptors::check(requests.len())?;
        let mut prepared: Vec<(NodeSource, Artefact)> = Vec::new();
        for request in requests {
            options::check_node_name(&request.name)?;
            for source in request.sources() {
                if !prepared.iter().any(|(known, _)| known == source) {
                    prepared.push((source.clone(), self.prepare(source, progress).await?));
                }
            }
        }
        let wish = Wish { requests, prepared: &prepared, node_root: &self.node_root(), subnet };
        let choice = self.options.network;
        let nodes = place::place(&wish, self.network.as_ref(), choice, progress).await?;
        let slots: Vec<Slot> = nodes.iter().map(Node::slot).collect();
        for node in nodes {
            self.nodes.add(node)?;
        }
        self.nodes.remember_sources(&prepared);
        self.begin_names(&slots)?;
        Ok(slots)
    }

    async fn execute(&self, name: &str, program: Program) -> Result<Incarnation, ProviderError> {
        let execution = self.spawner.execute(program.clone()).await.map_err(|error| {
            let doing = format!("cannot execute `{}`: {error}", program.path.display());
            ProviderError::Binary(doing)
        })?;
        let incarnation = self.nodes.began(name, execution)?;
        limits::again(&self.nodes, name)?;
        Ok(incarnation)
    }

    async fn start_first(&self, launch: &NodeLaunch) -> Result<Incarnation, ProviderError> {
        let program = self.nodes.launched(launch)?;
        self.tail.follow(&launch.name, &program.log);
        self.execute(&launch.name, program).await
    }

    async fn restart(&self, name: &str, changes: &Changes) -> Result<Incarnation, ProviderError> {
        let program = self.nodes.program_to_start_again(name, changes)?;
        self.execute(name, program).await
    }

    async fn end(&self, name: &str) -> Result<NodeState, ProviderError> {
        let mut group = self.nodes.signal(name, Signal::TERM)?;
        // One that is frozen learns of it when it is thawed; no other has a use for this.
        group.signal(Signal::CONT);
        if let Some(state) = group.ends_within(STOP_LIMIT).await {
            return Ok(state);
        }
        self.kill_now(name).await
    }

    async fn kill_now(&self, name: &str) -> Result<NodeState, ProviderError> {
        let mut group = self.nodes.signal(name, Signal::KILL)?;
        group.ends_within(KILL_LIMIT).await.ok_or_else(|| {
            ProviderError::failed(format!("killing {name}"), "the kernel does not report its end")
        })
    }

    async fn current_state(&self, name: &str) -> Result<NodeState, ProviderError> {
        if self.network.is_broken() {
            return Err(ProviderError::Disturbed(
                "somebody ended the process that holds the nodes' network".to_owned(),
            ));
        }
        let mut group = match self.nodes.now(name)? {
            Ok(state) => return Ok(state),
            Err(group) => group,
        };
        // It has ended, or is about to be reaped.
        group.ends_within(KILL_LIMIT).await.ok_or_else(|| {
            ProviderError::failed(format!("looking at {name}"), "neither running nor ended")
        })
    }

    async fn remove_everything(&self) -> Result<(), ProviderError> {
        let mut left = Vec::new();
        if !self.options.keep {
            self.nodes.close();
            let spawner = self.spawner.clone();
            let groups = tokio::task::spawn_blocking(move || spawner.close()).await;
            let groups = groups
                .map_err(io::Error::other)
                .flatten()
                .map_err(|error| ProviderError::failed("cleaning up", error))?;
            let ends = groups.into_iter().map(|mut group| async move {
                group.signal(Signal::KILL);
                let ended = group.ends_within(KILL_LIMIT).await;
                ended.is_none().then(|| format!("process {} left", group.pid()))
            });
            left.extend(join_all(ends).await.into_iter().flatten());
            let (scratch, groups) = (self.options.scratch.clone(), self.groups());
            let strays =
                tokio::task::spawn_blocking(move || strays::end(&scratch, &groups, KILL_LIMIT))
                    .await;
            let strays = strays
                .map_err(|error| ProviderError::failed("cleaning up", io::Error::other(error)))?;
            left.extend(strays.left.iter().map(|stray| format!("{} left", stray.describe())));
            self.network.close();
        }
        // An untaken receiver would make the reader wait for nobody.
        drop(self.lines.lock().expect("no code panics with this lock").take());
        let cut = self.tail.finish(LOG_LIMIT).await;
        if !self.options.keep {
            // Kept nodes go on writing: their logs have no end to be read to.
            left.extend(cut.iter().map(|node| format!("log of {node} incomplete")));
            left.extend(self.remove_directories());
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(ProviderError::failed("cleaning up", left.join(", ")))
        }
    }

    fn remove_directories(&self) -> Vec<String> {
        let remove = |dir: PathBuf| match fs::remove_dir_all(&dir) {
            Ok(()) => None,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(format!("{} left ({error})", dir.display())),
        };
        // A keeper that could not have names has left it, too.
        let _ = fs::remove_file(self.options.scratch.join("hosts"));
        [self.node_root(), self.binary_dir()].into_iter().filter_map(remove).collect()
    }
}

impl Provider for ProcessProvider {
    fn name(&self) -> &'static str {
        "process"
    }

    fn facts(&self) -> serde_json::Value {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        serde_json::json!({
            "provider": self.name(),
            "host": {
                "os": std::env::consts::OS,
                "architecture": std::env::consts::ARCH,
                "kernel": kernel.trim(),
                "cpus": std::thread::available_parallelism().map_or(0, usize::from),
            },
            "network": self.network.facts(),
            "sources": self.nodes.sources(),
        })
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
        self.start_first(node).boxed()
    }

    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.end(name).boxed()
    }

    fn kill<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.kill_now(name).boxed()
    }

    fn capabilities(&self) -> Vec<Capability> {
        let always = [
            Capability::Restart,
            Capability::Kill,
            Capability::Pause,
            Capability::State,
            Capability::Changes,
            Capability::LimitFiles,
        ];
        let of_network = self.network.capabilities();
        always.into_iter().chain(of_network.iter().copied()).collect()
    }

    fn injector(&self) -> &dyn Injector {
        self
    }

    fn start_again<'a>(
        &'a self,
        name: &'a str,
        changes: &'a Changes,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        self.restart(name, changes).boxed()
    }

    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.current_state(name).boxed()
    }

    fn why_ended<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<String>> {
        async move {
            let end = self.current_state(name).await.ok()?;
            self.memory_kills.explain(&end)
        }
        .boxed()
    }

    fn resources<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resources>, ProviderError>> {
        async move { self.nodes.usage(name) }.boxed()
    }

    fn open_descriptors(&self, name: &str) -> Option<u64> {
        self.nodes.descriptors(name)
    }

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        async move { self.nodes.rpc(name) }.boxed()
    }

    fn metrics<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        async move { self.nodes.metrics(name) }.boxed()
    }

    fn dialler(&self) -> Arc<dyn Dial> {
        Arc::new(Dialler(Arc::clone(&self.network)))
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        self.lines.lock().expect("no code panics with this lock").take()
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.remove_everything().boxed()
    }
}

impl Drop for ProcessProvider {
    /// The way out of a panic: no runtime may be left, so it waits by itself.
    fn drop(&mut self) {
        if self.options.keep {
            return;
        }
        self.nodes.close();
        let groups = self.spawner.close().unwrap_or_default();
        groups.iter().for_each(|group| group.signal(Signal::KILL));
        let deadline = Instant::now() + KILL_LIMIT;
        while groups.iter().any(|group| group.ended().is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = strays::end(&self.options.scratch, &self.groups(), KILL_LIMIT);
        self.network.close();
        self.remove_directories();
    }
}
