//! Tasks through one owner, who can count them and, where a test is the owner, end or freeze all of
//! a node's at one instant.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    runtime::Handle,
    sync::oneshot,
    task::{AbortHandle, spawn_blocking},
};

/// A task, as its owner takes it.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whether what waits for a disk, or computes for long, has threads of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// It has: nothing else waits for it.
    Threads,
    /// It runs among the other tasks: in one order with them, on one thread.
    Tasks,
}

/// An owner of tasks.
pub trait Spawn: Send + Sync + fmt::Debug + 'static {
    /// Runs a task. Called inside a tokio runtime.
    fn spawn(&self, work: Work) -> AbortHandle;
    /// How many run.
    fn alive(&self) -> usize;
    /// Where long work runs.
    fn lane(&self) -> Lane;
}

/// Who runs a node's tasks. Each clone is the same.
#[derive(Debug, Clone)]
pub struct Tasks(Arc<dyn Spawn>);

impl Tasks {
    /// The tasks of the tokio runtime that this is called in; long work has threads of its own.
    ///
    /// # Panics
    ///
    /// Without a tokio runtime.
    #[must_use]
    pub fn tokio() -> Self {
        Self::over(Runtime(Handle::current()))
    }

    /// Another owner's.
    #[must_use]
    pub fn over(owner: impl Spawn) -> Self {
        Self(Arc::new(owner))
    }

    /// Runs a task.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let (work, result) = reporting(work);
        Task { result: Some(result), abort: self.0.spawn(Box::pin(work)) }
    }

    /// Runs a task that waits for a disk, or computes for long: on the [`Lane`] for such. On a thread
    /// of its own it cannot be aborted.
    pub fn spawn_long<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        match self.lane() {
            Lane::Tasks => self.spawn(work),
            Lane::Threads => {
                let ((work, result), runtime) = (reporting(work), Handle::current());
                let abort = spawn_blocking(move || runtime.block_on(work)).abort_handle();
                Task { result: Some(result), abort }
            }
        }
    }

    /// How many run, long ones on threads of their own not counted.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.0.alive()
    }

    /// Where long work runs.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.0.lane()
    }
}

/// The same work, and where its result will be.
fn reporting<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> (impl Future<Output = ()> + Send + 'static, oneshot::Receiver<T>) {
    let (report, result) = oneshot::channel();
    let work = async move {
        // Most tasks are started and never asked how they ended.
        let _ = report.send(work.await);
    };
    (work, result)
}

/// A runtime of tokio's, which is all that a node needs.
#[derive(Debug)]
struct Runtime(Handle);

impl Spawn for Runtime {
    fn spawn(&self, work: Work) -> AbortHandle {
        tokio::spawn(work).abort_handle()
    }

    fn alive(&self) -> usize {
        self.0.metrics().num_alive_tasks()
    }

    fn lane(&self) -> Lane {
        Lane::Threads
    }
}

/// A task ended without a result: it was aborted, or panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Died;

impl fmt::Display for Died {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was aborted, or panicked")
    }
}

impl std::error::Error for Died {}

/// A task that runs, whether anybody keeps this or not. Awaited, it gives the task's result, once:
/// from then on it [is over](Self::is_over).
#[derive(Debug)]
#[must_use = "a task runs on when this is dropped, which is said by `detach`"]
pub struct Task<T> {
    result: Option<oneshot::Receiver<T>>,
    abort: AbortHandle,
}

impl<T> Task<T> {
    /// Ends it at its next pause; see [`Tasks::spawn_long`] for what cannot be ended.
    pub fn abort(&self) {
        self.abort.abort();
    }

    /// Its result was taken, or it died and that was seen: there is nothing to wait for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.result.is_none()
    }

    /// Nobody will ask how it ended.
    pub fn detach(self) {}
}

impl<T> Future for Task<T> {
    type Output = Result<T, Died>;

    /// # Panics
    ///
    /// When it is over.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = self.result.as_mut().expect("a task is not awaited when it is over");
        let ended = std::task::ready!(Pin::new(result).poll(cx));
        self.result = None;
        Poll::Ready(ended.map_err(|_| Died))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_gives_its_result_once_on_either_lane() {
        let tasks = Tasks::tokio();
        let (mut short, mut long) = (tasks.spawn(async { 7 }), tasks.spawn_long(async { 8 }));
        assert!(!short.is_over());
        assert_eq!(((&mut short).await, (&mut long).await), (Ok(7), Ok(8)));
        assert!(short.is_over() && long.is_over());
    }

    #[tokio::test]
    async fn an_aborted_task_has_died_and_a_detached_one_goes_on() {
        let tasks = Tasks::tokio();
        let (told, hears) = oneshot::channel();
        tasks.spawn(async { told.send(()) }).detach();
        let endless = tasks.spawn(std::future::pending::<()>());
        assert!(tasks.alive() >= 1);
        endless.abort();
        assert_eq!(endless.await, Err(Died));
        assert_eq!(hears.await, Ok(()));
        assert_eq!(tasks.alive(), 0);
    }
}
