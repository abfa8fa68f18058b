//! The database: blocks by hash, the best chain by height, the best block, and beside it the side
//! branches (`side`). It knows layout and durability, not validity.
//!
//! Writes happen in one redb transaction, durable when [`Writer::commit`] returns, and take effect
//! wholly or not at all, whenever the process dies. Readers see the last committed state and never
//! wait for a writer.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use parity_scale_codec::{Decode, Encode};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, WriteTransaction,
};

use super::{
    block::{Block, Body},
    hash::Hash,
    header::{BlockNumber, Header},
    params::ChainParams,
    side::{self, SideBranches, SideLimits},
    tables::{BLOCKS, CANONICAL, META, StoreError, decode_header, undecodable},
};

const SCHEMA_KEY: &str = "schema";
const BEST_KEY: &str = "best";

/// Raised when a table's layout changes. 2 has the tables of `side`.
const SCHEMA: u32 = 2;

/// The layout before side branches were pruned and the tie rule: brought up to date when it is
/// opened.
const UNPRUNED_SCHEMA: u32 = 1;

/// redb's page cache, in bytes. An idle node is meant to need some 5 MiB in all; the operating
/// system caches the file anyway.
const CACHE_BYTES: usize = 2 * 1024 * 1024;

/// The database could not be opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path}: another process uses this database; stop it, or choose another --base-path")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Not a database, or a damaged one.
    #[error(
        "{path}: not a chain database, or a damaged one ({reason}); move it away, and the node fetches the chain from its peers again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database engine says about it.
        reason: String,
    },
    /// Written by another version of this node.
    #[error(
        "{path}: database layout {found}, this node reads {SCHEMA}; use the node that wrote it, or move the file away, and the node fetches the chain from its peers again"
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The layout's number in the file.
        found: u32,
    },
    /// A database of a chain with other parameters.
    #[error(
        "{path}: holds another chain (genesis {found}, ours is {ours}); start with the --dev flag and block time that it was made with, or choose another --base-path"
    )]
    OtherChain {
        /// The file.
        path: PathBuf,
        /// Its genesis.
        found: Hash,
        /// The genesis of the parameters that we were started with.
        ours: Hash,
    },
    /// The file system said no.
    #[error(
        "cannot use {path}; let the node's user write there and make room on the disk, or choose another --base-path"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// The tip of the best chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Best {
    /// Its hash.
    pub hash: Hash,
    /// Its height.
    pub number: BlockNumber,
    /// Difficulties of all blocks from genesis up to it, added up.
    pub total_work: u128,
}

impl Best {
    /// The rule of fork choice: more work, and of equal work the lower hash. It depends on nothing
    /// but the two blocks, so nodes that have both agree without a further block.
    #[must_use]
    pub fn beats(&self, other: &Self) -> bool {
        let rank = |best: &Self| (best.total_work, std::cmp::Reverse(best.hash));
        rank(self) > rank(other)
    }
}

/// An open database.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
}

impl Store {
    /// Opens the database at `path`, or makes one with the genesis of `params`. With its best block.
    pub(super) fn open(path: &Path, params: &ChainParams) -> Result<(Self, Best), OpenError> {
        let io_error = |source| OpenError::Io { path: path.into(), source };
        if !path.try_exists().map_err(io_error)? {
            Self::make(path, params)?;
        }
        let database = Self::builder().open(path).map_err(|error| open_error(path, error))?;
        Self { database }.checked(path, params)
    }

    /// As [`Self::open`] on any storage; an empty one gets the genesis.
    pub(super) fn on(
        backend: impl StorageBackend,
        params: &ChainParams,
    ) -> Result<(Self, Best), OpenError> {
        let path = Path::new("(a storage without a path)");
        let is_new =
            backend.len().map_err(|source| OpenError::Io { path: path.into(), source })? == 0;
        let database = Self::builder()
            .create_with_backend(backend)
            .map_err(|error| open_error(path, error))?;
        let store = Self { database };
        if is_new {
            store.write_genesis(params).map_err(|error| damaged(path, &error))?;
        }
        store.checked(path, params)
    }

    fn builder() -> redb::Builder {
        let mut builder = Database::builder();
        // The check makes a damaged file an error at start instead of a panic later.
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        builder
    }

    /// Makes the database under a temporary name: a process killed in here leaves no half-made one
    /// under the real name.
    fn make(path: &Path, params: &ChainParams) -> Result<(), OpenError> {
        let io_error = |source| OpenError::Io { path: path.into(), source };
        let unfinished = path.with_extension("new");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(error)),
            Ok(()) | Err(_) => {}
        }
        let database =
            Self::builder().create(&unfinished).map_err(|error| open_error(path, error))?;
        let store = Self { database };
        store.write_genesis(params).map_err(|error| damaged(path, &error))?;
        drop(store);
        fs::rename(&unfinished, path).map_err(io_error)?;
        // The name itself must survive a power cut too.
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(io_error)
    }

    fn write_genesis(&self, params: &ChainParams) -> Result<(), StoreError> {
        let genesis = params.genesis();
        let best =
            Best { hash: genesis.hash(), number: 0, total_work: params.initial_difficulty() };
        let writer = self.begin_write()?;
        writer.set_schema()?;
        // Makes its tables.
        writer.side()?;
        writer.put_block(&genesis, best.total_work)?;
        writer.set_best(&best)?;
        writer.commit()
    }

    fn checked(self, path: &Path, params: &ChainParams) -> Result<(Self, Best), OpenError> {
        let schema = self.meta::<u32>(SCHEMA_KEY).map_err(|error| damaged(path, &error))?;
        if ![SCHEMA, UNPRUNED_SCHEMA].contains(&schema) {
            return Err(OpenError::Schema { path: path.into(), found: schema });
        }
        // Before anything is written: a database of another chain stays as it is.
        let ours = params.genesis().hash();
        let found = self
            .canonical(0)
            .map_err(|error| damaged(path, &error))?
            .ok_or_else(|| damaged(path, &undecodable()))?;
        if found != ours {
            return Err(OpenError::OtherChain { path: path.into(), found, ours });
        }
        if schema == UNPRUNED_SCHEMA {
            self.index_side_branches().map_err(|error| damaged(path, &error))?;
        }
        let best = self.meta(BEST_KEY).map_err(|error| damaged(path, &error))?;
        Ok((self, best))
    }

    /// Brings a database of [`UNPRUNED_SCHEMA`] up to date, in one transaction.
    fn index_side_branches(&self) -> Result<(), StoreError> {
        let old = self.meta::<Best>(BEST_KEY)?;
        let writer = self.begin_write()?;
        let side = side::index(&writer.transaction, old.number)?;
        // Of equally heavy blocks the first to come was the best one then.
        let best = side
            .into_iter()
            .map(|(number, hash, total_work)| Best { hash, number, total_work })
            .fold(old, |best, other| if other.beats(&best) { other } else { best });
        if best != old {
            writer.set_best(&best)?;
        }
        writer.set_schema()?;
        writer.commit()
    }

    fn meta<T: Decode>(&self, key: &str) -> Result<T, StoreError> {
        let table = self.database.begin_read()?.open_table(META)?;
        let value = table.get(key)?.ok_or_else(undecodable)?;
        T::decode(&mut value.value()).map_err(|_| undecodable())
    }

    /// The best chain's block at a height.
    pub(super) fn canonical(&self, number: BlockNumber) -> Result<Option<Hash>, StoreError> {
        let table = self.database.begin_read()?.open_table(CANONICAL)?;
        Ok(table.get(number)?.map(|hash| Hash(hash.value())))
    }

    /// Whether a block is stored, on the best chain or not.
    pub(super) fn contains(&self, hash: &Hash) -> Result<bool, StoreError> {
        let table = self.database.begin_read()?.open_table(BLOCKS)?;
        Ok(table.get(hash.0)?.is_some())
    }

    /// A stored block's header.
    pub(super) fn header(&self, hash: &Hash) -> Result<Option<Header>, StoreError> {
        let table = self.database.begin_read()?.open_table(BLOCKS)?;
        table
            .get(hash.0)?
            .map(|record| decode_header(record.value()).map(|(_, header)| header))
            .transpose()
    }

    /// A stored block.
    pub(super) fn block(&self, hash: &Hash) -> Result<Option<Block>, StoreError> {
        let table = self.database.begin_read()?.open_table(BLOCKS)?;
        let Some(record) = table.get(hash.0)? else {
            return Ok(None);
        };
        let (_, header, body) =
            <(u128, Header, Body)>::decode(&mut record.value()).map_err(|_| undecodable())?;
        Ok(Some(Block::new(header, body)))
    }

    /// Total work of a stored block and its ancestors.
    pub(super) fn total_work(&self, hash: &Hash) -> Result<Option<u128>, StoreError> {
        let table = self.database.begin_read()?.open_table(BLOCKS)?;
        let record = table.get(hash.0)?;
        record.map(|record| decode_header(record.value()).map(|(work, _)| work)).transpose()
    }

    /// A view of the last committed state as a whole.
    pub(super) fn begin_read(&self) -> Result<redb::ReadTransaction, StoreError> {
        Ok(self.database.begin_read()?)
    }

    /// Begins the one write transaction; waits for a running one.
    pub(super) fn begin_write(&self) -> Result<Writer, StoreError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        Ok(Writer { transaction })
    }
}

fn damaged(path: &Path, reason: &StoreError) -> OpenError {
    OpenError::Damaged { path: path.into(), reason: reason.reason() }
}

fn open_error(path: &Path, error: redb::DatabaseError) -> OpenError {
    let path = path.into();
    if matches!(error, redb::DatabaseError::DatabaseAlreadyOpen) {
        return OpenError::InUse { path };
    }
    if let redb::DatabaseError::Storage(redb::StorageError::Io(source)) = error {
        return if source.kind() == io::ErrorKind::InvalidData {
            OpenError::Damaged { path, reason: source.to_string() }
        } else {
            OpenError::Io { path, source }
        };
    }
    OpenError::Damaged { path, reason: error.to_string() }
}

/// The write transaction: sees its own writes; dropped without [`Self::commit`], it never happened.
pub(super) struct Writer {
    transaction: WriteTransaction,
}

impl Writer {
    /// Total work and header of a block.
    pub(super) fn header(&self, hash: &Hash) -> Result<Option<(u128, Header)>, StoreError> {
        let table = self.transaction.open_table(BLOCKS)?;
        table.get(hash.0)?.map(|record| decode_header(record.value())).transpose()
    }

    /// Stores a block.
    pub(super) fn put_block(&self, block: &Block, total_work: u128) -> Result<(), StoreError> {
        let record = (total_work, block.header(), block.body()).encode();
        self.transaction.open_table(BLOCKS)?.insert(block.hash().0, record.as_slice())?;
        Ok(())
    }

    /// Makes a stored block the best one and points the canonical index at its branch; what leaves
    /// the best chain becomes a side branch. Returns the height of the last block that old and new
    /// chain share.
    pub(super) fn set_best(&self, best: &Best) -> Result<BlockNumber, StoreError> {
        self.transaction.open_table(META)?.insert(BEST_KEY, best.encode().as_slice())?;
        let mut canonical = self.transaction.open_table(CANONICAL)?;
        let mut left = Vec::new();
        // A heavier chain may be shorter: heights above it belong to nobody now.
        canonical.retain_in(best.number.saturating_add(1).., |number, hash| {
            left.push((number, Hash(hash)));
            false
        })?;
        let (mut number, mut hash) = (best.number, best.hash);
        let mut joined = Vec::new();
        loop {
            match canonical.insert(number, hash.0)?.map(|old| Hash(old.value())) {
                Some(old) if old == hash => break,
                Some(old) => left.push((number, old)),
                None => {}
            }
            joined.push(hash);
            if number == 0 {
                break;
            }
            let (_, header) = self.header(&hash)?.ok_or_else(undecodable)?;
            (number, hash) = (number - 1, header.parent_hash);
        }
        drop(canonical);
        if left.is_empty() && joined.len() <= 1 {
            // The chain grew: nothing was a side branch, or becomes one.
            return Ok(number);
        }
        let mut side = self.side()?;
        for hash in joined {
            side.leave(&hash)?;
        }
        // A block's parent is there before it.
        left.sort_unstable();
        for (_, hash) in left {
            side.join(&hash, best.number)?;
        }
        Ok(number)
    }

    /// Notes that a stored block is not on the best chain, which has height `best`.
    pub(super) fn put_side(&self, hash: &Hash, best: BlockNumber) -> Result<(), StoreError> {
        self.side()?.join(hash, best)
    }

    /// Forgets side branches that are too old or too much, beside a best block at height `best`.
    pub(super) fn prune(&self, best: BlockNumber, limits: SideLimits) -> Result<(), StoreError> {
        self.side()?.prune(best, limits)
    }

    fn side(&self) -> Result<SideBranches<'_>, StoreError> {
        SideBranches::open(&self.transaction)
    }

    fn set_schema(&self) -> Result<(), StoreError> {
        self.transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA.encode().as_slice())?;
        Ok(())
    }

    /// Makes everything durable.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> ChainParams {
        ChainParams::trivial("store")
    }

    fn open(path: &Path) -> Result<(Store, Best), OpenError> {
        Store::open(path, &params())
    }

    #[test]
    fn a_database_is_for_one_process_and_one_chain() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        let (store, _) = open(&path).unwrap();
        assert!(matches!(open(&path), Err(OpenError::InUse { .. })));
        drop(store);
        let other = Store::open(&path, &ChainParams::trivial("another"));
        assert!(matches!(other, Err(OpenError::OtherChain { .. })));
        open(&path).unwrap();
    }

    #[test]
    fn a_foreign_or_cut_file_is_an_error_that_names_it_and_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        drop(open(&path).unwrap());
        let mut scribbled = fs::read(&path).unwrap();
        scribbled[4096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
        let contents = [scribbled, Vec::new(), vec![0; 4096], b"not a database".repeat(1000)];
        for content in contents {
            fs::write(&path, &content).unwrap();
            let error = open(&path).unwrap_err();
            assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
            assert!(error.to_string().contains("move it away"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_newer_layout_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        let writer = open(&path).unwrap().0.begin_write().unwrap();
        writer
            .transaction
            .open_table(META)
            .unwrap()
            .insert(SCHEMA_KEY, 99u32.encode().as_slice())
            .unwrap();
        writer.commit().unwrap();
        assert!(matches!(open(&path), Err(OpenError::Schema { found: 99, .. })));
    }

    #[test]
    fn what_a_killed_start_left_behind_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.redb");
        // redb sets a file's length before it writes the header: this is how a file looks when the
        // process died in between.
        fs::write(path.with_extension("new"), vec![0; 1 << 20]).unwrap();
        assert_eq!(open(&path).unwrap().1.number, 0);
        assert!(!path.with_extension("new").exists());
    }
}
