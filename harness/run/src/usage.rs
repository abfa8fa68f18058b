//! What nodes of a network that stays up use, and where they disagree about the chain: looked at all the time, whatever
//! the scenario checks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use harness_core::{
    event::{HashRound, Moment},
    soak::Sample,
};

use super::{logs::Logs, testbed::Testbed};

/// Samples of one start of a node in one window: a window that goes on and on takes no more memory.
const MOST: usize = 4096;

/// A fork is followed down from the highest block that all have, in steps that double, at most so often.
const STEPS: u32 = 10;

/// By node and start.
type Taken = BTreeMap<String, BTreeMap<u32, Vec<Sample>>>;

/// Samples that were taken and not asked for yet.
#[derive(Clone, Default)]
pub(super) struct Usage(Arc<Mutex<Taken>>);

impl Usage {
    /// What was taken since the last time.
    pub(super) fn take(&self) -> Taken {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was taken before all that was taken since.
    pub(super) fn give_back(&self, before: Taken) {
        let since =
            std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), before);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (node, starts) in since {
            for (start, mut samples) in starts {
                taken
                    .entry(node.clone())
                    .or_default()
                    .entry(start)
                    .or_default()
                    .append(&mut samples);
            }
        }
    }

    /// Measures all nodes until it is dropped.
    pub(super) async fn measure(self, bed: Arc<Testbed>, logs: Logs, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            join_all(bed.names.iter().map(|name| self.one(name, &bed, &logs))).await;
        }
    }

    async fn one(&self, name: &str, bed: &Testbed, logs: &Logs) {
        let starts = bed.starts(name);
        let Some(start) = starts.checked_sub(1) else { return };
        let used = bed.provider.resources(name).await.ok().flatten();
        let (open, logged) = (bed.provider.open_descriptors(name), logs.written(name));
        // What was asked for before a restart is of neither start; who is down uses nothing.
        let Some(used) = used.filter(|_| bed.starts(name) == starts) else { return };
        let seconds = bed.journal.now().since(Moment(0)).as_secs_f64();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let samples = taken.entry(name.to_owned()).or_default().entry(start).or_default();
        if samples.len() < MOST {
            samples.push(Sample(seconds, Some(used.memory_bytes), open, logged));
        }
    }
}

/// Compares the nodes' chains until it is dropped: each look is a recorded round of hashes at the highest block that all
/// have, and where they differ, at those below until they do not.
pub(super) async fn compare(bed: Arc<Testbed>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some((mut height, names)) = common(&bed) else { continue };
        for step in 0..STEPS {
            let sent = bed.journal.now();
            bed.hashes(height, &names).await;
            if height == 0 || !is_split(&bed, sent, height) {
                break;
            }
            height = height.saturating_sub(1 << step);
        }
    }
}

/// The highest block that every node has which should be there and has said so lately, and who they are.
fn common(bed: &Testbed) -> Option<(u64, Vec<String>)> {
    const LATELY: Duration = Duration::from_secs(3);
    let now = bed.journal.now();
    let from = Moment(now.0.saturating_sub(LATELY.as_millis() as u64));
    let heights: Vec<(u64, String)> = bed.journal.with_history(|history| {
        let last = |name: &String| {
            let mut samples = history.samples(name, from, now).iter().rev();
            samples.find_map(|sample| sample.height.value().copied())
        };
        bed.should_run().filter_map(|name| Some((last(name)?, name.clone()))).collect()
    });
    let lowest = heights.iter().map(|(height, _)| *height).min()?;
    (heights.len() > 1).then(|| (lowest, heights.into_iter().map(|(_, name)| name).collect()))
}

/// Whether the round that was just asked for found several blocks at its height.
fn is_split(bed: &Testbed, sent: Moment, height: u64) -> bool {
    let differs = |round: &HashRound| {
        let mut hashes = round.hashes.values().filter_map(|hash| hash.value());
        let first = hashes.next();
        hashes.any(|hash| Some(hash) != first)
    };
    bed.journal.with_history(|history| {
        let mut rounds = history.hash_rounds(sent, Moment(u64::MAX));
        rounds.any(|round| round.height == height && differs(round))
    })
}
