//! Changes to the engine, each in a task of its own: a caller that is dropped half-way (an
//! interrupt during a start) leaves no call of unknown outcome, and teardown can wait for all of
//! them before it asks the engine what there is.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use tokio_util::task::TaskTracker;

use crate::provider::ProviderError;

/// Lets changes pass until it is shut, and knows when the last of them has ended.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: Mutex<bool>,
    tasks: TaskTracker,
}

impl Gate {
    /// Runs a change to its end, whether or not the caller waits for it.
    pub(super) async fn pass<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let task = {
            let closed = self.closed.lock().expect("no code panics with this lock");
            if *closed {
                return Err(ProviderError::failed("changing the run", "it was torn down"));
            }
            self.tasks.spawn(change)
        };
        task.await.map_err(|error| ProviderError::failed("changing the run", error))?
    }

    /// Lets nothing in any more.
    pub(super) fn shut(&self) {
        *self.closed.lock().expect("no code panics with this lock") = true;
        self.tasks.close();
    }

    /// Whether everything under way comes back in time.
    pub(super) async fn ended(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }

    /// The same without a runtime.
    pub(super) fn ended_blocking(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.tasks.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.tasks.is_empty()
    }
}
