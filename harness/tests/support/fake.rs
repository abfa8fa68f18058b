//! A network that does not exist: JSON-RPC servers in this process that answer as nodes would, and
//! misbehave as told. It lets the executor be tested without a node; what a run says about real
//! nodes is tested in `real_node.rs`.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::{BoxFuture, FutureExt};
use harness::provider::{LogLine, NodeLaunch, NodeRequest, Provider, ProviderError, Slot};
use harness_core::{
    fault::Capability,
    node::{Incarnation, NodeProfile, NodeState, Resources},
};
use jsonrpsee::{
    RpcModule,
    server::{BatchRequestConfig, Server, ServerConfig, ServerHandle},
    types::ErrorObjectOwned,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How the network misbehaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Non-seeds only know the seed.
    pub(crate) no_discovery: bool,
    /// No block is ever made.
    pub(crate) no_mining: bool,
    /// Every node has blocks of its own.
    pub(crate) fork: bool,
    /// `system_health.peers` is this instead of a number.
    pub(crate) peers: Option<Value>,
    /// `system_peers` is not offered.
    pub(crate) core_only: bool,
    /// A node, and the code with which it exits as soon as it is started.
    pub(crate) exits: Option<(&'static str, i64)>,
    /// A line that the node logs half a second after its start.
    pub(crate) logs: Option<(&'static str, &'static str)>,
    /// `start` panics: a bug of ours.
    pub(crate) start_panics: bool,
    /// `start` fails.
    pub(crate) start_fails: bool,
    /// `stop` and `start_again` do nothing.
    pub(crate) noop_restart: bool,
    /// `start_again` starts nothing and says that the old process runs.
    pub(crate) noop_start: bool,
    /// `stop` stops, but the node's RPC goes on answering.
    pub(crate) ghost: bool,
    /// A node that was stopped answers again by itself, this long after its end.
    pub(crate) haunts: Option<Duration>,
    /// Every node is its own peer.
    pub(crate) lists_itself: bool,
    /// A node that gives its peers once, and then never answers again.
    pub(crate) hangs: Option<&'static str>,
    /// This node has no header.
    pub(crate) headless: Option<&'static str>,
    /// The fourth, fifth and sixth question about a node's state fail.
    pub(crate) blinks: bool,
    /// Teardown fails.
    pub(crate) leaks: bool,
    /// How a node ends that is asked to: code and signal, else code 0.
    pub(crate) ends_with: Option<(Option<i64>, Option<i64>)>,
    /// Nodes are foreign ones.
    pub(crate) foreign: bool,
    /// `rpc_methods` is answered with this error.
    pub(crate) methods_error: Option<i32>,
    /// `system_peers` is answered for half a second, then denied.
    pub(crate) withdraws: bool,
    /// A request with several calls is refused.
    pub(crate) no_batches: bool,
    /// How much memory each node is said to use; not written: nobody can say.
    pub(crate) memory: Option<u64>,
    /// `hegemon_peerList` and `system_localPeerId` are offered; a node that was started again lists
    /// nobody if it has forgotten.
    pub(crate) lists_sessions: Option<Memory>,
    /// This node's `system_health.peers` is `null`.
    pub(crate) nulls: Option<&'static str>,
}

/// What a node that is started again knows of its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// All but the seed, and it dials them.
    Keeps,
    /// Nobody, and nobody tells it.
    Loses,
    /// Nobody, and the seed tells it.
    IsTold,
}

/// The fake.
pub(crate) struct Fake {
    faults: Faults,
    world: Arc<World>,
    nodes: Mutex<BTreeMap<String, Node>>,
    lines: mpsc::Sender<LogLine>,
    receiver: Mutex<Option<mpsc::Receiver<LogLine>>>,
    pids: AtomicU32,
    looks: AtomicU32,
    /// Teardown was called.
    pub(crate) torn_down: AtomicBool,
}

struct World {
    faults: Faults,
    began: Instant,
    running: Mutex<BTreeMap<String, bool>>,
    starts: Mutex<BTreeMap<String, u32>>,
    /// The node that hangs has answered once.
    hung: AtomicBool,
}

struct Node {
    first: Option<Incarnation>,
    state: NodeState,
    rpc: Option<SocketAddr>,
    server: Option<ServerHandle>,
}

const BLOCK: Duration = Duration::from_millis(100);

impl World {
    fn height(&self) -> u64 {
        if self.faults.no_mining {
            0
        } else {
            (self.began.elapsed().as_millis() / BLOCK.as_millis()) as u64
        }
    }

    fn peers(&self, node: &str) -> Vec<String> {
        let running = self.running.lock().unwrap();
        let knows = |other: &str| {
            !self.faults.no_discovery || [node, other].contains(&"seed") || other == node
        };
        let is_peer = |other: &str| other != node || self.faults.lists_itself;
        running
            .iter()
            .filter(|(other, running)| **running && is_peer(other) && knows(other))
            .map(|(other, _)| other.clone())
            .collect()
    }
}

impl World {
    /// Whom the node has a session with, all of them dialled.
    fn sessions(&self, node: &str, memory: Memory) -> Vec<String> {
        let again = self.starts.lock().unwrap().get(node).is_some_and(|starts| *starts > 1);
        let peers = self.peers(node);
        match memory {
            Memory::Keeps if again => peers.into_iter().filter(|peer| peer != "seed").collect(),
            Memory::Loses if again => Vec::new(),
            Memory::Keeps | Memory::Loses | Memory::IsTold => peers,
        }
    }
}

impl Fake {
    pub(crate) fn new(faults: Faults) -> Arc<Self> {
        let (lines, receiver) = mpsc::channel(64);
        let world = Arc::new(World {
            faults: faults.clone(),
            began: Instant::now(),
            running: Mutex::default(),
            starts: Mutex::default(),
            hung: AtomicBool::new(false),
        });
        Arc::new(Self {
            faults,
            world,
            nodes: Mutex::default(),
            lines,
            receiver: Mutex::new(Some(receiver)),
            pids: AtomicU32::new(1000),
            looks: AtomicU32::new(0),
            torn_down: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        self.nodes.lock().unwrap()
    }

    async fn run(&self, name: &str) -> Incarnation {
        let pid = self.pids.fetch_add(1, Ordering::Relaxed);
        let incarnation =
            Incarnation { pid: pid.into(), started: SystemTime::now(), id: format!("fake-{pid}") };
        let lines = self.lines.clone();
        let log = |text: String| LogLine { node: name.to_owned(), text };
        lines.send(log(format!("\u{1b}[32m{name} starts\u{1b}[0m"))).await.unwrap();
        if let Some((node, code)) = self.faults.exits
            && node == name
        {
            lines.send(log("cannot open the database".to_owned())).await.unwrap();
            let node = Node {
                first: None,
                state: NodeState::Exited { code: Some(code), signal: None },
                rpc: None,
                server: None,
            };
            self.lock().insert(name.to_owned(), node);
            return incarnation;
        }
        if let Some((node, text)) = self.faults.logs
            && node == name
        {
            let line = log(text.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                let _ = lines.send(line).await;
            });
        }
        // A new port at every start, as an engine may do it.
        let batches = if self.faults.no_batches {
            BatchRequestConfig::Disabled
        } else {
            BatchRequestConfig::Unlimited
        };
        let config = ServerConfig::builder().set_batch_request_config(batches).build();
        let server = Server::builder().set_config(config).build("127.0.0.1:0").await.unwrap();
        let rpc = server.local_addr().unwrap();
        *self.world.starts.lock().unwrap().entry(name.to_owned()).or_default() += 1;
        let handle = server.start(module(name, &self.world));
        let node = Node {
            first: Some(incarnation.clone()),
            state: NodeState::Running(incarnation.clone()),
            rpc: Some(rpc),
            server: Some(handle),
        };
        self.lock().insert(name.to_owned(), node);
        self.world.running.lock().unwrap().insert(name.to_owned(), true);
        incarnation
    }

    /// Somebody else starts a node again.
    pub(crate) fn is_replaced(&self, name: &str) {
        let incarnation =
            Incarnation { pid: 7, started: SystemTime::now(), id: "fake-7".to_owned() };
        self.lock().get_mut(name).unwrap().state = NodeState::Running(incarnation);
    }

    /// A node ends by itself.
    pub(crate) fn dies(&self, name: &str, code: i64) {
        self.lock().get_mut(name).unwrap().state =
            NodeState::Exited { code: Some(code), signal: None };
    }

    async fn end(&self, name: &str) -> NodeState {
        let (code, signal) = self.faults.ends_with.unwrap_or((Some(0), None));
        let ended = NodeState::Exited { code, signal };
        self.world.running.lock().unwrap().insert(name.to_owned(), false);
        let server = {
            let mut nodes = self.lock();
            let node = nodes.get_mut(name).unwrap();
            node.state = ended.clone();
            if self.faults.ghost { None } else { node.server.take() }
        };
        let address = self.lock().get(name).and_then(|node| node.rpc);
        if let Some(server) = server {
            let _ = server.stop();
            server.stopped().await;
        }
        if let (Some(after), Some(address)) = (self.faults.haunts, address) {
            let module = module(name, &self.world);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                Server::builder().build(address).await.unwrap().start(module).stopped().await;
            });
        }
        ended
    }
}

fn module(name: &str, world: &Arc<World>) -> RpcModule<(String, Arc<World>)> {
    let mut module = RpcModule::new((name.to_owned(), Arc::clone(world)));
    let mut methods = vec!["system_health", "chain_getHeader", "chain_getBlockHash"];
    if !world.faults.core_only {
        methods.push("system_peers");
        module
            .register_method(
                "system_peers",
                |_, (name, world), _| -> Result<Value, ErrorObjectOwned> {
                    if world.faults.withdraws && world.began.elapsed() > Duration::from_millis(500)
                    {
                        return Err(ErrorObjectOwned::owned(
                            -32601,
                            "Method not found",
                            None::<()>,
                        ));
                    }
                    Ok(world
                        .peers(name)
                        .into_iter()
                        .map(|peer| json!({ "peerId": peer }))
                        .collect())
                },
            )
            .unwrap();
    }
    if let Some(memory) = world.faults.lists_sessions {
        methods.extend(["hegemon_peerList", "system_localPeerId"]);
        module.register_method("system_localPeerId", |_, (name, _), _| name.clone()).unwrap();
        module
            .register_method("hegemon_peerList", move |_, (name, world), _| -> Value {
                world
                    .sessions(name, memory)
                    .into_iter()
                    .map(|peer| json!({ "peer_id": peer, "direction": "outbound" }))
                    .collect()
            })
            .unwrap();
    }
    module
        .register_method("rpc_methods", move |_, (_, world), _| match world.faults.methods_error {
            Some(code) => Err(ErrorObjectOwned::owned(code, "no", None::<()>)),
            None => Ok(json!({ "methods": methods })),
        })
        .unwrap();
    module
        .register_async_method("system_health", |_, context, _| async move {
            let (name, world) = &*context;
            if world.faults.hangs.is_some_and(|node| node == name)
                && world.hung.swap(true, Ordering::Relaxed)
            {
                std::future::pending::<()>().await;
            }
            let nulls = world.faults.nulls.filter(|node| node == name).map(|_| Value::Null);
            let peers = world
                .faults
                .peers
                .clone()
                .or(nulls)
                .unwrap_or_else(|| json!(world.peers(name).len()));
            json!({ "peers": peers, "isSyncing": false, "shouldHavePeers": true })
        })
        .unwrap();
    module
        .register_method("chain_getHeader", |_, (name, world), _| match world.faults.headless {
            Some(node) if node == name => Value::Null,
            Some(_) | None => json!({ "number": format!("{:#x}", world.height()) }),
        })
        .unwrap();
    module
        .register_method(
            "chain_getBlockHash",
            |params, (name, world), _| -> Result<Value, ErrorObjectOwned> {
                let height: u64 = params.one()?;
                let fork = if world.faults.fork {
                    name.len() as u64 + u64::from(name.as_bytes()[name.len() - 1])
                } else {
                    0
                };
                Ok(if height > world.height() {
                    Value::Null
                } else {
                    json!(format!("0x{:064x}", height << 16 | fork))
                })
            },
        )
        .unwrap();
    module
}

impl Provider for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn facts(&self) -> Value {
        json!({ "fake": true })
    }

    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        _: Option<&'a str>,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>> {
        progress("making things up".to_owned());
        let slots = nodes.iter().zip(1..).map(|(node, number)| {
            let p2p = SocketAddr::from(([127, 0, 0, 1], 30000 + number));
            Slot {
                name: node.name.clone(),
                p2p,
                listen: p2p,
                rpc_port: 9000 + number,
                rpc_external: false,
                base_path: format!("/nowhere/{}", node.name).into(),
                profile: if self.faults.foreign { NodeProfile::Core } else { NodeProfile::Ours },
                loopback: true,
            }
        });
        let slots = slots.collect();
        async { Ok(slots) }.boxed()
    }

    fn start<'a>(
        &'a self,
        node: &'a NodeLaunch,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        async {
            assert!(!self.faults.start_panics, "a bug in the provider");
            if self.faults.start_fails {
                return Err(ProviderError::Binary("hegemon-node: no such file".to_owned()));
            }
            Ok(self.run(&node.name).await)
        }
        .boxed()
    }

    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        async move {
            if self.faults.noop_restart { self.state(name).await } else { Ok(self.end(name).await) }
        }
        .boxed()
    }

    fn kill<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.stop(name)
    }

    fn capabilities(&self) -> &'static [Capability] {
        &[Capability::Restart, Capability::Kill]
    }

    fn start_again<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        async move {
            if let (true, NodeState::Running(incarnation)) =
                (self.faults.noop_restart, self.state(name).await?)
            {
                return Ok(incarnation);
            }
            if let (true, Some(incarnation)) =
                (self.faults.noop_start, self.lock().get(name).and_then(|node| node.first.clone()))
            {
                return Ok(incarnation);
            }
            Ok(self.run(name).await)
        }
        .boxed()
    }

    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        let fails =
            self.faults.blinks && (3..6).contains(&self.looks.fetch_add(1, Ordering::Relaxed));
        let state = self.lock().get(name).map(|node| node.state.clone()).filter(|_| !fails);
        async move {
            state.ok_or_else(|| ProviderError::Failed {
                what: "looking".to_owned(),
                why: "no state".to_owned(),
            })
        }
        .boxed()
    }

    fn resources<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resources>, ProviderError>> {
        let runs = self.world.running.lock().unwrap().get(name).copied().unwrap_or_default();
        let used = self
            .faults
            .memory
            .filter(|_| runs)
            .map(|memory_bytes| Resources { memory_bytes, cpu_ms: 10 });
        async move { Ok(used) }.boxed()
    }

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        let rpc = self.lock().get(name).and_then(|node| node.rpc);
        async move {
            rpc.ok_or_else(|| ProviderError::Failed {
                what: "looking".to_owned(),
                why: "not running".to_owned(),
            })
        }
        .boxed()
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        self.receiver.lock().unwrap().take()
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        async {
            self.torn_down.store(true, Ordering::Relaxed);
            self.lock().clear();
            if self.faults.leaks {
                return Err(ProviderError::Failed {
                    what: "removing a network".to_owned(),
                    why: "in use".to_owned(),
                });
            }
            Ok(())
        }
        .boxed()
    }
}
