//! Several nodes' sync engines and real chains in virtual time, over a network that delays,
//! reorders and loses frames; and peers that lie.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

mod sync_liars;
mod sync_many;
mod sync_order;
mod sync_relay;
mod sync_step;

use std::{cell::Cell, collections::BTreeMap, rc::Rc, time::Duration};

use hegemon_discovery::Mono;
use hegemon_node::{
    chain::{Block, Chain, ChainParams, Hash, Template},
    net::handle::{ChainProtocol, PeerId, SessionId},
    sync::{
        Action, Event, Offence, Source, SyncEngine, SyncStatus,
        message::{self, BlockAnnounce, SyncMessage, SyncRequest, SyncResponse},
    },
};
use parity_scale_codec::Encode;
use proptest::prelude::*;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

const START_MS: u64 = 1_800_000_000_000;
/// After every timestamp that these tests put into blocks.
const NOW_MS: u64 = 2_000_000_000_000;

type Frame = (ChainProtocol, Vec<u8>);

/// A peer that is not an engine: gets frames, returns frames.
type Puppet = Box<dyn FnMut(ChainProtocol, &[u8]) -> Vec<Frame>>;

#[expect(clippy::large_enum_variant, reason = "a handful of them")]
enum Node {
    Real { engine: SyncEngine, chain: Chain, _directory: tempfile::TempDir },
    Puppet(Puppet),
}

/// What went over a session of one block's announcements.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Telling {
    /// The other end announced it.
    heard: bool,
    /// So often this end did.
    times: usize,
    /// Of these: after it had heard of it there.
    echoes: usize,
    /// The last one had the body.
    with_body: bool,
}

struct Net {
    params: ChainParams,
    nodes: Vec<Node>,
    /// Each session's other end: node and session there.
    links: BTreeMap<SessionId, (usize, SessionId)>,
    events: BTreeMap<(Mono, u64), (usize, Event)>,
    offences: Vec<(usize, Offence)>,
    requests: usize,
    /// What a node was told of a block, and what it told, over each of its sessions.
    told: BTreeMap<(SessionId, Hash), Telling>,
    /// Requests for bodies by the node that was asked.
    asked_bodies: BTreeMap<usize, usize>,
    now: Mono,
    /// The same, for puppets.
    clock: Rc<Cell<Mono>>,
    counter: u64,
    random: ChaCha8Rng,
    /// Of 100 frames.
    loss: u32,
    /// Of 100 frames: delayed by up to `latest` instead of 10 ms.
    late: u32,
    latest: Duration,
    /// Frames of a session arrive in their order, as over TCP; otherwise late ones are overtaken.
    ordered: bool,
    /// When the last frame to each session arrives.
    arrivals: BTreeMap<SessionId, Mono>,
    /// What is sent before waits until then.
    cut_until: Mono,
}

impl Net {
    fn new(nodes: usize, seed: u64) -> Self {
        let mut net = Self {
            params: ChainParams::trivial("simulation"),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            events: BTreeMap::new(),
            offences: Vec::new(),
            requests: 0,
            told: BTreeMap::new(),
            asked_bodies: BTreeMap::new(),
            now: Mono(0),
            clock: Rc::new(Cell::new(Mono(0))),
            counter: 0,
            random: ChaCha8Rng::seed_from_u64(seed),
            loss: 0,
            late: 0,
            latest: Duration::from_secs(1),
            ordered: false,
            arrivals: BTreeMap::new(),
            cut_until: Mono(0),
        };
        for _ in 0..nodes {
            let directory = tempfile::tempdir().unwrap();
            let chain =
                Chain::open(&directory.path().join("chain.redb"), net.params.clone()).unwrap();
            net.nodes.push(Node::Real {
                engine: SyncEngine::default(),
                chain,
                _directory: directory,
            });
        }
        net
    }

    fn puppet(
        &mut self,
        puppet: impl FnMut(ChainProtocol, &[u8]) -> Vec<Frame> + 'static,
    ) -> usize {
        self.nodes.push(Node::Puppet(Box::new(puppet)));
        self.nodes.len() - 1
    }

    fn chain(&self, node: usize) -> &Chain {
        match &self.nodes[node] {
            Node::Real { chain, .. } => chain,
            Node::Puppet(_) => panic!("a puppet has no chain"),
        }
    }

    fn unique(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn connect(&mut self, a: usize, b: usize) -> (SessionId, SessionId) {
        let (at_a, at_b) = (SessionId(self.unique()), SessionId(self.unique()));
        self.links.insert(at_a, (b, at_b));
        self.links.insert(at_b, (a, at_a));
        self.deliver(a, Event::Opened { session: at_a, peer: PeerId([b as u8; 32]) });
        self.deliver(b, Event::Opened { session: at_b, peer: PeerId([a as u8; 32]) });
        (at_a, at_b)
    }

    fn disconnect_all(&mut self) {
        for (session, (other, _)) in std::mem::take(&mut self.links) {
            // A session's own node is the one that the other end points to; only real nodes care.
            let _ = other;
            for node in 0..self.nodes.len() {
                self.deliver(node, Event::Closed { session });
            }
        }
    }

    /// Extends a node's chain without its engine knowing.
    fn grow(&mut self, node: usize, blocks: usize, author: u8) {
        let grown = extend(&self.params, &self.tip(node), blocks, author);
        let results = self.chain(node).import_batch(&grown, NOW_MS).unwrap();
        assert!(results.iter().all(Result::is_ok));
    }

    fn status(&self, node: usize) -> SyncStatus {
        match &self.nodes[node] {
            Node::Real { engine, chain, .. } => engine.status(chain),
            Node::Puppet(_) => panic!("a puppet has no status"),
        }
    }

    fn tip(&self, node: usize) -> Block {
        let chain = self.chain(node);
        chain.block(&chain.best().hash).unwrap().unwrap()
    }

    fn mine(&mut self, node: usize) {
        let author = self.unique() as u8;
        let delay = u64::from(self.random.next_u32() % 3_000) + 1;
        let tip = self.tip(node);
        let time = tip.header().pow_claim().unwrap().timestamp_ms.max(START_MS) + delay;
        let block =
            Template::on(&self.params, tip.header(), [author; 32], time, vec![vec![author; 10]])
                .mine(0);
        let event = self.import(node, Source::Mined, vec![block]);
        self.deliver(node, event);
    }

    fn import(&self, node: usize, source: Source, blocks: Vec<Block>) -> Event {
        let clock = NOW_MS + self.now.since(Mono(0)).as_millis() as u64;
        let outcomes = self.chain(node).import_batch(&blocks, clock).unwrap();
        let results = blocks.iter().zip(outcomes);
        let results = results
            .map(|(block, outcome)| (block.hash(), u64::from(block.number()), outcome))
            .collect();
        Event::Imported { source, results }
    }

    fn deliver(&mut self, node: usize, event: Event) {
        if let Event::Frame { session, protocol, data } = &event
            && let Some(announce) = announcement(*protocol, data)
        {
            self.told.entry((*session, announce.hash)).or_default().heard = true;
        }
        let actions = match &mut self.nodes[node] {
            Node::Real { engine, chain, .. } => engine.handle(chain, event, self.now).unwrap(),
            Node::Puppet(puppet) => {
                if let Event::Frame { session, protocol, data } = event {
                    for (protocol, data) in puppet(protocol, &data) {
                        self.send(session, protocol, data);
                    }
                }
                return;
            }
        };
        for action in actions {
            match action {
                Action::Send { session, protocol, data } => self.send(session, protocol, data),
                Action::Import { source, blocks } => {
                    let event = self.import(node, source, blocks);
                    self.deliver(node, event);
                }
                Action::Punish { offence, .. } => self.offences.push((node, offence)),
            }
        }
    }

    fn send(&mut self, session: SessionId, protocol: ChainProtocol, data: Vec<u8>) {
        if let Some(announce) = announcement(protocol, &data) {
            let telling = self.told.entry((session, announce.hash)).or_default();
            telling.times += 1;
            telling.echoes += usize::from(telling.heard);
            telling.with_body = announce.body.is_some();
        }
        let question = (protocol == ChainProtocol::Sync).then(|| question(&data)).flatten();
        self.requests += usize::from(question.is_some());
        if let Some((node, _)) = self.links.get(&session)
            && matches!(question, Some(SyncRequest::BlockBodies { .. }))
        {
            *self.asked_bodies.entry(*node).or_default() += 1;
        }
        let Some(&(node, session)) = self.links.get(&session) else {
            return;
        };
        if self.random.next_u32() % 100 < self.loss {
            return;
        }
        let is_late = self.random.next_u32() % 100 < self.late;
        let slowest = if is_late { self.latest.as_millis() as u64 } else { 10 };
        let delay = 1 + u64::from(self.random.next_u32()) % slowest;
        let mut arrival = self.now.after(Duration::from_millis(delay)).max(self.cut_until);
        if self.ordered {
            let last = self.arrivals.entry(session).or_insert(arrival);
            arrival = arrival.max(*last);
            *last = arrival;
        }
        let key = (arrival, self.unique());
        self.events.insert(key, (node, Event::Frame { session, protocol, data: data.into() }));
    }

    /// Runs until `end` of virtual time.
    fn run_until(&mut self, end: Mono) {
        loop {
            let wakeup = (0..self.nodes.len())
                .filter_map(|node| match &self.nodes[node] {
                    Node::Real { engine, .. } => Some((engine.next_wakeup()?, node)),
                    Node::Puppet(_) => None,
                })
                .min();
            let frame = self.events.keys().next().map(|(at, _)| *at);
            let next = [wakeup.map(|(at, _)| at), frame].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else {
                break;
            };
            assert!(
                next >= self.now || wakeup.is_none_or(|(at, _)| at >= self.now),
                "a wake-up in the past: the engine would spin"
            );
            self.now = next.max(self.now);
            self.clock.set(self.now);
            if frame == Some(next) {
                let (_, (node, event)) = self.events.pop_first().unwrap();
                self.deliver(node, event);
            } else if let Some((_, node)) = wakeup {
                self.deliver(node, Event::Wakeup);
            }
        }
        self.now = end;
    }

    fn run_for(&mut self, time: Duration) {
        self.run_until(self.now.after(time));
    }

    /// Runs until all of `nodes` have the best block of `node`; how long it took.
    fn run_until_all_have(&mut self, nodes: &[usize], best: Hash, within: Duration) -> Duration {
        let start = self.now;
        while !nodes.iter().all(|node| self.chain(*node).best().hash == best) {
            let bests: Vec<_> = nodes.iter().map(|node| self.chain(*node).best()).collect();
            assert!(
                self.now < start.after(within),
                "not within {within:?}: {bests:?}, offences {:?}",
                self.offences
            );
            self.run_for(Duration::from_millis(10));
        }
        self.now.since(start)
    }
}

fn extend(params: &ChainParams, from: &Block, blocks: usize, author: u8) -> Vec<Block> {
    let mut chain: Vec<Block> = Vec::with_capacity(blocks);
    for _ in 0..blocks {
        let parent = chain.last().unwrap_or(from).header();
        let time = parent.pow_claim().unwrap().timestamp_ms.max(START_MS) + 1_000;
        chain.push(Template::on(params, parent, [author; 32], time, Vec::new()).mine(0));
    }
    chain
}

fn response(response: SyncResponse) -> Vec<Frame> {
    vec![(ChainProtocol::Sync, SyncMessage::Response(response).encode())]
}

fn headers_response(blocks: &[Block]) -> Vec<Frame> {
    let headers = blocks.iter().map(|block| block.header().encode()).collect();
    response(SyncResponse::BlockHeaders { request_id: 0, headers })
}

fn question(data: &[u8]) -> Option<SyncRequest> {
    match message::decode(data) {
        Ok(SyncMessage::Request(request)) => Some(request),
        _ => None,
    }
}

fn announcement(protocol: ChainProtocol, data: &[u8]) -> Option<BlockAnnounce> {
    (protocol == ChainProtocol::BlockAnnounces).then(|| message::decode(data).ok()).flatten()
}

/// An honest answer by one who has `blocks`, the first of which is genesis, as older nodes give it.
fn answer(blocks: &[Block], question: &SyncRequest) -> Vec<Frame> {
    match question {
        SyncRequest::BlockHeaders { start_hash, max_headers, .. } => {
            let start = blocks.iter().position(|block| block.hash() == *start_hash);
            let start = start.unwrap_or(blocks.len());
            let end = blocks.len().min(start + (*max_headers).min(128) as usize);
            headers_response(&blocks[start..end])
        }
        SyncRequest::BlockBodies { hashes } => {
            let body = |hash: &Hash| blocks.iter().find(|block| block.hash() == *hash);
            let bodies = hashes.iter().take(128).map(|hash| Some(body(hash)?.body().clone()));
            response(SyncResponse::BlockBodies { request_id: 0, bodies: bodies.collect() })
        }
        SyncRequest::StateRequest { .. } | SyncRequest::GetBlocks { .. } => Vec::new(),
    }
}

fn chain_of(params: &ChainParams, blocks: usize, author: u8) -> Vec<Block> {
    let genesis = params.genesis();
    let above = extend(params, &genesis, blocks, author);
    [vec![genesis], above].concat()
}

#[test]
fn a_late_joiner_catches_up_a_thousand_blocks() {
    let mut net = Net::new(2, 1);
    net.grow(0, 1_000, 1);
    net.connect(0, 1);
    let took = net.run_until_all_have(&[0, 1], net.chain(0).best().hash, Duration::from_secs(5));
    assert!(took < Duration::from_secs(1), "{took:?}");
    // Once for headers, then for 256 bodies each.
    assert!(net.requests <= 5, "{}", net.requests);
    net.run_for(Duration::from_secs(300));
    assert!(net.requests < 5 + 2 * 6, "an idle network asks little: {}", net.requests);
    assert_eq!(net.offences, []);
}

#[test]
fn halves_heal_from_a_common_block_300_back() {
    let mut net = Net::new(4, 2);
    net.grow(0, 50, 1);
    let common = (1..=50).map(|number| net.chain(0).hash_at(number).unwrap().unwrap());
    let common: Vec<_> = common.map(|hash| net.chain(0).block(&hash).unwrap().unwrap()).collect();
    for node in 1..4 {
        net.chain(node).import_batch(&common, NOW_MS).unwrap();
    }
    net.connect(0, 1);
    net.connect(2, 3);
    net.grow(0, 300, 1);
    net.grow(2, 320, 2);
    net.mine(0);
    net.mine(2);
    net.run_until_all_have(&[0, 1], net.chain(0).best().hash, Duration::from_secs(10));
    net.run_until_all_have(&[2, 3], net.chain(2).best().hash, Duration::from_secs(10));
    net.connect(1, 2);
    net.run_until_all_have(&[0, 1, 2, 3], net.chain(2).best().hash, Duration::from_secs(10));
    assert_eq!(net.offences, []);
}

/// A node whose announcements are all lost is found out, however far it is ahead, and on whatever
/// fork.
#[test]
fn a_silent_peer_is_asked() {
    let mut net = Net::new(2, 7);
    net.grow(0, 700, 1);
    net.grow(1, 20, 2);
    net.loss = 100;
    net.connect(0, 1);
    net.loss = 0;
    net.run_until_all_have(&[1], net.chain(0).best().hash, Duration::from_secs(70));
    assert_eq!(net.offences, []);
}

#[test]
fn a_mined_block_reaches_a_line_of_nodes_and_no_node_twice() {
    let mut net = Net::new(5, 3);
    for node in 1..5 {
        net.connect(node - 1, node);
    }
    net.run_for(Duration::from_secs(1));
    net.mine(0);
    let took =
        net.run_until_all_have(&[0, 1, 2, 3, 4], net.chain(0).best().hash, Duration::from_secs(1));
    assert!(took <= Duration::from_millis(50), "{took:?}");
    assert_eq!(net.requests, 0, "announcements carry bodies: nothing to ask");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever is lost, late or cut, when the network is whole again and somebody mines, all have
    /// the same, heaviest chain.
    #[test]
    fn lossy_networks_converge(seed in any::<u64>(), loss in 0..30u32, late in 0..30u32, partition in any::<bool>()) {
        let mut net = Net::new(4, seed);
        let link_up = |net: &mut Net| {
            for (a, b) in [(0, 1), (1, 2), (2, 3), (0, 3)] {
                net.connect(a, b);
            }
        };
        link_up(&mut net);
        (net.loss, net.late) = (loss, late);
        for _ in 0..30 {
            let node = net.random.next_u32() as usize % 4;
            net.mine(node);
            let pause = u64::from(net.random.next_u32() % 1_500);
            net.run_for(Duration::from_millis(pause));
        }
        if partition {
            net.disconnect_all();
            for round in 0..10 {
                net.mine(round % 4);
            }
            link_up(&mut net);
        }
        (net.loss, net.late) = (0, 0);
        net.run_for(Duration::from_secs(200));
        let heaviest = (0..4).map(|node| net.chain(node).best().total_work).max().unwrap();
        for node in 0..4 {
            prop_assert_eq!(net.chain(node).best().total_work, heaviest, "node {}", node);
        }
        // Equally heavy ones may differ until the next block.
        net.mine(0);
        let best = net.chain(0).best().hash;
        net.run_until_all_have(&[0, 1, 2, 3], best, Duration::from_secs(200));
        prop_assert_eq!(net.offences, []);
    }
}
