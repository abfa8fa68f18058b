//! The process provider: the [`Provider`] that the neighbouring modules make together.

use std::{
    collections::BTreeSet,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
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
    limits, ports, procfs,
    spawner::{Program, Spawner},
    state::{Node, Nodes},
    strays,
    tail::Tail,
};
use crate::{
    binary::{self, Artefact, Progress, Staging},
    provider::{
        Changes, Injector, LogLine, NodeLaunch, NodeRequest, Provider, ProviderError,
        ProviderOptions, Slot, descriptors, memory::MemoryKills, options,
    },
};

/// Time that a node has to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Time that the kernel has to report the end of a killed process.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Time that teardown gives a log reader to take what is left.
const LOG_LIMIT: Duration = Duration::from_secs(5);
/// Lines that wait for a reader; what is more waits in the files.
const LOG_QUEUE: usize = 512;

const LOOPBACK_REFUSED: &str = "a released hegemon node refuses loopback addresses, so it finds no peers as a process of one host. \
     Use --provider docker; or a --node-profile whose `dials` has 127.0.0.0/8, if this binary takes that (`ours` does, by HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK)";

/// Nodes as processes. Dropped without teardown, it still kills every node and removes every
/// directory, unless the run is kept.
#[derive(Debug)]
pub struct ProcessProvider {
    options: ProviderOptions,
    spawner: Spawner,
    tail: Tail,
    lines: Mutex<Option<mpsc::Receiver<LogLine>>>,
    pub(super) nodes: Nodes,
    pub(super) hashes: Hashes,
    memory_kills: MemoryKills,
}

impl ProcessProvider {
    /// Prepares a run in its scratch directory. Starts nothing but two threads.
    ///
    /// # Errors
    /// No `/proc`, no threads, or a run ID that would not do as a name.
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
        Ok(Self {
            options,
            spawner,
            tail,
            lines: Mutex::new(Some(lines)),
            nodes: Nodes::default(),
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
            .map(|incarnation| format!(" -{}", incarnation.pid))
            .collect();
        // What is frozen ends when it is thawed.
        let kill = if groups.is_empty() {
            String::new()
        } else {
            format!("kill --{groups}; kill -s CONT --{groups} 2>/dev/null; ")
        };
        // A path may hold anything, and this line is to be pasted into a shell.
        let quoted = |path: PathBuf| shell_words::quote(&path.display().to_string()).into_owned();
        format!("{kill}rm -rf -- {} {}", quoted(self.node_root()), quoted(self.binary_dir()))
    }

    /// Every group that this run has made last for its nodes.
    fn groups(&self) -> BTreeSet<i64> {
        self.nodes.incarnations().iter().map(|incarnation| incarnation.pid).collect()
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
        let binary: Option<&Path> = match source {
            NodeSource::Workspace => None,
            NodeSource::Binary(path) => Some(path),
            NodeSource::Image(image) => {
                return Err(ProviderError::Unsupported(format!(
                    "an image (`{image}`) cannot be run as a process; use --provider docker or --node-bin"
                )));
            }
        };
        let dir = self.binary_dir();
        fs::create_dir_all(&dir)
            .map_err(|error| ProviderError::failed(format!("making {}", dir.display()), error))?;
        let artefact = binary::prepare(
            binary,
            Staging { dir: &dir, profile: self.options.profile.as_ref() },
            progress,
        )
        .await?;
        if !artefact.profile.dials_loopback() {
            return Err(ProviderError::Unsupported(LOOPBACK_REFUSED.to_owned()));
        }
        if !artefact.profile.takes_rpc_port() {
            return Err(ProviderError::Unsupported(format!(
                "a node of the profile `{}` cannot be told its RPC port, and processes share this host's; use --provider docker",
                artefact.profile.name
            )));
        }
        Ok(artefact)
    }

    async fn reserve_all(
        &self,
        requests: &[NodeRequest],
        subnet: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<Vec<Slot>, ProviderError> {
        if let Some(subnet) = subnet {
            return Err(ProviderError::Unsupported(format!(
                "the scenario wants its nodes in {subnet}; processes have loopback addresses only. Use --provider docker"
            )));
        }
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
        let claims = ports::claim(requests.len() * 2)
            .map_err(|error| ProviderError::failed("reserving ports on 127.0.0.1", error))?;
        let mut claims = claims.into_iter();
        let mut slots = Vec::new();
        for request in requests {
            let made_of = |wanted: &NodeSource| {
                let artefact = prepared.iter().find(|(source, _)| source == wanted);
                artefact.cloned().expect("every source was prepared above")
            };
            let sources: Vec<_> = request.sources().map(made_of).collect();
            let (p2p, rpc) =
                claims.next().zip(claims.next()).expect("two ports per node were claimed");
            let dir = self.node_root().join(&request.name);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, p2p.port));
            let slot = Slot {
                name: request.name.clone(),
                p2p: address,
                listen: address,
                rpc_port: rpc.port,
                rpc_external: false,
                base_path: dir.join("data"),
                profile: Arc::clone(&sources[0].1.profile),
                loopback: true,
            };
            slots.push(slot.clone());
            self.nodes.add(Node::new(slot, sources, dir, [p2p, rpc]))?;
        }
        self.nodes.remember_sources(&prepared);
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
            "network": { "kind": "loopback" },
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
        vec![
            Capability::Restart,
            Capability::Kill,
            Capability::Pause,
            Capability::State,
            Capability::Changes,
            Capability::LimitFiles,
        ]
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

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        async move { self.nodes.rpc(name) }.boxed()
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
        self.remove_directories();
    }
}
