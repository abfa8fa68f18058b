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

use super::{carried::Carried, clock::RunClock};
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
    carried: Carried,
    /// Who hears of what happens to the network, and not of where its windows begin and end.
    standing: Vec<Box<dyn Sink>>,
}

/// A window that was taken out of a journal: what follows from it is decided.
pub struct Turned {
    ledger: Ledger,
    sinks: Vec<Box<dyn Sink>>,
    broken: Option<String>,
}

impl Turned {
    /// No more events: sinks end what they write.
    ///
    /// # Errors
    ///
    /// If a sink could not keep what it was given, now or before.
    pub fn close(self) -> Result<Verdict, String> {
        close(self.sinks, self.broken).map(|()| self.ledger.verdict())
    }
}

/// Ends what sinks write.
fn close(sinks: Vec<Box<dyn Sink>>, mut broken: Option<String>) -> Result<(), String> {
    for mut sink in sinks {
        if let Err(why) = sink.close() {
            broken.get_or_insert(why.to_string());
        }
    }
    broken.map_or(Ok(()), Err)
}

impl Journal {
    /// The run begins now, with its first event.
    pub fn begin(dir: &RunDir, plan: &Plan, sinks: Vec<Box<dyn Sink>>) -> Self {
        Self::begin_at(RunClock::start(), dir, plan, sinks)
    }

    /// The same by a clock that the caller has started.
    pub fn begin_at(clock: RunClock, dir: &RunDir, plan: &Plan, sinks: Vec<Box<dyn Sink>>) -> Self {
        let state = State {
            next: 0,
            history: History::default(),
            ledger: Ledger::new(dir.run_id().to_owned(), plan.clone()),
            sinks,
            broken: None,
            carried: Carried::default(),
            standing: Vec::new(),
        };
        let this = Self { clock, state: Mutex::new(state), changed: watch::Sender::new(0) };
        this.emit(began(dir, plan));
        this
    }

    /// Who listens to all windows of a network that stays up: it hears of no end but the last.
    pub fn listen(&self, standing: Vec<Box<dyn Sink>>) {
        self.lock().standing.extend(standing);
    }

    /// A window ends and the next begins, in one step: no event is lost between them, and none is in both. The
    /// evidence of each is whole: the one that ends has an end as that of a network that is kept, the next begins with what is
    /// known of its nodes. The clock goes on.
    pub fn turn(&self, dir: &RunDir, plan: &Plan, sinks: Vec<Box<dyn Sink>>) -> Turned {
        let mut state = self.lock();
        let standing = std::mem::take(&mut state.standing);
        for what in
            [EventKind::Kept, EventKind::TeardownStarted, EventKind::TornDown { left: None }]
        {
            let now = self.clock.now();
            self.record(&mut state, now, what);
        }
        let ledger = Ledger::new(dir.run_id().to_owned(), plan.clone());
        let turned = Turned {
            ledger: std::mem::replace(&mut state.ledger, ledger),
            sinks: std::mem::replace(&mut state.sinks, sinks),
            broken: state.broken.take(),
        };
        state.history = History::default();
        state.next = 0;
        let known = state.carried.events();
        for what in std::iter::once(began(dir, plan)).chain(known) {
            let now = self.clock.now();
            self.record(&mut state, now, what);
        }
        state.standing = standing;
        turned
    }

    /// The plan has more phases than before.
    pub fn grow(&self, plan: Plan) {
        self.lock().ledger.grow(plan);
    }

    /// No more events: sinks end what they write. The verdict follows from exactly the events that
    /// they were given; what happens later changes neither.
    ///
    /// # Errors
    ///
    /// If a sink could not keep what it was given, now or before.
    pub fn close(&self) -> Result<Verdict, String> {
        let mut state = self.lock();
        let mut sinks = std::mem::take(&mut state.sinks);
        sinks.append(&mut state.standing);
        if let Err(why) = close(sinks, state.broken.take()) {
            state.broken = Some(why.clone());
            return Err(why);
        }
        Ok(state.ledger.verdict())
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
        state.carried.record(&event.what);
        let mut failure = None;
        for sink in state.sinks.iter_mut().chain(&mut state.standing) {
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

fn began(dir: &RunDir, plan: &Plan) -> EventKind {
    EventKind::RunStarted {
        version: FORMAT_VERSION,
        run: dir.run_id().to_owned(),
        scenario: plan.scenario.clone(),
        seed: plan.seed,
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
    use harness_core::{
        event::{Reading, Sample},
        scenario::{Origin, Overrides, load},
    };

    /// A shipped scenario.
    fn three_node() -> Plan {
        const TEXT: &str = include_str!("../../../scenarios/three-node/scenario.toml");
        let origin = Origin { name: "three-node", path: Path::new("three-node/scenario.toml") };
        load(origin, TEXT.to_owned(), &Overrides::default()).0.unwrap()
    }

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
        let plan = three_node();
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

    /// Hears everything, and says what it was.
    struct Heard(Arc<Mutex<Vec<String>>>);

    impl Sink for Heard {
        fn take(&mut self, event: &Event) -> io::Result<()> {
            let event = serde_json::to_value(event).unwrap();
            let words = format!("{} {}", event["seq"], event["event"].as_str().unwrap());
            self.0.lock().unwrap().push(words);
            Ok(())
        }
    }

    /// A window's evidence has a beginning and an end, with what is known of the network; whoever cleans up after the
    /// network hears of its one end alone.
    #[test]
    fn a_window_ends_and_the_next_begins_in_one_step() {
        let dir = tempfile::tempdir().unwrap();
        let plan = three_node();
        let [first, second, standing] = [(); 3].map(|()| Arc::<Mutex<Vec<String>>>::default());
        let sink = |heard: &Arc<Mutex<Vec<String>>>| -> Vec<Box<dyn Sink>> {
            vec![Box::new(Heard(Arc::clone(heard)))]
        };
        let place = || RunDir::create(dir.path(), "three-node").unwrap();
        let journal = Journal::begin(&place(), &plan, sink(&first));
        journal.listen(sink(&standing));
        let provider = "process".to_owned();
        journal.emit(EventKind::Prepared { provider, facts: serde_json::Value::Null });
        // It says who it is, and then that it does not list its peers.
        for (start, id) in [(0, None), (1, Some("0a")), (1, None)] {
            let (node, peer_id) = ("node-1".to_owned(), id.map(str::to_owned));
            let system_peers = id.is_some();
            journal.emit(EventKind::Methods { node, start, system_peers, peer_id });
        }
        journal.emit(EventKind::AllStarted);
        journal.emit(EventKind::Sample(sample("node-1", 0)));
        let next = place();
        let turned = journal.turn(&next, &plan, sink(&second));
        assert_ne!(turned.close().unwrap().run, next.run_id());
        journal.emit(EventKind::Sample(sample("node-1", 0)));
        journal.emit(EventKind::TornDown { left: None });
        assert_eq!(journal.close().unwrap().run, next.run_id());
        let heard = |it: &Arc<Mutex<Vec<String>>>| it.lock().unwrap().join(", ");
        assert_eq!(
            heard(&first),
            "0 run-started, 1 prepared, 2 methods, 3 methods, 4 methods, 5 all-started, 6 sample, 7 kept, 8 teardown-started, 9 torn-down"
        );
        assert_eq!(
            heard(&second),
            "0 run-started, 1 prepared, 2 methods, 3 methods, 4 all-started, 5 sample, 6 torn-down"
        );
        assert_eq!(
            heard(&standing),
            "1 prepared, 2 methods, 3 methods, 4 methods, 5 all-started, 6 sample, 5 sample, 6 torn-down"
        );
        let seen = journal.with_history(|it| it.samples("node-1", Moment(0), Moment(9)).len());
        assert_eq!(seen, 1, "of its own window");
        let who = journal.with_history(|history| history.node_of("0a").map(str::to_owned));
        assert_eq!(who.as_deref(), Some("node-1"), "it said so before");
    }

    /// Cannot keep what it is given, or not end what it wrote.
    struct Full {
        takes: bool,
        closes: bool,
    }

    impl Sink for Full {
        fn take(&mut self, _: &Event) -> io::Result<()> {
            if self.takes { Ok(()) } else { Err(io::Error::other("no room")) }
        }

        fn close(&mut self) -> io::Result<()> {
            if self.closes { Ok(()) } else { Err(io::Error::other("no end")) }
        }
    }

    /// Evidence with holes is none: whoever asks for the verdict hears of the first hole instead.
    #[test]
    fn what_a_sink_could_not_keep_is_said_in_place_of_a_verdict() {
        let dir = tempfile::tempdir().unwrap();
        let plan = three_node();
        let sinks = |takes, closes| -> Vec<Box<dyn Sink>> {
            vec![Box::new(Full { takes, closes }), Box::new(Full { takes: true, closes: true })]
        };
        let place = || RunDir::create(dir.path(), "three-node").unwrap();
        for (takes, closes, said) in [
            (true, true, None),
            (true, false, Some("no end")),
            (false, true, Some("no room")),
            (false, false, Some("no room")),
        ] {
            let journal = Journal::begin(&place(), &plan, sinks(takes, closes));
            assert_eq!(journal.broken().is_some(), !takes);
            let turned = journal.turn(&place(), &plan, sinks(true, true));
            assert_eq!(turned.close().err().as_deref(), said, "of a window");
            assert_eq!(journal.broken(), None, "that was the window before");
            assert_eq!(journal.close().err(), None);
            let journal = Journal::begin(&place(), &plan, sinks(takes, closes));
            assert_eq!(journal.close().err().as_deref(), said);
            assert_eq!(journal.broken().as_deref(), said, "it stays said");
            let journal = Journal::begin(&place(), &plan, sinks(true, true));
            journal.listen(sinks(takes, closes));
            journal.emit(EventKind::AllStarted);
            assert_eq!(journal.close().err().as_deref(), said, "of who hears all windows");
        }
    }
}
