//! Where an address belongs: which bucket of which table, by a hash whose key only this node knows.
//! Says nothing about what is in the buckets.
//!
//! Whoever does not know the key cannot choose addresses that meet in one bucket; whoever tells us
//! addresses chooses neither table nor bucket, only, by where he sits, the sixteen buckets that he
//! reaches.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use siphasher::sip::SipHasher24;

use super::Record;
use crate::{
    limits::{
        BOOK_CAPACITY, BUCKET_SIZE, NEW_BUCKETS, NEW_BUCKETS_PER_SOURCE, NEW_PER_GROUP,
        TRIED_BUCKETS, TRIED_BUCKETS_PER_GROUP,
    },
    policy::{Group, Groups},
};

/// One of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// What others told us, and what waits for a place among the tried.
    New,
    /// What we dialled with success.
    Tried,
}

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// Of this table.
    pub table: Table,
    /// Counted from zero.
    pub index: u16,
}

/// The tables' measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The new table; it has at least one bucket.
    pub new: Grid,
    /// The tried table; without buckets there is none.
    pub tried: Grid,
    /// New addresses of one network group at most.
    pub new_per_group: usize,
}

/// One table's measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// How many.
    pub buckets: u16,
    /// Addresses in each.
    pub size: usize,
    /// Buckets that one group reaches, at least one: the source's in the new table, the address's
    /// own in the tried one.
    pub reach: u16,
}

impl Layout {
    /// What a node has.
    pub const TABLES: Self = Self {
        new: Grid { buckets: NEW_BUCKETS, size: BUCKET_SIZE, reach: NEW_BUCKETS_PER_SOURCE },
        tried: Grid { buckets: TRIED_BUCKETS, size: BUCKET_SIZE, reach: TRIED_BUCKETS_PER_GROUP },
        new_per_group: NEW_PER_GROUP,
    };

    /// One bucket for everything, without shares and without tried addresses: what the tables are
    /// compared with in a simulation.
    pub const FLAT: Self = Self {
        new: Grid { buckets: 1, size: BOOK_CAPACITY, reach: 1 },
        tried: Grid { buckets: 0, size: 0, reach: 0 },
        new_per_group: BOOK_CAPACITY,
    };

    /// A table's measures.
    #[must_use]
    pub fn grid(&self, table: Table) -> Grid {
        match table {
            Table::New => self.new,
            Table::Tried => self.tried,
        }
    }
}

/// What a hash is for: the same bytes do not meet in two of them.
#[derive(Clone, Copy)]
enum Purpose {
    /// Which of the buckets that its group reaches an address gets.
    Choice = 1,
    /// Where that bucket is.
    New = 2,
    Tried = 3,
    /// The key of the index.
    Index = 4,
}

pub(crate) struct Placement {
    key: [u8; 16],
    pub(crate) layout: Layout,
    pub(crate) groups: Groups,
}

impl fmt::Debug for Placement {
    /// Without the key: who reads it in a log can fill buckets of his choice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placement")
            .field("layout", &self.layout)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl Placement {
    pub(crate) fn new(key: [u8; 16], layout: Layout, groups: Groups) -> Self {
        Self { key, layout, groups }
    }

    pub(crate) fn key(&self) -> [u8; 16] {
        self.key
    }

    /// A key of its own for [`super::index`]: what one hash shows says nothing of the other.
    pub(crate) fn index_key(&self) -> [u8; 16] {
        let half = |number: u8| self.hash(Purpose::Index, [number]).to_le_bytes();
        let mut key = [0; 16];
        key[..8].copy_from_slice(&half(0));
        key[8..].copy_from_slice(&half(1));
        key
    }

    /// The group whose share of the book an address takes.
    pub(crate) fn group(&self, addr: SocketAddr) -> Group {
        Group::counted(addr, self.groups)
    }

    /// A record's bucket among the new ones: one of those that its source's group reaches.
    pub(crate) fn new_bucket(&self, record: &Record) -> Bucket {
        let source = match self.groups {
            Groups::Weighed => Group::of(SocketAddr::new(record.source, 0)),
            Groups::Ignored => Group::Single(record.addr),
        };
        Bucket {
            table: Table::New,
            index: self.place(Purpose::New, source, record.addr, self.layout.new),
        }
    }

    /// An address's bucket among the tried ones: one of those that its own group reaches. `None` in
    /// a layout without them.
    pub(crate) fn tried_bucket(&self, addr: SocketAddr) -> Option<Bucket> {
        let place = || self.place(Purpose::Tried, self.group(addr), addr, self.layout.tried);
        (self.layout.tried.buckets > 0).then(|| Bucket { table: Table::Tried, index: place() })
    }

    fn place(&self, purpose: Purpose, group: Group, addr: SocketAddr, grid: Grid) -> u16 {
        let choice = reduced(self.hash(Purpose::Choice, address_bytes(addr)), grid.reach);
        let mut bytes = [0; 21];
        bytes[..19].copy_from_slice(&group_bytes(group));
        bytes[19..].copy_from_slice(&choice.to_le_bytes());
        reduced(self.hash(purpose, bytes), grid.buckets)
    }

    /// All at once: a hasher that is fed in parts takes three times as long.
    fn hash<const N: usize>(&self, purpose: Purpose, bytes: [u8; N]) -> u64 {
        let mut all = [0; 1 + 21];
        all[0] = purpose as u8;
        all[1..=N].copy_from_slice(&bytes);
        SipHasher24::new_with_key(&self.key).hash(&all[..=N])
    }
}

fn reduced(hash: u64, modulus: u16) -> u16 {
    u16::try_from(hash % u64::from(modulus)).expect("less than a u16")
}

fn address_bytes(addr: SocketAddr) -> [u8; 18] {
    let ip = match addr.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&addr.port().to_be_bytes());
    bytes
}

/// Of one length for every kind, so that the parts of a hash cannot shift against each other.
fn group_bytes(group: Group) -> [u8; 19] {
    let mut bytes = [0; 19];
    match group {
        Group::V4(prefix) => {
            bytes[0] = 4;
            bytes[1..3].copy_from_slice(&prefix);
        }
        Group::V6(prefix) => {
            bytes[0] = 6;
            bytes[1..5].copy_from_slice(&prefix);
        }
        Group::Single(addr) => {
            bytes[0] = 1;
            bytes[1..].copy_from_slice(&address_bytes(addr));
        }
    }
    bytes
}
