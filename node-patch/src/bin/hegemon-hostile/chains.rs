//! What a peer can say about the chain. The wire has no status message: what a peer claims is the
//! block that it announces as its best.

use std::{
    io,
    time::{Duration, Instant},
};

use hegemon_discovery::Message;
use hegemon_node::{
    chain::{Block, BlockNumber, ChainParams, Hash, Header, MAX_DRIFT_MS},
    clock::Clock,
    sync::message::{
        self, BlockAnnounce, BlockState, SyncMessage, SyncRequest, SyncResponse, WireBlock,
    },
    transport::envelope::{self, Protocol},
};
use parity_scale_codec::Encode;
use tokio::time::timeout;

use crate::{
    forge::Forge,
    peer::{Peer, Session, discovery},
};

/// Blocks of a forged chain: enough to be ahead, few enough to mine in a moment.
const LENGTH: usize = 4;
/// A target's new tip gets a forged chain of its own at most so often: mining is dear.
const FORGE_EVERY: Duration = Duration::from_secs(2);
/// Between two announcements of the same thing: well within what a peer may announce.
const REPEAT: Duration = Duration::from_millis(200);
/// How far the first forged block is beyond the time that is allowed, in milliseconds: no clock is
/// so wrong.
const FUTURE_MS: u64 = MAX_DRIFT_MS + 60_000;

/// What the target said of its chain.
enum Heard {
    Best(Header),
    Request(SyncRequest),
    Blocks(Vec<WireBlock>),
    /// Nothing for a while, or nothing of the kind.
    Nothing,
}

/// Announces and serves a chain that hangs on another genesis: of other parameters, or in turn of
/// the same ones, where only the ancestors tell.
pub(crate) async fn wrong_genesis(peer: Peer) -> io::Result<()> {
    let (block_time_ms, number) = (peer.front().block_time_ms, peer.number());
    let mut session = open(peer).await?;
    let (forge, mut tip) = if number.is_multiple_of(2) {
        let params = ChainParams::dev(block_time_ms).map_err(io::Error::other)?;
        let forge = Forge::new(params)?;
        let first = forge.in_the_air(1).await?;
        (forge, first)
    } else {
        let forge = Forge::new(ChainParams::trivial("Hostile"))?;
        let genesis = forge.genesis();
        (forge, genesis)
    };
    let mut chain = vec![tip.clone()];
    while chain.len() < LENGTH {
        tip = forge.child(tip.header(), Clock::start().unix_ms()).await?;
        chain.push(tip.clone());
    }
    loop {
        announce(&mut session, &chain).await?;
        if let Heard::Request(request) = hear(&mut session).await? {
            serve(&mut session, &request, None, &chain).await?;
        }
    }
}

/// Mines on every tip, with times that no clock can have, and announces and serves that.
pub(crate) async fn future_blocks(peer: Peer) -> io::Result<()> {
    let times = || {
        let first = Clock::start().unix_ms().saturating_add(FUTURE_MS);
        // Difficulty falls with each of them, to the least that there is.
        (0..LENGTH as u64).map(move |number| match number {
            3.. => u64::MAX,
            _ => first.saturating_add(number * FUTURE_MS),
        })
    };
    let mut forged = Forged::default();
    let mut session = open(peer).await?;
    loop {
        match hear(&mut session).await? {
            Heard::Best(tip) if forged.is_due() => {
                forged.on(&session, &tip, times()).await?;
                announce(&mut session, &forged.chain).await?;
            }
            Heard::Request(request) => {
                serve(&mut session, &request, forged.tip.as_ref(), &forged.chain).await?;
            }
            Heard::Best(_) | Heard::Blocks(_) | Heard::Nothing => {}
        }
    }
}

/// Mines a heavier chain on every tip, valid and in time, announces its headers, and answers every
/// question with headers alone.
pub(crate) async fn headers_without_bodies(peer: Peer) -> io::Result<()> {
    let mut forged = Forged::default();
    let mut session = open(peer).await?;
    loop {
        match hear(&mut session).await? {
            Heard::Best(tip) if forged.is_due() => {
                let now = Clock::start().unix_ms();
                forged.on(&session, &tip, (0..).map(|number| now + number).take(LENGTH)).await?;
                for block in &forged.chain {
                    announce_header(&mut session, block).await?;
                }
            }
            Heard::Request(SyncRequest::BlockBodies { hashes }) => {
                let bodies = vec![None; hashes.len()];
                respond(&mut session, SyncResponse::BlockBodies { request_id: 0, bodies }).await?;
            }
            Heard::Request(request) => {
                serve(&mut session, &request, forged.tip.as_ref(), &forged.chain).await?;
            }
            Heard::Best(_) | Heard::Blocks(_) | Heard::Nothing => {}
        }
    }
}

/// Claims the greatest height that there is and never answers; or in turn says for ever that the
/// target's own first block is its best.
pub(crate) async fn stale_tip(peer: Peer) -> io::Result<()> {
    if peer.number().is_multiple_of(2) { old_tip(peer).await } else { great_tip(peer).await }
}

async fn great_tip(peer: Peer) -> io::Result<()> {
    let block_time_ms = peer.front().block_time_ms;
    let mut session = open(peer).await?;
    let params = ChainParams::dev(block_time_ms).map_err(io::Error::other)?;
    let tip = Forge::new(params)?.in_the_air(BlockNumber::MAX).await?;
    loop {
        announce_header(&mut session, &tip).await?;
        hear(&mut session).await?;
    }
}

async fn old_tip(peer: Peer) -> io::Result<()> {
    let mut session = open(peer).await?;
    let ask = SyncMessage::Request(SyncRequest::GetBlocks { start_height: 1, max_blocks: 1 });
    let mut first: Vec<Block> = Vec::new();
    loop {
        if first.is_empty() {
            session.send(envelope::encode(Protocol::Sync, &ask.encode())).await?;
        } else {
            announce(&mut session, &first).await?;
        }
        match hear(&mut session).await? {
            Heard::Blocks(blocks) if first.is_empty() => {
                let blocks = blocks.into_iter().take(1);
                let blocks = blocks.map(|block| Block::from_wire(&block.header, block.body));
                first = blocks.collect::<Result<_, _>>().map_err(io::Error::other)?;
            }
            // Whatever is asked for.
            Heard::Request(_) => serve_all(&mut session, &first).await?,
            Heard::Best(_) | Heard::Blocks(_) | Heard::Nothing => {}
        }
    }
}

/// What was mined last.
#[derive(Default)]
struct Forged {
    /// The target's block that it was mined on.
    tip: Option<Header>,
    chain: Vec<Block>,
    at: Option<Instant>,
}

impl Forged {
    fn is_due(&self) -> bool {
        self.at.is_none_or(|at| at.elapsed() >= FORGE_EVERY)
    }

    /// Mines on `tip`, one block for each of the times.
    async fn on(
        &mut self,
        session: &Session,
        tip: &Header,
        times: impl Iterator<Item = u64>,
    ) -> io::Result<()> {
        let forge = Forge::of(tip, session.peer.front().block_time_ms)?;
        self.chain.clear();
        for time in times {
            let parent = self.chain.last().map_or(tip, Block::header);
            let block = forge.child(parent, time).await?;
            self.chain.push(block);
        }
        self.tip = Some(tip.clone());
        self.at = Some(Instant::now());
        Ok(())
    }
}

/// A session of a peer that does not listen.
async fn open(peer: Peer) -> io::Result<Session> {
    let mut session = Session::open(peer).await?;
    session.send(discovery(&Message::Hello { listen_port: 0 })).await?;
    Ok(session)
}

/// What the target says next; [`Heard::Nothing`] after a while.
async fn hear(session: &mut Session) -> io::Result<Heard> {
    let Ok(plaintext) = timeout(REPEAT, session.receive()).await else {
        return Ok(Heard::Nothing);
    };
    let plaintext = plaintext?;
    Ok(match envelope::decode(&plaintext) {
        Some((Protocol::BlockAnnounces, data)) => match message::decode::<BlockAnnounce>(data) {
            Ok(announce) => {
                Header::from_bytes(&announce.header).map_or(Heard::Nothing, Heard::Best)
            }
            Err(_) => Heard::Nothing,
        },
        Some((Protocol::Sync, data)) => match message::decode(data) {
            Ok(SyncMessage::Request(request)) => Heard::Request(request),
            Ok(SyncMessage::Response(SyncResponse::Blocks { blocks, .. })) => Heard::Blocks(blocks),
            Ok(SyncMessage::Response(_)) | Err(_) => Heard::Nothing,
        },
        Some((Protocol::Discovery, _)) | None => Heard::Nothing,
    })
}

/// Announces blocks with their bodies, each as the best.
async fn announce(session: &mut Session, chain: &[Block]) -> io::Result<()> {
    for block in chain {
        let data = BlockAnnounce::best(block).encode();
        session.send(envelope::encode(Protocol::BlockAnnounces, &data)).await?;
    }
    Ok(())
}

async fn announce_header(session: &mut Session, block: &Block) -> io::Result<()> {
    let announce =
        BlockAnnounce { body: None, state: BlockState::Best, ..BlockAnnounce::best(block) };
    session.send(envelope::encode(Protocol::BlockAnnounces, &announce.encode())).await
}

/// Answers as an honest node with that chain would; `tip` is the target's block that it is on.
async fn serve(
    session: &mut Session,
    request: &SyncRequest,
    tip: Option<&Header>,
    chain: &[Block],
) -> io::Result<()> {
    match request {
        SyncRequest::BlockHeaders { start_hash, .. } => {
            let headers = headers(*start_hash, tip, chain);
            respond(session, SyncResponse::BlockHeaders { request_id: 0, headers }).await
        }
        SyncRequest::BlockBodies { hashes } => {
            let body = |hash| {
                let block = chain.iter().find(|block| block.hash() == hash)?;
                Some(block.body().clone())
            };
            let bodies = hashes.iter().map(|hash| body(*hash)).collect();
            respond(session, SyncResponse::BlockBodies { request_id: 0, bodies }).await
        }
        SyncRequest::GetBlocks { start_height, .. } => {
            let asked = chain.iter().position(|block| u64::from(block.number()) >= *start_height);
            serve_all(session, &chain[asked.unwrap_or(chain.len())..]).await
        }
        SyncRequest::StateRequest { .. } => Ok(()),
    }
}

/// Headers from `start` on; none if it is not on that chain.
fn headers(start: Hash, tip: Option<&Header>, chain: &[Block]) -> Vec<Vec<u8>> {
    let known = tip.into_iter().chain(chain.iter().map(Block::header));
    known.skip_while(|header| header.hash() != start).map(Encode::encode).collect()
}

async fn serve_all(session: &mut Session, chain: &[Block]) -> io::Result<()> {
    let blocks = chain.iter().map(WireBlock::from).collect();
    respond(session, SyncResponse::Blocks { request_id: 0, blocks }).await
}

async fn respond(session: &mut Session, response: SyncResponse) -> io::Result<()> {
    let data = SyncMessage::Response(response).encode();
    session.send(envelope::encode(Protocol::Sync, &data)).await
}

#[cfg(test)]
mod tests {
    use hegemon_node::chain::Template;

    use super::*;

    #[test]
    fn headers_begin_with_the_block_that_was_asked_from() {
        let params = ChainParams::trivial("chains");
        let genesis = params.genesis();
        let mut chain: Vec<Block> = Vec::new();
        for _ in 0..3 {
            let parent = chain.last().unwrap_or(&genesis).header();
            chain.push(Template::on(&params, parent, [1; 32], 0, Vec::new()).mine(0));
        }
        let count = |start| headers(start, Some(genesis.header()), &chain).len();
        assert_eq!(count(genesis.hash()), 4, "the target's tip is known");
        assert_eq!(count(chain[1].hash()), 2);
        assert_eq!(count(Hash([7; 32])), 0, "nobody has it");
        assert_eq!(headers(genesis.hash(), None, &chain).len(), 0);
    }
}
