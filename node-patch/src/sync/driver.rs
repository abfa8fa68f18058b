//! Joins engine, chain and network: events from the channels go into the engine, its actions to the
//! network and the chain.
//!
//! The driver is long work, with a thread of its own where there are any: an import waits for the
//! disk. Everything it does is in one order: that of its channels.

use std::{collections::VecDeque, mem, sync::Arc};

use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use super::{
    engine::SyncEngine,
    event::{Action, Event, Source, SyncStatus},
    imports::Imports,
};
use crate::{
    chain::{Best, Block, Chain, Imported, StoreError},
    clock::Clock,
    host::{Task, Tasks},
    net::handle::{ChainEvent, ChainNetwork},
};

/// Mined blocks that may wait for the driver. More than one or two only if the disk stands still,
/// and then they are forks of each other.
const MAX_MINED: usize = 4;

/// Why the driver ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The database failed: the node cannot go on.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the rest of the node has of the driver.
#[derive(Debug)]
pub struct SyncHandles {
    /// For the miner: finished blocks.
    pub mined: mpsc::Sender<Block>,
    /// The tip of the best chain, whenever it changes.
    pub best: watch::Receiver<Best>,
    /// How far along we are.
    pub status: watch::Receiver<SyncStatus>,
    /// What became of blocks.
    pub imports: Arc<Imports>,
    /// Ends with `Ok` when the network's event channel is closed, with an error if the database
    /// fails. After a panic it has died.
    pub task: Task<Result<(), DriverError>>,
}

/// Owns the engine, and the only one that imports.
pub struct SyncDriver<N: ?Sized> {
    chain: Arc<Chain>,
    network: Arc<N>,
    engine: SyncEngine,
    clock: Clock,
    best: watch::Sender<Best>,
    status: watch::Sender<SyncStatus>,
    imports: Arc<Imports>,
}

impl<N: ChainNetwork + ?Sized> SyncDriver<N> {
    /// Starts the driver, inside a tokio runtime.
    ///
    /// It ends when `events` is closed, that is, when its last sender is dropped. Everything that
    /// was imported is durable by then.
    #[must_use]
    pub fn spawn(
        chain: Arc<Chain>,
        network: Arc<N>,
        events: mpsc::Receiver<ChainEvent>,
        clock: Clock,
        tasks: &Tasks,
    ) -> SyncHandles {
        let (mined, mined_receiver) = mpsc::channel(MAX_MINED);
        let (best_sender, best) = watch::channel(chain.best());
        let (status_sender, status) = watch::channel(SyncStatus::default());
        let driver = Self {
            chain,
            network,
            engine: SyncEngine::default(),
            clock,
            best: best_sender,
            status: status_sender,
            imports: Arc::default(),
        };
        let imports = driver.imports.clone();
        let task = tasks.spawn_long(driver.run(events, mined_receiver));
        SyncHandles { mined, best, status, imports, task }
    }

    async fn run(
        mut self,
        mut events: mpsc::Receiver<ChainEvent>,
        mut mined: mpsc::Receiver<Block>,
    ) -> Result<(), DriverError> {
        // Neither peers that never pause nor a miner that finds a block with every nonce keeps the
        // other waiting: after an event it is the miner's turn, and after a block theirs.
        let mut heard = false;
        loop {
            if mem::take(&mut heard)
                && let Ok(block) = mined.try_recv()
            {
                self.import(Source::Mined, vec![block])?;
                continue;
            }
            let wakeup = self.engine.next_wakeup().map(|at| self.clock.instant(at));
            tokio::select! {
                // Time first: a wake-up puts the next one off.
                biased;
                () = sleep_until(wakeup) => self.handle(Event::Wakeup)?,
                event = events.recv() => match event {
                    Some(event) => {
                        self.handle(event.into())?;
                        heard = true;
                    }
                    None => return Ok(()),
                },
                Some(block) = mined.recv() => self.import(Source::Mined, vec![block])?,
            }
        }
    }

    fn import(&mut self, source: Source, blocks: Vec<Block>) -> Result<(), StoreError> {
        let event = import(&self.chain, &self.clock, &self.imports, source, blocks)?;
        self.handle(event)
    }

    /// Feeds the engine until it has nothing more to import.
    fn handle(&mut self, event: Event) -> Result<(), StoreError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.engine.handle(&*self.chain, event, self.clock.now().mono)? {
                match action {
                    Action::Send { session, protocol, data } => {
                        self.network.send(session, protocol, data)
                    }
                    Action::Punish { session, offence } => {
                        self.network.punish(session, offence.reason(), offence.points())
                    }
                    Action::Import { source, blocks } => events.push_back(import(
                        &self.chain,
                        &self.clock,
                        &self.imports,
                        source,
                        blocks,
                    )?),
                }
            }
        }
        let best = self.chain.best();
        self.best.send_if_modified(|published| mem::replace(published, best) != best);
        let status = self.engine.status(&*self.chain);
        self.status.send_if_modified(|published| {
            let before = mem::replace(published, status);
            SyncStatus { due: published.due, ..before } != *published
        });
        Ok(())
    }
}

impl From<ChainEvent> for Event {
    fn from(event: ChainEvent) -> Self {
        match event {
            ChainEvent::Opened { session, peer } => Self::Opened { session, peer },
            ChainEvent::Closed { session } => Self::Closed { session },
            ChainEvent::Frame { session, protocol, data } => {
                Self::Frame { session, protocol, data }
            }
        }
    }
}

fn import(
    chain: &Chain,
    clock: &Clock,
    imports: &Imports,
    source: Source,
    blocks: Vec<Block>,
) -> Result<Event, StoreError> {
    let outcomes = chain.import_batch(&blocks, clock.unix_ms())?;
    let results = blocks
        .iter()
        .zip(outcomes)
        .map(|(block, outcome)| (block.hash(), u64::from(block.number()), outcome));
    let results: Vec<_> = results.collect();
    for (hash, number, outcome) in &results {
        imports.note(outcome);
        match outcome {
            Ok(Imported::NewBest { reorg_depth: 0 }) => {
                debug!(number, %hash, ?source, "new best block")
            }
            Ok(Imported::NewBest { reorg_depth }) => {
                info!(number, %hash, ?source, reorg_depth, "new best block on another branch")
            }
            Ok(Imported::Side | Imported::AlreadyKnown) => {
                debug!(number, %hash, ?source, ?outcome, "block imported")
            }
            Err(error) if source == Source::Mined => {
                warn!(number, %hash, %error, "our own block was refused; if this goes on, check the clock of this host");
            }
            Err(error) => debug!(number, %hash, ?source, %error, "block refused"),
        }
    }
    Ok(Event::Imported { source, results })
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
