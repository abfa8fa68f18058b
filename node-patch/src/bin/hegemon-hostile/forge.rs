//! Where an adversary's blocks come from: it mines them, as anybody can on a dev chain.

use std::io;

use hegemon_node::chain::{
    Block, BlockNumber, ChainParams, DigestItem, Hash, Header, POW_ENGINE, PowClaim, Template,
    extrinsics_root,
};
use parity_scale_codec::Encode;
use tokio::task::yield_now;

/// Hashes for one block at the most: a hundred times what a dev block of two seconds takes, and
/// some seconds of a core.
const MOST_HASHES: u64 = 4_000_000;
/// Hashes between two looks at what else there is to do: a few milliseconds.
const BURST: u32 = 2_000;

/// Mines blocks of one chain.
#[derive(Debug)]
pub(crate) struct Forge {
    params: ChainParams,
    author: [u8; 32],
}

impl Forge {
    /// For the chain that `header` is of, which must be the dev chain of this block time.
    pub(crate) fn of(header: &Header, block_time_ms: u64) -> io::Result<Self> {
        let params = ChainParams::dev(block_time_ms).map_err(io::Error::other)?;
        if header.state_root != params.state_root() {
            return Err(io::Error::other("the target's chain is no dev chain of this block time"));
        }
        Self::new(params)
    }

    pub(crate) fn new(params: ChainParams) -> io::Result<Self> {
        Ok(Self { params, author: random()? })
    }

    pub(crate) fn genesis(&self) -> Block {
        self.params.genesis()
    }

    /// A valid child of `parent` but for the time that it states.
    pub(crate) async fn child(&self, parent: &Header, timestamp_ms: u64) -> io::Result<Block> {
        // Not empty, so that it cannot be told from the header alone.
        let body = vec![self.author.to_vec()];
        let template = Template::on(&self.params, parent, self.author, timestamp_ms, body);
        let difficulty = template.difficulty();
        mine(template, difficulty).await
    }

    /// A block of that height whose parent nobody has, at the least work that a header may state.
    pub(crate) async fn in_the_air(&self, number: BlockNumber) -> io::Result<Block> {
        let (body, difficulty) = (Vec::new(), self.params.min_difficulty());
        let claim = PowClaim { author: self.author, timestamp_ms: 1, difficulty };
        let header = Header {
            parent_hash: Hash(random()?),
            number,
            state_root: self.params.state_root(),
            extrinsics_root: extrinsics_root(&body),
            digest: vec![DigestItem::PreRuntime(POW_ENGINE, claim.encode())],
        };
        mine(Template::from_unsealed(header, body, difficulty), difficulty).await
    }
}

async fn mine(template: Template, difficulty: u128) -> io::Result<Block> {
    if difficulty > u128::from(MOST_HASHES) / 8 {
        return Err(io::Error::other(format!("a difficulty of {difficulty} is too high to mine")));
    }
    for start in (0..MOST_HASHES).step_by(BURST as usize) {
        if let Some(nonce) = template.search(start, BURST) {
            return Ok(template.seal(nonce));
        }
        yield_now().await;
    }
    Err(io::Error::other("found no block in time"))
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| io::Error::other("this machine's random generator failed"))?;
    Ok(bytes)
}
