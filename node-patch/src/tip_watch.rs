//! Tells discovery when the chain stands still: blocks that no longer come are a sign of an eclipse
//! that no peer gives. Where none came before, nobody mines, and that is no sign of anything. And tells the
//! operator of a long way to the tip, and of its end.

use std::{collections::VecDeque, time::Duration};

use hegemon_discovery::ChainState;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use crate::{chain::Best, net::event::HubEvent, sync::SyncStatus};

/// The chain stands still after so many median times without a block. Intervals of a proof-of-work
/// chain are exponential: one in a million is as long.
const MEDIANS: u32 = 20;

/// Intervals that the median is of, and the least that it takes: fewer say nothing.
const INTERVALS: usize = 11;
/// See [`INTERVALS`].
const ENOUGH: usize = 5;

/// What follows within this part of a block time was caught up with, and says nothing of the pace.
const BURST: u32 = 8;

/// How fast blocks come.
struct Pace {
    burst: Duration,
    /// The last ones, at most [`INTERVALS`].
    intervals: VecDeque<Duration>,
}

impl Pace {
    fn new(block_time: Duration) -> Self {
        Self { burst: block_time / BURST, intervals: VecDeque::new() }
    }

    /// A block came so long after the one before.
    fn block(&mut self, after: Duration) {
        if after >= self.burst {
            self.intervals.push_front(after);
            self.intervals.truncate(INTERVALS);
        }
    }

    /// How long the chain may do without one; `None` if not enough came to say.
    fn patience(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.intervals.iter().copied().collect();
        sorted.sort_unstable();
        (sorted.len() >= ENOUGH).then(|| sorted[sorted.len() / 2] * MEDIANS)
    }
}

/// Reports each change between advancing and stalled, until the chain or the hub ends.
pub async fn watch(
    mut best: watch::Receiver<Best>,
    block_time: Duration,
    hub: mpsc::Sender<HubEvent>,
) {
    let (mut state, mut pace, mut last) = (ChainState::Advancing, Pace::new(block_time), None);
    loop {
        let deadline = last.zip(pace.patience()).map(|(last, patience)| last + patience);
        let changed = match deadline.filter(|_| state == ChainState::Advancing) {
            Some(deadline) => timeout_at(deadline, best.changed()).await.ok(),
            None => Some(best.changed().await),
        };
        let next = match changed {
            Some(Ok(())) => {
                let now = Instant::now();
                last.replace(now).into_iter().for_each(|before| pace.block(now - before));
                ChainState::Advancing
            }
            Some(Err(_)) => return,
            None => ChainState::Stalled,
        };
        if next != state && hub.send(HubEvent::Chain(next)).await.is_err() {
            return;
        }
        state = next;
    }
}

/// A way to the tip that is worth a line in the log: shorter ones are a network's daily life.
const LONG_WAY: u64 = 100;

/// Logs the beginning and the end of each long catch-up, until the sync driver ends.
pub async fn log_catch_ups(mut status: watch::Receiver<SyncStatus>, best: watch::Receiver<Best>) {
    let mut target = None;
    while status.changed().await.is_ok() {
        let (status, height) =
            (status.borrow_and_update().clone(), u64::from(best.borrow().number));
        match turn(&mut target, &status, height) {
            Some(Turn::Began) => tracing::info!(height, highest = status.highest, "catching up"),
            Some(Turn::Ended) => tracing::info!(height, "caught up"),
            Some(Turn::BrokeOff { target }) => tracing::info!(
                height,
                target,
                "no longer catching up: no peer offers the blocks up to there any more"
            ),
            None => {}
        }
    }
}

/// What the log says of a catch-up.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Began,
    /// At its end.
    Ended,
    /// Below the height that was aimed at.
    BrokeOff {
        target: u64,
    },
}

/// `target`: the highest that a peer offered since a long catch-up began, if one is told of.
fn turn(target: &mut Option<u64>, status: &SyncStatus, height: u64) -> Option<Turn> {
    let way = status.highest.saturating_sub(height);
    match (*target, status.is_syncing) {
        (None, true) if way > LONG_WAY => {
            *target = Some(status.highest);
            Some(Turn::Began)
        }
        (Some(highest), true) => {
            *target = Some(highest.max(status.highest));
            None
        }
        (Some(highest), false) => {
            *target = None;
            let reached = height >= highest;
            Some(if reached { Turn::Ended } else { Turn::BrokeOff { target: highest } })
        }
        (None, true | false) => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::chain::{Chain, ChainParams};

    #[test]
    fn a_long_catch_up_is_told_twice_and_a_short_one_never() {
        let mut target = None;
        let mut said = |is_syncing, height, highest| {
            turn(&mut target, &SyncStatus { is_syncing, highest, ..SyncStatus::default() }, height)
        };
        assert_eq!(said(true, 10, 10 + LONG_WAY), None);
        assert_eq!(said(false, 110, 110), None);
        assert_eq!(said(true, 110, 111 + LONG_WAY), Some(Turn::Began));
        assert_eq!(said(true, 110, 5_000), None);
        assert_eq!(said(true, 4_996, 5_000), None);
        assert_eq!(said(false, 5_000, 5_000), Some(Turn::Ended));
        assert_eq!(said(false, 5_000, 5_000), None);
    }

    #[test]
    fn a_catch_up_that_loses_its_peers_is_not_told_as_one_that_came_to_its_end() {
        let mut target = None;
        let mut said = |is_syncing, height, highest| {
            turn(&mut target, &SyncStatus { is_syncing, highest, ..SyncStatus::default() }, height)
        };
        assert_eq!(said(true, 10, 5_000), Some(Turn::Began));
        assert_eq!(said(true, 900, 4_000), None, "the best of them is gone");
        assert_eq!(said(false, 900, 900), Some(Turn::BrokeOff { target: 5_000 }));
        assert_eq!(said(false, 900, 900), None);
        assert_eq!(said(true, 900, 5_000), Some(Turn::Began));
        assert_eq!(said(true, 2_000, 6_000), None);
        assert_eq!(said(false, 6_001, 6_001), Some(Turn::Ended));
    }

    #[test]
    fn patience_is_twenty_medians_of_blocks_that_came_one_by_one() {
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(2 * second);
        (0..10_000).for_each(|_| pace.block(Duration::from_millis(1)));
        assert_eq!(pace.patience(), None, "what was caught up with");
        (1..5).for_each(|_| pace.block(second));
        assert_eq!(pace.patience(), None, "too few");
        pace.block(60 * second);
        assert_eq!(pace.patience(), Some(20 * second));
        (0..20).for_each(|_| pace.block(3 * second));
        assert_eq!(pace.patience(), Some(60 * second), "of late");
        assert_eq!(pace.intervals.len(), INTERVALS);
    }

    #[tokio::test]
    async fn a_chain_that_stands_still_is_reported_once_and_so_is_its_going_on() {
        let directory = tempfile::tempdir().unwrap();
        let chain =
            Chain::open(&directory.path().join("chain.redb"), ChainParams::trivial("watched"))
                .unwrap();
        let (tip, best) = watch::channel(chain.best());
        let (hub, mut events) = mpsc::channel(4);
        let block_time = Duration::from_millis(16);
        let watching = tokio::spawn(watch(best, block_time, hub));
        let quiet = Duration::from_millis(200);
        assert!(timeout(quiet, events.recv()).await.is_err(), "no block ever came");
        for _ in 0..=ENOUGH {
            tip.send(chain.best()).unwrap();
            sleep(block_time / 4).await;
        }
        assert!(matches!(events.recv().await, Some(HubEvent::Chain(ChainState::Stalled))));
        assert!(timeout(quiet, events.recv()).await.is_err(), "once");
        tip.send(chain.best()).unwrap();
        assert!(matches!(events.recv().await, Some(HubEvent::Chain(ChainState::Advancing))));
        drop(tip);
        watching.await.unwrap();
    }
}
