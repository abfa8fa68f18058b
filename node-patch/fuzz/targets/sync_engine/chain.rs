//! A chain in memory, as quick as fuzzing wants it, and the chains that the peers have.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use hegemon_node::{
    chain::{
        self, Best, Block, BlockNumber, ChainParams, Hash, Header, ImportError, Imported,
        MAX_DRIFT_MS, StoreError, Template,
    },
    sync::ChainView,
};
use parity_scale_codec::Encode;

const START_MS: u64 = 1_800_000_000_000;
const NOW_MS: u64 = 2_000_000_000_000;

static PARAMS: LazyLock<ChainParams> = LazyLock::new(|| ChainParams::trivial("fuzz"));

/// A block of a peer's chain; what is asked for all the time is at hand.
pub struct Known {
    pub hash: Hash,
    pub header: Vec<u8>,
    pub block: Arc<Block>,
}

/// Of each peer, from genesis on: two that are valid, of which the first has more work; one with
/// blocks from the future; one of other parameters. As short as the rules allow to matter: a walk
/// down takes seven questions, and a peer has more blocks than its share of orphans.
pub static CHAINS: LazyLock<[Vec<Known>; 4]> = LazyLock::new(|| {
    let genesis = vec![Arc::new(PARAMS.genesis())];
    let main = extend(&PARAMS, genesis, 64, 1, START_MS);
    let heavier = extend(&PARAMS, main[..=16].to_vec(), 52, 2, START_MS);
    let future = extend(&PARAMS, main[..=24].to_vec(), 20, 3, NOW_MS + MAX_DRIFT_MS);
    let foreign = ChainParams::trivial("another");
    let genesis = vec![Arc::new(foreign.genesis())];
    [heavier, main, future, extend(&foreign, genesis, 8, 4, START_MS)].map(|chain| {
        let known = |block: Arc<Block>| Known {
            hash: block.hash(),
            header: block.header().encode(),
            block,
        };
        chain.into_iter().map(known).collect()
    })
});

fn extend(
    params: &ChainParams,
    mut chain: Vec<Arc<Block>>,
    count: usize,
    author: u8,
    start_ms: u64,
) -> Vec<Arc<Block>> {
    for _ in 0..count {
        let parent = chain.last().expect("it begins with genesis").header();
        let before = parent.pow_claim().expect("a valid block has one").timestamp_ms;
        let time = before.max(start_ms) + 1_000;
        let body = vec![vec![author; parent.number as usize % 5]];
        chain.push(Arc::new(Template::on(params, parent, [author; 32], time, body).mine(0)));
    }
    chain
}

/// Work of the first two.
pub static WORK: LazyLock<[u128; 2]> = LazyLock::new(|| {
    [0, 1].map(|which| CHAINS[which].iter().map(|known| difficulty(&known.block)).sum())
});

fn difficulty(block: &Block) -> u128 {
    block.header().pow_claim().expect("a valid block has one").difficulty
}

/// What is stored.
pub struct Memory {
    blocks: HashMap<Hash, (u128, Arc<Block>)>,
    canonical: Vec<Hash>,
    best: Best,
}

impl Memory {
    /// With so many blocks above genesis of a peer's chain.
    pub fn with(which: usize, count: usize) -> Self {
        let Known { hash, block, .. } = &CHAINS[which][0];
        let (hash, total_work) = (*hash, difficulty(block));
        let mut memory = Self {
            blocks: HashMap::from([(hash, (total_work, block.clone()))]),
            canonical: vec![hash],
            best: Best { hash, number: 0, total_work },
        };
        for Known { hash, block, .. } in CHAINS[which].iter().take(count + 1).skip(1) {
            memory.put(*hash, block.clone(), memory.best.total_work + difficulty(block));
        }
        memory
    }

    /// The next block of our own miner.
    pub fn mine(&self, author: u8) -> Block {
        let parent = self.blocks[&self.best.hash].1.header();
        let before = parent.pow_claim().expect("a valid block has one").timestamp_ms;
        let time = before.max(START_MS) + 1_000;
        Template::on(&PARAMS, parent, [author; 32], time, Vec::new()).mine(0)
    }

    /// By the rules of `chain::Chain`; nothing is forgotten.
    pub fn import(&mut self, block: &Block) -> Result<Imported, ImportError> {
        let hash = block.hash();
        if self.blocks.contains_key(&hash) {
            return Ok(Imported::AlreadyKnown);
        }
        let claim = chain::standalone(&PARAMS, block)?;
        let Some((work, parent)) = self.blocks.get(&block.parent_hash()) else {
            return Err(ImportError::UnknownParent(block.parent_hash()));
        };
        chain::header_on_parent(&PARAMS, parent.header(), block.header(), &claim)?;
        if claim.timestamp_ms > NOW_MS + MAX_DRIFT_MS {
            return Err(ImportError::FromTheFuture);
        }
        let total_work = work + claim.difficulty;
        Ok(self.put(hash, Arc::new(block.clone()), total_work))
    }

    fn put(&mut self, hash: Hash, block: Arc<Block>, total_work: u128) -> Imported {
        let new = Best { hash, number: block.number(), total_work };
        self.blocks.insert(new.hash, (total_work, block));
        if !new.beats(&self.best) {
            return Imported::Side;
        }
        let old = std::mem::replace(&mut self.best, new);
        let common = self.set_canonical(&new);
        Imported::NewBest { reorg_depth: old.number.saturating_sub(common) }
    }

    /// Height of the last block that old and new chain share.
    fn set_canonical(&mut self, tip: &Best) -> BlockNumber {
        self.canonical.resize(tip.number as usize + 1, Hash::default());
        let (mut number, mut hash) = (tip.number, tip.hash);
        while self.canonical[number as usize] != hash {
            self.canonical[number as usize] = hash;
            hash = self.blocks[&hash].1.parent_hash();
            number -= 1;
        }
        number
    }
}

impl ChainView for Memory {
    fn params(&self) -> &ChainParams {
        &PARAMS
    }

    fn best(&self) -> Best {
        self.best
    }

    fn contains(&self, hash: &Hash) -> Result<bool, StoreError> {
        Ok(self.blocks.contains_key(hash))
    }

    fn header(&self, hash: &Hash) -> Result<Option<Header>, StoreError> {
        Ok(self.blocks.get(hash).map(|(_, block)| block.header().clone()))
    }

    fn block(&self, hash: &Hash) -> Result<Option<Block>, StoreError> {
        Ok(self.blocks.get(hash).map(|(_, block)| Block::clone(block)))
    }

    fn total_work(&self, hash: &Hash) -> Result<Option<u128>, StoreError> {
        Ok(self.blocks.get(hash).map(|(work, _)| *work))
    }

    fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, StoreError> {
        Ok(self.canonical.get(number as usize).copied())
    }
}
