//! The engine, the peers around it, and what happens to them.

use std::{collections::VecDeque, time::Duration};

use hegemon_discovery::Mono;
use hegemon_node::{
    chain::{Block, Body, Hash},
    net::handle::{ChainProtocol, PeerId, SessionId},
    sync::{
        Action, ChainView, Event, Offence, Source, SyncEngine,
        message::{BlockAnnounce, BlockState, SyncMessage, SyncRequest, SyncResponse},
    },
};
use parity_scale_codec::Encode;

use crate::chain::{CHAINS, Memory, WORK};

/// Headers or bodies in one answer, so that some are needed.
const ANSWER: usize = 16;

/// Answers in one moment: all chains are shown and fetched many times in fewer.
const MAX_ANSWERS: usize = 1_000;

/// In this time an honest peer's chain is here: it may have to wait for its turn for a minute, and
/// has to show its headers again.
const PATIENCE: Duration = Duration::from_secs(900);

/// One peer. Which chain it has follows from its place.
#[derive(Default)]
struct Remote {
    session: Option<SessionId>,
    /// Whether all that it said on this session was true.
    is_honest: bool,
    asked: VecDeque<SyncRequest>,
}

pub struct World {
    engine: SyncEngine,
    chain: Memory,
    now: Mono,
    remotes: [Remote; 4],
    sessions: u64,
    /// Blocks that wait for their import.
    imports: VecDeque<(Source, Vec<Block>)>,
    /// Whether imports wait until they are told to go on.
    is_busy: bool,
}

impl World {
    /// With some of the main chain, or of the fork.
    pub fn new(start: u8) -> Self {
        Self {
            engine: SyncEngine::default(),
            chain: Memory::with(usize::from(start & 1), usize::from(start >> 1)),
            now: Mono(0),
            remotes: Default::default(),
            sessions: 0,
            imports: VecDeque::new(),
            is_busy: false,
        }
    }

    /// One step; how many bytes of `data` it used.
    pub fn step(&mut self, what: u8, how: u8, data: &[u8]) -> usize {
        let who = usize::from(what & 3);
        let block = |world: &Self| {
            let chain = &CHAINS[who];
            world.remotes[who].session.map(|_| &*chain[usize::from(how) * chain.len() / 256].block)
        };
        match what >> 2 & 15 {
            0 => self.open(who),
            1 => self.close(who),
            2 => self.pass(Duration::from_millis(u64::from(how) * 100)),
            kind @ 3..=5 => {
                let Some(block) = block(self) else { return 0 };
                let (state, body) = match kind {
                    3 => (BlockState::Best, Some(block.body().clone())),
                    4 => (BlockState::Best, None),
                    _ => (BlockState::Normal, Some(block.body().clone())),
                };
                let announce = BlockAnnounce { state, body, ..BlockAnnounce::best(block) };
                self.frame(who, ChainProtocol::BlockAnnounces, announce.encode());
            }
            6 | 7 => self.answer(who, (usize::from(how) + 1).min(ANSWER)),
            // Lost, or dropped because of a rate.
            8 => _ = self.remotes[who].asked.pop_front(),
            9 => self.twist(who, how),
            kind @ 10..=11 => {
                let announces = kind == 10;
                self.remotes[who].is_honest = false;
                let protocol =
                    if announces { ChainProtocol::BlockAnnounces } else { ChainProtocol::Sync };
                self.frame(who, protocol, data.to_vec());
                return data.len();
            }
            12 => self.ask(who, how),
            13 => {
                let block = self.chain.mine(how);
                self.imports.push_back((Source::Mined, vec![block]));
                self.work(Vec::new());
            }
            14 => self.is_busy = how & 1 == 1,
            _ => self.import_all(),
        }
        0
    }

    fn open(&mut self, who: usize) {
        self.close(who);
        self.sessions += 1;
        let session = SessionId(self.sessions);
        self.remotes[who] =
            Remote { session: Some(session), is_honest: true, asked: VecDeque::new() };
        self.tell(Event::Opened { session, peer: PeerId([who as u8; 32]) });
    }

    fn close(&mut self, who: usize) {
        if let Some(session) = std::mem::take(&mut self.remotes[who]).session {
            self.tell(Event::Closed { session });
        }
    }

    fn frame(&mut self, who: usize, protocol: ChainProtocol, data: Vec<u8>) {
        if let Some(session) = self.remotes[who].session {
            self.tell(Event::Frame { session, protocol, data: data.into() });
        }
    }

    /// Time passes, and the engine is woken when it wants to be.
    fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        while let Some(at) = self.engine.next_wakeup().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Event::Wakeup);
        }
        self.now = end;
    }

    /// The oldest question is answered, by so many of what was asked for.
    fn answer(&mut self, who: usize, most: usize) {
        let Some(question) = self.remotes[who].asked.pop_front() else { return };
        let response = match question {
            SyncRequest::BlockHeaders { start_hash, max_headers, .. } => {
                let chain = CHAINS[who].iter().skip_while(|known| known.hash != start_hash);
                let headers = chain.take(most.min(max_headers as usize));
                headers_response(headers.map(|known| known.header.clone()).collect())
            }
            SyncRequest::BlockBodies { hashes } => {
                let body = |hash: &Hash| {
                    let known = CHAINS[who].iter().find(|known| known.hash == *hash)?;
                    Some(known.block.body().clone())
                };
                let bodies = hashes.iter().take(most).map(body).collect();
                SyncResponse::BlockBodies { request_id: 0, bodies }
            }
            SyncRequest::StateRequest { .. } | SyncRequest::GetBlocks { .. } => return,
        };
        self.frame(who, ChainProtocol::Sync, SyncMessage::Response(response).encode());
    }

    /// An answer that is none.
    fn twist(&mut self, who: usize, how: u8) {
        self.remotes[who].is_honest = false;
        let Some(question) = self.remotes[who].asked.pop_front() else { return };
        let other = &CHAINS[usize::from(how >> 3 & 3)];
        let response = match question {
            SyncRequest::BlockHeaders { start_hash, .. } => {
                let mut headers: Vec<_> = other
                    .iter()
                    .skip_while(|known| known.hash != start_hash && how & 4 == 0)
                    .map(|known| known.header.clone())
                    .take(ANSWER)
                    .collect();
                match how & 3 {
                    0 => headers.truncate(1),
                    1 if headers.len() > 2 => _ = headers.remove(2),
                    2 => headers.reverse(),
                    _ => headers.extend_from_within(..),
                }
                headers_response(headers)
            }
            SyncRequest::BlockBodies { hashes } => {
                let body: Option<Body> = (how & 1 == 1).then(|| vec![vec![how]]);
                let bodies = vec![body; hashes.len() >> (how >> 5)];
                SyncResponse::BlockBodies { request_id: 0, bodies }
            }
            SyncRequest::StateRequest { .. } | SyncRequest::GetBlocks { .. } => return,
        };
        self.frame(who, ChainProtocol::Sync, SyncMessage::Response(response).encode());
    }

    /// The peer asks us.
    fn ask(&mut self, who: usize, how: u8) {
        let hash = CHAINS[who][usize::from(how) % CHAINS[who].len()].hash;
        let number = u32::from(how);
        let request = match how & 3 {
            0 => SyncRequest::BlockHeaders {
                start_hash: hash,
                max_headers: number,
                ascending: how & 4 == 0,
            },
            1 => SyncRequest::BlockBodies { hashes: vec![hash; usize::from(how)] },
            _ => SyncRequest::GetBlocks { start_height: u64::from(how), max_blocks: number },
        };
        self.frame(who, ChainProtocol::Sync, SyncMessage::Request(request).encode());
    }

    fn tell(&mut self, event: Event) {
        self.work(vec![event]);
        // What is due was done; a second look may find more of it, but not for ever.
        for _ in 0..16 {
            if self.engine.next_wakeup().is_none_or(|at| at > self.now) {
                return;
            }
            self.work(vec![Event::Wakeup]);
        }
        panic!("woken again and again at {:?}", self.now);
    }

    /// Does what the engine says, imports included unless those wait.
    fn work(&mut self, mut events: Vec<Event>) {
        loop {
            for event in std::mem::take(&mut events) {
                let actions = self.engine.handle(&self.chain, event, self.now);
                for action in actions.expect("memory does not fail") {
                    self.act(action);
                }
            }
            if self.is_busy {
                break;
            }
            let Some((source, blocks)) = self.imports.pop_front() else { break };
            events.push(self.import(source, &blocks));
        }
        let status = self.engine.status(&self.chain);
        assert!(status.claims.len() <= 4 && status.orphans <= 256, "{status:?}");
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send { session, protocol: ChainProtocol::Sync, data } => {
                let remote = self.remotes.iter_mut().find(|remote| remote.session == Some(session));
                let remote = remote.expect("nothing is sent to a session that is gone");
                let message = hegemon_node::sync::message::decode(&data);
                if let SyncMessage::Request(request) = message.expect("ours decodes") {
                    remote.asked.push_back(request);
                }
            }
            Action::Send { .. } => {}
            Action::Import { source, blocks } => self.imports.push_back((source, blocks)),
            // Frames without end are a flood, whatever is in them.
            Action::Punish { offence: Offence::Flood, .. } => {}
            Action::Punish { session, offence } => {
                let honest = self
                    .remotes
                    .iter()
                    .find(|remote| remote.session == Some(session) && remote.is_honest);
                assert!(honest.is_none(), "{session:?} said only what is true: {offence}");
            }
        }
    }

    fn import(&mut self, source: Source, blocks: &[Block]) -> Event {
        let results = blocks
            .iter()
            .map(|block| (block.hash(), u64::from(block.number()), self.chain.import(block)));
        Event::Imported { source, results: results.collect() }
    }

    fn import_all(&mut self) {
        let was_busy = std::mem::take(&mut self.is_busy);
        self.work(Vec::new());
        self.is_busy = was_busy;
    }

    /// Everybody who is honest answers: the best valid chain among theirs is here after a while.
    pub fn end(mut self) {
        self.is_busy = false;
        self.work(Vec::new());
        let Some(best) = (0..2).find(|who| self.is_honest(*who)) else { return };
        let tip = CHAINS[best].last().expect("a chain has a tip");
        let announce = BlockAnnounce::best(&tip.block).encode();
        self.frame(best, ChainProtocol::BlockAnnounces, announce);
        let deadline = self.now.after(PATIENCE);
        while self.chain.best().total_work < WORK[best] {
            assert!(self.now < deadline, "{:?} and no better", self.chain.best());
            let mut answers = 0;
            for who in 0..4 {
                while self.is_honest(who) && !self.remotes[who].asked.is_empty() {
                    self.answer(who, ANSWER);
                    answers += 1;
                    assert!(answers < MAX_ANSWERS, "{who} is asked without end at {:?}", self.now);
                }
            }
            // As long as an answer takes, or until something happens.
            let next = self.engine.next_wakeup().unwrap_or(deadline).min(deadline);
            self.pass(next.since(self.now).max(Duration::from_millis(10)));
        }
    }

    fn is_honest(&self, who: usize) -> bool {
        self.remotes[who].session.is_some() && self.remotes[who].is_honest
    }
}

fn headers_response(headers: Vec<Vec<u8>>) -> SyncResponse {
    SyncResponse::BlockHeaders { request_id: 0, headers }
}
