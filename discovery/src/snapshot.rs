//! The persisted form of the book: versioned, checksummed, wall-clock stamps; and the form that older nodes wrote.
//!
//! `HEGPEERS` · version u16 · records (fixed-width bincode) · CRC-32 of everything before it, all little-endian. The checksum finds torn and rotten files, not forgeries:
//! who can write the file can also write the checksum.

use std::{net::SocketAddr, time::Duration};

use wincode::{SchemaRead, SchemaWrite, config::Configuration};

use crate::{
    book::{Book, Record},
    limits::BOOK_CAPACITY,
    policy::canonical,
    types::{Mono, Now, PeerId},
};

const MAGIC: &[u8; 8] = b"HEGPEERS";
const VERSION: u16 = 1;
const CHECKSUM: usize = 4;

/// A file longer than this is not a peer store, whoever wrote it.
pub const MAX_BYTES: usize = 1 << 20;

/// Which node wrote a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// This version.
    Current,
    /// A node before address exchange had a checksum.
    Legacy,
}

/// Why bytes are not a peer store. The caller sets the file aside and starts without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// More than [`MAX_BYTES`].
    #[error("is larger than a peer store can be ({MAX_BYTES} bytes)")]
    TooLarge,
    /// Cut short or changed.
    #[error("does not match its checksum: torn or damaged")]
    Checksum,
    /// Written by a later node.
    #[error("has version {0}; this node reads version {VERSION} and older")]
    Version(u16),
    /// Neither our form nor the older one.
    #[error("is not a peer store")]
    Unrecognised,
}

#[derive(SchemaWrite, SchemaRead)]
struct Stored {
    addr: SocketAddr,
    /// Seconds since the Unix epoch.
    last_seen: u64,
    last_success: Option<u64>,
    failures: u32,
    proven: Option<[u8; 32]>,
}

#[derive(SchemaRead)]
struct LegacyStamp {
    secs: u64,
    _nanos: u32,
}

#[derive(SchemaRead)]
struct LegacyStored {
    addr: SocketAddr,
    last_updated: LegacyStamp,
    last_connected: Option<LegacyStamp>,
}

/// What decoding may allocate: a full book in the larger of the two forms.
const ALLOCATION: usize = BOOK_CAPACITY * size_of::<LegacyStored>();

/// The whole book as bytes.
#[must_use]
pub fn encode(book: &Book, now: Now) -> Vec<u8> {
    let stored: Vec<Stored> = book
        .records()
        .map(|record| Stored {
            addr: record.addr,
            last_seen: to_wall(record.last_seen, now),
            last_success: record.last_success.map(|moment| to_wall(moment, now)),
            failures: record.failures,
            proven: record.proven.map(|peer| peer.0),
        })
        .collect();
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(wincode::serialize(&stored).expect("a list of integers and addresses always has an encoding, and the book is bounded"));
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The records of a store, and who wrote it.
///
/// # Errors
///
/// [`SnapshotError`]; nothing was allocated beyond a full book.
pub fn decode(bytes: &[u8], now: Now) -> Result<(Vec<Record>, Format), SnapshotError> {
    if bytes.len() > MAX_BYTES {
        return Err(SnapshotError::TooLarge);
    }
    match bytes.strip_prefix(MAGIC) {
        Some(rest) => Ok((decode_current(bytes, rest, now)?, Format::Current)),
        None => Ok((decode_legacy(bytes, now)?, Format::Legacy)),
    }
}

fn decode_current(bytes: &[u8], rest: &[u8], now: Now) -> Result<Vec<Record>, SnapshotError> {
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(SnapshotError::Checksum)?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return Err(SnapshotError::Checksum);
    }
    let (version, body) = rest[..rest.len().saturating_sub(CHECKSUM)].split_first_chunk().ok_or(SnapshotError::Unrecognised)?;
    let version = u16::from_le_bytes(*version);
    if version != VERSION {
        return Err(SnapshotError::Version(version));
    }
    let config = Configuration::default().with_preallocation_size_limit::<ALLOCATION>();
    let stored: Vec<Stored> = wincode::config::deserialize_exact(body, config).map_err(|_| SnapshotError::Unrecognised)?;
    let one = |stored: Stored| Record {
        failures: stored.failures,
        proven: stored.proven.map(PeerId),
        ..restored(stored.addr, stored.last_seen, stored.last_success, now)
    };
    Ok(stored.into_iter().map(one).collect())
}

fn decode_legacy(bytes: &[u8], now: Now) -> Result<Vec<Record>, SnapshotError> {
    let config = Configuration::default().with_preallocation_size_limit::<ALLOCATION>();
    let stored: Vec<LegacyStored> = wincode::config::deserialize_exact(bytes, config).map_err(|_| SnapshotError::Unrecognised)?;
    let one = |stored: LegacyStored| {
        let connected = stored.last_connected.map(|stamp| stamp.secs);
        restored(stored.addr, stored.last_updated.secs, connected, now)
    };
    Ok(stored.into_iter().map(one).collect())
}

fn restored(addr: SocketAddr, last_seen: u64, last_success: Option<u64>, now: Now) -> Record {
    Record {
        addr: canonical(addr),
        last_seen: from_wall(last_seen, now),
        last_success: last_success.map(|stamp| from_wall(stamp, now)),
        failures: 0,
        proven: None,
        announced_by: None,
        not_before: now.mono,
    }
}

fn to_wall(moment: Mono, now: Now) -> u64 {
    now.wall.saturating_sub(now.mono.since(moment)).as_secs()
}

/// A stamp from the future, left by a clock that was wrong, counts as now.
fn from_wall(stamp: u64, now: Now) -> Mono {
    now.mono.before(now.wall.saturating_sub(Duration::from_secs(stamp)))
}
