//! Signals that ask us to stop. The first ends the run, later ones are told that cleaning up goes
//! on: only an unfinished clean-up can leak.

use std::sync::{Arc, OnceLock};

use harness_core::exit::Signal;
use tokio_util::sync::CancellationToken;

/// Asked by many, raised once.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    token: CancellationToken,
    signal: Arc<OnceLock<Signal>>,
}

impl Interrupt {
    /// Raises it. Returns false if it was raised before.
    pub fn raise(&self, signal: Signal) -> bool {
        let first = self.signal.set(signal).is_ok();
        self.token.cancel();
        first
    }

    /// Waits until it is raised.
    pub async fn raised(&self) -> Signal {
        self.token.cancelled().await;
        self.signal().unwrap_or(Signal::Interrupt)
    }

    /// The signal, if it was raised.
    pub fn signal(&self) -> Option<Signal> {
        self.signal.get().copied()
    }
}
