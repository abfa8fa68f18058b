//! The persisted form of the book: versioned, checksummed, wall-clock stamps; and the forms that
//! older nodes wrote.
//!
//! `HEGPEERS` · version u16 · body (fixed-width bincode) · CRC-32 of everything before it, all
//! little-endian. The checksum finds torn and rotten files, not forgeries: who can write the file
//! can also write the checksum.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use wincode::{SchemaRead, SchemaReadOwned, SchemaWrite, config::Configuration};

use crate::{
    book::{Book, Contact, Entry, Record, Table},
    limits::{ANCHORS, BOOK_CAPACITY},
    policy::canonical,
    types::{Mono, Now, PeerId},
};

const MAGIC: &[u8; 8] = b"HEGPEERS";
const VERSION: u16 = 2;
const CHECKSUM: usize = 4;

/// A file longer than this is not a peer store, whoever wrote it.
pub const MAX_BYTES: usize = 2 << 20;

/// The longest record: two IPv6 addresses, one with a port, two stamps, a count, an identity, two
/// tags and a flag.
const RECORD_BYTES: usize = 22 + 20 + 8 + 9 + 4 + 33 + 1;

/// An address of IPv4 of which others told us; and what is more of one that we reached. Most are
/// such: it is what a list is given room for at first.
const USUAL_BYTES: usize = 10 + 8 + 8 + 1 + 4 + 1 + 1;
const REACHED_BYTES: usize = 8 + 32;

/// Everything else in a file: magic, version, key, the anchors, two lengths, checksum.
const FRAME_BYTES: usize = 8 + 2 + 16 + ANCHORS * 22 + 2 * 8 + CHECKSUM;

const _: () = assert!(BOOK_CAPACITY * RECORD_BYTES + FRAME_BYTES <= MAX_BYTES);

/// What a store held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The key of the book's placement; older forms have none.
    pub key: Option<[u8; 16]>,
    /// The records, and the table that each was in.
    pub records: Vec<(Record, Table)>,
    /// The last good outbound peers, the most recent first.
    pub anchors: Vec<SocketAddr>,
    /// Who wrote it.
    pub format: Format,
}

/// Which node wrote a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// This version.
    #[default]
    Current,
    /// A node with an earlier version of this form.
    Earlier,
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

/// Version 2: what this node writes. Then its records, counted by a u64.
#[derive(SchemaWrite)]
struct Head {
    key: [u8; 16],
    anchors: Vec<SocketAddr>,
}

/// Head and records at once.
#[derive(SchemaRead)]
struct Body {
    key: [u8; 16],
    anchors: Vec<SocketAddr>,
    records: Vec<StoredRecord>,
}

#[derive(SchemaRead)]
struct StoredRecord {
    addr: SocketAddr,
    source: IpAddr,
    /// Seconds since the Unix epoch.
    last_seen: u64,
    last_success: Option<u64>,
    failures: u32,
    proven: Option<[u8; 32]>,
    tried: bool,
}

/// Version 1: a flat book.
#[derive(SchemaRead)]
struct FlatRecord {
    addr: SocketAddr,
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
struct LegacyRecord {
    addr: SocketAddr,
    last_updated: LegacyStamp,
    last_connected: Option<LegacyStamp>,
}

/// What decoding may allocate for one list: a full book in the largest of the three forms.
const ALLOCATION: usize = BOOK_CAPACITY * size_of::<StoredRecord>();

type Bounded = Configuration<true, ALLOCATION>;

const BOUNDED: Bounded = Configuration::default().with_preallocation_size_limit();

const _: () = assert!(
    size_of::<FlatRecord>() <= size_of::<StoredRecord>()
        && size_of::<LegacyRecord>() <= size_of::<StoredRecord>()
);

/// The whole book as bytes, and the first [`ANCHORS`] of `anchors`.
#[must_use]
pub fn encode(book: &Book, anchors: &[SocketAddr], now: Now) -> Vec<u8> {
    let head = Head { key: book.key(), anchors: anchors.iter().copied().take(ANCHORS).collect() };
    let expected = book.len() * USUAL_BYTES + book.tried() * REACHED_BYTES;
    let mut bytes = Vec::with_capacity(FRAME_BYTES + expected + expected / 8);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    let head = wincode::serialize(&head);
    bytes.extend(head.expect("a key and addresses always have an encoding"));
    bytes.extend((book.len() as u64).to_le_bytes());
    let clock = Clock::new(now);
    book.rows().for_each(|entry| bytes.extend_from_slice(StoredBytes::of(entry, clock).written()));
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// A [`StoredRecord`] as it is written, by hand: a store is written every few seconds while its book
/// changes, and field by field through a codec was most of what the engine did.
struct StoredBytes {
    bytes: [u8; RECORD_BYTES],
    len: usize,
}

impl StoredBytes {
    fn of(Entry { row, contact }: Entry<'_>, clock: Clock) -> Self {
        let mut line = Self { bytes: [0; RECORD_BYTES], len: 0 };
        let addr = row.key.addr();
        line.ip(addr.ip());
        line.put(addr.port().to_le_bytes());
        line.ip(row.source());
        line.put(clock.to_wall(row.last_seen).to_le_bytes());
        match contact.and_then(Contact::last_success) {
            Some(moment) => {
                line.put([1]);
                line.put(clock.to_wall(moment).to_le_bytes());
            }
            None => line.put([0]),
        }
        line.put(contact.map_or(0, Contact::failures).to_le_bytes());
        match contact.and_then(Contact::proven) {
            Some(PeerId(peer)) => {
                line.put([1]);
                line.put(peer);
            }
            None => line.put([0]),
        }
        line.put([u8::from(row.is_tried())]);
        line
    }

    fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                self.put([0, 0, 0, 0, a, b, c, d]);
            }
            IpAddr::V6(ip) => {
                self.put([1, 0, 0, 0]);
                self.put(ip.octets());
            }
        }
    }

    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
    }

    fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What a store held.
///
/// # Errors
///
/// [`SnapshotError`]; nothing was allocated beyond a full book.
pub fn decode(bytes: &[u8], now: Now) -> Result<Stored, SnapshotError> {
    if bytes.len() > MAX_BYTES {
        return Err(SnapshotError::TooLarge);
    }
    if !bytes.starts_with(MAGIC) {
        return legacy(bytes, now);
    }
    let (content, checksum) =
        bytes.split_last_chunk::<CHECKSUM>().ok_or(SnapshotError::Checksum)?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return Err(SnapshotError::Checksum);
    }
    let (version, body) = content
        .get(MAGIC.len()..)
        .and_then(<[u8]>::split_first_chunk)
        .ok_or(SnapshotError::Unrecognised)?;
    match u16::from_le_bytes(*version) {
        VERSION => current(body, now),
        1 => flat(body, now),
        later => Err(SnapshotError::Version(later)),
    }
}

fn current(body: &[u8], now: Now) -> Result<Stored, SnapshotError> {
    let body: Body = read(body)?;
    let one = |stored: StoredRecord| {
        let record = Record {
            source: stored.source.to_canonical(),
            failures: stored.failures,
            proven: stored.proven.map(PeerId),
            ..restored(stored.addr, stored.last_seen, stored.last_success, now)
        };
        (
            record,
            if stored.tried && stored.last_success.is_some() { Table::Tried } else { Table::New },
        )
    };
    let anchors = body.anchors.into_iter().take(ANCHORS).map(canonical).collect();
    Ok(Stored {
        key: Some(body.key),
        records: body.records.into_iter().map(one).collect(),
        anchors,
        format: Format::Current,
    })
}

fn flat(body: &[u8], now: Now) -> Result<Stored, SnapshotError> {
    let stored: Vec<FlatRecord> = read(body)?;
    let one = |stored: FlatRecord| Record {
        failures: stored.failures,
        proven: stored.proven.map(PeerId),
        ..restored(stored.addr, stored.last_seen, stored.last_success, now)
    };
    Ok(without_tables(stored.into_iter().map(one), Format::Earlier))
}

fn legacy(bytes: &[u8], now: Now) -> Result<Stored, SnapshotError> {
    let stored: Vec<LegacyRecord> = read(bytes)?;
    let one = |stored: LegacyRecord| {
        let connected = stored.last_connected.map(|stamp| stamp.secs);
        restored(stored.addr, stored.last_updated.secs, connected, now)
    };
    Ok(without_tables(stored.into_iter().map(one), Format::Legacy))
}

/// Records of a node that had no tables: what it reached is tried.
fn without_tables(records: impl Iterator<Item = Record>, format: Format) -> Stored {
    let table =
        |record: &Record| if record.last_success.is_some() { Table::Tried } else { Table::New };
    Stored {
        records: records.map(|record| (record, table(&record))).collect(),
        format,
        ..Stored::default()
    }
}

fn read<T: SchemaReadOwned<Bounded, Dst = T>>(bytes: &[u8]) -> Result<T, SnapshotError> {
    wincode::config::deserialize_exact(bytes, BOUNDED).map_err(|_| SnapshotError::Unrecognised)
}

/// A record of which nobody says who told it counts as told by its owner.
fn restored(addr: SocketAddr, last_seen: u64, last_success: Option<u64>, now: Now) -> Record {
    let addr = canonical(addr);
    Record {
        addr,
        source: addr.ip(),
        last_seen: from_wall(last_seen, now),
        last_success: last_success.map(|stamp| from_wall(stamp, now)),
        last_tried: None,
        failures: 0,
        proven: None,
        announced_by: None,
        not_before: now.mono,
    }
}

/// Both clocks' present, in milliseconds: stamps are kept in seconds, so that nothing is lost.
#[derive(Clone, Copy)]
struct Clock {
    mono: i64,
    wall: u64,
}

impl Clock {
    fn new(now: Now) -> Self {
        Self { mono: now.mono.0, wall: u64::try_from(now.wall.as_millis()).unwrap_or(u64::MAX) }
    }

    /// A moment in seconds since the Unix epoch.
    fn to_wall(self, moment: Mono) -> u64 {
        let ago = u64::try_from(self.mono.saturating_sub(moment.0)).unwrap_or(0);
        self.wall.saturating_sub(ago) / 1_000
    }
}

/// A stamp from the future, left by a clock that was wrong, counts as now.
fn from_wall(stamp: u64, now: Now) -> Mono {
    now.mono.before(now.wall.saturating_sub(Duration::from_secs(stamp)))
}
