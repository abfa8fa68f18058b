//! The run's clock: milliseconds since its beginning, and whether the machine slept in between. The
//! only clock that a run reads.

use std::time::{Duration, Instant};

use harness_core::event::Moment;

/// Starts at zero and never steps.
pub struct RunClock {
    began: Instant,
    slept: Box<dyn Fn() -> Duration + Send + Sync>,
    slept_before: Duration,
}

impl RunClock {
    /// Zero is now.
    pub fn start() -> Self {
        Self::sleeping(slept)
    }

    /// The same with another way to learn how long the machine has slept since some moment.
    pub fn sleeping(slept: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let slept_before = slept();
        Self { began: Instant::now(), slept: Box::new(slept), slept_before }
    }

    /// Now.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
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
