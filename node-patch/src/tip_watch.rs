//! Tells discovery when the chain stands still: blocks that no longer come are a sign of an eclipse
//! that no peer gives. And tells the operator of a long way to the tip, and of its end.

use std::time::Duration;

use hegemon_discovery::ChainState;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{chain::Best, net::event::HubEvent, sync::SyncStatus};

/// Block times without a block before the chain stands still. Intervals of a proof-of-work chain
/// are exponential: one in 10¹³ is as long as this.
const BLOCK_TIMES: u32 = 30;

/// How long a chain with blocks of `block_time` may do without one.
#[must_use]
pub fn patience(block_time: Duration) -> Duration {
    block_time * BLOCK_TIMES
}

/// Reports each change between advancing and stalled, until the chain or the hub ends.
pub async fn watch(
    mut best: watch::Receiver<Best>,
    patience: Duration,
    hub: mpsc::Sender<HubEvent>,
) {
    let mut state = ChainState::Advancing;
    loop {
        let now = match timeout(patience, best.changed()).await {
            Ok(Ok(())) => ChainState::Advancing,
            Ok(Err(_)) => return,
            Err(_) => ChainState::Stalled,
        };
        if now != state && hub.send(HubEvent::Chain(now)).await.is_err() {
            return;
        }
        state = now;
    }
}

/// A way to the tip that is worth a line in the log: shorter ones are a network's daily life.
const LONG_WAY: u64 = 100;

/// Logs the beginning and the end of each long catch-up, until the sync driver ends.
pub async fn log_catch_ups(mut status: watch::Receiver<SyncStatus>, best: watch::Receiver<Best>) {
    let mut told = false;
    while status.changed().await.is_ok() {
        let (SyncStatus { is_syncing, highest, .. }, height) =
            (status.borrow_and_update().clone(), u64::from(best.borrow().number));
        match turn(&mut told, is_syncing, highest.saturating_sub(height)) {
            Some(Turn::Began) => tracing::info!(height, highest, "catching up"),
            Some(Turn::Ended) => tracing::info!(height, "caught up"),
            None => {}
        }
    }
}

/// What the log says of a catch-up.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Began,
    Ended,
}

fn turn(told: &mut bool, is_syncing: bool, way: u64) -> Option<Turn> {
    match (*told, is_syncing) {
        (false, true) if way > LONG_WAY => {
            *told = true;
            Some(Turn::Began)
        }
        (true, false) => {
            *told = false;
            Some(Turn::Ended)
        }
        (false, true) | (false, false) | (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Chain, ChainParams};

    #[test]
    fn a_long_catch_up_is_told_twice_and_a_short_one_never() {
        let mut told = false;
        let mut said = |is_syncing, way| turn(&mut told, is_syncing, way);
        assert_eq!(said(true, LONG_WAY), None);
        assert_eq!(said(false, 0), None);
        assert_eq!(said(true, LONG_WAY + 1), Some(Turn::Began));
        assert_eq!(said(true, 5_000), None);
        assert_eq!(said(true, 4), None);
        assert_eq!(said(false, 0), Some(Turn::Ended));
        assert_eq!(said(false, 0), None);
    }

    #[tokio::test]
    async fn a_chain_that_stands_still_is_reported_once_and_so_is_its_going_on() {
        let directory = tempfile::tempdir().unwrap();
        let chain =
            Chain::open(&directory.path().join("chain.redb"), ChainParams::trivial("watched"))
                .unwrap();
        let (tip, best) = watch::channel(chain.best());
        let (hub, mut events) = mpsc::channel(4);
        let watching = tokio::spawn(watch(best, Duration::from_millis(20), hub));
        assert!(matches!(events.recv().await, Some(HubEvent::Chain(ChainState::Stalled))));
        assert!(timeout(Duration::from_millis(200), events.recv()).await.is_err(), "once");
        tip.send(chain.best()).unwrap();
        assert!(matches!(events.recv().await, Some(HubEvent::Chain(ChainState::Advancing))));
        drop(tip);
        watching.await.unwrap();
    }
}
