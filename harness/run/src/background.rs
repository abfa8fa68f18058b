//! Tasks beside the run's main way: pollers, watchers, log readers. One that panics is a bug of
//! ours and ends the run as such; none outlives the run.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use harness_core::{
    event::{EventKind, LogSeen, Look, LookedAt},
    hostile::Report,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::journal::Journal;

/// Tasks of one run.
#[derive(Clone)]
pub(crate) struct Background {
    journal: Arc<Journal>,
    tasks: TaskTracker,
    /// The run is decided: whoever cancels it has emitted the event that says why.
    end: CancellationToken,
    /// Tasks should stop.
    stop: CancellationToken,
}

impl Background {
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self {
            journal,
            tasks: TaskTracker::new(),
            end: CancellationToken::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Runs a task until it ends or the run does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let this = self.clone();
        self.tasks.spawn(async move {
            let guarded = AssertUnwindSafe(task).catch_unwind();
            tokio::select! {
                // Whoever stops the tasks has what they recorded until then: none takes another step.
                biased;
                () = this.stop.cancelled() => {}
                ended = guarded => if let Err(panic) = ended {
                    this.finish(EventKind::HarnessBroken { reason: panic_text(panic.as_ref()) });
                }
            }
        });
    }

    /// Says why the run is over, and ends it.
    pub(crate) fn finish(&self, why: EventKind) {
        self.journal.emit(why);
        self.end.cancel();
    }

    /// An adversary has said what it did. What comes after the end of the run is no evidence of it.
    pub(crate) fn reported(&self, node: String, report: Report) {
        if self.stop.is_cancelled() {
            return;
        }
        let now = self.journal.now();
        let seen = LookedAt::Report(report);
        self.journal.emit(EventKind::Look(Look { node, sent: now, answered: now, seen }));
    }

    /// A node has logged what a check looks for. What comes after the end of the run is no evidence of it.
    pub(crate) fn logged(&self, seen: LogSeen) {
        if !self.stop.is_cancelled() {
            self.journal.emit(EventKind::Log(seen));
        }
    }

    /// Waits until somebody ended the run.
    pub(crate) async fn finished(&self) {
        self.end.cancelled().await;
    }

    /// Stops every task and waits for them.
    pub(crate) async fn quiet(&self) {
        self.stop.cancel();
        self.tasks.close();
        // They are dropped at their next await, which is soon; a task that blocks must not keep us
        // from cleaning up.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.tasks.wait()).await;
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}
