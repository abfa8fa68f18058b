//! What the process provider knows of its nodes, behind one lock that is never held across a wait.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use harness_core::node::{Incarnation, NodeSource, NodeState, Resources};
use rustix::process::Signal;

use super::{
    execution::{Execution, Group},
    ports::PortClaim,
    spawner::Program,
};
use crate::{
    binary::Artefact,
    netns::Join,
    provider::{Changes, NodeLaunch, ProviderError, Slot, options, state_files},
};

/// One reserved node.
#[derive(Debug)]
pub(super) struct Node {
    slot: Slot,
    /// What it is made of, and what it may be made of later.
    sources: Vec<(NodeSource, Artefact)>,
    /// Which of them it is.
    source: usize,
    dir: PathBuf,
    launch: Option<NodeLaunch>,
    execution: Option<Execution>,
    /// How many files it may open, while that is less than usual; and what is usual.
    open_files: Option<(u64, u64)>,
    home: Home,
}

/// Where a node's sockets are.
#[derive(Debug)]
pub(super) enum Home {
    /// On this host's loopback, at these ports.
    Loopback { _claims: [PortClaim; 3] },
    /// In a namespace, which has this number.
    Namespace { at: usize, join: Arc<Join> },
}

impl Node {
    pub(super) fn new(
        slot: Slot,
        sources: Vec<(NodeSource, Artefact)>,
        dir: PathBuf,
        home: Home,
    ) -> Self {
        Self {
            slot,
            sources,
            source: 0,
            dir,
            launch: None,
            execution: None,
            open_files: None,
            home,
        }
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot.clone()
    }

    fn program(&self, launch: &NodeLaunch) -> Program {
        Program {
            path: self.sources[self.source].1.path.clone(),
            args: launch.args.clone(),
            env: launch.env.clone(),
            dir: self.dir.clone(),
            data: self.slot.base_path.clone(),
            log: self.dir.join("node.log"),
            join: match &self.home {
                Home::Loopback { .. } => None,
                Home::Namespace { join, .. } => Some(Arc::clone(join)),
            },
        }
    }

    fn find(&self, wanted: &NodeSource) -> Result<usize, ProviderError> {
        self.sources
            .iter()
            .position(|(source, _)| source == wanted)
            .ok_or_else(|| options::not_prepared(&self.slot.name, wanted))
    }

    fn is_up(&self) -> bool {
        self.execution.as_ref().is_some_and(|execution| execution.group().ended().is_none())
    }
}

#[derive(Debug, Default)]
struct Inner {
    nodes: BTreeMap<String, Node>,
    sources: Vec<serde_json::Value>,
    closed: bool,
}

/// All nodes of a run.
#[derive(Debug, Default)]
pub(super) struct Nodes(Mutex<Inner>);

impl Nodes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no code panics with this lock")
    }

    fn with<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Node) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(ProviderError::failed(format!("using {name}"), "the run was torn down"));
        }
        let node = inner.nodes.get_mut(name).ok_or_else(|| {
            ProviderError::failed(format!("using {name}"), "no node of this name was reserved")
        })?;
        act(node)
    }

    pub(super) fn add(&self, node: Node) -> Result<(), ProviderError> {
        let name = node.slot.name.clone();
        let mut inner = self.lock();
        if inner.closed {
            return Err(ProviderError::failed(
                format!("reserving {name}"),
                "the run was torn down",
            ));
        }
        match inner.nodes.insert(name.clone(), node) {
            None => Ok(()),
            Some(_) => {
                Err(ProviderError::failed(format!("reserving {name}"), "two nodes have this name"))
            }
        }
    }

    pub(super) fn remember_sources(&self, prepared: &[(NodeSource, Artefact)]) {
        self.lock().sources =
            prepared.iter().map(|(source, artefact)| artefact.facts(&source.to_string())).collect();
    }

    pub(super) fn sources(&self) -> Vec<serde_json::Value> {
        self.lock().sources.clone()
    }

    /// Remembers what a node is started with; it has not been started before.
    pub(super) fn launched(&self, launch: &NodeLaunch) -> Result<Program, ProviderError> {
        self.with(&launch.name, |node| {
            if node.launch.is_some() {
                return Err(ProviderError::failed(
                    format!("starting {}", launch.name),
                    "it was started before; start it again instead",
                ));
            }
            node.launch = Some(launch.clone());
            Ok(node.program(launch))
        })
    }

    /// What a node that has ended is started with again; changes stay.
    pub(super) fn program_to_start_again(
        &self,
        name: &str,
        changes: &Changes,
    ) -> Result<Program, ProviderError> {
        self.with(name, |node| {
            if node.is_up() {
                return Err(ProviderError::failed(
                    format!("starting {name} again"),
                    "it is running",
                ));
            }
            let mut launch = node.launch.clone().ok_or_else(|| {
                ProviderError::failed(format!("starting {name} again"), "it was never started")
            })?;
            if let Some(wanted) = &changes.source {
                node.source = node.find(wanted)?;
            }
            changes.apply(&mut launch);
            node.launch = Some(launch.clone());
            Ok(node.program(&launch))
        })
    }

    /// Takes a new execution. After teardown it is dropped at once, and so killed.
    pub(super) fn began(
        &self,
        name: &str,
        execution: Execution,
    ) -> Result<Incarnation, ProviderError> {
        self.with(name, |node| {
            let incarnation = execution.incarnation().clone();
            node.execution = Some(execution);
            Ok(incarnation)
        })
    }

    /// Signals a node and says how to wait for its end.
    pub(super) fn signal(&self, name: &str, signal: Signal) -> Result<Group, ProviderError> {
        self.with(name, |node| {
            let execution = node.execution.as_ref().ok_or_else(|| {
                ProviderError::failed(format!("ending {name}"), "it was never started")
            })?;
            execution.group().signal(signal);
            Ok(execution.group().clone())
        })
    }

    /// What the kernel runs now, or the end to wait for.
    pub(super) fn now(&self, name: &str) -> Result<Result<NodeState, Group>, ProviderError> {
        self.with(name, |node| {
            let execution = node.execution.as_ref().ok_or_else(|| {
                ProviderError::failed(format!("looking at {name}"), "it was never started")
            })?;
            Ok(execution.state().ok_or_else(|| execution.group().clone()))
        })
    }

    /// What a node uses; `None` if it does not run.
    pub(super) fn usage(&self, name: &str) -> Result<Option<Resources>, ProviderError> {
        self.with(name, |node| Ok(node.execution.as_ref().and_then(Execution::usage)))
    }

    /// How many descriptors a node has open; `None` if it does not run.
    pub(super) fn descriptors(&self, name: &str) -> Option<u64> {
        let counted = |execution: &Execution| execution.descriptors();
        self.with(name, |node| Ok(node.execution.as_ref().and_then(counted))).ok().flatten()
    }

    /// Where the state of a node is that has been started and has ended.
    pub(super) fn state_of_one_down(&self, name: &str) -> Result<PathBuf, ProviderError> {
        self.with(name, |node| match (node.is_up(), &node.execution) {
            (true, _) => Err(state_files::runs(name)),
            (false, Some(_)) => Ok(node.slot.base_path.clone()),
            (false, None) => {
                Err(ProviderError::failed(format!("using {name}"), "it was never started"))
            }
        })
    }

    /// A node's slot as one of its sources.
    pub(super) fn slot(&self, name: &str, wanted: &NodeSource) -> Result<Slot, ProviderError> {
        self.with(name, |node| {
            let profile = Arc::clone(&node.sources[node.find(wanted)?].1.profile);
            Ok(Slot { profile, ..node.slot.clone() })
        })
    }

    /// Remembers a limit for later starts as well, `None` being the end of it. Returns what the node's
    /// processes are to have now, which `had` so many until now.
    pub(super) fn limit_files(
        &self,
        name: &str,
        limit: Option<u64>,
        had: u64,
    ) -> Result<Option<u64>, ProviderError> {
        self.with(name, |node| {
            let usual = node.open_files.map(|(_, usual)| usual);
            node.open_files = limit.map(|limit| (limit, usual.unwrap_or(had)));
            Ok(limit.or(usual))
        })
    }

    /// How many files a node may open, while that is less than usual.
    pub(super) fn files_limit(&self, name: &str) -> Result<Option<u64>, ProviderError> {
        self.with(name, |node| Ok(node.open_files.map(|(limit, _)| limit)))
    }

    /// The group of a node that runs.
    pub(super) fn group(&self, name: &str) -> Result<Group, ProviderError> {
        self.with(name, |node| {
            let execution = node.execution.as_ref().filter(|execution| execution.is_running());
            let group = execution.map(|execution| execution.group().clone());
            group.ok_or_else(|| ProviderError::failed(format!("using {name}"), "it does not run"))
        })
    }

    /// Where a node's metrics are reached.
    pub(super) fn metrics(&self, name: &str) -> Result<SocketAddr, ProviderError> {
        self.with(name, |node| Ok(SocketAddr::new(node.slot.p2p.ip(), node.slot.metrics_port)))
    }

    pub(super) fn rpc(&self, name: &str) -> Result<SocketAddr, ProviderError> {
        self.with(name, |node| Ok(SocketAddr::new(node.slot.p2p.ip(), node.slot.rpc_port)))
    }

    /// The number of a node's namespace, if it has one, and its slot.
    pub(super) fn place(&self, name: &str) -> Result<(Option<usize>, Slot), ProviderError> {
        self.with(name, |node| {
            let at = match node.home {
                Home::Loopback { .. } => None,
                Home::Namespace { at, .. } => Some(at),
            };
            Ok((at, node.slot.clone()))
        })
    }

    pub(super) fn incarnations(&self) -> Vec<Incarnation> {
        self.lock()
            .nodes
            .values()
            .filter_map(|node| node.execution.as_ref())
            .filter(|execution| execution.is_running())
            .map(|execution| execution.incarnation().clone())
            .collect()
    }

    /// Refuses everything from now on, gives up the executions (which kills them unless they are
    /// kept) and the ports.
    pub(super) fn close(&self) {
        let nodes = {
            let mut inner = self.lock();
            inner.closed = true;
            std::mem::take(&mut inner.nodes)
        };
        drop(nodes);
    }
}
