//! What is counted, and printed in the end.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;

use crate::plan::{Attack, Plan};

/// Counts of all peers.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// See [`Report`] for what is not obvious.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connected: u32,
    pub(crate) refused: u32,
    pub(crate) not_connected: u32,
    pub(crate) sessions: u32,
    pub(crate) ended_by_us: u32,
    pub(crate) open_at_the_end: u32,
    pub(crate) answers: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    /// At most one entry for each peer.
    pub(crate) closed_after: Vec<Duration>,
}

/// The line that is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    attack: Attack,
    target: SocketAddr,
    from: Option<IpAddr>,
    seconds: f64,
    /// TCP connections made.
    pub(crate) connected: u32,
    /// Connections that the target reset as soon as they were made.
    pub(crate) refused: u32,
    /// Nobody listens, or not in time.
    not_connected: u32,
    /// Handshakes that were completed.
    sessions: u32,
    /// Connections that the target closed, and after how long.
    closed_by_target: usize,
    closed_after_ms: Option<Spread>,
    /// Connections that did what they were to do and were closed by us.
    ended_by_us: u32,
    /// Connections that the target still bore when time was up.
    open_at_the_end: u32,
    /// `Addrs` received where the attack asks for one.
    answers: u64,
    bytes_sent: u64,
    bytes_received: u64,
}

#[derive(Debug, Serialize)]
struct Spread {
    least: u128,
    median: u128,
    most: u128,
}

impl Tally {
    pub(crate) fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn report(&self, plan: Plan, elapsed: Duration) -> Report {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.closed_after.sort_unstable();
        Report {
            attack: plan.attack,
            target: plan.target,
            from: plan.from,
            seconds: elapsed.as_secs_f64(),
            connected: counts.connected,
            refused: counts.refused,
            not_connected: counts.not_connected,
            sessions: counts.sessions,
            closed_by_target: counts.closed_after.len(),
            closed_after_ms: spread(&counts.closed_after),
            ended_by_us: counts.ended_by_us,
            open_at_the_end: counts.open_at_the_end,
            answers: counts.answers,
            bytes_sent: counts.bytes_sent,
            bytes_received: counts.bytes_received,
        }
    }
}

fn spread(sorted: &[Duration]) -> Option<Spread> {
    let (least, most) = (sorted.first()?, sorted.last()?);
    Some(Spread {
        least: least.as_millis(),
        median: sorted[sorted.len() / 2].as_millis(),
        most: most.as_millis(),
    })
}
