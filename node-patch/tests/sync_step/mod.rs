//! One engine, event by event: honest answers that come when what they were asked for is over.

use hegemon_discovery::Mono;
use hegemon_node::{
    chain::{Block, Chain, ChainParams, MAX_DRIFT_MS, Template},
    net::handle::{ChainProtocol, PeerId, SessionId},
    sync::{
        Action, Event, SyncEngine,
        message::{BlockAnnounce, SyncRequest, SyncResponse},
    },
};
use parity_scale_codec::Encode;

use crate::{Frame, NOW_MS, answer, chain_of, extend, question, response};

type Asked = Vec<(SessionId, SyncRequest)>;

struct Alone {
    engine: SyncEngine,
    chain: Chain,
    now: Mono,
}

impl Alone {
    fn new() -> Self {
        let storage = redb::backends::InMemoryBackend::new();
        let chain = Chain::on(storage, params()).unwrap();
        Self { engine: SyncEngine::default(), chain, now: Mono(0) }
    }

    /// What it asks, and whom. Nobody is to blame.
    fn tell(&mut self, event: Event) -> Asked {
        let (mut events, mut asked) = (vec![event], Vec::new());
        while let Some(event) = events.pop() {
            for action in self.engine.handle(&self.chain, event, self.now).unwrap() {
                match action {
                    Action::Send { session, protocol: ChainProtocol::Sync, data } => {
                        asked.extend(question(&data).map(|question| (session, question)))
                    }
                    Action::Send { .. } => {}
                    Action::Import { source, blocks } => {
                        let outcomes = self.chain.import_batch(&blocks, NOW_MS).unwrap();
                        let results = blocks.iter().zip(outcomes).map(|(block, outcome)| {
                            (block.hash(), u64::from(block.number()), outcome)
                        });
                        events.push(Event::Imported { source, results: results.collect() });
                    }
                    Action::Punish { session, offence } => panic!("{session:?}: {offence}"),
                }
            }
        }
        asked
    }

    fn hear(&mut self, session: SessionId, frames: Vec<Frame>) -> Asked {
        let frames = frames.into_iter().map(|(protocol, data)| Event::Frame {
            session,
            protocol,
            data: data.into(),
        });
        frames.flat_map(|frame| self.tell(frame)).collect()
    }

    /// A peer comes and announces the last of `blocks`.
    fn meet(&mut self, session: SessionId, blocks: &[Block]) -> Asked {
        self.tell(Event::Opened { session, peer: PeerId([session.0 as u8; 32]) });
        let data = BlockAnnounce::best(blocks.last().unwrap()).encode();
        self.hear(session, vec![(ChainProtocol::BlockAnnounces, data)])
    }

    /// The peer answers until it is asked for no more headers, or what follows `end`. All that was
    /// asked meanwhile.
    fn walk_up(
        &mut self,
        session: SessionId,
        blocks: &[Block],
        mut asked: Asked,
        end: &Block,
    ) -> Asked {
        let mut latest = asked.clone();
        while let Some(question) = headers_of(&latest, session) {
            if matches!(question, SyncRequest::BlockHeaders { start_hash, .. } if start_hash == end.hash())
            {
                break;
            }
            latest = self.hear(session, answer(blocks, &question));
            asked.extend(latest.clone());
        }
        asked
    }
}

fn params() -> ChainParams {
    ChainParams::trivial("step by step")
}

/// The last question for headers.
fn headers_of(asked: &Asked, session: SessionId) -> Option<SyncRequest> {
    last_of(asked, session, |question| matches!(question, SyncRequest::BlockHeaders { .. }))
}

/// The last question for bodies.
fn bodies_of(asked: &Asked, session: SessionId) -> Option<SyncRequest> {
    last_of(asked, session, |question| matches!(question, SyncRequest::BlockBodies { .. }))
}

fn last_of(
    asked: &Asked,
    session: SessionId,
    is_it: fn(&SyncRequest) -> bool,
) -> Option<SyncRequest> {
    let last = asked.iter().rfind(|(of, question)| *of == session && is_it(question));
    last.map(|(_, question)| question.clone())
}

const ONE: SessionId = SessionId(1);
const TWO: SessionId = SessionId(2);
const THREE: SessionId = SessionId(3);

/// Two peers show the same branch, and it is fetched before the second one has shown that it is
/// the better one.
#[test]
fn who_is_still_showing_the_branch_that_is_fetched_gives_of_it() {
    let (mut node, blocks) = (Alone::new(), chain_of(&params(), 300, 1));
    let ours = chain_of(&params(), 200, 2);
    node.chain.import_batch(&ours[1..], NOW_MS).unwrap();
    let first = node.meet(ONE, &blocks);
    let second = node.meet(TWO, &blocks);
    let second = node.walk_up(TWO, &blocks, second, &blocks[127]);
    let asked = node.walk_up(ONE, &blocks, first, &blocks[300]);
    assert!(bodies_of(&asked, ONE).is_some());
    let shared = bodies_of(&asked, TWO).expect("what it showed so far is of that branch");

    node.hear(TWO, answer(&blocks, &headers_of(&second, TWO).unwrap()));
    node.hear(TWO, answer(&blocks, &shared));
    let mut asked = node.tell(Event::Closed { session: ONE });
    while let Some(question) = bodies_of(&asked, TWO) {
        asked = node.hear(TWO, answer(&blocks, &question));
    }
    assert_eq!(node.chain.best().hash, blocks[300].hash());
}

/// Bodies that were asked for of a branch that is given up say nothing of who gives them.
#[test]
fn an_answer_for_a_branch_that_was_given_up_is_no_failure() {
    let mut node = Alone::new();
    let mut blocks = chain_of(&params(), 10, 1);
    let time = NOW_MS + MAX_DRIFT_MS + 1_000;
    let parent = blocks[10].header();
    blocks.push(Template::on(&params(), parent, [1; 32], time, Vec::new()).mine(0));
    blocks.extend(extend(&params(), &blocks[11], 500, 1));
    let other = chain_of(&params(), 50, 2);

    let first = node.meet(ONE, &blocks);
    let second = node.meet(TWO, &blocks);
    let bodies = node.walk_up(ONE, &blocks, first, &blocks[511]);
    let shared = node.walk_up(TWO, &blocks, second, &blocks[511]);
    let third = node.meet(THREE, &other);
    node.walk_up(THREE, &other, third, &other[50]);
    let asked = node.hear(ONE, answer(&blocks, &bodies_of(&bodies, ONE).unwrap()));
    assert_eq!(node.chain.best().number, 10, "the next one is from the future");
    assert!(bodies_of(&asked, THREE).is_some(), "the other branch is fetched: {asked:?}");

    node.hear(TWO, answer(&blocks, &bodies_of(&shared, TWO).unwrap()));
    node.hear(TWO, answer(&blocks, &headers_of(&asked, TWO).unwrap()));
    assert_eq!(node.engine.status(&node.chain).highest, 511, "it is believed");
}

/// The one whose headers are fetched gave no bodies, and shows the same headers again: that is what
/// is fetched already, and no more of it.
#[test]
fn a_leader_that_begins_anew_makes_its_branch_no_longer() {
    let (mut node, blocks) = (Alone::new(), chain_of(&params(), 300, 1));
    let first = node.meet(ONE, &blocks);
    let second = node.meet(TWO, &blocks);
    let asked = node.hear(ONE, answer(&blocks, &headers_of(&first, ONE).unwrap()));
    assert!(bodies_of(&asked, ONE).is_some(), "{asked:?}");
    node.hear(TWO, answer(&blocks, &headers_of(&second, TWO).unwrap()));
    let nothing = SyncResponse::BlockBodies { request_id: 0, bodies: Vec::new() };
    let asked = node.hear(ONE, response(nothing));
    assert!(bodies_of(&asked, TWO).is_some(), "{asked:?}");

    node.now = Mono(1_000);
    let asked = node.tell(Event::Wakeup);
    let asked = node.hear(ONE, answer(&blocks, &headers_of(&asked, ONE).unwrap()));
    assert_eq!(headers_of(&asked, ONE), None, "it is not asked the same again and again");
    assert!(bodies_of(&asked, ONE).is_some(), "{asked:?}");
}
