//! Branches beside the best chain, and how they are forgotten: by age and by bytes, the tip that
//! grew longest ago first, from its tip down to where it joins what is kept.
//!
//! A branch that becomes the heaviest after it was pruned is fetched again by the one who has it.

use parity_scale_codec::{Decode, Encode};
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::{
    hash::Hash,
    header::{BlockNumber, Header},
    tables::{BLOCKS, CANONICAL, META, StoreError, decode_header, undecodable},
};

/// SCALE of [`Place`] by (parent, block): all blocks that are not on the best chain.
pub(super) const SIDE: TableDefinition<'_, ([u8; 32], [u8; 32]), &[u8]> =
    TableDefinition::new("side");
/// Side blocks without a child, by when they came.
pub(super) const SIDE_TIPS: TableDefinition<'_, u64, [u8; 32]> = TableDefinition::new("side tips");
/// SCALE of [`Usage`].
pub(super) const USAGE_KEY: &str = "side branches";

/// Blocks that one import forgets at most: a long branch goes over several, so that none of them
/// stands still. Four times what an import brings (`MAX_IMPORT_BLOCKS` of `sync`).
const MAX_PRUNED_AT_ONCE: usize = 2_048;

/// How much of other branches is kept. An attacker who mines at the difficulty of long ago fills
/// the disk otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SideLimits {
    /// A branch is forgotten when the best chain has grown by so many blocks since it grew.
    pub depth: BlockNumber,
    /// Bytes of all branches together, as stored. A single branch that needs more cannot become the
    /// best one: whoever is behind it has to start with an empty database.
    pub bytes: u64,
}

impl Default for SideLimits {
    /// Half an hour of two-second blocks; a thousand of the largest blocks, a million of ours.
    fn default() -> Self {
        Self { depth: 1_024, bytes: 256 * 1024 * 1024 }
    }
}

/// What is noted of one side block.
#[derive(Debug, Clone, Copy, Encode, Decode)]
pub(super) struct Place {
    /// Bytes of its record.
    pub(super) bytes: u64,
    /// Where it is, or was, among [`SIDE_TIPS`].
    pub(super) came: u64,
    /// Height of the best block when it came.
    beside: BlockNumber,
}

/// What all of them take.
#[derive(Debug, Clone, Copy, Default, Encode, Decode)]
pub(super) struct Usage {
    pub(super) bytes: u64,
    next: u64,
}

/// The side branches inside a write transaction.
pub(super) struct SideBranches<'txn> {
    blocks: Table<'txn, [u8; 32], &'static [u8]>,
    canonical: Table<'txn, BlockNumber, [u8; 32]>,
    side: Table<'txn, ([u8; 32], [u8; 32]), &'static [u8]>,
    tips: Table<'txn, u64, [u8; 32]>,
    meta: Table<'txn, &'static str, &'static [u8]>,
}

impl<'txn> SideBranches<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            blocks: transaction.open_table(BLOCKS)?,
            canonical: transaction.open_table(CANONICAL)?,
            side: transaction.open_table(SIDE)?,
            tips: transaction.open_table(SIDE_TIPS)?,
            meta: transaction.open_table(META)?,
        })
    }

    /// A stored block is on no best chain, beside one of height `best`. Its parent comes before it.
    pub(super) fn join(&mut self, hash: &Hash, best: BlockNumber) -> Result<(), StoreError> {
        let (header, bytes) = self.stored(hash)?;
        let mut usage = self.usage()?;
        let place = Place { bytes, came: usage.next, beside: best };
        usage = Usage { bytes: usage.bytes + bytes, next: usage.next + 1 };
        self.put(&header.parent_hash, hash, place)?;
        if !self.has_children(hash)? {
            self.tips.insert(place.came, hash.0)?;
        }
        if let Some(parent) = self.place(&header.parent_hash)? {
            self.tips.remove(parent.came)?;
        }
        self.set_usage(usage)
    }

    /// A block is on the best chain now, perhaps after it was on a side branch.
    pub(super) fn leave(&mut self, hash: &Hash) -> Result<(), StoreError> {
        let (header, _) = self.stored(hash)?;
        if let Some(place) = self.take(&header.parent_hash, hash)? {
            self.tips.remove(place.came)?;
        }
        Ok(())
    }

    /// Forgets what exceeds `limits` beside a best block at height `best`.
    pub(super) fn prune(
        &mut self,
        best: BlockNumber,
        limits: SideLimits,
    ) -> Result<(), StoreError> {
        for _ in 0..MAX_PRUNED_AT_ONCE {
            let Some(tip) = self.tips.first()?.map(|(_, hash)| Hash(hash.value())) else {
                break;
            };
            let place = self.place(&tip)?.ok_or_else(undecodable)?;
            let is_old = place.beside.saturating_add(limits.depth) < best;
            if !is_old && self.usage()?.bytes <= limits.bytes {
                break;
            }
            self.forget(&tip, place)?;
        }
        Ok(())
    }

    /// Forgets a tip; its parent is one then, unless it has other children or is on the best chain.
    fn forget(&mut self, tip: &Hash, place: Place) -> Result<(), StoreError> {
        let (header, _) = self.stored(tip)?;
        let parent = header.parent_hash;
        self.take(&parent, tip)?;
        self.tips.remove(place.came)?;
        self.blocks.remove(tip.0)?;
        if self.has_children(&parent)? || self.is_canonical(header.number - 1, &parent)? {
            return Ok(());
        }
        // In its child's stead: as old as that, and next to be forgotten.
        let bytes = self.place(&parent)?.ok_or_else(undecodable)?.bytes;
        let (parents_header, _) = self.stored(&parent)?;
        self.put(&parents_header.parent_hash, &parent, Place { bytes, ..place })?;
        self.tips.insert(place.came, parent.0)?;
        Ok(())
    }

    fn stored(&self, hash: &Hash) -> Result<(Header, u64), StoreError> {
        let record = self.blocks.get(hash.0)?.ok_or_else(undecodable)?;
        let (_, header) = decode_header(record.value())?;
        Ok((header, record.value().len() as u64))
    }

    /// A block's place, if it is on a side branch.
    fn place(&self, hash: &Hash) -> Result<Option<Place>, StoreError> {
        let (header, _) = self.stored(hash)?;
        self.side
            .get((header.parent_hash.0, hash.0))?
            .map(|place| decode(place.value()))
            .transpose()
    }

    fn put(&mut self, parent: &Hash, hash: &Hash, place: Place) -> Result<(), StoreError> {
        self.side.insert((parent.0, hash.0), place.encode().as_slice())?;
        Ok(())
    }

    fn take(&mut self, parent: &Hash, hash: &Hash) -> Result<Option<Place>, StoreError> {
        let taken = self.side.remove((parent.0, hash.0))?;
        let Some(place) = taken.map(|place| decode::<Place>(place.value())).transpose()? else {
            return Ok(None);
        };
        let usage = self.usage()?;
        self.set_usage(Usage { bytes: usage.bytes.saturating_sub(place.bytes), ..usage })?;
        Ok(Some(place))
    }

    fn has_children(&self, hash: &Hash) -> Result<bool, StoreError> {
        let children = (hash.0, [0; 32])..=(hash.0, [0xff; 32]);
        Ok(self.side.range(children)?.next().transpose()?.is_some())
    }

    fn is_canonical(&self, number: BlockNumber, hash: &Hash) -> Result<bool, StoreError> {
        Ok(self.canonical.get(number)?.is_some_and(|found| found.value() == hash.0))
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        let usage = self.meta.get(USAGE_KEY)?;
        usage.map_or_else(|| Ok(Usage::default()), |usage| decode(usage.value()))
    }

    fn set_usage(&mut self, usage: Usage) -> Result<(), StoreError> {
        self.meta.insert(USAGE_KEY, usage.encode().as_slice())?;
        Ok(())
    }
}

pub(super) fn decode<T: Decode>(mut bytes: &[u8]) -> Result<T, StoreError> {
    T::decode(&mut bytes).map_err(|_| undecodable())
}

/// Finds all side branches of a database that has no list of them; they count as come now. Returns
/// their blocks by height, with total work.
pub(super) fn index(
    transaction: &WriteTransaction,
    best: BlockNumber,
) -> Result<Vec<(BlockNumber, Hash, u128)>, StoreError> {
    let mut branches = SideBranches::open(transaction)?;
    let mut found = Vec::new();
    for entry in branches.blocks.iter()? {
        let (hash, record) = entry?;
        let hash = Hash(hash.value());
        let (total_work, header) = decode_header(record.value())?;
        if !branches.is_canonical(header.number, &hash)? {
            found.push((header.number, hash, total_work));
        }
    }
    found.sort_unstable();
    found.iter().try_for_each(|(_, hash, _)| branches.join(hash, best))?;
    Ok(found)
}
