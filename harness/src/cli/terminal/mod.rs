//! What happens, as it happens: one line for each event that matters, and on a terminal an area below that shows the run
//! as it is; or every event as it is recorded, for programs. Reads events and nothing else.
//!
//! Runs in a thread of its own behind a bounded queue: a terminal that hangs (a stuck pipe, Ctrl-S) loses lines, and never
//! stops the run. `words` is what an event says.

mod words;

use std::{
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use harness_core::{
    event::{Event, EventKind, Moment, Sink},
    live::{Live, Window, area},
    scenario::Plan,
    text::printable,
    tone::Colour,
};

pub(super) use self::words::Detail;
use self::words::Words;
use super::{output, screen};

/// Events that may wait for a slow reader: of a network of a hundred some ten seconds.
const QUEUE: usize = 8192;

/// Between two pictures of the area.
const FRAME: Duration = Duration::from_millis(200);

/// Lines of a window that are left to what is said above the area, and a third of a low one.
const ABOVE: usize = 4;

/// What is shown while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Lines, and an area below them.
    Area(Detail),
    /// Lines only.
    Lines(Detail),
    /// Every event, as JSON, on standard output.
    Events,
}

/// The queue's end that the journal feeds.
pub(super) struct Terminal {
    queue: SyncSender<Event>,
    shown: Shown,
    lost: Arc<AtomicU64>,
}

/// The other end: what was said may still be on its way to the reader.
pub(super) struct Reporter {
    thread: JoinHandle<()>,
    patience: Duration,
}

impl Terminal {
    /// Starts the reporter. It ends, and can be waited for, when the sink is dropped.
    pub(super) fn spawn(plan: &Plan, shown: Shown) -> (Self, Reporter) {
        let (queue, events) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let (plan, unsaid) = (plan.clone(), Arc::clone(&lost));
        let thread = std::thread::spawn(move || {
            let mut next = Some(shown);
            while let Some(shown) = next {
                next = show(&plan, shown, &events);
            }
            say_what_is_lost(&unsaid);
        });
        // A program wants all of it, people only its end.
        let patience = Duration::from_secs(if shown == Shown::Events { 30 } else { 2 });
        (Self { queue, shown, lost }, Reporter { thread, patience })
    }

    /// Nobody is woken in vain for what comes by the dozen a second.
    fn is_wanted(&self, what: &EventKind) -> bool {
        let is_figure = matches!(
            what,
            EventKind::Sample(_) | EventKind::State { .. } | EventKind::Resources(_)
        );
        let is_detail = matches!(
            what,
            EventKind::Sessions(_) | EventKind::Log(_) | EventKind::Asked(_) | EventKind::Hashes(_)
        );
        match self.shown {
            Shown::Events => true,
            Shown::Area(_) => !is_detail,
            Shown::Lines(Detail::Verbose) => {
                !is_detail && (!is_figure || matches!(what, EventKind::Sample(_)))
            }
            Shown::Lines(_) => !is_detail && !is_figure,
        }
    }
}

impl Sink for Terminal {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        if !self.is_wanted(&event.what) {
            return Ok(());
        }
        match self.queue.try_send(event.clone()) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            // It is a view; the evidence is elsewhere.
            Err(TrySendError::Full(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

impl Reporter {
    /// Waits for the reader to take the last of it, and no longer than is fair.
    pub(super) async fn end(self) {
        let joined = tokio::task::spawn_blocking(move || self.thread.join());
        let _ = tokio::time::timeout(self.patience, joined).await;
    }
}

/// Until the run is over. A bug here is said by its panic, and is none of the run's, which goes on. What to show instead
/// then, if there is something.
fn show(plan: &Plan, shown: Shown, events: &Receiver<Event>) -> Option<Shown> {
    let all = || match shown {
        Shown::Area(detail) => Picture::new(plan, detail).run(events),
        Shown::Lines(detail) => lines(&mut Words::new(plan.clone(), detail), events),
        Shown::Events => print_events(events),
    };
    if panic::catch_unwind(AssertUnwindSafe(all)).is_ok() {
        return None;
    }
    screen::clear();
    let (next, words) = match shown {
        Shown::Area(detail) => (Some(Shown::Lines(detail)), "is shown in lines"),
        Shown::Lines(_) | Shown::Events => (None, "is not shown any more until its verdict"),
    };
    output::note(&format!("this is a bug of what is shown: the run goes on, and {words}"));
    next
}

fn lines(words: &mut Words, events: &Receiver<Event>) {
    while let Ok(event) = events.recv() {
        for line in said(words, &event) {
            screen::say(&line);
        }
    }
}

/// As in `events.jsonl`, but for the chain.
fn print_events(events: &Receiver<Event>) {
    while let Ok(event) = events.recv() {
        let written = serde_json::to_string(&event).map_err(io::Error::other).and_then(|line| {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}").and_then(|()| out.flush())
        });
        // A reader that went away is no reason to stop the run.
        if written.is_err() {
            return;
        }
    }
}

fn say_what_is_lost(lost: &AtomicU64) {
    let lost = lost.load(Ordering::Relaxed);
    if lost > 0 {
        output::note(&format!(
            "{lost} events are not shown here, since nobody took them in time; events.jsonl has all"
        ));
    }
}

/// The lines of an event, with its time.
fn said(words: &mut Words, event: &Event) -> Vec<String> {
    let at = Duration::from_millis(event.at_ms.0).as_secs_f64();
    let lines = words.of(&event.what).into_iter();
    lines.map(|text| format!("{at:>7.1}s  {}", printable(&text))).collect()
}

/// The run as it is, drawn at the bottom.
struct Picture {
    words: Words,
    live: Live,
    /// When the last event came: the run's clock goes on from there.
    heard: Instant,
    above: String,
    colour: Colour,
}

impl Picture {
    fn new(plan: &Plan, detail: Detail) -> Self {
        screen::make_room_for_panics();
        Self {
            words: Words::new(plan.clone(), detail),
            live: Live::new(plan),
            heard: Instant::now(),
            above: String::new(),
            colour: output::colour_of_errors(),
        }
    }

    fn run(&mut self, events: &Receiver<Event>) {
        let mut drawn = Instant::now();
        loop {
            match events.recv_timeout(FRAME.saturating_sub(drawn.elapsed())) {
                Ok(event) => self.hear(&event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if drawn.elapsed() >= FRAME || !self.above.is_empty() {
                drawn = Instant::now();
                self.draw();
            }
        }
        screen::clear();
    }

    fn hear(&mut self, event: &Event) {
        self.live.record(event);
        self.heard = Instant::now();
        for line in said(&mut self.words, event) {
            self.above += &line;
            self.above.push('\n');
        }
    }

    fn draw(&mut self) {
        let window = screen::window();
        // The last column stays free: some terminals go to the next line when it is written.
        let above = ABOVE.min(window.height / 3);
        let room = Window { width: window.width - 1, height: window.height - above };
        let now = Moment(self.live.now.0) + self.heard.elapsed();
        let lines = area(&self.live, now, room);
        screen::draw(&std::mem::take(&mut self.above), &lines, window, self.colour);
    }
}

#[cfg(test)]
mod tests;
