//! A computer with a whole node on it: it starts, is killed, loses its power, and starts again on
//! what its disk has kept.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use clap::Parser;
use hegemon_discovery::PeerId;
use hegemon_node::{
    chain::{Chain, ChainParams},
    clock::{Clock, Wall},
    config::{Config, Environment, Flags},
    host::{
        Host, Spawn, Tasks,
        entropy::{Entropy, NoEntropy},
        net::Net,
    },
    miner::Pace,
    net::{registry::Registry, view::SharedView},
    node::{Joined, Opened},
    rpc::Desk,
    sync::SyncStatus,
    transport::identity::Identity,
};
use rand::Rng;
use rand_chacha::ChaCha12Rng;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

use super::{
    disk::{Disk, Loss},
    life::{Life, Process, as_host},
    net::{HostId, HostNet, SimNet},
};
use crate::chance::{Chance, Purpose};

/// Where nodes listen.
pub(super) const PORT: u16 = 30_333;
/// Taking a node apart; what is not done by then is cut off, as by the real one's `main`.
const SHUTDOWN_TIME: Duration = Duration::from_secs(4);
/// 2026-11-27, when a run begins for whoever asks a wall clock.
const EPOCH: Duration = Duration::from_secs(1_795_737_600);

/// What all nodes of a run have in common.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) seed: u64,
    pub(super) params: ChainParams,
    pub(super) pace: Pace,
    /// Polls in a thousand that are put off once.
    pub(super) yields: u64,
    /// Where the seeds listen.
    pub(super) seeds: Vec<SocketAddr>,
    /// Whether nodes prefer peers of distinct networks.
    pub(super) groups: bool,
}

/// How a process ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// As it was told to.
    InOrder,
    /// As it was told to, and not everything of it had ended in time.
    Late,
    /// With an error.
    Failed(String),
    /// By a panic.
    Panicked(String),
}

/// See the module.
pub(super) struct Computer {
    pub(super) host: HostId,
    net: SimNet,
    link: HostNet,
    common: Arc<Common>,
    identity: Arc<Identity>,
    disk: Disk,
    skew: Arc<AtomicI64>,
    began: Instant,
    /// Processes so far.
    pub(super) lives: u64,
    pub(super) running: Option<Node>,
    /// Digests of the processes that are gone.
    past: u64,
    /// How it goes if its disk is taken from it.
    ends_as: Loss,
}

/// A node that runs, or stands still.
pub(super) struct Node {
    pub(super) process: Process,
    pub(super) desk: Desk,
    pub(super) chain: Arc<Chain>,
    pub(super) view: SharedView,
    pub(super) registry: Registry,
    pub(super) sync: watch::Receiver<SyncStatus>,
    pub(super) clock: Clock,
    stop: Arc<Notify>,
    is_told: AtomicBool,
    exit: Arc<Mutex<Option<Exit>>>,
}

impl Node {
    /// How it ended, if it did by itself.
    pub(super) fn exit(&self) -> Option<Exit> {
        if let Life::Panicked(words) = self.process.life() {
            return Some(Exit::Panicked(words));
        }
        self.exit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It has ended, or been told to.
    pub(super) fn is_ending(&self) -> bool {
        self.exit().is_some() || self.is_told.load(Relaxed)
    }

    /// Its tasks.
    pub(super) fn tasks(&self) -> usize {
        self.process.alive()
    }

    /// Whether it answers who asks.
    pub(super) fn answers(&self) -> bool {
        self.process.life() == Life::Runs && self.exit().is_none()
    }
}

impl Computer {
    pub(super) fn new(net: &SimNet, host: HostId, ip: IpAddr, common: Arc<Common>) -> Self {
        let seed = Chance(common.seed).bytes(Purpose::Identity, host.0 as u64, 0);
        Self {
            host,
            net: net.clone(),
            link: HostNet::new(net, host, ip),
            common,
            identity: Arc::new(Identity::from_identity_seed(&seed)),
            disk: Disk::default(),
            skew: Arc::default(),
            began: Instant::now(),
            lives: 0,
            running: None,
            past: 0,
            ends_as: Loss::Process,
        }
    }

    pub(super) fn peer_id(&self) -> PeerId {
        self.identity.peer_id()
    }

    /// Starts a node, unless one runs.
    ///
    /// # Errors
    ///
    /// Why it cannot start, in its own words.
    pub(super) fn start(&mut self, mines: bool) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        self.net.power_on(self.host);
        self.lives += 1;
        let process =
            Process::new(self.host, self.common.seed ^ (self.lives << 32), self.common.yields);
        let started = as_host(self.host, || self.join(&process, mines));
        match started {
            Ok(node) => {
                self.running = Some(node);
                Ok(())
            }
            Err(error) => {
                process.end();
                Err(format!("{error:#}"))
            }
        }
    }

    fn join(&self, process: &Process, mines: bool) -> anyhow::Result<Node> {
        let config = self.config(mines);
        let entropy =
            Chance(self.common.seed).generator(Purpose::Entropy, self.host.0 as u64, self.lives);
        let wall = BoxWall { began: self.began, skew: self.skew.clone() };
        let host = Host {
            net: Arc::new(self.link.clone()),
            clock: Clock::with_wall(wall),
            entropy: Arc::new(BoxEntropy(Mutex::new(entropy))),
            tasks: Tasks::over(process.clone()),
            peers: Arc::new(self.disk.clone()),
        };
        let opened = Opened {
            listener: self.link.bind(config.listen)?,
            chain: Arc::new(Chain::on(self.disk.clone(), self.common.params.clone())?),
            identity: self.identity.clone(),
            pace: self.common.pace,
        };
        let chain = opened.chain.clone();
        let joined = Joined::new(&config, host.clone(), opened)?;
        let (context, view) = (joined.context().clone(), joined.view().clone());
        let registry = joined.registry().clone();
        if mines {
            context.miner.start(1)?;
        }
        let mut running = joined.run();
        let (stop, exit) = (Arc::new(Notify::new()), Arc::new(Mutex::new(None)));
        let (told, ended, itself) = (stop.clone(), exit.clone(), process.clone());
        let (net, own) = (self.net.clone(), self.host);
        process.when_it_ends(move || net.kill(own));
        let whole = async move {
            let failed = tokio::select! {
                biased;
                () = told.notified() => None,
                error = running.failed() => Some(format!("{error:#}")),
            };
            let is_late = timeout(SHUTDOWN_TIME, running.stop()).await.is_err();
            let how = match failed {
                Some(error) => Exit::Failed(error),
                None if is_late => Exit::Late,
                None => Exit::InOrder,
            };
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
            itself.leave();
        };
        host.tasks.spawn(whole).detach();
        Ok(Node {
            process: process.clone(),
            sync: context.sync.clone(),
            desk: Desk::new(context),
            chain,
            view,
            registry,
            clock: host.clock,
            stop,
            is_told: AtomicBool::new(false),
            exit,
        })
    }

    fn config(&self, mines: bool) -> Config {
        let flags = Flags::parse_from(["hegemon-node", "--dev"]);
        let seeds: Vec<String> = self.common.seeds.iter().map(ToString::to_string).collect();
        let environment = Environment::read(|name| match name {
            "HEGEMON_SEEDS" => Some(seeds.join(",").into()),
            "HEGEMON_MINE" => Some(if mines { "1" } else { "0" }.into()),
            "HEGEMON_PQ_DISCOVERY_GROUPS" => {
                Some(if self.common.groups { "on" } else { "off" }.into())
            }
            _ => None,
        });
        let environment = environment.expect("what the box sets is well-formed");
        let mut config = Config::new(flags, environment).expect("no flag contradicts another");
        config.listen = SocketAddr::new(self.link.ip(), PORT);
        config
    }

    /// Ends the process at this instant. The kernel, if it has power, tells its peers.
    pub(super) fn end(&mut self, loss: Loss) {
        match loss {
            Loss::Process => self.net.kill(self.host),
            Loss::Power => self.net.power_off(self.host),
        }
        let Some(node) = self.running.take() else { return };
        self.disk = self.disk.after(loss, self.common.seed, (self.host.0 as u64, self.lives));
        node.process.end();
        self.past = crate::chance::fold(self.past, node.process.digest());
        as_host(self.host, || drop(node));
    }

    /// Its disk is gone in the middle of one of its next writes, and the process with it.
    pub(super) fn lose_disk_after(&mut self, operations: u64, loss: Loss) {
        let Some(node) = &self.running else { return };
        let (net, host, process) = (self.net.clone(), self.host, node.process.clone());
        self.ends_as = loss;
        self.disk.lose_after(operations, move || {
            if loss == Loss::Power {
                net.power_off(host);
            }
            process.leave();
        });
    }

    /// Ends a process that was going to end, however far it is on its way: whoever starts a node again
    /// waits for that.
    pub(super) fn end_if_ending(&mut self) {
        let is_ending = self.running.as_ref().is_some_and(Node::is_ending);
        if self.disk.is_lost() || self.disk.is_failing() {
            self.end(self.ends_as);
        } else if is_ending {
            self.end(Loss::Process);
        }
    }

    /// Takes away a process that has ended by itself; how, unless its disk was taken from it.
    pub(super) fn reap(&mut self) -> Option<Exit> {
        let node = self.running.as_ref()?;
        let (exit, is_cut_off) = (node.exit(), self.disk.is_lost());
        if exit.is_none() && !is_cut_off {
            return None;
        }
        self.end(if is_cut_off { self.ends_as } else { Loss::Process });
        exit.filter(|_| !is_cut_off)
    }

    /// Asks the node to stop, as SIGTERM does.
    pub(super) fn stop(&self) {
        if let Some(node) = &self.running {
            node.is_told.store(true, Relaxed);
            node.stop.notify_one();
        }
    }

    pub(super) fn freeze(&self) {
        if let Some(node) = &self.running {
            node.process.freeze();
        }
    }

    pub(super) fn thaw(&self) {
        if let Some(node) = &self.running {
            node.process.thaw();
        }
    }

    /// One of its tasks panics.
    pub(super) fn fall(&self) {
        if let Some(node) = &self.running {
            node.process.spawn(Box::pin(async { panic!("{FALL}") }));
        }
    }

    /// How far its wall clock is off, in milliseconds.
    pub(super) fn set_skew(&self, millis: i64) {
        self.skew.store(millis, Relaxed);
    }

    /// Of all polls of all its processes.
    pub(super) fn digest(&self) -> u64 {
        let now = self.running.as_ref().map_or(0, |node| node.process.digest());
        crate::chance::fold(self.past, now)
    }
}

/// What a process says that falls because a schedule wants it to.
pub(super) const FALL: &str = "a panic that the schedule asked for";

/// The box's time as a wall clock, off by what a fault has made of it.
#[derive(Debug)]
struct BoxWall {
    began: Instant,
    skew: Arc<AtomicI64>,
}

impl Wall for BoxWall {
    fn since_1970(&self) -> Duration {
        let right = EPOCH + self.began.elapsed();
        let skew = self.skew.load(Relaxed);
        let off = Duration::from_millis(skew.unsigned_abs());
        if skew < 0 { right.saturating_sub(off) } else { right + off }
    }
}

/// The run's seed in place of the operating system.
struct BoxEntropy(Mutex<ChaCha12Rng>);

impl Entropy for BoxEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
        Ok(())
    }
}
