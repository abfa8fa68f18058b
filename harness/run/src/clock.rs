//! The run's clock: milliseconds since its beginning, what the wall says, and whether the machine
//! slept in between. The only clock that a run reads.
//!
//! Time passes as tokio's does: where that is paused, it stands still and jumps to the next moment
//! that somebody waits for.

use std::time::{Duration, SystemTime};

use harness_core::event::Moment;
use tokio::time::Instant;

/// Starts at zero and never steps.
pub struct RunClock {
    began: Instant,
    wall: Box<dyn Fn() -> SystemTime + Send + Sync>,
    slept: Box<dyn Fn() -> Duration + Send + Sync>,
    slept_before: Duration,
}

impl RunClock {
    /// Zero is now, by this machine's clocks.
    #[expect(clippy::disallowed_methods, reason = "here it is handed in")]
    pub fn start() -> Self {
        Self::with(SystemTime::now, slept)
    }

    /// The same with other ways to read the wall clock, and to learn how long the machine has slept
    /// since some moment.
    pub fn with(
        wall: impl Fn() -> SystemTime + Send + Sync + 'static,
        slept: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        let slept_before = slept();
        Self { began: Instant::now(), wall: Box::new(wall), slept: Box::new(slept), slept_before }
    }

    /// Now.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// What a clock on the wall says: for people, nothing is decided by it.
    pub fn wall(&self) -> SystemTime {
        (self.wall)()
    }

    /// The same in milliseconds since 1970: what a node's clock is compared with.
    pub(crate) fn unix_ms(&self) -> i64 {
        let since = self.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// How long the machine has slept since the beginning, if that is more than a hiccup.
    pub fn slept(&self) -> Option<Duration> {
        const HICCUP: Duration = Duration::from_secs(2);
        Some((self.slept)().saturating_sub(self.slept_before)).filter(|slept| *slept >= HICCUP)
    }
}

/// `CLOCK_BOOTTIME − CLOCK_MONOTONIC`: what the one counts and the other does not is sleep.
#[cfg(target_os = "linux")]
fn slept() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |clock| {
        let time = clock_gettime(clock);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    };
    // Monotonic first: a pause between the two reads must not look like waking up earlier than we
    // slept.
    let monotonic = read(ClockId::Monotonic);
    read(ClockId::Boottime).saturating_sub(monotonic)
}

/// Elsewhere there is no such pair of clocks: sleep then shows as samples that are missing.
#[cfg(not(target_os = "linux"))]
fn slept() -> Duration {
    Duration::ZERO
}
