//! A network that does not exist: nodes in this process that answer as real ones would, and
//! misbehave as told. It lets the executor be tested without a node, in time that is paused; what a
//! run says about real nodes the tests named `real` of the harness show.
//!
//! `faults` says how it misbehaves, `world` how its nodes answer, `provider` what a run may ask of
//! whoever runs them, `injector` what it may have done to them, `belongings` what they have beside a process.

mod belongings;
mod faults;
mod injector;
mod provider;
mod world;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use harness_core::{
    line::Line,
    node::{Incarnation, NodeState},
    profile::NodeProfile,
};
use harness_run::provider::{LogLine, Slot};
use tokio::{sync::mpsc, time::Instant};

use belongings::Belongings;
pub(crate) use faults::{Faults, Memory, Villain, Without};
use world::World;

use super::wall;

/// The fake.
pub(crate) struct Fake {
    faults: Faults,
    world: Arc<World>,
    nodes: Mutex<BTreeMap<String, Node>>,
    /// Until everything is removed.
    lines: Mutex<Option<mpsc::Sender<LogLine>>>,
    receiver: Mutex<Option<mpsc::Receiver<LogLine>>>,
    pids: AtomicU32,
    began: Instant,
    looks: AtomicU32,
    first_look: OnceLock<Instant>,
    /// What they have beside their processes.
    belongings: Mutex<Belongings>,
    /// The lines that are not open.
    lines_cut: Mutex<BTreeMap<(String, String), Line>>,
    /// A node said once that it has not got its port.
    has_said: AtomicBool,
    /// Teardown was called.
    pub(crate) torn_down: AtomicBool,
}

struct Node {
    first: Option<Incarnation>,
    state: NodeState,
    rpc: Option<SocketAddr>,
    /// Since when it gets no time, from the network's beginning.
    frozen: Option<Duration>,
}

impl Fake {
    pub(crate) fn new(faults: Faults) -> Arc<Self> {
        let (lines, receiver) = mpsc::channel(64);
        let world = Arc::new(World::new(faults.clone()));
        Arc::new(Self {
            faults,
            world,
            nodes: Mutex::default(),
            lines: Mutex::new(Some(lines)),
            receiver: Mutex::new(Some(receiver)),
            pids: AtomicU32::new(1000),
            began: Instant::now(),
            looks: AtomicU32::new(0),
            first_look: OnceLock::new(),
            belongings: Mutex::default(),
            lines_cut: Mutex::default(),
            has_said: AtomicBool::new(false),
            torn_down: AtomicBool::new(false),
        })
    }

    fn belongings(&self) -> MutexGuard<'_, Belongings> {
        self.belongings.lock().unwrap()
    }

    /// What a node was started with last; nothing, if that was its first start.
    pub(crate) fn args(&self, name: &str) -> Vec<String> {
        self.belongings().args(name)
    }

    fn slot(&self, name: &str) -> Slot {
        let number = self.belongings().number(name);
        let p2p = SocketAddr::from(([127, 0, 0, 1], 30000 + number));
        Slot {
            name: name.to_owned(),
            p2p,
            listen: p2p,
            rpc_port: 9000 + number,
            rpc_external: false,
            metrics_port: 0,
            base_path: format!("/nowhere/{name}").into(),
            profile: if self.faults.foreign { NodeProfile::core() } else { NodeProfile::ours() },
            loopback: self.faults.villain.is_none(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        self.nodes.lock().unwrap()
    }

    async fn run(&self, name: &str) -> Incarnation {
        let pid = self.pids.fetch_add(1, Ordering::Relaxed);
        let incarnation =
            Incarnation { pid: pid.into(), started: wall(self.began), id: format!("fake-{pid}") };
        let lines = self.lines.lock().unwrap().clone().unwrap();
        let log = |text: String| LogLine {
            node: name.to_owned(),
            bytes: format!("{text}\n").into_bytes(),
        };
        lines.send(log(format!("\u{1b}[32m{name} starts\u{1b}[0m"))).await.unwrap();
        if let Some((node, code)) = self.faults.exits
            && node == name
        {
            lines.send(log("cannot open the database".to_owned())).await.unwrap();
            return self.ends_at_once(name, code, incarnation);
        }
        if self.belongings().has_no_port(name) {
            match self.faults.without_its_port {
                Without::Ends => {
                    return self.ends_at_once(name, 1, incarnation);
                }
                Without::SaysOnce if self.has_said.swap(true, Ordering::Relaxed) => {}
                Without::Says | Without::SaysOnce => {
                    lines
                        .send(log("cannot bind: Address already in use".to_owned()))
                        .await
                        .unwrap();
                }
                Without::IsSilent => {}
            }
        }
        if let Some(villain) = self.faults.villain.filter(|_| name == "villain") {
            self.reports(villain, lines.downgrade());
        }
        if let Some((node, text)) = self.faults.logs
            && node == name
        {
            let said: Vec<LogLine> = text.lines().map(|line| log(line.to_owned())).collect();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                for line in said {
                    let _ = lines.send(line).await;
                }
            });
        }
        // A new port at every start, as an engine may do it.
        let rpc = SocketAddr::from(([127, 0, 0, 1], u16::try_from(pid).unwrap()));
        let node = Node {
            first: Some(incarnation.clone()),
            state: NodeState::Running(incarnation.clone()),
            rpc: Some(rpc),
            frozen: None,
        };
        self.lock().insert(name.to_owned(), node);
        self.world.starts(name, rpc);
        incarnation
    }

    /// A node ends by itself as soon as it was started.
    fn ends_at_once(&self, name: &str, code: i64, incarnation: Incarnation) -> Incarnation {
        let state = NodeState::Exited { code: Some(code), signal: None };
        let node = Node { first: None, state, rpc: None, frozen: None };
        self.lock().insert(name.to_owned(), node);
        incarnation
    }

    /// An adversary says once a second what it has done, for as long as anybody listens.
    fn reports(&self, villain: Villain, lines: mpsc::WeakSender<LogLine>) {
        tokio::spawn(async move {
            for second in 0_u64.. {
                let done = match villain {
                    Villain::Attacks | Villain::Floods => second,
                    Villain::Idles | Villain::Ends => 0,
                    Villain::Stops => second.min(1),
                };
                let text = format!(
                    "{{\"event\":\"progress\",\"attack\":\"address-flood\",\"connected\":{done},\"sessions\":{done},\"bytes_sent\":{done}}}\n"
                );
                let line = LogLine { node: "villain".to_owned(), bytes: text.into_bytes() };
                // It ends with the network.
                let Some(lines) = lines.upgrade() else { return };
                if lines.send(line).await.is_err() {
                    return;
                }
                drop(lines);
                let hundredths = if villain == Villain::Floods { 1 } else { 100 };
                tokio::time::sleep(Duration::from_millis(10 * hundredths)).await;
            }
        });
    }

    /// Somebody else starts a node again.
    pub(crate) fn is_replaced(&self, name: &str) {
        let incarnation =
            Incarnation { pid: 7, started: wall(self.began), id: "fake-7".to_owned() };
        self.lock().get_mut(name).unwrap().state = NodeState::Running(incarnation);
    }

    /// A node ends by itself.
    pub(crate) fn dies(&self, name: &str, code: i64) {
        self.lock().get_mut(name).unwrap().state =
            NodeState::Exited { code: Some(code), signal: None };
    }

    fn end(&self, name: &str) -> NodeState {
        let (code, signal) = self.faults.ends_with.unwrap_or((Some(0), None));
        self.ends_so(name, NodeState::Exited { code, signal })
    }

    fn killed(&self, name: &str) -> NodeState {
        self.ends_so(name, NodeState::Exited { code: None, signal: Some(9) })
    }

    fn ends_so(&self, name: &str, ended: NodeState) -> NodeState {
        self.world.ends(name);
        let address = {
            let mut nodes = self.lock();
            let node = nodes.get_mut(name).unwrap();
            node.state = ended.clone();
            node.rpc
        };
        let Some(address) = address else { return ended };
        if !self.faults.ghost {
            self.world.falls_silent(address);
        }
        if let Some(after) = self.faults.haunts {
            let (world, name) = (Arc::clone(&self.world), name.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                world.answers(&name, address);
            });
        }
        ended
    }
}
