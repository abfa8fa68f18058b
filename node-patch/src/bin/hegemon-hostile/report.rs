//! What is counted, and printed.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;

use crate::plan::{Attack, Plan, StandingPlan};

/// Connections of which it is kept how long the target bore them: all of one run, and the first of
/// an attack that is kept up.
const TIMED: usize = 100_000;

/// Counts of all peers of one target.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// Sums, since the beginning.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Counts {
    /// TCP connections made.
    pub(crate) connected: u32,
    /// Connections that the target reset as soon as they were made.
    pub(crate) refused: u32,
    /// Nobody listens, or not in time.
    pub(crate) not_connected: u32,
    /// Handshakes that were begun.
    pub(crate) handshakes: u32,
    /// Handshakes that were completed.
    pub(crate) sessions: u32,
    /// Connections that the target closed.
    pub(crate) closed_by_target: u32,
    /// Connections that did what they were to do and were closed by us.
    pub(crate) ended_by_us: u32,
    /// Connections on which we could not do what we were to do, and why the last of them.
    pub(crate) failed: u32,
    pub(crate) failure: Option<String>,
    /// `Addrs` received where the attack asks for one.
    pub(crate) answers: u64,
    /// Connections that a mirror carried to the target.
    pub(crate) mirrored: u32,
    /// Frames of sessions, finished or not.
    pub(crate) messages_sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    #[serde(skip)]
    closed_after: Vec<Duration>,
}

/// The line that is printed of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    attack: Attack,
    target: SocketAddr,
    from: Option<IpAddr>,
    seconds: f64,
    #[serde(flatten)]
    counts: Counts,
    /// How long the target bore those that it closed.
    closed_after_ms: Option<Spread>,
    /// Connections that the target still bore when time was up.
    open_at_the_end: u32,
}

#[derive(Debug, Serialize)]
struct Spread {
    least: u128,
    median: u128,
    most: u128,
}

/// Which of the lines of a standing attack it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Moment {
    Start,
    Progress,
    End,
}

/// A line of a standing attack: sums over all targets, and the part of each.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    event: Moment,
    /// What ended it: `SIGTERM`, `SIGINT` or `time`.
    why: Option<&'a str>,
    attack: Attack,
    seconds: f64,
    #[serde(flatten)]
    counts: Counts,
    /// Connections that the targets bear now.
    open: u32,
    targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
struct Target {
    target: SocketAddr,
    connected: u32,
    refused: u32,
    not_connected: u32,
    sessions: u32,
    closed_by_target: u32,
    bytes_sent: u64,
}

impl Tally {
    pub(crate) fn count<T>(&self, add: impl FnOnce(&mut Counts) -> T) -> T {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn counts(&self) -> Counts {
        self.count(|counts| Counts { closed_after: Vec::new(), ..counts.clone() })
    }
}

impl Counts {
    /// The target closed a connection that it bore for so long.
    pub(crate) fn closed(&mut self, after: Duration) {
        self.closed_by_target += 1;
        if self.closed_after.len() < TIMED {
            self.closed_after.push(after);
        }
    }

    fn open(&self) -> u32 {
        self.connected.saturating_sub(self.closed_by_target + self.ended_by_us + self.failed)
    }

    fn add(&mut self, other: &Self) {
        self.connected += other.connected;
        self.refused += other.refused;
        self.not_connected += other.not_connected;
        self.handshakes += other.handshakes;
        self.sessions += other.sessions;
        self.closed_by_target += other.closed_by_target;
        self.ended_by_us += other.ended_by_us;
        self.failed += other.failed;
        self.failure = other.failure.clone().or(self.failure.take());
        self.answers += other.answers;
        self.mirrored += other.mirrored;
        self.messages_sent += other.messages_sent;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
    }
}

impl Report {
    pub(crate) fn of(tally: &Tally, plan: Plan, elapsed: Duration) -> Self {
        let spread = tally.count(|counts| {
            counts.closed_after.sort_unstable();
            spread(&counts.closed_after)
        });
        let counts = tally.counts();
        Self {
            attack: plan.attack,
            target: plan.target,
            from: plan.from,
            seconds: elapsed.as_secs_f64(),
            open_at_the_end: counts.open(),
            counts,
            closed_after_ms: spread,
        }
    }

    /// Whether anybody was there.
    pub(crate) fn reached(&self) -> bool {
        self.counts.connected + self.counts.refused > 0
    }
}

impl<'a> Line<'a> {
    pub(crate) fn of<'b>(
        moment: Moment,
        why: Option<&'a str>,
        plan: &StandingPlan,
        tallies: impl Iterator<Item = (SocketAddr, &'b Tally)>,
        elapsed: Duration,
    ) -> Self {
        let mut sums = Counts::default();
        let targets = tallies.map(|(target, tally)| {
            let counts = tally.counts();
            sums.add(&counts);
            Target {
                target,
                connected: counts.connected,
                refused: counts.refused,
                not_connected: counts.not_connected,
                sessions: counts.sessions,
                closed_by_target: counts.closed_by_target,
                bytes_sent: counts.bytes_sent,
            }
        });
        let targets = targets.collect();
        let (attack, seconds, open) = (plan.attack, elapsed.as_secs_f64(), sums.open());
        Self { event: moment, why, attack, seconds, counts: sums, open, targets }
    }

    /// Whether anybody was there.
    pub(crate) fn reached(&self) -> bool {
        self.counts.connected + self.counts.refused > 0
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
