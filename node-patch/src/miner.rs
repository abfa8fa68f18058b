//! The miner: searchers of nonces for a template on the best block, each on an OS thread, or as a
//! task where long work is among the tasks.
//!
//! On a dev chain each searcher paces itself to
//! [`DEV_HASHES_PER_SECOND`](crate::chain::DEV_HASHES_PER_SECOND): real proof of work, in bursts of a
//! fraction of a millisecond, so that thirty nodes share a laptop.
//!
//! | module | is about |
//! | --- | --- |
//! | `pace` | how fast a searcher works |
//! | `search` | one searcher, told the time; pure |

mod pace;
mod search;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tracing::{error, info, warn};

pub use self::pace::Pace;
use self::search::{Search, TEMPLATE_AGE};
use crate::{
    chain::{Block, Chain},
    clock::Clock,
    host::{
        Host, Lane, Task, Tasks,
        entropy::{Entropy, System},
    },
};

/// Upper bound of what `hegemon_startMining` may ask for.
pub const MAX_THREADS: usize = 64;

/// What a searcher leaves to other tasks after each burst.
const LEAST_REST: Duration = Duration::from_millis(1);

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

/// Starts and stops searchers. Dropping it stops them.
#[derive(Debug)]
pub struct Miner {
    shared: Arc<Shared>,
    /// Where searchers are tasks, who runs them.
    tasks: Option<Tasks>,
    running: Mutex<Option<Running>>,
}

struct Shared {
    chain: Arc<Chain>,
    found: mpsc::Sender<Block>,
    author: [u8; 32],
    pace: Pace,
    clock: Clock,
    entropy: Arc<dyn Entropy>,
    blocks_found: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("pace", &self.pace).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Running {
    stop: Arc<AtomicBool>,
    hashes: Arc<AtomicU64>,
    since: Instant,
    searchers: Vec<Searcher>,
}

#[derive(Debug)]
enum Searcher {
    Thread(JoinHandle<()>),
    Task(Task<()>),
}

impl Miner {
    /// A stopped miner with threads, and the system's randomness. `found` takes its blocks to the
    /// sync driver, which imports and announces them; `author` is what goes into them, such as the
    /// peer ID.
    #[must_use]
    pub fn new(
        chain: Arc<Chain>,
        found: mpsc::Sender<Block>,
        author: [u8; 32],
        pace: Pace,
        clock: Clock,
    ) -> Self {
        let (entropy, blocks_found) = (Arc::new(System), AtomicU64::new(0));
        let shared = Shared { chain, found, author, pace, clock, entropy, blocks_found };
        Self { shared: Arc::new(shared), tasks: None, running: Mutex::new(None) }
    }

    /// The same on what a node runs on.
    #[must_use]
    pub fn on(
        host: &Host,
        chain: Arc<Chain>,
        found: mpsc::Sender<Block>,
        author: [u8; 32],
        pace: Pace,
    ) -> Self {
        let (clock, entropy) = (host.clock.clone(), host.entropy.clone());
        let blocks_found = AtomicU64::new(0);
        let shared = Shared { chain, found, author, pace, clock, entropy, blocks_found };
        let tasks = (host.tasks.lane() == Lane::Tasks).then(|| host.tasks.clone());
        Self { shared: Arc::new(shared), tasks, running: Mutex::new(None) }
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
        let searchers = (0..threads).filter_map(|_| {
            let worker =
                Worker { shared: self.shared.clone(), stop: stop.clone(), hashes: hashes.clone() };
            match &self.tasks {
                Some(tasks) => Some(Searcher::Task(tasks.spawn(worker.run_as_task()))),
                None => thread(worker),
            }
        });
        let searchers = searchers.collect();
        *running = Some(Running { stop, hashes, since: Instant::now(), searchers });
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
            (running.searchers.len(), running.hashes.load(Ordering::Relaxed) as f64 / seconds)
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

fn thread(worker: Worker) -> Option<Searcher> {
    let spawned = thread::Builder::new().name("miner".into()).spawn(move || worker.run());
    spawned
        .inspect_err(|error| error!(%error, "cannot start a mining thread; ask for fewer, or raise the limit of processes (ulimit -u)"))
        .ok()
        .map(Searcher::Thread)
}

fn stop(running: Option<Running>) {
    let Some(running) = running else { return };
    running.stop.store(true, Ordering::Relaxed);
    for searcher in running.searchers {
        match searcher {
            Searcher::Task(task) => task.abort(),
            Searcher::Thread(thread) => {
                thread.thread().unpark();
                if thread.join().is_err() {
                    error!(
                        "a mining thread panicked, which is a bug; start the node again, and report it with the log"
                    );
                }
            }
        }
    }
    info!("mining stopped");
}

/// What drives one searcher.
struct Worker {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    hashes: Arc<AtomicU64>,
}

impl Worker {
    fn run(self) {
        let Some(mut search) = self.search() else { return };
        while !self.stopped() {
            let began = Instant::now();
            let rest = self.step(&mut search).saturating_sub(began.elapsed());
            if !rest.is_zero() && !self.stopped() {
                thread::park_timeout(rest);
            }
        }
    }

    /// Among other tasks it always leaves them time, however fast it may go.
    async fn run_as_task(self) {
        let Some(mut search) = self.search() else { return };
        while !self.stopped() {
            let next = Instant::now() + self.step(&mut search).max(LEAST_REST);
            sleep_until(next).await;
        }
    }

    /// At random, so that no two searchers of one author search the same nonces.
    fn search(&self) -> Option<Search> {
        let mut nonce = [0; 8];
        if self.shared.entropy.fill(&mut nonce).is_err() {
            error!(
                "no randomness for the first nonce, so this thread does not mine; start mining again (hegemon_startMining), or the node"
            );
            return None;
        }
        Some(Search::new(self.shared.author, self.shared.pace, u64::from_le_bytes(nonce)))
    }

    /// One step; how long it may rest, counted from the step's beginning.
    fn step(&self, search: &mut Search) -> Duration {
        match search.step(&self.shared.chain, self.shared.clock.now()) {
            Ok(step) => {
                self.hashes.fetch_add(u64::from(step.hashes), Ordering::Relaxed);
                step.found.into_iter().for_each(|block| self.deliver(block));
                step.pause
            }
            Err(error) => {
                // The sync driver meets the same error and ends the process.
                error!(%error, "no block to mine on; the node ends with the same error, which says what to do");
                TEMPLATE_AGE
            }
        }
    }

    fn deliver(&self, block: Block) {
        let number = block.number();
        if self.shared.found.try_send(block).is_err() {
            warn!(
                number,
                "found a block that nobody takes: the node is stopping, or its disk stands still"
            );
        }
        self.shared.blocks_found.fetch_add(1, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{ChainParams, DEV_HASHES_PER_SECOND, Imported};

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
        let began = std::time::Instant::now();
        drop(miner);
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
