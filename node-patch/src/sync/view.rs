//! What the sync engine needs to know of the chain: reads only.

use crate::chain::{Best, Block, BlockNumber, Chain, ChainParams, Hash, Header, StoreError};

/// A chain to read from. All but the first two fail if the database does.
pub trait ChainView {
    /// The chain's parameters.
    fn params(&self) -> &ChainParams;
    /// The tip of the best chain.
    fn best(&self) -> Best;
    /// Whether a block is stored, on whatever branch.
    fn contains(&self, hash: &Hash) -> Result<bool, StoreError>;
    /// A stored header, on whatever branch.
    fn header(&self, hash: &Hash) -> Result<Option<Header>, StoreError>;
    /// A stored block, on whatever branch.
    fn block(&self, hash: &Hash) -> Result<Option<Block>, StoreError>;
    /// Work of a stored block and its ancestors.
    fn total_work(&self, hash: &Hash) -> Result<Option<u128>, StoreError>;
    /// The best chain's block at a height.
    fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, StoreError>;
}

impl ChainView for Chain {
    fn params(&self) -> &ChainParams {
        self.params()
    }

    fn best(&self) -> Best {
        self.best()
    }

    fn contains(&self, hash: &Hash) -> Result<bool, StoreError> {
        self.contains(hash)
    }

    fn header(&self, hash: &Hash) -> Result<Option<Header>, StoreError> {
        self.header(hash)
    }

    fn block(&self, hash: &Hash) -> Result<Option<Block>, StoreError> {
        self.block(hash)
    }

    fn total_work(&self, hash: &Hash) -> Result<Option<u128>, StoreError> {
        self.total_work(hash)
    }

    fn hash_at(&self, number: BlockNumber) -> Result<Option<Hash>, StoreError> {
        self.hash_at(number)
    }
}
