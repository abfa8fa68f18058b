//! Whether all that is stored fits together: for tests that kill, cut and fill, and for whoever
//! doubts a database.

use std::collections::{HashMap, HashSet};

use redb::{ReadTransaction, ReadableTable};

use super::{
    hash::Hash,
    header::{BlockNumber, Header},
    side::{Place, SIDE, SIDE_TIPS, USAGE_KEY, Usage, decode},
    store::Best,
    tables::{BLOCKS, CANONICAL, META, StoreError, decode_header},
    tree::Chain,
};

/// What a sound database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// The best block.
    pub best: Best,
    /// Blocks beside the best chain.
    pub side_blocks: usize,
    /// Bytes of their records.
    pub side_bytes: u64,
}

/// What does not fit.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// It cannot even be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Two records contradict each other.
    #[error("the chain database contradicts itself: {0}")]
    Contradiction(String),
}

/// By hash: total work, header, bytes of the record.
type Blocks = HashMap<Hash, (u128, Header, u64)>;

impl Chain {
    /// Reads everything that is stored and compares it: every block with its hash and parent, total
    /// work, the index by height, the side branches. Takes memory for all headers.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn audit(&self) -> Result<Audit, Unsound> {
        let transaction = self.snapshot()?;
        let best = self.best();
        let blocks = blocks(&transaction)?;
        for (hash, (work, header, _)) in &blocks {
            check_block(&blocks, hash, *work, header)?;
        }
        let canonical = canonical(&transaction)?;
        check_canonical(&blocks, &canonical, &best)?;
        if let Some((hash, _)) = blocks.iter().find(|(hash, (work, header, _))| {
            Best { hash: **hash, number: header.number, total_work: *work }.beats(&best)
        }) {
            return Err(contradiction(format!("{hash} is better than the best block {best:?}")));
        }
        let side = side(&transaction)?;
        check_side(&side, &blocks, &canonical)?;
        Ok(Audit { best, side_blocks: side.blocks.len(), side_bytes: side.bytes })
    }
}

fn contradiction(what: String) -> Unsound {
    Unsound::Contradiction(what)
}

fn blocks(transaction: &ReadTransaction) -> Result<Blocks, StoreError> {
    let mut blocks = HashMap::new();
    for entry in transaction.open_table(BLOCKS)?.iter()? {
        let (hash, record) = entry?;
        let (work, header) = decode_header(record.value())?;
        blocks.insert(Hash(hash.value()), (work, header, record.value().len() as u64));
    }
    Ok(blocks)
}

fn canonical(transaction: &ReadTransaction) -> Result<Vec<(BlockNumber, Hash)>, StoreError> {
    let table = transaction.open_table(CANONICAL)?;
    let entries = table.iter()?.map(|entry| {
        entry.map(|(number, hash)| (number.value(), Hash(hash.value()))).map_err(StoreError::from)
    });
    entries.collect()
}

fn check_block(blocks: &Blocks, hash: &Hash, work: u128, header: &Header) -> Result<(), Unsound> {
    if header.hash() != *hash {
        return Err(contradiction(format!("the block under {hash} is {}", header.hash())));
    }
    if header.number == 0 {
        return Ok(());
    }
    let difficulty = header.pow_claim().map_or(0, |claim| claim.difficulty);
    match blocks.get(&header.parent_hash) {
        Some((parent_work, parent, _))
            if parent.number + 1 == header.number && parent_work + difficulty == work =>
        {
            Ok(())
        }
        Some(parent) => Err(contradiction(format!("{hash} does not follow from {parent:?}"))),
        None => Err(contradiction(format!("{hash} has no parent"))),
    }
}

fn check_canonical(
    blocks: &Blocks,
    canonical: &[(BlockNumber, Hash)],
    best: &Best,
) -> Result<(), Unsound> {
    for (height, (number, hash)) in canonical.iter().enumerate() {
        let parent = height.checked_sub(1).map_or(Hash::default(), |below| canonical[below].1);
        let fits = blocks
            .get(hash)
            .is_some_and(|(_, header, _)| header.parent_hash == parent && header.number == *number);
        if !fits || *number as usize != height {
            return Err(contradiction(format!("{hash} does not belong at height {height}")));
        }
    }
    let work = blocks.get(&best.hash).map(|(work, _, _)| *work);
    if canonical.last() != Some(&(best.number, best.hash)) || work != Some(best.total_work) {
        return Err(contradiction(format!("{best:?} is not the end of the index by height")));
    }
    Ok(())
}

/// What is noted of side branches: each block's parent and place, the tips, the bytes.
struct Side {
    blocks: HashMap<Hash, (Hash, Place)>,
    tips: Vec<(u64, Hash)>,
    bytes: u64,
}

fn side(transaction: &ReadTransaction) -> Result<Side, StoreError> {
    let mut blocks = HashMap::new();
    for entry in transaction.open_table(SIDE)?.iter()? {
        let (key, place) = entry?;
        let (parent, hash) = key.value();
        blocks.insert(Hash(hash), (Hash(parent), decode::<Place>(place.value())?));
    }
    let mut tips = Vec::new();
    for entry in transaction.open_table(SIDE_TIPS)?.iter()? {
        let (came, hash) = entry?;
        tips.push((came.value(), Hash(hash.value())));
    }
    let meta = transaction.open_table(META)?;
    let usage = meta.get(USAGE_KEY)?.map(|usage| decode::<Usage>(usage.value())).transpose()?;
    Ok(Side { blocks, tips, bytes: usage.unwrap_or_default().bytes })
}

fn check_side(
    side: &Side,
    blocks: &Blocks,
    canonical: &[(BlockNumber, Hash)],
) -> Result<(), Unsound> {
    let best: HashSet<_> = canonical.iter().map(|(_, hash)| hash).collect();
    let expected: HashSet<_> = blocks.keys().filter(|hash| !best.contains(hash)).collect();
    if side.blocks.keys().collect::<HashSet<_>>() != expected {
        return Err(contradiction("the list of side blocks is another one than they are".into()));
    }
    let parents: HashSet<_> = side.blocks.values().map(|(parent, _)| parent).collect();
    let childless = side.blocks.iter().filter(|(hash, _)| !parents.contains(hash));
    let mut tips: Vec<_> = childless.map(|(hash, (_, place))| (place.came, *hash)).collect();
    tips.sort_unstable();
    if tips != side.tips {
        return Err(contradiction(format!("tips are {tips:?}, listed are {:?}", side.tips)));
    }
    let bytes: u64 = side.blocks.values().map(|(_, place)| place.bytes).sum();
    if bytes != side.bytes {
        return Err(contradiction(format!("side blocks take {bytes} bytes, not {}", side.bytes)));
    }
    Ok(())
}
