//! The node's clock: the engines are told the time, this is where it comes from. Nothing else in
//! the node reads the wall clock.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hegemon_discovery::{Mono, Now};
use tokio::time::Instant;

/// A wall clock.
pub trait Wall: Send + Sync + fmt::Debug + 'static {
    /// Time since 1970; before it, none.
    fn since_1970(&self) -> Duration;
}

/// The operating system's, taken to be off by so many milliseconds.
#[derive(Debug)]
struct System {
    offset_ms: i64,
}

impl Wall for System {
    fn since_1970(&self) -> Duration {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = Duration::from_millis(self.offset_ms.unsigned_abs());
        if self.offset_ms < 0 { wall.saturating_sub(offset) } else { wall.saturating_add(offset) }
    }
}

/// Monotonic time since the node started, and the wall's. Each clone is the same.
#[derive(Debug, Clone)]
pub struct Clock {
    began: Instant,
    wall: Arc<dyn Wall>,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self::off_by(0)
    }

    /// The same with a wall clock that is off by so many milliseconds.
    #[must_use]
    pub fn off_by(offset_ms: i64) -> Self {
        Self::with_wall(System { offset_ms })
    }

    /// The same with another wall clock. Monotonic time is always tokio's.
    #[must_use]
    pub fn with_wall(wall: impl Wall) -> Self {
        Self { began: Instant::now(), wall: Arc::new(wall) }
    }

    /// Both clocks. A wall clock before 1970 counts as 1970: stamps in a cache are all that depends
    /// on it.
    #[must_use]
    pub fn now(&self) -> Now {
        let mono = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Now { mono: Mono(mono), wall: self.wall.since_1970() }
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
        let latest = self.began.elapsed() + Duration::from_secs(3_600);
        self.began + Duration::from_millis(millis).min(latest)
    }
}
