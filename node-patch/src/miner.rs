//! The miner: OS threads that search nonces for a template on the best block.
//!
//! On a dev chain each thread paces itself to [`DEV_HASHES_PER_SECOND`]: real proof of work, in
//! bursts of a fraction of a millisecond, so that thirty nodes share a laptop.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::{
    chain::{Block, Chain, DEV_HASHES_PER_SECOND, Hash, Template},
    clock::Clock,
};

/// A template's timestamp is no older than this, so that difficulty falls while a block is overdue.
const TEMPLATE_AGE: Duration = Duration::from_millis(500);

/// Time between a paced thread's bursts: short beside any block time, and few enough wake-ups for
/// an idle laptop.
const BURST_INTERVAL: Duration = Duration::from_millis(25);

/// Nonces between two looks at the clock and the best block, unpaced: a few milliseconds.
const UNPACED_BURST: u32 = 16_384;

/// Upper bound of what `hegemon_startMining` may ask for.
pub const MAX_THREADS: usize = 64;

/// How fast a mining thread works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// [`DEV_HASHES_PER_SECOND`]: for dev chains.
    Dev,
    /// As fast as the core goes.
    Unlimited,
}

/// What the miner is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MiningStatus {
    /// Threads that mine: 0 if it is stopped.
    pub threads: usize,
    /// Hashes per second of all threads together since they were started.
    pub hash_rate: f64,
    /// Blocks found since the process began.
    pub blocks_found: u64,
}

/// The thread count asked for is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} mining threads: 1 to {MAX_THREADS} are accepted")]
pub struct BadThreadCount(pub usize);

/// Starts and stops mining threads. Dropping it stops them.
#[derive(Debug)]
pub struct Miner {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Shared {
    chain: Arc<Chain>,
    found: mpsc::Sender<Block>,
    author: [u8; 32],
    pace: Pace,
    clock: Clock,
    blocks_found: AtomicU64,
}

#[derive(Debug)]
struct Running {
    stop: Arc<AtomicBool>,
    hashes: Arc<AtomicU64>,
    since: Instant,
    threads: Vec<JoinHandle<()>>,
}

impl Miner {
    /// A stopped miner. `found` takes its blocks to the sync driver, which imports and announces
    /// them; `author` is what goes into them, such as the peer ID.
    #[must_use]
    pub fn new(
        chain: Arc<Chain>,
        found: mpsc::Sender<Block>,
        author: [u8; 32],
        pace: Pace,
        clock: Clock,
    ) -> Self {
        let shared = Shared { chain, found, author, pace, clock, blocks_found: AtomicU64::new(0) };
        Self { shared: Arc::new(shared), running: Mutex::new(None) }
    }

    /// Mines with `threads` threads from now on, whatever it did before.
    ///
    /// # Errors
    /// If `threads` is 0 or more than [`MAX_THREADS`].
    pub fn start(&self, threads: usize) -> Result<(), BadThreadCount> {
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(BadThreadCount(threads));
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        stop(running.take());
        let stop = Arc::new(AtomicBool::new(false));
        let hashes = Arc::new(AtomicU64::new(0));
        let handles = (0..threads).filter_map(|_| {
            let worker =
                Worker { shared: self.shared.clone(), stop: stop.clone(), hashes: hashes.clone() };
            let spawned = thread::Builder::new().name("miner".into()).spawn(move || worker.run());
            spawned.inspect_err(|error| error!(%error, "cannot start a mining thread; ask for fewer, or raise the limit of processes (ulimit -u)")).ok()
        });
        let threads = handles.collect();
        *running = Some(Running { stop, hashes, since: Instant::now(), threads });
        info!(pace = ?self.shared.pace, "mining");
        Ok(())
    }

    /// Stops mining and waits for the threads: a few milliseconds.
    pub fn stop(&self) {
        stop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> MiningStatus {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (threads, hash_rate) = running.as_ref().map_or((0, 0.0), |running| {
            let seconds = running.since.elapsed().as_secs_f64().max(f64::EPSILON);
            (running.threads.len(), running.hashes.load(Ordering::Relaxed) as f64 / seconds)
        });
        MiningStatus {
            threads,
            hash_rate,
            blocks_found: self.shared.blocks_found.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn stop(running: Option<Running>) {
    let Some(running) = running else { return };
    running.stop.store(true, Ordering::Relaxed);
    for thread in running.threads {
        thread.thread().unpark();
        if thread.join().is_err() {
            error!(
                "a mining thread panicked, which is a bug; start the node again, and report it with the log"
            );
        }
    }
    info!("mining stopped");
}

/// One thread.
struct Worker {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    hashes: Arc<AtomicU64>,
}

impl Worker {
    fn run(self) {
        // At random, so that no two threads of one author search the same nonces.
        let mut nonce = [0; 8];
        if aws_lc_rs::rand::fill(&mut nonce).is_err() {
            error!(
                "no randomness for the first nonce, so this thread does not mine; start mining again (hegemon_startMining), or the node"
            );
            return;
        }
        let mut nonce = u64::from_le_bytes(nonce);
        while !self.stopped() {
            match self.shared.chain.template(self.shared.author, self.shared.clock.unix_ms()) {
                Ok(template) => nonce = self.mine(template, nonce),
                Err(error) => {
                    // The sync driver meets the same error and ends the process.
                    error!(%error, "no block to mine on; the node ends with the same error, which says what to do");
                    thread::park_timeout(TEMPLATE_AGE);
                }
            }
        }
    }

    /// Works on one template until it is done, too old, or no longer on the best block. Returns the
    /// nonce to go on with.
    fn mine(&self, template: Template, mut nonce: u64) -> u64 {
        let began = Instant::now();
        let parent = template.parent_hash();
        let burst = match self.shared.pace {
            Pace::Dev => DEV_HASHES_PER_SECOND / 1000 * BURST_INTERVAL.as_millis() as u32,
            Pace::Unlimited => UNPACED_BURST,
        };
        while !self.stopped() && began.elapsed() < TEMPLATE_AGE && self.is_best(&parent) {
            let burst_began = Instant::now();
            let found = template.search(nonce, burst);
            self.hashes.fetch_add(u64::from(burst), Ordering::Relaxed);
            if let Some(found) = found {
                self.deliver(template.seal(found));
                return found.wrapping_add(1);
            }
            nonce = nonce.wrapping_add(u64::from(burst));
            if self.shared.pace == Pace::Dev {
                thread::park_timeout(BURST_INTERVAL.saturating_sub(burst_began.elapsed()));
            }
        }
        nonce
    }

    fn deliver(&self, block: Block) {
        let (number, parent) = (block.number(), block.parent_hash());
        if self.shared.found.try_send(block).is_err() {
            warn!(
                number,
                "found a block that nobody takes: the node is stopping, or its disk stands still"
            );
        }
        self.shared.blocks_found.fetch_add(1, Ordering::Relaxed);
        // Until it is imported a second one would be its rival.
        let delivered = Instant::now();
        while !self.stopped() && delivered.elapsed() < TEMPLATE_AGE && self.is_best(&parent) {
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn is_best(&self, hash: &Hash) -> bool {
        self.shared.chain.best().hash == *hash
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{ChainParams, Imported};

    fn miner(
        params: ChainParams,
        pace: Pace,
    ) -> (tempfile::TempDir, Arc<Chain>, Miner, mpsc::Receiver<Block>) {
        let directory = tempfile::tempdir().unwrap();
        let chain = Arc::new(Chain::open(&directory.path().join("chain.redb"), params).unwrap());
        let (found, blocks) = mpsc::channel(4);
        let miner = Miner::new(chain.clone(), found, [7; 32], pace, Clock::start());
        (directory, chain, miner, blocks)
    }

    #[test]
    fn it_mines_blocks_that_are_valid_each_on_the_one_before() {
        let (_directory, chain, miner, mut blocks) =
            miner(ChainParams::trivial("miner"), Pace::Unlimited);
        miner.start(2).unwrap();
        assert_eq!(miner.status().threads, 2);
        while chain.best().number < 20 {
            let block = blocks.blocking_recv().unwrap();
            let result = chain.import(&block, Clock::start().unix_ms()).unwrap();
            assert!(matches!(result, Ok(Imported::NewBest { .. } | Imported::Side)), "{result:?}");
        }
        miner.stop();
        assert_eq!(miner.status().threads, 0);
        assert!(miner.status().blocks_found >= 20);
    }

    #[test]
    fn a_dev_miner_keeps_its_pace() {
        let params = ChainParams::dev(24 * 60 * 60 * 1000).unwrap();
        let (_directory, _chain, miner, _blocks) = miner(params, Pace::Dev);
        miner.start(1).unwrap();
        thread::sleep(Duration::from_millis(500));
        let rate = miner.status().hash_rate;
        // Slower on a busy machine, never faster by more than the first burst.
        assert!(rate > 0.0 && rate < f64::from(DEV_HASHES_PER_SECOND) * 1.2, "{rate}");
    }

    #[test]
    fn a_miner_that_nobody_listens_to_still_stops() {
        let (_directory, _chain, miner, blocks) =
            miner(ChainParams::trivial("stop"), Pace::Unlimited);
        drop(blocks);
        miner.start(1).unwrap();
        miner.start(3).unwrap();
        assert_eq!(miner.start(0), Err(BadThreadCount(0)));
        let began = Instant::now();
        drop(miner);
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
