//! [`World`]: hosts come and go, time passes, what is seen from outside.

use std::{
    collections::BTreeMap,
    hash::BuildHasherDefault,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use hegemon_discovery::{ChainState, Config, Engine, Mono, Now, PeerId, Status};
use rand_chacha::ChaCha12Rng;

use crate::{
    actor::Actor,
    addresses::{Addresses, PORT},
    chance::{self, Chance, Folding, Purpose},
    hostile::{Hostile, Script},
    node::Node,
    queue::Queue,
    world::{Exit, Host, HostIndex, Reach, connection::Connection, host::Role, packet::Packet},
};

/// Every run begins at this wall-clock time.
pub const EPOCH: Duration = Duration::from_secs(1_795_000_000);

/// What becomes of what nodes want stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stores {
    /// A node that starts again finds it.
    Kept,
    /// No node starts again, and nobody looks: it is not even made.
    Unread,
}

/// What a world is made of, beside its hosts.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Decides everything that is drawn.
    pub seed: u64,
    /// Shortest and longest way of a packet; each pair's is drawn once, uniformly.
    pub latency: (Duration, Duration),
    /// Of the addresses where nobody is, so many refuse; the others are black holes.
    pub refusing_percent: u64,
    /// What becomes of what nodes want stored.
    pub stores: Stores,
    /// Every node's configuration; the number of seeds is the world's.
    pub config: Config,
}

/// Who is at an address.
#[expect(
    clippy::disallowed_types,
    reason = "it hashes in one way in every run, and nobody goes through it"
)]
type Directory = std::collections::HashMap<SocketAddr, HostIndex, BuildHasherDefault<Folding>>;

/// See the module.
#[derive(Debug)]
pub struct World {
    /// What each seed's name resolves to; an empty list does not resolve.
    pub seeds: Vec<Vec<SocketAddr>>,
    pub(super) setting: Setting,
    pub(super) chance: Chance,
    pub(super) hosts: Vec<Host>,
    pub(super) connections: Vec<Connection>,
    pub(super) directory: Directory,
    pub(super) queue: Queue<Packet>,
    pub(super) now: Mono,
    pub(super) digest: u64,
    pub(super) events: u64,
    /// A session came or went since somebody looked.
    pub(super) changed: bool,
    peers: BTreeMap<PeerId, HostIndex>,
    addresses: Addresses,
}

impl Setting {
    /// One way 20 to 150 ms; a fifth of the dead addresses refuse; stores are kept; the engine's
    /// defaults.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // As in a container: a node listens on every interface and does not know its own address.
        let listen = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
        Self {
            seed,
            latency: (Duration::from_millis(20), Duration::from_millis(150)),
            refusing_percent: 20,
            stores: Stores::Kept,
            config: Config::new(listen, 0),
        }
    }
}

impl World {
    /// An empty world at time zero.
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        let chance = Chance(setting.seed);
        Self {
            seeds: Vec::new(),
            setting,
            chance,
            hosts: Vec::new(),
            connections: Vec::new(),
            directory: Directory::default(),
            queue: Queue::new(),
            now: Mono(0),
            digest: 0,
            events: 0,
            changed: false,
            peers: BTreeMap::new(),
            addresses: Addresses::new(chance),
        }
    }

    /// A host for an honest node, which does not run yet.
    pub fn add_node(&mut self, reach: Reach) -> HostIndex {
        let addr = self.addresses.honest();
        self.add(addr, reach, Role::Honest)
    }

    /// A host of the attacker's at an address that [`World::draw_hostile`] gave out; it does not
    /// run yet.
    pub fn add_hostile(&mut self, addr: SocketAddr, script: Script) -> HostIndex {
        self.add(addr, Reach::Public, Role::Hostile(script))
    }

    /// An address of an honest node's kind where nobody is.
    pub fn draw_honest(&mut self) -> SocketAddr {
        self.addresses.honest()
    }

    /// One of these that does not even refuse.
    pub fn draw_black_hole(&mut self) -> SocketAddr {
        loop {
            let addr = self.draw_honest();
            if !self.refuses(addr) {
                return addr;
            }
        }
    }

    /// An address of an attacker who has so many groups.
    pub fn draw_hostile(&mut self, groups: u8) -> SocketAddr {
        self.addresses.hostile(groups)
    }

    /// A generator for what a scenario draws by itself.
    #[must_use]
    pub fn generator(&self, number: u64) -> ChaCha12Rng {
        self.chance.generator(Purpose::Scenario, number, 0)
    }

    fn add(&mut self, addr: SocketAddr, reach: Reach, role: Role) -> HostIndex {
        let host = HostIndex(self.hosts.len());
        let peer = PeerId(self.chance.bytes(Purpose::Identity, host.0 as u64, 0));
        self.hosts.push(Host::new(addr, peer, reach, role));
        self.directory.insert(addr, host);
        self.peers.insert(peer, host);
        host
    }

    /// Starts what is on a host, with what its store holds.
    pub fn start(&mut self, host: HostIndex) {
        let now = self.clock(host);
        let config = Config { seeds: self.seeds.len(), ..self.setting.config.clone() };
        let here = &mut self.hosts[host.0];
        here.life += 1;
        here.gone = false;
        here.actor = Some(match &here.role {
            Role::Honest => {
                let entropy = self.chance.bytes(Purpose::Entropy, host.0 as u64, here.life);
                Actor::Node(Box::new(Node::start(here.peer, config, entropy, &here.stored, now)))
            }
            Role::Hostile(script) => {
                let rng =
                    self.chance.generator(Purpose::Script, host.0 as u64, u64::from(here.life));
                Actor::Hostile(Box::new(Hostile::new(script.clone(), rng, now.mono)))
            }
        });
        self.pass();
        self.drive(host, None, |actor, now, out| actor.begin(now, out));
    }

    /// Ends what runs on a host.
    pub fn stop(&mut self, host: HostIndex, exit: Exit) {
        if exit == Exit::Orderly {
            self.drive(host, None, |actor, now, out| actor.shut_down(now, out));
        }
        self.release(host, exit);
        let here = &mut self.hosts[host.0];
        here.actor = None;
        here.wake_at = None;
        here.gone = exit == Exit::PowerLoss;
        self.changed = true;
    }

    /// Replaces what a host would find in its store.
    pub fn store(&mut self, host: HostIndex, stored: Vec<u8>) {
        self.hosts[host.0].stored = stored;
    }

    /// Puts a host's wall clock ahead: it slept while the others' time stood still.
    pub fn advance_clock(&mut self, host: HostIndex, by: Duration) {
        self.hosts[host.0].ahead += by;
    }

    /// Tells a host's node what its chain says about the network.
    pub fn chain(&mut self, host: HostIndex, state: ChainState) {
        self.drive(host, None, |actor, now, out| actor.chain(state, now, out));
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now.after(time);
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until `done`, which is asked after every session that came or went; how long
    /// that took, or `None` after `limit`.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Option<Duration> {
        let begin = self.now;
        let end = begin.after(limit);
        self.changed = true;
        loop {
            if std::mem::take(&mut self.changed) && done(self) {
                return Some(self.now.since(begin));
            }
            if !self.step(end) {
                self.now = end;
                return None;
            }
        }
    }

    /// Like [`World::run_until`], asking only once in a while: for what is dear to find out, or no
    /// matter of sessions.
    pub fn run_until_asking(
        &mut self,
        every: Duration,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let begin = self.now;
        while !done(self) {
            if self.now.since(begin) >= limit {
                return None;
            }
            self.run_for(every);
        }
        Some(self.now.since(begin))
    }

    /// The next thing that is due by `end`.
    fn step(&mut self, end: Mono) -> bool {
        let Some((due, packet)) = self.queue.pop_until(end) else { return false };
        self.now = due;
        self.events += 1;
        self.dispatch(packet);
        true
    }

    /// The present on a host.
    pub(super) fn clock(&self, host: HostIndex) -> Now {
        Now { mono: self.now, wall: EPOCH + self.now.since(Mono(0)) + self.hosts[host.0].ahead }
    }

    pub(super) fn note(&mut self, value: u64) {
        self.digest = chance::fold(self.digest, value);
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Mono {
        self.now
    }

    /// A number that two runs share only if the same things happened in them, in the same order and
    /// at the same times.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// What was taken out of the queue so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// One host.
    #[must_use]
    pub fn host(&self, host: HostIndex) -> &Host {
        &self.hosts[host.0]
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = (HostIndex, &Host)> {
        self.hosts.iter().enumerate().map(|(index, host)| (HostIndex(index), host))
    }

    /// The honest nodes that run.
    pub fn nodes(&self) -> impl Iterator<Item = HostIndex> {
        self.hosts().filter(|(_, host)| host.node().is_some()).map(|(index, _)| index)
    }

    /// Whose address it is.
    #[must_use]
    pub fn owner(&self, addr: SocketAddr) -> Option<HostIndex> {
        self.directory.get(&addr).copied()
    }

    /// A running node's engine in numbers.
    #[must_use]
    pub fn status(&self, host: HostIndex) -> Option<Status> {
        self.engine(host).map(|engine| engine.status(self.clock(host)))
    }

    /// A running node's engine.
    #[must_use]
    pub fn engine(&self, host: HostIndex) -> Option<&Engine> {
        self.host(host).node().map(Node::engine)
    }

    /// The peers in a node's outbound slots.
    #[must_use]
    pub fn outbound(&self, host: HostIndex) -> Vec<HostIndex> {
        self.host(host).node().map(|node| self.locate(node.outbound())).unwrap_or_default()
    }

    /// Distinct peers that a node has a session with.
    #[must_use]
    pub fn peers(&self, host: HostIndex) -> Vec<HostIndex> {
        self.host(host).node().map(|node| self.locate(node.peers())).unwrap_or_default()
    }

    fn locate(&self, peers: impl IntoIterator<Item = PeerId>) -> Vec<HostIndex> {
        peers.into_iter().filter_map(|peer| self.peers.get(&peer).copied()).collect()
    }

    /// Sizes of the parts of the network that sessions join, over the honest nodes that run; the
    /// largest first.
    #[must_use]
    pub fn components(&self) -> Vec<usize> {
        let mut part: Vec<usize> = (0..self.hosts.len()).collect();
        let whole = self
            .connections
            .iter()
            .filter(|connection| connection.is_whole() && connection.cut.is_none());
        for (one, other) in
            whole.map(|connection| (connection.dialler.host, connection.listener.host))
        {
            if self.host(one).node().is_some() && self.host(other).node().is_some() {
                let (one, other) = (root(&mut part, one.0), root(&mut part, other.0));
                part[one] = other;
            }
        }
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        let nodes: Vec<HostIndex> = self.nodes().collect();
        for node in nodes {
            *sizes.entry(root(&mut part, node.0)).or_default() += 1;
        }
        let mut sizes: Vec<usize> = sizes.into_values().collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    }
}

/// The representative of a part, with the way to it halved for the next time.
fn root(part: &mut [usize], mut node: usize) -> usize {
    while part[node] != node {
        part[node] = part[part[node]];
        node = part[node];
    }
    node
}
