//! A process: its tasks, which end at one instant, stand still together, and fall together.

use std::{
    any::Any,
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use hegemon_node::host::{Lane, Spawn};
use tokio::task::AbortHandle;

use super::net::HostId;
use crate::chance::{Chance, Purpose, fold};

/// A task's work.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// Whose code runs now.
    static CURRENT: RefCell<Option<HostId>> = const { RefCell::new(None) };
}

/// Whose code runs now, for its log.
#[must_use]
pub fn current() -> Option<HostId> {
    CURRENT.with_borrow(|current| *current)
}

/// Runs code as a host's.
pub(crate) fn as_host<T>(host: HostId, code: impl FnOnce() -> T) -> T {
    let before = CURRENT.replace(Some(host));
    let result = catch_unwind(AssertUnwindSafe(code));
    CURRENT.set(before);
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// How a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Runs,
    /// It stands still, and its kernel does not.
    Frozen,
    /// It is no more.
    Dead,
    /// A task of it panicked, with these words: it is no more.
    Panicked(String),
}

/// A process: clones are the same one.
#[derive(Clone)]
pub struct Process(Arc<Inner>);

struct Inner {
    host: HostId,
    chance: Chance,
    /// Polls in a thousand that are put off once, so that tasks that are ready together change places.
    yields: u64,
    state: Mutex<State>,
}

struct State {
    life: Life,
    tasks: BTreeMap<u64, (Arc<Slot>, Option<AbortHandle>)>,
    next: u64,
    polls: u64,
    digest: u64,
    /// Asked for a turn while it stood still.
    asleep: Vec<Waker>,
    /// What its kernel does when it ends by itself.
    farewell: Option<Box<dyn FnOnce() + Send>>,
}

/// Where a task's work is, so that it can be dropped wherever its runtime has it.
struct Slot(Mutex<Option<Work>>);

impl Process {
    /// A process on `host` that runs. Of a thousand polls of its tasks so many are put off once.
    #[must_use]
    pub fn new(host: HostId, seed: u64, yields: u64) -> Self {
        let chance = Chance(seed);
        let state = State {
            life: Life::Runs,
            tasks: BTreeMap::new(),
            next: 0,
            polls: 0,
            digest: 0,
            asleep: Vec::new(),
            farewell: None,
        };
        Self(Arc::new(Inner { host, chance, yields, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is.
    #[must_use]
    pub fn life(&self) -> Life {
        self.state().life.clone()
    }

    /// Of every poll of a task of it, in order.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let state = self.state();
        fold(state.digest, state.polls)
    }

    /// From now on nothing of it runs; then all that it had is dropped.
    pub fn end(&self) {
        let mut state = self.state();
        if !matches!(state.life, Life::Panicked(_)) {
            state.life = Life::Dead;
        }
        let tasks = std::mem::take(&mut state.tasks);
        let last = (std::mem::take(&mut state.asleep), state.farewell.take());
        drop(state);
        for (slot, abort) in tasks.into_values() {
            if let Some(abort) = abort {
                abort.abort();
            }
            self.drop_work(&slot);
        }
        drop(last);
    }

    /// It stands still: who wakes a task of it, wakes it when it goes on.
    pub fn freeze(&self) {
        let mut state = self.state();
        if state.life == Life::Runs {
            state.life = Life::Frozen;
        }
    }

    /// It goes on.
    pub fn thaw(&self) {
        let mut state = self.state();
        if state.life == Life::Frozen {
            state.life = Life::Runs;
        }
        let asleep = std::mem::take(&mut state.asleep);
        drop(state);
        asleep.into_iter().for_each(Waker::wake);
    }

    /// What its kernel does when it ends by itself, at that instant.
    pub fn when_it_ends(&self, farewell: impl FnOnce() + Send + 'static) {
        self.state().farewell = Some(Box::new(farewell));
    }

    /// It ends by itself, in the middle of a turn: nothing of it has another one. What it had is
    /// dropped by [`Self::end`].
    pub fn leave(&self) {
        self.leave_as(Life::Dead);
    }

    fn leave_as(&self, life: Life) {
        let mut state = self.state();
        if matches!(state.life, Life::Dead | Life::Panicked(_)) {
            return;
        }
        state.life = life;
        let farewell = state.farewell.take();
        drop(state);
        if let Some(farewell) = farewell {
            farewell();
        }
    }

    fn drop_work(&self, slot: &Slot) {
        let work = slot.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let dropping = AssertUnwindSafe(|| as_host(self.0.host, || drop(work)));
        // What panics while it is dropped was going to be gone anyway.
        let _ = catch_unwind(dropping);
    }

    fn fell(&self, panic: &(dyn Any + Send)) {
        let words = panic.downcast_ref::<&str>().map(ToString::to_string);
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
        let words = words.unwrap_or_else(|| "a panic without words".to_owned());
        self.leave_as(Life::Panicked(words));
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("host", &self.0.host).field("life", &self.life()).finish()
    }
}

impl Spawn for Process {
    fn spawn(&self, work: Work) -> AbortHandle {
        let slot = Arc::new(Slot(Mutex::new(Some(work))));
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let is_alive = matches!(state.life, Life::Runs | Life::Frozen);
        if is_alive {
            state.tasks.insert(number, (slot.clone(), None));
        }
        drop(state);
        let task = Running { process: self.clone(), slot, number, polls: 0, put_off: false };
        let abort = tokio::spawn(task).abort_handle();
        if let Some((_, place)) = self.state().tasks.get_mut(&number) {
            *place = Some(abort.clone());
        }
        abort
    }

    fn alive(&self) -> usize {
        self.state().tasks.len()
    }

    fn lane(&self) -> Lane {
        Lane::Tasks
    }
}

/// A task as the runtime has it.
struct Running {
    process: Process,
    slot: Arc<Slot>,
    number: u64,
    polls: u64,
    put_off: bool,
}

impl Running {
    /// Whether it may run now; if it may later, it will be woken.
    fn may_run(&mut self, cx: &Context<'_>) -> Poll<bool> {
        let process = self.process.clone();
        let mut state = process.state();
        match state.life {
            Life::Dead | Life::Panicked(_) => return Poll::Ready(false),
            Life::Frozen => {
                state.asleep.push(cx.waker().clone());
                return Poll::Pending;
            }
            Life::Runs => {}
        }
        let inner = &process.0;
        if !self.put_off {
            let purpose = fold(inner.host.0 as u64, self.number);
            let drawn = inner.chance.bits(Purpose::Yield, purpose, self.polls);
            self.polls += 1;
            if drawn % 1_000 < inner.yields {
                self.put_off = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        self.put_off = false;
        state.polls += 1;
        state.digest = fold(state.digest, self.number);
        Poll::Ready(true)
    }
}

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.may_run(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(false) => return Poll::Ready(()),
            Poll::Ready(true) => {}
        }
        let mut work = self.slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(future) = work.as_mut() else { return Poll::Ready(()) };
        let host = self.process.0.host;
        let polled = catch_unwind(AssertUnwindSafe(|| as_host(host, || future.as_mut().poll(cx))));
        drop(work);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(()),
            Err(panic) => {
                self.process.fell(&*panic);
                Poll::Ready(())
            }
        }
    }
}

/// Aborted or done: its work goes with it.
impl Drop for Running {
    fn drop(&mut self) {
        self.process.state().tasks.remove(&self.number);
        self.process.drop_work(&self.slot);
    }
}
