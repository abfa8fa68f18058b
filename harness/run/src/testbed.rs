//! The running network: what every node was started with, whether it should be running, and how to
//! reach it. Does what it is told; judges nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::{BoxFuture, join_all, try_join_all};
use harness_core::{
    attached::Attached,
    event::{EventKind, HashRound},
    fault::lines::Lines,
    hostile::MOST_TARGETS,
    needs::{self, Profiles},
    node::{Incarnation, NodeSource, NodeState},
    profile::{Launched, NodeProfile, Place, Wanted},
    record::Launch,
    scenario::{NodePlan, Plan},
    state::{Limits, Port},
};
use tokio::sync::watch;

use super::{
    journal::Journal,
    link::{Connect, NodeLink},
};
use crate::{
    poll::{
        Link,
        rpc::{Rpc, wish},
    },
    provider::{Changes, NodeLaunch, Provider, ProviderError, Slot},
};

/// The network of a run.
pub(crate) struct Testbed {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) journal: Arc<Journal>,
    /// All nodes that are no adversaries.
    pub(crate) names: Vec<String>,
    /// They are started and ended, and never asked anything.
    pub(crate) adversaries: Vec<String>,
    /// The harness's own program, where programs of the user's may be run.
    pub(crate) harness: Option<PathBuf>,
    connect: Arc<dyn Connect>,
    /// Between two rounds of questions, where the network's size does not decide that.
    pub(crate) pace: Option<Duration>,
    /// How much longer than usual an answer may take.
    patience: f64,
    nodes: BTreeMap<String, Node>,
    /// Who does not start with the others.
    later: BTreeSet<String>,
    /// The lines that are not open.
    lines: Mutex<Lines>,
}

struct Node {
    /// What the plan wants of it.
    plan: NodePlan,
    /// The mean time between two blocks, if the scenario says one.
    block_time: Option<Duration>,
    /// Its `HEGEMON_SEEDS`.
    seeds: String,
    /// It is to serve its metrics.
    metrics: Serve,
    launch: NodeLaunch,
    profile: Arc<NodeProfile>,
    link: watch::Sender<Option<Link>>,
    starts: AtomicU32,
    expected: Mutex<Expected>,
    incarnation: Mutex<Option<Incarnation>>,
}

/// What a node serves beside its RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serve {
    Nothing,
    Metrics,
}

/// Whether a node should be running; `epoch` tells apart two times of the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) running: bool,
    epoch: u64,
}

impl Testbed {
    pub(crate) fn new(
        plan: &Plan,
        slots: &[Slot],
        provider: Arc<dyn Provider>,
        connect: Arc<dyn Connect>,
        journal: Arc<Journal>,
    ) -> Self {
        let nodes = plan
            .nodes
            .iter()
            .filter_map(|node| {
                let slot = slots.iter().find(|slot| slot.name == node.name)?;
                let seeds = seeds(plan, node, slots);
                let wanted = needs::metrics(plan, &node.name);
                let metrics = if wanted { Serve::Metrics } else { Serve::Nothing };
                let node = Node {
                    plan: node.clone(),
                    block_time: plan.block_time,
                    launch: launch(node, slot, &seeds, (plan.block_time, metrics)),
                    seeds,
                    metrics,
                    profile: Arc::clone(&slot.profile),
                    link: watch::Sender::new(None),
                    starts: AtomicU32::new(0),
                    expected: Mutex::new(Expected { running: false, epoch: 0 }),
                    incarnation: Mutex::new(None),
                };
                Some((slot.name.clone(), node))
            })
            .collect();
        let later = plan.nodes.iter().filter(|node| node.later);
        Self {
            provider,
            journal,
            names: plan.network(),
            adversaries: plan.adversaries(),
            harness: None,
            connect,
            pace: plan.overrides.attached.as_ref().map(Attached::interval),
            patience: plan.overrides.patience(),
            nodes,
            later: later.map(|node| node.name.clone()).collect(),
            lines: Mutex::default(),
        }
    }

    /// Programs of the user's may be run, by this one of ours.
    pub(crate) fn with_harness(self, program: PathBuf) -> Self {
        Self { harness: Some(program), ..self }
    }

    /// What is other than before for a node that is to be of this from now on: another kind of node may
    /// want other flags.
    pub(crate) fn changes_to(
        &self,
        name: &str,
        source: Option<&NodeSource>,
    ) -> Result<Changes, ProviderError> {
        let node = self.node(name)?;
        // Back to what it was at first.
        let source = source.unwrap_or(&node.plan.source);
        let slot = self.provider.injector().slot_as(name, source)?;
        let launched = launch(&node.plan, &slot, &node.seeds, (node.block_time, node.metrics));
        Ok(Changes { source: Some(source.clone()), args: Some(launched.args), env: launched.env })
    }

    /// How much longer than usual an answer may take.
    pub(crate) fn patience(&self) -> f64 {
        self.patience
    }

    /// What every node is given, for the evidence.
    pub(crate) fn launches(&self) -> Vec<Launch> {
        let launch = |node: &Node| Launch {
            name: node.launch.name.clone(),
            args: node.launch.args.clone(),
            env: node.launch.env.clone(),
        };
        self.nodes.values().map(launch).collect()
    }

    /// Nodes that run already are asked from now on.
    pub(crate) fn attach(&self, links: Vec<(String, Arc<dyn NodeLink>)>) {
        let since = self.journal.now();
        for (name, link) in links {
            if let Some(node) = self.nodes.get(&name) {
                node.expect_running(true);
                let rpc = Rpc::over(link, self.patience);
                node.link.send_replace(Some(Link { start: 0, since, rpc }));
            }
        }
        self.journal.emit(EventKind::AllStarted);
    }

    /// Executes every node that does not come later, in parallel.
    pub(crate) async fn start_all(&self) -> Result<(), ProviderError> {
        let all = self.names.iter().chain(&self.adversaries);
        let first = all.filter(|name| !self.later.contains(*name));
        try_join_all(first.map(|name| self.start(name))).await?;
        self.journal.emit(EventKind::AllStarted);
        Ok(())
    }

    /// Executes a node for the first time.
    pub(crate) async fn start(&self, name: &str) -> Result<(), ProviderError> {
        let node = self.node(name)?;
        let incarnation = self.provider.start(&node.launch).await?;
        self.has_started(node, incarnation).await
    }

    /// It was started, and no fault has ended or frozen it.
    pub(crate) fn is_up(&self, name: &str) -> bool {
        self.starts(name) > 0 && self.expected(name).is_some_and(|node| node.running)
    }

    /// Freezes a node on purpose.
    pub(crate) async fn freeze(&self, name: &str) -> Result<(), ProviderError> {
        self.node(name)?.expect_running(false);
        self.provider.injector().pause(name).await
    }

    /// Thaws a node.
    pub(crate) async fn thaw(&self, name: &str) -> Result<(), ProviderError> {
        self.provider.injector().resume(name).await?;
        self.node(name)?.expect_running(true);
        Ok(())
    }

    /// Makes the lines between nodes what they are to be.
    pub(crate) async fn change_lines(&self, lines: &Lines) -> Result<(), ProviderError> {
        let changes = self.lines().changes_to(lines);
        // Remembered first: what was begun is undone on the way out even if it fails halfway.
        self.lines().join(lines.clone());
        self.provider.injector().lines(&changes).await?;
        *self.lines() = lines.clone();
        Ok(())
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nodes that no fault has ended.
    pub(crate) fn should_run(&self) -> impl Iterator<Item = &String> {
        self.names.iter().filter(|name| self.expected(name).is_some_and(|node| node.running))
    }

    /// Stops a node on purpose.
    pub(crate) async fn stop(&self, name: &str) -> Result<NodeState, ProviderError> {
        self.end(name, self.provider.stop(name)).await
    }

    /// Kills a node on purpose.
    pub(crate) async fn kill(&self, name: &str) -> Result<NodeState, ProviderError> {
        self.end(name, self.provider.kill(name)).await
    }

    async fn end(
        &self,
        name: &str,
        by: BoxFuture<'_, Result<NodeState, ProviderError>>,
    ) -> Result<NodeState, ProviderError> {
        let node = self.node(name)?;
        node.expect_running(false);
        let state = by.await?;
        node.link.send_if_modified(|link| match link {
            Some(link) => {
                link.rpc = link.rpc.of_stopped();
                true
            }
            None => false,
        });
        Ok(state)
    }

    /// Executes a stopped node again. If that gives the process that was there before, nothing was
    /// executed: the caller has no proof, and the node no new start whose end could be held against
    /// it.
    pub(crate) async fn start_again(
        &self,
        name: &str,
        changes: &Changes,
    ) -> Result<Incarnation, ProviderError> {
        let node = self.node(name)?;
        let before = self.incarnation(name);
        let incarnation = self.provider.start_again(name, changes).await?;
        if before.is_none_or(|before| before != incarnation) {
            self.has_started(node, incarnation.clone()).await?;
        }
        Ok(incarnation)
    }

    /// Undoes what faults have left: for networks that outlive their run.
    pub(crate) async fn heal(&self) {
        // One that does not heal is no reason to leave the others as they are, and the run is decided
        // already.
        let _ = self.change_lines(&Lines::default()).await;
        let injector = self.provider.injector();
        for node in self.nodes.values() {
            let name = &node.launch.name;
            // What a provider cannot undo it cannot have done.
            for port in [Port::P2p, Port::Rpc] {
                let _ = injector.release(name, port).await;
            }
            let _ = injector.limit(name, &Limits::default()).await;
            let _ = injector.rename(name, name).await;
            if let Ok(NodeState::Frozen(_)) = self.provider.state(name).await {
                let _ = self.thaw(name).await;
            }
        }
        let down = self
            .nodes
            .values()
            .filter(|node| node.starts.load(Ordering::Relaxed) > 0 && !node.expected().running);
        let same = Changes::default();
        join_all(down.map(|node| self.start_again(&node.launch.name, &same))).await;
    }

    /// What a node may be given, and what may be asked of it.
    pub(crate) fn profile(&self, name: &str) -> Option<&Arc<NodeProfile>> {
        self.nodes.get(name).map(|node| &node.profile)
    }

    /// Whether a node should be running.
    pub(crate) fn expected(&self, name: &str) -> Option<Expected> {
        self.nodes.get(name).map(Node::expected)
    }

    /// The last proof that a node was executed.
    pub(crate) fn incarnation(&self, name: &str) -> Option<Incarnation> {
        self.nodes.get(name)?.incarnation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was started.
    pub(crate) fn starts(&self, name: &str) -> u32 {
        self.nodes.get(name).map_or(0, |node| node.starts.load(Ordering::Relaxed))
    }

    /// Its latest link.
    pub(crate) fn link(&self, name: &str) -> Option<watch::Receiver<Option<Link>>> {
        self.nodes.get(name).map(|node| node.link.subscribe())
    }

    /// The time of a node's newest block in milliseconds since 1970, if the node says it.
    pub(crate) async fn block_time(&self, name: &str) -> Option<i64> {
        let link = self.nodes.get(name)?.link.borrow().clone()?;
        link.rpc.block_time().await.value().copied()
    }

    /// Asks these nodes at once for their block hash at a height. Returns how long one of them wants
    /// not to be asked again.
    pub(crate) async fn hashes(&self, height: u64, names: &[String]) -> Duration {
        let sent = self.journal.now();
        let answers = names.iter().filter_map(|name| {
            let link = self.nodes.get(name)?.link.borrow().clone()?;
            Some(async move { (name.clone(), link.rpc.block_hash(height).await) })
        });
        let hashes: BTreeMap<String, _> = join_all(answers).await.into_iter().collect();
        let later = hashes.values().map(wish).max().unwrap_or_default();
        let answered = self.journal.now();
        self.journal.emit(EventKind::Hashes(HashRound { height, sent, answered, hashes }));
        later
    }

    /// An engine may change the RPC address at every start, so it is looked up after each.
    async fn has_started(
        &self,
        node: &Node,
        incarnation: Incarnation,
    ) -> Result<(), ProviderError> {
        let name = &node.launch.name;
        let since = self.journal.now();
        // A node that ended at once has no address; that it ended is what the watcher reports, with
        // its exit code and log.
        node.incarnation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(incarnation.clone());
        let start = node.starts.fetch_add(1, Ordering::Relaxed);
        node.expect_running(true);
        let address = match self.provider.rpc(name).await {
            Ok(address) => address,
            Err(why) => match self.provider.state(name).await? {
                NodeState::Exited { .. } => return Ok(()),
                NodeState::Running(_) | NodeState::Frozen(_) => return Err(why),
            },
        };
        self.journal.emit(EventKind::NodeStarted {
            node: name.clone(),
            start,
            incarnation,
            rpc: address,
        });
        let rpc = Rpc::new(Arc::clone(&self.connect), address, self.patience);
        node.link.send_replace(Some(Link { start, since, rpc }));
        Ok(())
    }

    fn node(&self, name: &str) -> Result<&Node, ProviderError> {
        self.nodes.get(name).ok_or_else(|| ProviderError::Failed {
            what: format!("looking for the node {name}"),
            why: "the provider reserved nothing for it".to_owned(),
        })
    }
}

impl Node {
    fn expected(&self) -> Expected {
        *self.lock_expected()
    }

    fn expect_running(&self, running: bool) {
        let mut expected = self.lock_expected();
        *expected = Expected { running, epoch: expected.epoch + 1 };
    }

    fn lock_expected(&self) -> MutexGuard<'_, Expected> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `HEGEMON_SEEDS`: the fixed addresses of all seeds, the same for everybody, seeds included; or those
/// that a node has instead.
fn seeds(plan: &Plan, node: &NodePlan, slots: &[Slot]) -> String {
    let seeds: Vec<&str> = plan.seeds_of(node).collect();
    slots
        .iter()
        .filter(|slot| seeds.contains(&slot.name.as_str()))
        // An adversary looks up no name: who knows where it leads.
        .take(if node.hostile.is_some() { MOST_TARGETS } else { usize::MAX })
        .map(|slot| match plan.seeds_by_name && node.hostile.is_none() {
            true => format!("{}:{}", slot.name, slot.p2p.port()),
            false => slot.p2p.to_string(),
        })
        .collect::<Vec<_>>()
        .join(",")
}

fn launch(
    node: &NodePlan,
    slot: &Slot,
    seeds: &str,
    (block_time, metrics): (Option<Duration>, Serve),
) -> NodeLaunch {
    if let Some(hostile) = &node.hostile {
        let mut env = BTreeMap::from([("HEGEMON_SEEDS".to_owned(), seeds.to_owned())]);
        env.extend(node.env.clone());
        let args = hostile.args(&slot.listen.to_string());
        return NodeLaunch { name: node.name.clone(), args, env };
    }
    let wanted =
        Wanted { name: &node.name, block_time, mine: node.mine, env: &node.env, args: &node.args };
    let listen = match node.hidden {
        true => SocketAddr::from((Ipv4Addr::LOCALHOST, slot.listen.port())),
        false => slot.listen,
    };
    let place = Place {
        base_path: &slot.base_path,
        listen,
        rpc_port: slot.rpc_port,
        rpc_external: slot.rpc_external,
        metrics_port: (metrics == Serve::Metrics).then_some(slot.metrics_port),
        loopback: slot.loopback,
    };
    let Launched { args, env } = slot.profile.launch(wanted, &place, seeds);
    NodeLaunch { name: node.name.clone(), args, env }
}

/// What each node is known to take and promise.
pub(crate) fn profiles(slots: &[Slot]) -> Profiles {
    slots.iter().map(|slot| (slot.name.clone(), Arc::clone(&slot.profile))).collect()
}
