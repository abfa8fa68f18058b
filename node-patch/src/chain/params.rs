//! What makes one chain different from another, and the hash that says so in every header.

use parity_scale_codec::Encode;

use super::{
    block::{Block, extrinsics_root},
    hash::Hash,
    header::{DigestItem, Header, POW_ENGINE, PowClaim},
};

/// Hashes per second of one dev mining thread.
///
/// A thread that burnt a whole core would starve the other 29 nodes on a laptop. At this rate it
/// takes 4 % of a core in a debug build (measured) and a small part of that in a release build, and
/// a two-second block is still found by some 80,000 real hashes.
pub const DEV_HASHES_PER_SECOND: u32 = 20_000;

/// Block time of a dev chain unless configured, in milliseconds.
pub const DEV_BLOCK_TIME_MS: u32 = 2_000;

/// Blocks' difficulties stay below 2^96: even 2^32 blocks of it add up to less than 2^128, so total
/// work cannot overflow.
pub const MAX_DIFFICULTY: u128 = 1 << 96;

/// Longest block time, one day. It keeps the arithmetic of difficulty within an `i128`.
pub const MAX_BLOCK_TIME_MS: u32 = 24 * 60 * 60 * 1000;

/// 2026-01-01T00:00:00Z. Fixed, so that every node has the same genesis.
const GENESIS_TIMESTAMP_MS: u64 = 1_767_225_600_000;

/// Raised when the rules of validity change: nodes of different rules then refuse each other on
/// their first block.
const RULES: u32 = 1;

/// The parameters of a chain. Two nodes share a chain if and only if all of them are equal.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct ChainParams {
    name: String,
    rules: u32,
    block_time_ms: u32,
    initial_difficulty: u128,
    min_difficulty: u128,
}

/// The block time asked for is not one that difficulty can be computed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("block time {0} ms is out of range: 50 to {MAX_BLOCK_TIME_MS} ms are accepted")]
pub struct BadBlockTime(pub u64);

/// Shortest block time: below it most blocks would be forks, even between processes of one machine.
const MIN_BLOCK_TIME_MS: u32 = 50;

impl ChainParams {
    /// The development chain: its difficulty starts at what one paced thread does in one block
    /// time.
    ///
    /// # Errors
    /// If the block time is out of range.
    pub fn dev(block_time_ms: u64) -> Result<Self, BadBlockTime> {
        let block_time_ms = u32::try_from(block_time_ms)
            .ok()
            .filter(|ms| (MIN_BLOCK_TIME_MS..=MAX_BLOCK_TIME_MS).contains(ms))
            .ok_or(BadBlockTime(block_time_ms))?;
        let hashes = u128::from(DEV_HASHES_PER_SECOND) * u128::from(block_time_ms) / 1000;
        Ok(Self {
            name: "Hegemon Development".into(),
            rules: RULES,
            block_time_ms,
            // One thread keeps the pace from the first block; more are ahead of it for some twenty
            // blocks.
            initial_difficulty: hashes,
            // A tenth of one thread: with fewer hashes the granularity of pacing would show.
            min_difficulty: hashes / 10,
        })
    }

    /// As [`Self::dev`], with difficulties halved so many times: for miners that are as much slower,
    /// where many nodes share a core. Another chain by its parameters, and the same rules.
    ///
    /// # Errors
    /// If the block time is out of range.
    pub fn dev_scaled(block_time_ms: u64, halvings: u32) -> Result<Self, BadBlockTime> {
        let dev = Self::dev(block_time_ms)?;
        Ok(Self {
            initial_difficulty: (dev.initial_difficulty >> halvings).max(1),
            min_difficulty: (dev.min_difficulty >> halvings).max(1),
            ..dev
        })
    }

    /// The chain without `--dev`: minute blocks, and miners that use whole cores (about 10 million
    /// hashes a second each).
    #[must_use]
    pub fn testbed() -> Self {
        Self {
            name: "Hegemon Testbed".into(),
            rules: RULES,
            block_time_ms: 60_000,
            initial_difficulty: 600_000_000,
            min_difficulty: 1_000_000,
        }
    }

    /// As [`Self::dev`], with difficulties so low that a test mines thousands of blocks in a
    /// moment.
    #[must_use]
    pub fn trivial(name: &str) -> Self {
        Self {
            name: name.into(),
            rules: RULES,
            block_time_ms: 1_000,
            initial_difficulty: 16,
            min_difficulty: 1,
        }
    }

    /// What `system_chain` says.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version of the rules of validity.
    #[must_use]
    pub fn rules(&self) -> u32 {
        self.rules
    }

    /// Mean time between blocks that difficulty aims at, in milliseconds; within 50 to
    /// [`MAX_BLOCK_TIME_MS`].
    #[must_use]
    pub fn block_time_ms(&self) -> u32 {
        self.block_time_ms
    }

    /// Difficulty of genesis and of its child.
    #[must_use]
    pub fn initial_difficulty(&self) -> u128 {
        self.initial_difficulty
    }

    /// Difficulty never falls below this; within 1 to [`MAX_DIFFICULTY`].
    #[must_use]
    pub fn min_difficulty(&self) -> u128 {
        self.min_difficulty
    }

    /// What every header of the chain has as its state root.
    #[must_use]
    pub fn state_root(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// The first block: nobody mined it, so it has no seal.
    #[must_use]
    pub fn genesis(&self) -> Block {
        let claim = PowClaim {
            author: [0; 32],
            timestamp_ms: GENESIS_TIMESTAMP_MS,
            difficulty: self.initial_difficulty.min(MAX_DIFFICULTY),
        };
        let header = Header {
            parent_hash: Hash::default(),
            number: 0,
            state_root: self.state_root(),
            extrinsics_root: extrinsics_root(&Vec::new()),
            digest: vec![DigestItem::PreRuntime(POW_ENGINE, claim.encode())],
        };
        Block::new(header, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_other_parameter_is_another_chain() {
        let dev = ChainParams::dev(2_000).unwrap();
        assert_ne!(dev.state_root(), ChainParams::dev(2_001).unwrap().state_root());
        assert_ne!(dev.genesis().hash(), ChainParams::testbed().genesis().hash());
        assert_eq!(dev.genesis(), ChainParams::dev(2_000).unwrap().genesis());
    }

    #[test]
    fn block_times_without_a_meaning_are_refused() {
        assert_eq!(ChainParams::dev(0), Err(BadBlockTime(0)));
        assert_eq!(ChainParams::dev(u64::MAX), Err(BadBlockTime(u64::MAX)));
        assert!(ChainParams::dev(u64::from(MAX_BLOCK_TIME_MS)).is_ok());
    }
}
