//! Power that goes at any moment, and a disk that is full: what was shown as the best block is
//! there at the next start, and everything fits together.
//!
//! `HEGEMON_TEST_POWER_LOSSES=200 cargo test -p hegemon-node --test power_loss` cuts the power 200
//! times.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::{
    io,
    sync::{Arc, Mutex},
};

use hegemon_node::chain::{Block, Chain, ChainParams, Imported, SideLimits, Template};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use redb::StorageBackend;

/// After every timestamp that these tests put into blocks.
const NOW_MS: u64 = 2_000_000_000_000;
const START_MS: u64 = 1_800_000_000_000;

/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// Small enough that branches are forgotten while the power goes.
const SIDE_LIMITS: SideLimits = SideLimits { depth: 20, bytes: 20_000 };

/// A disk: what was synced stays, what was only written may be lost, sector by sector.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Platters>>);

#[derive(Debug, Default)]
struct Platters {
    synced: Vec<u8>,
    /// What the process sees.
    written: Vec<u8>,
    /// Writes since the last sync; a change of length has no data.
    unsynced: Vec<(u64, Vec<u8>)>,
    /// Operations until the power goes.
    power_for: Option<u32>,
    /// Bytes that fit.
    capacity: Option<u64>,
}

impl Platters {
    fn work(&mut self) -> io::Result<()> {
        match &mut self.power_for {
            Some(0) => Err(io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let at = offset as usize;
        let data = disk.written.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.work()?;
        if disk.capacity.is_some_and(|capacity| len > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.written.resize(len as usize, 0);
        disk.unsynced.push((len, Vec::new()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.work()?;
        disk.synced = disk.written.clone();
        disk.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.work()?;
        let at = offset as usize;
        disk.written[at..at + data.len()].copy_from_slice(data);
        disk.unsynced.push((offset, data.to_vec()));
        Ok(())
    }
}

impl Disk {
    /// What is left when the power is back: of the unsynced writes all, or any sectors in any order.
    fn after_power_loss(&self, random: &mut ChaCha8Rng) -> Self {
        let disk = self.0.lock().unwrap();
        let mut left = disk.synced.clone();
        for (at, data) in &disk.unsynced {
            if data.is_empty() {
                // Lengths are the file system's journal's: in order, and the last one counts.
                left.resize((*at as usize).max(left.len()), 0);
            }
        }
        let all = random.next_u32().is_multiple_of(3);
        for (at, data) in &disk.unsynced {
            for (index, sector) in data.chunks(SECTOR).enumerate() {
                let at = *at as usize + index * SECTOR;
                if (all || random.next_u32().is_multiple_of(2)) && at + sector.len() <= left.len() {
                    left[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        Self(Arc::new(Mutex::new(Platters {
            written: left.clone(),
            synced: left,
            ..Platters::default()
        })))
    }
}

fn params() -> ChainParams {
    ChainParams::trivial("power")
}

fn open(disk: &Disk) -> Chain {
    Chain::on(disk.clone(), params()).unwrap().with_side_limits(SIDE_LIMITS)
}

fn child(parent: &Block, random: &mut ChaCha8Rng) -> Block {
    let mut author = [0; 32];
    random.fill_bytes(&mut author);
    let claim = parent.header().pow_claim().unwrap();
    let time = claim.timestamp_ms.max(START_MS) + u64::from(random.next_u32() % 3_000) + 1;
    let body = vec![vec![author[0]; random.next_u32() as usize % 2_000]];
    Template::on(&params(), parent.header(), author, time, body).mine(0)
}

/// The next blocks that a node imports: on the best one, or a branch from a little below, as long
/// as it takes to become the best or not.
fn next_blocks(chain: &Chain, random: &mut ChaCha8Rng) -> Vec<Block> {
    let below = random.next_u32() % 8;
    let (number, count) = match random.next_u32() % 4 {
        0 => (chain.best().number.saturating_sub(below), 1 + random.next_u32() % 10),
        _ => (chain.best().number, 1 + random.next_u32() % 3),
    };
    let fork = chain.hash_at(number).unwrap().unwrap();
    let mut blocks = vec![chain.block(&fork).unwrap().unwrap()];
    for _ in 0..count {
        blocks.push(child(blocks.last().unwrap(), random));
    }
    blocks.split_off(1)
}

/// Imports until the disk fails. The blocks of the import that failed.
fn import_until_it_fails(chain: &Chain, random: &mut ChaCha8Rng) -> Vec<Block> {
    loop {
        let blocks = next_blocks(chain, random);
        match chain.import_batch(&blocks, NOW_MS) {
            Ok(results) => assert!(
                results.iter().all(|result| matches!(
                    result,
                    Ok(Imported::Side | Imported::NewBest { .. } | Imported::AlreadyKnown)
                )),
                "{results:?}"
            ),
            Err(_) => return blocks,
        }
    }
}

fn losses() -> u32 {
    std::env::var("HEGEMON_TEST_POWER_LOSSES").map_or(20, |count| count.parse().unwrap())
}

#[test]
fn what_was_shown_as_best_survives_a_power_loss() {
    let (mut disk, mut random) = (Disk::default(), ChaCha8Rng::seed_from_u64(14));
    let (mut interrupted, mut reached, mut most_side) = (0, 0, 0);
    drop(open(&disk));
    for loss in 0..losses() {
        let chain = open(&disk);
        disk.0.lock().unwrap().power_for = Some(1 + random.next_u32() % 400);
        let in_flight = import_until_it_fails(&chain, &mut random);
        let shown = chain.best();
        drop(chain);
        disk = disk.after_power_loss(&mut random);

        let chain = open(&disk);
        let audit = chain.audit().unwrap_or_else(|unsound| panic!("loss {loss}: {unsound}"));
        let is_in_flight = in_flight.iter().any(|block| block.hash() == audit.best.hash);
        assert!(
            audit.best == shown || (is_in_flight && audit.best.beats(&shown)),
            "loss {loss}: {shown:?} was shown, and {:?} is left",
            audit.best
        );
        interrupted += u32::from(is_in_flight);
        most_side = most_side.max(audit.side_blocks);
        reached = audit.best.number;
    }
    println!("{} losses, {interrupted} of them in a commit; height {reached}", losses());
    assert!(reached > losses(), "it went on mining: {reached}");
    assert!(most_side > 10, "there were side branches: {most_side}");
}

/// The test of the test: a disk that says "synced" and is not loses blocks, and this is seen.
#[test]
fn a_disk_that_lies_is_found_out() {
    let (disk, mut random) = (Disk::default(), ChaCha8Rng::seed_from_u64(15));
    let chain = open(&disk);
    let genesis = disk.0.lock().unwrap().synced.clone();
    for _ in 0..5 {
        chain.import_batch(&next_blocks(&chain, &mut random), NOW_MS).unwrap();
    }
    let shown = chain.best();
    drop(chain);
    {
        let mut disk = disk.0.lock().unwrap();
        disk.synced = genesis;
        disk.unsynced.clear();
    }
    let left = open(&disk.after_power_loss(&mut random));
    assert!(shown.beats(&left.best()));
}

#[test]
fn a_full_disk_is_an_error_that_says_so_and_no_loss() {
    let (disk, mut random) = (Disk::default(), ChaCha8Rng::seed_from_u64(16));
    let chain = open(&disk);
    let length = disk.len().unwrap();
    disk.0.lock().unwrap().capacity = Some(length);
    let error = loop {
        let blocks = next_blocks(&chain, &mut random);
        if let Err(error) = chain.import_batch(&blocks, NOW_MS) {
            break error.to_string();
        }
    };
    assert!(error.contains("no storage space") && error.contains("free some space"), "{error}");
    let shown = chain.best();
    assert!(shown.number > 0);
    drop(chain);

    disk.0.lock().unwrap().capacity = None;
    let chain = open(&disk);
    assert_eq!(chain.audit().unwrap().best, shown);
    chain.import_batch(&next_blocks(&chain, &mut random), NOW_MS).unwrap();
}
