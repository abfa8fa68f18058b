//! What every run of the command line is held by: its lease, and the watchdog unless its nodes are
//! to stay.

use std::io;

use harness_core::{event::Sink, place::Environment};
use harness_run::evidence::RunDir;

use super::{Lease, Registry, watchdog::Watchdog};
use crate::provider::{Provider, own_program};

/// One run's.
#[derive(Debug)]
pub struct Guard {
    lease: Lease,
    watchdog: Option<Watchdog>,
}

impl Guard {
    /// Before the run makes anything. `environment` says where its engine is; `kept`: its nodes
    /// stay, and so does its entry.
    ///
    /// # Errors
    ///
    /// If it cannot be written down or watched: nothing could be cleaned up after it.
    pub fn take(
        registry: &Registry,
        environment: &Environment,
        dir: &RunDir,
        scenario: &str,
        kept: bool,
    ) -> io::Result<Self> {
        let lease = Lease::take(registry, dir, scenario, kept)?;
        if kept {
            return Ok(Self { lease, watchdog: None });
        }
        let watched =
            own_program().and_then(|program| Watchdog::start(&program, &lease, dir, environment));
        match watched {
            Ok(watchdog) => Ok(Self { lease, watchdog: Some(watchdog) }),
            Err(why) => {
                lease.nothing_was_made(dir);
                lease.end();
                Err(why)
            }
        }
    }

    /// Where its nodes run.
    ///
    /// # Errors
    ///
    /// If that cannot be written down.
    pub fn provider(&self, provider: &dyn Provider) -> io::Result<()> {
        self.lease.provider(provider)
    }

    /// What listens to the run.
    pub fn sink(&self) -> Box<dyn Sink> {
        self.lease.sink()
    }

    /// It ended before its provider could make anything: see [`Lease::nothing_was_made`].
    pub fn nothing_was_made(&self, dir: &RunDir) {
        self.lease.nothing_was_made(dir);
    }

    /// The run is over, and its provider with it: one that is dropped may still have something to
    /// remove. What is left is the watchdog's from now on; whether that has anything to do.
    pub fn end(self) -> bool {
        match (self.lease.end(), self.watchdog) {
            (_, None) => false,
            (true, Some(watchdog)) => {
                watchdog.dismiss();
                false
            }
            (false, Some(watchdog)) => watchdog.hand_over(),
        }
    }
}
