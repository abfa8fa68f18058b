//! A small network in virtual time: real engines, every packet a queue entry. One seed decides
//! everything. Sessions are arbitrated in the simplest right way (the lower peer's dial stays); the
//! node's own table is tested in its room.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use hegemon_discovery::{
    Action, Config, DialError, DialId, Engine, Event, Exchange, Mono, Now, PeerId, SeedIndex,
    SessionId, snapshot, snapshot::Stored,
};

/// One way, in milliseconds.
const LATENCY: i64 = 20;
const EPOCH: Duration = Duration::from_secs(1_795_000_000);

pub(crate) type NodeIndex = usize;

enum Packet {
    Connect { from: NodeIndex, dial: DialId, addr: SocketAddr },
    Deliver { to: NodeIndex, session: SessionId, message: hegemon_discovery::Message },
    Report { to: NodeIndex, life: u32, event: Event },
}

pub(crate) struct Node {
    pub(crate) addr: SocketAddr,
    engine: Option<Engine>,
    config: Config,
    stored: Vec<u8>,
    life: u32,
    pub(crate) dials: Vec<(Mono, SocketAddr)>,
    pub(crate) sent: usize,
}

struct Link {
    ends: [NodeIndex; 2],
}

pub(crate) struct Network {
    pub(crate) nodes: Vec<Node>,
    seeds: Vec<SocketAddr>,
    queue: BTreeMap<(i64, u64), Packet>,
    links: BTreeMap<SessionId, Link>,
    pub(crate) now: i64,
    sequence: u64,
    entropy: u8,
}

impl Network {
    pub(crate) fn new(count: usize, exchange: Exchange, entropy: u8) -> Self {
        let seed = address(0);
        let mut network = Self {
            nodes: Vec::new(),
            seeds: vec![seed],
            queue: BTreeMap::new(),
            links: BTreeMap::new(),
            now: 0,
            sequence: 0,
            entropy,
        };
        for _ in 0..count {
            network.add(exchange);
        }
        network
    }

    /// A new node, not yet started.
    pub(crate) fn add(&mut self, exchange: Exchange) -> NodeIndex {
        let index = self.nodes.len();
        let addr = address(index);
        // As in a container: it listens on every interface and does not know its own address.
        let listen = SocketAddr::from(([0, 0, 0, 0], addr.port()));
        let config = Config { exchange, ..Config::new(listen, self.seeds.len()) };
        self.nodes.push(Node {
            addr,
            engine: None,
            config,
            stored: Vec::new(),
            life: 0,
            dials: Vec::new(),
            sent: 0,
        });
        index
    }

    pub(crate) fn start(&mut self, index: NodeIndex) {
        let now = self.clock();
        let node = &mut self.nodes[index];
        let known = if node.stored.is_empty() {
            Stored::default()
        } else {
            snapshot::decode(&node.stored, now).unwrap()
        };
        node.life += 1;
        let mut entropy = [self.entropy; 32];
        entropy[0] = u8::try_from(index).unwrap();
        node.engine = Some(Engine::new(node.config.clone(), entropy, known, now));
        self.tell(index, Event::Wakeup);
    }

    pub(crate) fn start_all(&mut self) {
        (0..self.nodes.len()).for_each(|index| self.start(index));
    }

    /// Ends a node: what it had not persisted is written, its sessions break.
    pub(crate) fn stop(&mut self, index: NodeIndex) {
        self.tell(index, Event::Shutdown);
        self.nodes[index].engine = None;
        let broken: Vec<SessionId> = self
            .links
            .iter()
            .filter(|(_, link)| link.ends.contains(&index))
            .map(|(id, _)| *id)
            .collect();
        broken.into_iter().for_each(|session| self.break_link(session));
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + i64::try_from(time.as_millis()).unwrap();
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.now = next;
            self.step();
        }
        self.now = end;
    }

    /// Runs until `done`; how long that took, or `None` after `limit`.
    pub(crate) fn run_until(
        &mut self,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let begin = self.now;
        let end = begin + i64::try_from(limit.as_millis()).unwrap();
        while !done(self) {
            self.now = self.next_moment().filter(|next| *next <= end)?;
            self.step();
        }
        Some(Duration::from_millis(u64::try_from(self.now - begin).unwrap()))
    }

    /// Distinct peers of a node.
    pub(crate) fn peers(&self, index: NodeIndex) -> BTreeSet<NodeIndex> {
        self.links
            .values()
            .filter(|link| link.ends.contains(&index))
            .map(|link| link.ends[0] + link.ends[1] - index)
            .collect()
    }

    pub(crate) fn status(&self, index: NodeIndex) -> hegemon_discovery::Status {
        self.nodes[index].engine.as_ref().unwrap().status(self.clock())
    }

    /// How many nodes would find `addr` in their store if they stopped now.
    pub(crate) fn tell(&mut self, index: NodeIndex, event: Event) {
        let now = self.clock();
        let Some(engine) = &mut self.nodes[index].engine else { return };
        for action in engine.handle(event, now) {
            self.act(index, action);
        }
    }

    fn act(&mut self, index: NodeIndex, action: Action) {
        let life = self.nodes[index].life;
        match action {
            Action::Send { session, message } => {
                self.nodes[index].sent += 1;
                if let Some(link) = self.links.get(&session) {
                    let to = link.ends[0] + link.ends[1] - index;
                    self.post(LATENCY, Packet::Deliver { to, session, message });
                }
            }
            Action::KeepAlive { .. } | Action::Alarm { .. } => {}
            Action::Dial { dial, addr } => {
                self.nodes[index].dials.push((Mono(self.now), addr));
                self.post(LATENCY, Packet::Connect { from: index, dial, addr });
            }
            Action::Resolve { seed: SeedIndex(seed) } => {
                let event =
                    Event::Resolved { seed: SeedIndex(seed), addrs: vec![self.seeds[seed]] };
                self.post(1, Packet::Report { to: index, life, event });
            }
            Action::Close { session, .. } => self.break_link(session),
            Action::Persist => {
                let (now, node) = (self.clock(), &mut self.nodes[index]);
                node.stored =
                    node.engine.as_ref().map(|engine| engine.snapshot(now)).unwrap_or_default();
            }
        }
    }

    fn step(&mut self) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Packet::Connect { from, dial, addr } => self.connect(from, dial, addr),
                Packet::Deliver { to, session, message } => {
                    if self.links.contains_key(&session) {
                        self.tell(to, Event::Message { session, message: Ok(message) });
                    }
                }
                Packet::Report { to, life, event } => {
                    if self.nodes[to].life == life {
                        self.tell(to, event);
                    }
                }
            }
        }
        for index in 0..self.nodes.len() {
            let due = self.nodes[index].engine.as_ref().and_then(Engine::next_wakeup);
            if due.is_some_and(|due| due.0 <= self.now) {
                self.tell(index, Event::Wakeup);
            }
        }
    }

    fn connect(&mut self, from: NodeIndex, dial: DialId, addr: SocketAddr) {
        let found = self.nodes.iter().position(|node| node.addr == addr && node.engine.is_some());
        let failed = match found {
            None => Some(DialError::Refused),
            Some(to) if to == from => Some(DialError::Itself),
            Some(to) if self.peers(from).contains(&to) && !self.takes_over(from, to) => {
                Some(DialError::Duplicate(peer_id(to)))
            }
            Some(_) => None,
        };
        if let (Some(to), None) = (found, failed) {
            let session = SessionId(self.sequence);
            self.sequence += 1;
            let rival = self
                .links
                .iter()
                .find(|(_, link)| link.ends.contains(&from) && link.ends.contains(&to))
                .map(|(id, _)| *id);
            self.links.insert(session, Link { ends: [from, to] });
            let source = SocketAddr::new(self.nodes[from].addr.ip(), 50_000);
            self.tell(
                to,
                Event::Opened { session, peer: peer_id(from), remote: source, dial: None },
            );
            self.tell(
                from,
                Event::Opened { session, peer: peer_id(to), remote: addr, dial: Some(dial) },
            );
            rival.into_iter().for_each(|rival| self.break_link(rival));
        } else if let Some(error) = failed {
            let life = self.nodes[from].life;
            self.post(
                LATENCY,
                Packet::Report { to: from, life, event: Event::DialFailed { dial, error } },
            );
        }
    }

    /// The dial of the lower peer replaces one of the higher.
    fn takes_over(&self, from: NodeIndex, to: NodeIndex) -> bool {
        peer_id(from) < peer_id(to) && self.links.values().any(|link| link.ends == [to, from])
    }

    fn break_link(&mut self, session: SessionId) {
        if let Some(link) = self.links.remove(&session) {
            link.ends.into_iter().for_each(|end| self.tell(end, Event::Closed { session }));
        }
    }

    fn post(&mut self, delay: i64, packet: Packet) {
        self.sequence += 1;
        self.queue.insert((self.now + delay, self.sequence), packet);
    }

    fn next_moment(&self) -> Option<i64> {
        let engines = self
            .nodes
            .iter()
            .filter_map(|node| node.engine.as_ref().and_then(Engine::next_wakeup))
            .map(|due| due.0.max(self.now));
        engines.chain(self.queue.first_key_value().map(|(key, _)| key.0)).min()
    }

    fn clock(&self) -> Now {
        Now {
            mono: Mono(self.now),
            wall: EPOCH + Duration::from_millis(u64::try_from(self.now).unwrap()),
        }
    }
}

pub(crate) fn address(index: NodeIndex) -> SocketAddr {
    let index = u8::try_from(index).unwrap();
    SocketAddr::from(([198, 18, 0, index + 2], 30_333))
}

pub(crate) fn peer_id(index: NodeIndex) -> PeerId {
    PeerId([u8::try_from(index).unwrap(); 32])
}
