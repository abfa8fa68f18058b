//! Tells discovery when the chain stands still: blocks that no longer come are a sign of an eclipse
//! that no peer gives.

use std::time::Duration;

use hegemon_discovery::ChainState;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{chain::Best, net::event::HubEvent};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{Chain, ChainParams};

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
