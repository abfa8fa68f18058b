//! What the nodes of a fake network know, and how they answer a question: as values, in no time but
//! the run's.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::future::{BoxFuture, FutureExt, join_all};
use harness_core::event::Miss;
use harness_run::link::{Answer, Connect, NodeLink};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Fake, Faults, Memory, wall};

/// Between two blocks of the network.
const BLOCK: Duration = Duration::from_millis(100);

/// A question takes a moment, so that no answer comes at the moment of its question.
const LATENCY: Duration = Duration::from_millis(1);

/// JSON-RPC's code for a method that is not there.
const NO_SUCH_METHOD: i32 = -32601;

/// The network as its nodes see it.
pub(super) struct World {
    pub(super) faults: Faults,
    began: Instant,
    running: Mutex<BTreeMap<String, bool>>,
    starts: Mutex<BTreeMap<String, u32>>,
    /// Who answers at an address.
    serving: Mutex<BTreeMap<SocketAddr, String>>,
    frozen: Mutex<BTreeSet<String>>,
    /// How far clocks of nodes are ahead.
    ahead_ms: Mutex<BTreeMap<String, i64>>,
    /// Requests so far.
    asked: AtomicU64,
    /// The node that hangs has answered once.
    hung: AtomicBool,
    /// Questions of who it is.
    who: AtomicU32,
}

impl World {
    pub(super) fn new(faults: Faults) -> Self {
        Self {
            faults,
            began: Instant::now(),
            running: Mutex::default(),
            starts: Mutex::default(),
            serving: Mutex::default(),
            frozen: Mutex::default(),
            ahead_ms: Mutex::default(),
            asked: AtomicU64::new(0),
            hung: AtomicBool::new(false),
            who: AtomicU32::new(0),
        }
    }

    /// A node runs and answers at an address.
    pub(super) fn starts(&self, node: &str, rpc: SocketAddr) {
        *self.starts.lock().unwrap().entry(node.to_owned()).or_default() += 1;
        self.running.lock().unwrap().insert(node.to_owned(), true);
        self.answers(node, rpc);
    }

    /// A node answers at an address, whether or not it runs.
    pub(super) fn answers(&self, node: &str, rpc: SocketAddr) {
        self.serving.lock().unwrap().insert(rpc, node.to_owned());
    }

    /// A node runs no more, for its peers.
    pub(super) fn ends(&self, node: &str) {
        self.running.lock().unwrap().insert(node.to_owned(), false);
    }

    /// A node gets no time: it answers nothing, but its peers keep it for now.
    pub(super) fn freezes(&self, node: &str) {
        self.frozen.lock().unwrap().insert(node.to_owned());
    }

    /// It goes on.
    pub(super) fn thaws(&self, node: &str) {
        self.frozen.lock().unwrap().remove(node);
    }

    /// Nobody answers at an address any more.
    pub(super) fn falls_silent(&self, rpc: SocketAddr) {
        self.serving.lock().unwrap().remove(&rpc);
    }

    /// A node's clock is off.
    pub(super) fn is_ahead(&self, node: &str, by_ms: i64) {
        self.ahead_ms.lock().unwrap().insert(node.to_owned(), by_ms);
    }

    /// What a node's clock says, by which it has just made a block.
    fn clock_ms(&self, node: &str) -> i64 {
        let now = wall(self.began).duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let ahead = self.ahead_ms.lock().unwrap().get(node).copied().unwrap_or_default();
        now.as_millis() as i64 + ahead
    }

    pub(super) fn is_running(&self, node: &str) -> bool {
        self.running.lock().unwrap().get(node).copied().unwrap_or_default()
    }

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

    fn methods(&self) -> Vec<&'static str> {
        let mut methods = vec!["system_health", "chain_getHeader", "chain_getBlockHash"];
        if !self.faults.core_only {
            methods.push("system_peers");
        }
        if self.faults.lists_sessions.is_some() {
            methods.extend(["hegemon_peerList", "system_localPeerId"]);
        } else if self.faults.identity.is_some() {
            methods.push("system_localPeerId");
        }
        methods
    }

    async fn answer(&self, node: &str, method: &str, params: &[Value]) -> Answer {
        if method != "rpc_methods" && !self.methods().contains(&method) {
            return refused(NO_SUCH_METHOD, "Method not found");
        }
        match method {
            "rpc_methods" => match self.faults.methods_error {
                Some(code) => refused(code, "no"),
                None => Ok(json!({ "methods": self.methods() })),
            },
            "system_health" => Ok(self.health(node).await),
            "chain_getHeader" => Ok(match self.faults.headless {
                Some(headless) if headless == node => Value::Null,
                Some(_) | None => {
                    json!({ "number": format!("{:#x}", self.height()), "timestamp": self.clock_ms(node) })
                }
            }),
            "chain_getBlockHash" => Ok(self.hash(node, params[0].as_u64().unwrap())),
            "system_peers" => {
                if self.faults.withdraws && self.began.elapsed() > Duration::from_millis(500) {
                    return refused(NO_SUCH_METHOD, "Method not found");
                }
                let peers = self.peers(node).into_iter();
                Ok(peers.map(|peer| json!({ "peerId": peer })).collect())
            }
            "system_localPeerId"
                if self.who.fetch_add(1, Ordering::Relaxed) < self.faults.identities_lost =>
            {
                tokio::time::sleep(Duration::from_secs(2)).await;
                Err(Miss::Timeout)
            }
            "system_localPeerId" => Ok(self.faults.identity.unwrap_or(node).into()),
            "hegemon_peerList" => {
                let memory = self.faults.lists_sessions.unwrap();
                let sessions = self.sessions(node, memory).into_iter();
                Ok(sessions
                    .map(|peer| json!({ "peer_id": peer, "direction": "outbound" }))
                    .collect())
            }
            other => panic!("a node has no method {other}"),
        }
    }

    async fn health(&self, node: &str) -> Value {
        if self.faults.hangs.is_some_and(|hangs| hangs == node)
            && self.hung.swap(true, Ordering::Relaxed)
        {
            std::future::pending::<()>().await;
        }
        let nulls = self.faults.nulls.filter(|nulls| *nulls == node).map(|_| Value::Null);
        let peers =
            self.faults.peers.clone().or(nulls).unwrap_or_else(|| json!(self.peers(node).len()));
        json!({ "peers": peers, "isSyncing": false, "shouldHavePeers": true })
    }

    fn hash(&self, node: &str, height: u64) -> Value {
        let fork = if self.faults.fork {
            node.len() as u64 + u64::from(node.as_bytes()[node.len() - 1])
        } else {
            0
        };
        if height > self.height() {
            Value::Null
        } else {
            json!(format!("0x{:064x}", height << 16 | fork))
        }
    }
}

fn refused(code: i32, message: &str) -> Answer {
    Err(Miss::Refused { code, message: message.to_owned() })
}

impl Connect for Fake {
    fn connect(&self, node: SocketAddr, _: Duration) -> Arc<dyn NodeLink> {
        Arc::new(InProcess { world: Arc::clone(&self.world), address: node })
    }
}

/// A link to whoever answers at an address.
struct InProcess {
    world: Arc<World>,
    address: SocketAddr,
}

impl InProcess {
    /// Whoever answers, or the silence of an address that nobody listens at.
    async fn reach(&self) -> Result<String, Miss> {
        let faults = &self.world.faults;
        tokio::time::sleep(faults.takes.unwrap_or(LATENCY)).await;
        if faults.answers_after.is_some_and(|after| self.world.began.elapsed() < after) {
            return Err(Miss::Unreachable("connection refused".to_owned()));
        }
        let asked = self.world.asked.fetch_add(1, Ordering::Relaxed);
        if faults.grants_one_in.is_some_and(|one_in| !asked.is_multiple_of(one_in)) {
            return Err(Miss::Busy { retry_ms: None });
        }
        let node = self.world.serving.lock().unwrap().get(&self.address).cloned();
        let node = node.ok_or_else(|| Miss::Unreachable("connection refused".to_owned()))?;
        if self.world.frozen.lock().unwrap().contains(&node) {
            std::future::pending::<()>().await;
        }
        Ok(node)
    }
}

impl NodeLink for InProcess {
    fn ask<'a>(&'a self, method: &'a str, params: &'a [Value]) -> BoxFuture<'a, Answer> {
        async move {
            let node = self.reach().await?;
            self.world.answer(&node, method, params).await
        }
        .boxed()
    }

    fn batch<'a>(&'a self, methods: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Answer>, Miss>> {
        async move {
            let node = self.reach().await?;
            if self.world.faults.no_batches {
                return Err(Miss::Nonsense("an answer that is no list".to_owned()));
            }
            Ok(join_all(methods.iter().map(|method| self.world.answer(&node, method, &[]))).await)
        }
        .boxed()
    }
}
