//! Measures what nodes use, by the provider's word: once a second, and only where a check needs it.

use std::{sync::Arc, time::Duration};

use harness_core::event::{EventKind, ResourceSample};

use crate::testbed::Testbed;

/// Between two measurements: a container's takes the engine a few milliseconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// Measures one node until it is dropped. A measurement that fails is recorded as one that is
/// missing; an engine that is gone is noticed by whoever watches the node.
pub(crate) async fn measure(node: String, bed: Arc<Testbed>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let starts = bed.starts(&node);
        let Some(start) = starts.checked_sub(1) else { continue };
        let sent = bed.journal.now();
        let used = bed.provider.resources(&node).await.ok().flatten();
        // Ignore an answer that was requested before the restart.
        if bed.starts(&node) == starts {
            bed.journal.emit(EventKind::Resources(ResourceSample {
                node: node.clone(),
                start,
                sent,
                answered: bed.journal.now(),
                used,
            }));
        }
    }
}
