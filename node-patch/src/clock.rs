//! The node's clock: the engines are told the time, this is where it comes from. Nothing else in
//! the node reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hegemon_discovery::{Mono, Now};
use tokio::time::Instant;

/// Monotonic time since the node started, and the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Both clocks. A wall clock before 1970 counts as 1970: stamps in a cache are all that depends
    /// on it.
    #[must_use]
    pub fn now(&self) -> Now {
        let mono = i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX);
        Now {
            mono: Mono(mono),
            wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// Milliseconds since 1970, as blocks have them.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        u64::try_from(self.now().wall.as_millis()).unwrap_or(u64::MAX)
    }

    /// The instant of a moment.
    #[must_use]
    pub fn instant(&self, moment: Mono) -> Instant {
        let millis = u64::try_from(moment.0).unwrap_or(0);
        // A far-away deadline is as good as none; an hour keeps the sum in range.
        let latest = self.0.elapsed() + Duration::from_secs(3_600);
        self.0 + Duration::from_millis(millis).min(latest)
    }
}
