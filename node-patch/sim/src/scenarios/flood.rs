//! A million addresses of one /16 against the address book itself, without the engine before it: no
//! allowance, no scope, no limit on lists. First they all come from one peer, then from two hundred
//! peers of one group. Before that the book holds 200 addresses reached by dialling, and 2,000
//! heard of in many groups from many sources.
//!
//! Measured: the flood's addresses in the book against the capacity of *new*, tried addresses that
//! are gone, and what a record costs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hegemon_discovery::{
    Groups, Mono, PeerId,
    book::{Book, Change, Layout, Table},
};

use super::{Outcome, Scenario};
use crate::{
    addresses::{Addresses, PORT},
    bench::Bench,
    chance::{Chance, Purpose},
    figures::per_cent,
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "flood",
    what: "10^6 addresses of one /16, token bucket off, through one peer and through 200 of one group",
    goal: "≤ 6.25 % of the capacity of new, no tried entry lost, bounded memory",
    run,
};

const FLOOD: u32 = 1_000_000;
const REACHED: usize = 200;
const HEARD: usize = 2_000;
const SHARE: f64 = 6.25;
/// Each takes seconds, and they differ in the book's key only.
const SEEDS: u64 = 2;

struct Flooded {
    share: f64,
    lost: usize,
    records: usize,
    bytes_per_record: Option<u64>,
}

fn run(bench: Bench) -> Outcome {
    let runs: Vec<Flooded> = bench
        .exactly(bench.seeds.min(SEEDS))
        .over_seeds(|seed| [1, 200].map(|sources| flood(seed, sources, bench)))
        .into_iter()
        .flatten()
        .collect();
    let share = runs.iter().map(|run| run.share).fold(0.0, f64::max);
    let lost = runs.iter().map(|run| run.lost).max().unwrap_or(0);
    let records = runs.iter().map(|run| run.records).max().unwrap_or(0);
    let cost = runs
        .iter()
        .filter_map(|run| run.bytes_per_record)
        .max()
        .map_or("bytes not counted".to_owned(), |bytes| format!("{bytes} B each"));
    let met =
        share <= SHARE && lost == 0 && records <= capacity(Table::New) + capacity(Table::Tried);
    Outcome::new(
        format!("{share:.2} % of new, {lost} tried lost, at most {records} records, {cost}"),
        met,
    )
}

fn capacity(table: Table) -> usize {
    let grid = Layout::TABLES.grid(table);
    usize::from(grid.buckets) * grid.size
}

fn flood(seed: u64, sources: u32, bench: Bench) -> Flooded {
    let chance = Chance(seed);
    let mut key = [0; 16];
    key.copy_from_slice(&chance.bytes(Purpose::Entropy, 0, 0)[..16]);
    let mut addresses = Addresses::new(chance);
    let reached: Vec<SocketAddr> = (0..REACHED).map(|_| addresses.honest()).collect();
    let heard: Vec<(SocketAddr, IpAddr)> =
        (0..HEARD).map(|_| (addresses.honest(), addresses.honest().ip())).collect();
    let before = bench.memory.map(|memory| (memory.held)());
    let mut book = Book::new(key, Layout::TABLES, Groups::Weighed);
    for addr in &reached {
        let _ = book.note(*addr, Change::Succeeded { peer: PeerId([1; 32]) }, Mono(0));
    }
    for (addr, source) in &heard {
        let _ = book.note(*addr, Change::Heard { source: *source }, Mono(0));
    }
    let tried: Vec<SocketAddr> = reached.into_iter().filter(|addr| book.is_tried(*addr)).collect();
    for number in 0..FLOOD {
        // Every host of the /16, sixteen ports each.
        let ip = Ipv4Addr::from_bits((61 << 24) + number % (1 << 16));
        let addr = SocketAddr::from((ip, PORT + u16::try_from(number >> 16).unwrap_or(0)));
        let source = IpAddr::from(Ipv4Addr::from_bits((62 << 24) + number % sources));
        let _ = book.note(addr, Change::Heard { source }, Mono(i64::from(number)));
    }
    let held = bench
        .memory
        .map(|memory| (memory.held)())
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before));
    let flooded = book
        .records()
        .filter(|record| matches!(record.addr.ip(), IpAddr::V4(ip) if ip.octets()[0] == 61))
        .count();
    Flooded {
        share: per_cent(flooded as u64, capacity(Table::New) as u64),
        lost: tried.iter().filter(|addr| !book.is_tried(**addr)).count(),
        records: book.len(),
        bytes_per_record: held.map(|bytes| bytes / book.len().max(1) as u64),
    }
}
