//! Gives every event its place: number, moment, wall time. What follows from events (history,
//! verdict, files, terminal) is fed here, in that order, under one lock.
//!
//! Sinks must not block for long: a terminal that hangs would stop the pollers. The terminal
//! reporter therefore has a thread and a bounded queue of its own.

use std::{
    ops::ControlFlow,
    sync::{Mutex, MutexGuard},
};

use harness_core::{
    event::{Event, EventKind, FORMAT_VERSION, Moment, Sink},
    history::History,
    scenario::Plan,
    verdict::{Ledger, Verdict},
};
use tokio::sync::watch;

use super::clock::RunClock;
use crate::evidence::RunDir;

/// The one place where events are ordered.
pub struct Journal {
    clock: RunClock,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    next: u64,
    history: History,
    ledger: Ledger,
    sinks: Vec<Box<dyn Sink>>,
    broken: Option<String>,
}

impl Journal {
    /// The run begins now, with its first event.
    pub fn begin(dir: &RunDir, plan: &Plan, sinks: Vec<Box<dyn Sink>>) -> Self {
        Self::begin_at(RunClock::start(), dir, plan, sinks)
    }

    /// The same by a clock that the caller has started.
    pub fn begin_at(clock: RunClock, dir: &RunDir, plan: &Plan, sinks: Vec<Box<dyn Sink>>) -> Self {
        let ledger = Ledger::new(dir.run_id().to_owned(), plan.clone());
        let state = State { next: 0, history: History::default(), ledger, sinks, broken: None };
        let this = Self { clock, state: Mutex::new(state), changed: watch::Sender::new(0) };
        this.emit(EventKind::RunStarted {
            version: FORMAT_VERSION,
            run: dir.run_id().to_owned(),
            scenario: plan.scenario.clone(),
            seed: plan.seed,
        });
        this
    }

    /// No more events: sinks end what they write. The verdict follows from exactly the events that
    /// they were given; what happens later changes neither.
    ///
    /// # Errors
    ///
    /// If a sink could not keep what it was given, now or before.
    pub fn close(&self) -> Result<Verdict, String> {
        let mut state = self.lock();
        for mut sink in std::mem::take(&mut state.sinks) {
            if let Err(why) = sink.close() {
                state.broken.get_or_insert(why.to_string());
            }
        }
        match &state.broken {
            Some(why) => Err(why.clone()),
            None => Ok(state.ledger.verdict()),
        }
    }

    /// Gives an event its place; returns its moment.
    pub fn emit(&self, what: EventKind) -> Moment {
        let mut state = self.lock();
        // Read under the lock, so that moments rise with numbers.
        let at_ms = self.clock.now();
        self.record(&mut state, at_ms, what);
        at_ms
    }

    /// Looks at what was observed until now and, if that decides something, records what breaks off
    /// the look. Nothing comes between the two: the event's moment is the one of the look, and the
    /// history before the event is what was looked at, so that the recorded events give the same
    /// decision again.
    pub fn decide<T>(
        &self,
        look: impl FnOnce(&History, Moment) -> ControlFlow<EventKind, T>,
    ) -> Option<T> {
        let mut state = self.lock();
        let at_ms = self.clock.now();
        match look(&state.history, at_ms) {
            ControlFlow::Continue(open) => Some(open),
            ControlFlow::Break(what) => {
                self.record(&mut state, at_ms, what);
                None
            }
        }
    }

    /// Now, on the run's clock.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The run's clock.
    pub fn clock(&self) -> &RunClock {
        &self.clock
    }

    /// Marks every new event.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Looks at what was observed. The look must be short: everything else waits for it.
    pub fn with_history<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.lock().history)
    }

    /// What follows from the events so far.
    pub fn verdict(&self) -> Verdict {
        self.lock().ledger.verdict()
    }

    /// Nothing has failed so far.
    pub fn is_good_so_far(&self) -> bool {
        self.lock().ledger.is_good_so_far()
    }

    /// Why evidence could not be written, if it could not.
    pub fn broken(&self) -> Option<String> {
        self.lock().broken.clone()
    }

    fn record(&self, state: &mut State, at_ms: Moment, what: EventKind) {
        let wall = humantime::format_rfc3339_millis(self.clock.wall()).to_string();
        let event = Event { seq: state.next, at_ms, wall, what };
        state.next += 1;
        state.history.record(&event);
        state.ledger.record(&event);
        let mut failure = None;
        for sink in &mut state.sinks {
            if let Err(why) = sink.take(&event) {
                failure.get_or_insert(why.to_string());
            }
        }
        if state.broken.is_none() {
            state.broken = failure;
        }
        self.changed.send_replace(state.next);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a bug that ends the run with 70; what was recorded before it
        // still makes the evidence.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        path::Path,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    use super::*;
    use crate::library::load;
    use harness_core::{
        event::{Reading, Sample},
        scenario::Overrides,
    };

    fn sample(node: &str, at: u64) -> Sample {
        Sample {
            node: node.to_owned(),
            start: 0,
            sent: Moment(at),
            answered: Moment(at),
            peers: Reading::Value(2),
            distinct: None,
            height: Reading::Value(10),
            syncing: None,
        }
    }

    /// Samples that were written before each decision; a decision says how many it had looked at.
    struct Counter {
        samples: usize,
        decisions: Arc<Mutex<Vec<(String, usize)>>>,
    }

    impl Sink for Counter {
        fn take(&mut self, event: &Event) -> io::Result<()> {
            if let EventKind::Sample(_) = &event.what {
                self.samples += 1;
            } else if let EventKind::Preparing { step } = &event.what {
                self.decisions.lock().unwrap().push((step.clone(), self.samples));
            }
            Ok(())
        }
    }

    /// What the verdict is derived again by: a decision is a function of exactly the events before it.
    #[test]
    fn nothing_comes_between_a_look_and_the_decision_that_follows_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let shipped =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/three-node/scenario.toml");
        let plan = load(&shipped, &Overrides::default()).0.unwrap();
        let decisions = Arc::default();
        let sink = Counter { samples: 0, decisions: Arc::clone(&decisions) };
        let journal = Journal::begin(
            &RunDir::create(dir.path(), "three-node").unwrap(),
            &plan,
            vec![Box::new(sink)],
        );
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    journal.emit(EventKind::Sample(sample("node-1", 1)));
                }
            });
            // Both have had the lock in turn so often.
            let (mut turns, mut last) = (0, 0);
            while turns < 50 {
                let mut seen = 0;
                journal.decide::<()>(|history, _| {
                    seen = history.samples("node-1", Moment(0), Moment(u64::MAX)).len();
                    // The other thread waits for the lock by now.
                    std::thread::yield_now();
                    ControlFlow::Break(EventKind::Preparing { step: seen.to_string() })
                });
                turns += usize::from(seen != last);
                last = seen;
            }
            over.store(true, Ordering::Relaxed);
        });
        let decisions = decisions.lock().unwrap();
        for (seen, written) in decisions.iter() {
            assert_eq!(
                *seen,
                written.to_string(),
                "samples looked at, and samples that were written before the decision"
            );
        }
    }
}
