//! A block in the making: everything but the nonce.

use parity_scale_codec::Encode;

use super::{
    block::{Block, Body, extrinsics_root},
    difficulty,
    hash::Hash,
    header::{DigestItem, Header, POW_ENGINE, PowClaim},
    params::ChainParams,
    pow,
};

/// An unsealed block and what a miner needs to work on it.
#[derive(Debug, Clone)]
pub struct Template {
    header: Header,
    body: Body,
    pre_hash: Hash,
    difficulty: u128,
}

impl Template {
    /// The next block on `parent`. Its timestamp is `now_ms`, or just after the parent's if our
    /// clock is behind.
    #[must_use]
    pub fn on(
        params: &ChainParams,
        parent: &Header,
        author: [u8; 32],
        now_ms: u64,
        body: Body,
    ) -> Self {
        let parent_claim = parent.pow_claim().expect("a stored block has a claim");
        let timestamp_ms = now_ms.max(parent_claim.timestamp_ms.saturating_add(1));
        let difficulty = difficulty::next(params, parent.number, &parent_claim, timestamp_ms);
        let header = Header {
            parent_hash: parent.hash(),
            number: parent.number.saturating_add(1),
            state_root: params.state_root(),
            extrinsics_root: extrinsics_root(&body),
            digest: vec![DigestItem::PreRuntime(
                POW_ENGINE,
                PowClaim { author, timestamp_ms, difficulty }.encode(),
            )],
        };
        Self::from_unsealed(header, body, difficulty)
    }

    /// Joins an unsealed header, a body and a difficulty as they are: for tests of blocks that
    /// break a rule.
    #[must_use]
    pub fn from_unsealed(header: Header, body: Body, difficulty: u128) -> Self {
        let pre_hash = header.pre_hash();
        Self { header, body, pre_hash, difficulty }
    }

    /// Hash of the parent that it is on.
    #[must_use]
    pub fn parent_hash(&self) -> Hash {
        self.header.parent_hash
    }

    /// Expected number of nonces to try.
    #[must_use]
    pub fn difficulty(&self) -> u128 {
        self.difficulty
    }

    /// The first of `count` nonces from `start` on (wrapping) that does the work.
    #[must_use]
    pub fn search(&self, start: u64, count: u32) -> Option<u64> {
        (0..u64::from(count))
            .map(|offset| start.wrapping_add(offset))
            .find(|nonce| pow::meets(&pow::work(&self.pre_hash, *nonce), self.difficulty))
    }

    /// The finished block.
    #[must_use]
    pub fn seal(self, nonce: u64) -> Block {
        let mut header = self.header;
        header.digest.push(DigestItem::Seal(POW_ENGINE, nonce.encode()));
        Block::new(header, self.body)
    }

    /// Searches from `start` on until the work is done: for difficulties at which that takes no
    /// time.
    #[must_use]
    pub fn mine(self, mut start: u64) -> Block {
        loop {
            if let Some(nonce) = self.search(start, u32::MAX) {
                return self.seal(nonce);
            }
            start = start.wrapping_add(u64::from(u32::MAX));
        }
    }
}
