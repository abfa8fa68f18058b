//! The block tree: import, fork choice by total work, and reads.

use std::{
    path::Path,
    sync::{PoisonError, RwLock},
};

use super::{
    block::Block,
    hash::Hash,
    header::{BlockNumber, Header},
    params::ChainParams,
    side::SideLimits,
    store::{Best, OpenError, Store, Writer},
    tables::StoreError,
    template::Template,
    validate::{self, Invalid},
};

/// What became of a valid block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It was stored before.
    AlreadyKnown,
    /// Stored on a branch that is not the best, and may be forgotten.
    Side,
    /// The chain now ends with it.
    NewBest {
        /// Blocks of the former best chain that are not on the new one: 0 when the chain just grew.
        reorg_depth: BlockNumber,
    },
}

/// Why a block was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Its parent is not here (yet).
    #[error("its parent {0} is not known")]
    UnknownParent(Hash),
    /// It can never be valid: the fault of whoever passed it on.
    #[error("invalid block: {0}")]
    Invalid(#[from] Invalid),
    /// Its timestamp is too far ahead of our clock: perhaps valid later.
    #[error("its timestamp is more than {} s ahead of our clock", validate::MAX_DRIFT_MS / 1000)]
    FromTheFuture,
}

/// The chain of one node. Reads run beside each other and beside an import; imports run one after
/// the other.
#[derive(Debug)]
pub struct Chain {
    store: Store,
    params: ChainParams,
    side_limits: SideLimits,
    /// The committed best block: asked for too often to go through the database.
    best: RwLock<Best>,
}

impl Chain {
    /// Opens the database file at `path`, or makes one; its directory must exist.
    ///
    /// # Errors
    /// If the file is in use, damaged, foreign, or of another chain.
    pub fn open(path: &Path, params: ChainParams) -> Result<Self, OpenError> {
        Ok(Self::over(Store::open(path, &params)?, params))
    }

    /// As [`Self::open`] on any storage: memory, or one that fails as disks do. An empty one gets
    /// the genesis.
    ///
    /// # Errors
    /// If the storage fails, or holds something else.
    pub fn on(storage: impl redb::StorageBackend, params: ChainParams) -> Result<Self, OpenError> {
        Ok(Self::over(Store::on(storage, &params)?, params))
    }

    fn over((store, best): (Store, Best), params: ChainParams) -> Self {
        let side_limits = SideLimits::default();
        Self { store, params, side_limits, best: RwLock::new(best) }
    }

    /// With other limits for what is kept beside the best chain.
    #[must_use]
    pub fn with_side_limits(self, side_limits: SideLimits) -> Self {
        Self { side_limits, ..self }
    }

    /// The chain's parameters.
    #[must_use]
    pub fn params(&self) -> &ChainParams {
        &self.params
    }

    /// The tip of the heaviest chain; of equally heavy ones the one with the lowest hash, so that
    /// all who have both agree.
    #[must_use]
    pub fn best(&self) -> Best {
        *self.best.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a block is stored, on whatever branch.
    ///
    /// # Errors
    /// If the database fails.
    pub fn contains(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.store.contains(hash)
    }

    /// The header of a stored block, on whatever branch.
    ///
    /// # Errors
    /// If the database fails.
    pub fn header(&self, hash: &Hash) -> Result<Option<Header>, StoreError> {
        self.store.header(hash)
    }

    /// A stored block, on whatever branch.
    ///
    /// # Errors
    /// If the database fails.
    pub fn block(&self, hash: &Hash) -> Result<Option<Block>, StoreError> {
        self.store.block(hash)
    }

    /// Work of a stored block and all its ancestors.
    ///
    /// # Errors
    /// If the database fails.
    pub fn total_work(&self, hash: &Hash) -> Result<Option<u128>, StoreError> {
        self.store.total_work(hash)
    }

    /// The best chain's block at a height.
    ///
    /// # Errors
    /// If the database fails.
    pub fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, StoreError> {
        self.store.canonical(number)
    }

    /// The next block on the best one, without its nonce. `now_ms`: milliseconds since 1970.
    ///
    /// # Errors
    /// If the database fails.
    pub fn template(&self, author: [u8; 32], now_ms: u64) -> Result<Template, StoreError> {
        let best = self.best();
        let parent = self.store.header(&best.hash)?.expect("the best block is stored");
        Ok(Template::on(&self.params, &parent, author, now_ms, Vec::new()))
    }

    /// Imports one block; see [`Self::import_batch`].
    ///
    /// # Errors
    /// If the database fails.
    pub fn import(
        &self,
        block: &Block,
        now_ms: u64,
    ) -> Result<Result<Imported, ImportError>, StoreError> {
        let mut results = self.import_batch(std::slice::from_ref(block), now_ms)?;
        Ok(results.pop().expect("one result for each block"))
    }

    /// Imports blocks in the order given, each after the ones before it, and returns one result for
    /// each. `now_ms`: milliseconds since 1970.
    ///
    /// All are durable when this returns, in one transaction. It waits for the disk: not for async
    /// workers.
    ///
    /// # Errors
    /// If the database fails; then nothing was imported.
    pub fn import_batch(
        &self,
        blocks: &[Block],
        now_ms: u64,
    ) -> Result<Vec<Result<Imported, ImportError>>, StoreError> {
        let writer = self.store.begin_write()?;
        // Read under the write transaction: no other import is between.
        let before = self.best();
        let mut best = before;
        let mut results = Vec::with_capacity(blocks.len());
        for block in blocks {
            results.push(self.import_one(&writer, &mut best, block, now_ms)?);
        }
        if results
            .iter()
            .any(|result| matches!(result, Ok(Imported::Side | Imported::NewBest { .. })))
        {
            writer.prune(best.number, self.side_limits)?;
            writer.commit()?;
            *self.best.write().unwrap_or_else(PoisonError::into_inner) = best;
        }
        Ok(results)
    }

    /// All that is stored, as it is now.
    pub(super) fn snapshot(&self) -> Result<redb::ReadTransaction, StoreError> {
        self.store.begin_read()
    }

    fn import_one(
        &self,
        writer: &Writer,
        best: &mut Best,
        block: &Block,
        now_ms: u64,
    ) -> Result<Result<Imported, ImportError>, StoreError> {
        let hash = block.hash();
        if writer.header(&hash)?.is_some() {
            return Ok(Ok(Imported::AlreadyKnown));
        }
        let claim = match validate::standalone(&self.params, block) {
            Ok(claim) => claim,
            Err(invalid) => return Ok(Err(invalid.into())),
        };
        let Some((parent_work, parent)) = writer.header(&block.parent_hash())? else {
            return Ok(Err(ImportError::UnknownParent(block.parent_hash())));
        };
        if let Err(invalid) =
            validate::header_on_parent(&self.params, &parent, block.header(), &claim)
        {
            return Ok(Err(invalid.into()));
        }
        if validate::is_from_the_future(&claim, now_ms) {
            return Ok(Err(ImportError::FromTheFuture));
        }
        // At most 2^32 blocks of at most 2^96 each.
        let total_work = parent_work + claim.difficulty;
        writer.put_block(block, total_work)?;
        let new = Best { hash, number: block.number(), total_work };
        if !new.beats(best) {
            writer.put_side(&hash, best.number)?;
            return Ok(Ok(Imported::Side));
        }
        let old = std::mem::replace(best, new);
        let common = writer.set_best(best)?;
        Ok(Ok(Imported::NewBest { reorg_depth: old.number.saturating_sub(common) }))
    }
}
