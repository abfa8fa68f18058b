//! Nodes' logs: every byte as it came into `logs/<node>.log`, the last ones at hand for reports, and an
//! eye on panics.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use harness_core::{
    event::EventKind,
    hostile::Report,
    needs,
    scenario::Plan,
    text::{is_panic, panic, plain, printable},
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{background::Background, wanted::Wanted};
use crate::provider::LogLine;

/// Characters of a line that a report shows.
const LONGEST_QUOTE: usize = 1000;

/// Lines that a report shows.
const LAST_LINES: usize = 50;

/// A node that writes more than this is broken in a way that must not fill the user's disk.
const LARGEST_LOG: u64 = 512 * 1024 * 1024;

/// A panic's cause stands on the lines after it: they have so long to come.
const CAUSE: Duration = Duration::from_millis(150);

/// What the log readers know.
#[derive(Clone)]
pub(crate) struct Logs {
    files: Arc<Mutex<Files>>,
    tails: Arc<Mutex<BTreeMap<String, Tail>>>,
    /// Nothing more will come that is worth waiting for.
    closing: CancellationToken,
    /// Whatever still comes is not waited for.
    given_up: CancellationToken,
    /// Whose lines are reports, and whose panics are nobody's failure.
    adversaries: Arc<Vec<String>>,
    /// What checks look for.
    patterns: Arc<BTreeMap<String, Vec<String>>>,
}

struct Tail {
    lines: VecDeque<String>,
    /// How many there were in all.
    heard: u64,
    changed: Instant,
}

struct LogFile {
    file: BufWriter<File>,
    written: u64,
}

/// Where logs are written.
struct Files {
    folder: PathBuf,
    open: BTreeMap<String, LogFile>,
    /// A log that has this many bytes is too large.
    largest: u64,
    /// What each node has written, into this folder and those before.
    total: BTreeMap<String, u64>,
    /// How many folders there were before.
    turns: u64,
}

impl Files {
    fn keep(&mut self, line: &LogLine) -> io::Result<()> {
        if !self.open.contains_key(&line.node) {
            let path = self.folder.join(format!("{}.log", line.node));
            let file = BufWriter::new(File::create_new(path)?);
            self.open.insert(line.node.clone(), LogFile { file, written: 0 });
        }
        *self.total.entry(line.node.clone()).or_default() += line.bytes.len() as u64;
        if let Some(log) = self.open.get_mut(&line.node) {
            log.file.write_all(&line.bytes)?;
            log.written += line.bytes.len() as u64;
            if log.written >= self.largest {
                return Err(io::Error::other(format!(
                    "{} has logged {} bytes, and a log may not have more",
                    line.node, self.largest
                )));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.values_mut().try_for_each(|log| log.file.flush())
    }
}

/// A line for a report, which says if it is not all of it.
fn quote(line: &str) -> String {
    let text = plain(line);
    let mut quote: String = text.chars().take(LONGEST_QUOTE).collect();
    if quote.len() < text.len() {
        quote.push_str(&format!("… ({} bytes more, in its log)", text.len() - quote.len()));
    }
    quote
}

fn lost(folder: &Path, why: &io::Error) -> String {
    format!("the nodes' logs cannot be written to {}: {why}", folder.display())
}

/// What comes next in the nodes' logs.
enum Next {
    Line(LogLine),
    /// Nothing of it: a panic's cause has had its time.
    Quiet,
    NoMore,
}

/// Nodes that have panicked, and when the first of each is told. A task that panics again and again
/// must not flood the evidence.
#[derive(Default)]
struct Panics {
    due: BTreeMap<String, (Option<Instant>, String)>,
}

impl Panics {
    fn of(&mut self, node: String, line: String) {
        self.due.entry(node).or_insert_with(|| (Some(Instant::now() + CAUSE), line));
    }

    /// When the next one is to be told.
    fn due(&self) -> Option<Instant> {
        self.due.values().filter_map(|(due, _)| *due).min()
    }

    /// Ends the run for each that is due by then.
    fn tell(&mut self, logs: &Logs, by: Instant, background: &Background) {
        for (node, (due, line)) in &mut self.due {
            if due.take_if(|due| *due <= by).is_none() {
                continue;
            }
            let last_lines = logs.tail(node);
            let what = panic(&last_lines).unwrap_or_else(|| printable(line.trim()));
            let reason = format!("panicked: {what}");
            background.finish(EventKind::NodeBroken { node: node.clone(), reason, last_lines });
        }
    }
}

/// What adversaries report, once more for the evidence.
#[derive(Default)]
struct Reports(BTreeMap<String, Instant>);

impl Reports {
    /// They report once a second; one that floods its log must not flood the evidence.
    const EVERY: Duration = Duration::from_millis(250);

    fn hear(&mut self, node: String, text: &str, background: &Background) {
        let Some(report) = Report::read(text) else { return };
        let now = Instant::now();
        if self.0.get(&node).is_some_and(|last| now.duration_since(*last) < Self::EVERY) {
            return;
        }
        self.0.insert(node.clone(), now);
        background.reported(node, report);
    }
}

impl Logs {
    /// Where they are now, with whatever else is written in a run.
    pub(crate) fn folder(&self) -> PathBuf {
        self.files().folder.clone()
    }

    pub(crate) fn new(folder: PathBuf, plan: &Plan) -> Self {
        Self {
            files: Arc::new(Mutex::new(Files {
                folder,
                open: BTreeMap::new(),
                largest: LARGEST_LOG,
                total: BTreeMap::new(),
                turns: 0,
            })),
            tails: Arc::default(),
            closing: CancellationToken::new(),
            given_up: CancellationToken::new(),
            adversaries: Arc::new(plan.adversaries()),
            patterns: Arc::new(needs::patterns(plan)),
        }
    }

    /// Reads until the provider has no more.
    pub(crate) async fn read(self, mut lines: mpsc::Receiver<LogLine>, background: Background) {
        let (mut panics, mut reports) = (Panics::default(), Reports::default());
        let (mut wanted, mut turns) = (Wanted::new((*self.patterns).clone()), 0);
        loop {
            let line = match self.next(&mut lines, panics.due()).await {
                Next::Line(line) => line,
                Next::Quiet => {
                    panics.tell(&self, Instant::now(), &background);
                    continue;
                }
                Next::NoMore => break,
            };
            let turn = self.files().turns;
            if turn != turns {
                // What is recorded is bounded for each window's evidence.
                (turns, wanted) = (turn, Wanted::new((*self.patterns).clone()));
            }
            let mut kept = self.keep(&line);
            if lines.is_empty() {
                kept = kept.and_then(|()| self.files().flush());
            }
            if let Err(why) = kept {
                self.lost(&why, &background);
                return;
            }
            let text = plain(&line.text());
            if let Some(seen) = wanted.hear(&line.node, &text) {
                background.logged(seen);
            }
            if self.adversaries.contains(&line.node) {
                // One that panics ends, which its watcher sees.
                reports.hear(line.node, &text, &background);
            } else if is_panic(&text) {
                panics.of(line.node, text);
            }
        }
        // Nothing more will come: what there is of their causes is told now.
        panics.tell(&self, Instant::now() + CAUSE, &background);
        let flushed = self.files().flush();
        if let Err(why) = flushed {
            self.lost(&why, &background);
        }
    }

    /// Evidence with holes is none.
    fn lost(&self, why: &io::Error, background: &Background) {
        let reason = lost(&self.files().folder, why);
        background.finish(EventKind::EnvironmentFailed { reason, unsupported: false });
    }

    /// The end of a node's log, once it stopped growing for a moment; at most a second.
    pub(crate) async fn last_lines(&self, node: &str) -> Vec<String> {
        const QUIET: Duration = Duration::from_millis(150);
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            // A node without any line may still be about to have one: its reader starts with it.
            let quiet = self.lock().get(node).is_some_and(|tail| tail.changed.elapsed() >= QUIET);
            if quiet {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.tail(node)
    }

    /// How many lines a node has logged.
    pub(crate) fn heard(&self, node: &str) -> u64 {
        self.lock().get(node).map_or(0, |tail| tail.heard)
    }

    /// Its last lines after so many.
    pub(crate) async fn last_lines_after(&self, node: &str, heard: u64) -> Vec<String> {
        self.last_lines(node).await;
        let tails = self.lock();
        let Some(tail) = tails.get(node) else { return Vec::new() };
        let new = usize::try_from(tail.heard.saturating_sub(heard)).unwrap_or(usize::MAX);
        tail.lines.iter().skip(tail.lines.len().saturating_sub(new)).cloned().collect()
    }

    /// From now on a log may have so many bytes in one folder.
    pub(crate) fn at_most(&self, largest: u64) {
        self.files().largest = largest;
    }

    /// What comes from now on is written into another folder; what was written before is whole.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn turn(&self, folder: PathBuf) -> io::Result<()> {
        let mut files = self.files();
        files.flush()?;
        files.open.clear();
        files.folder = folder;
        files.turns += 1;
        Ok(())
    }

    /// How much a node has written in all.
    pub(crate) fn written(&self, node: &str) -> u64 {
        self.files().total.get(node).copied().unwrap_or(0)
    }

    /// Reads what is still on its way, then no more.
    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    /// No more is written: all that was read is whole on disk, and stays as it is.
    ///
    /// # Errors
    ///
    /// Why it is not, in words.
    pub(crate) fn finish(&self) -> Result<(), String> {
        let mut files = self.files();
        let flushed = files.flush();
        files.open.clear();
        flushed.map_err(|why| lost(&files.folder, &why))
    }

    /// Reads no more, whatever comes; what was read is whole on disk once the reader has ended.
    pub(crate) fn give_up(&self) {
        self.given_up.cancel();
    }

    fn tail(&self, node: &str) -> Vec<String> {
        self.lock().get(node).map_or_else(Vec::new, |tail| tail.lines.iter().cloned().collect())
    }

    async fn next(&self, lines: &mut mpsc::Receiver<LogLine>, due: Option<Instant>) -> Next {
        const LAST_WORDS: Duration = Duration::from_millis(300);
        let quiet = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.given_up.cancelled() => Next::NoMore,
            // A panic's time is over, however much its node goes on to say. A line that is there is
            // taken, however late: evidence with holes is none.
            () = quiet => Next::Quiet,
            line = lines.recv() => line.map_or(Next::NoMore, Next::Line),
            () = async { self.closing.cancelled().await; tokio::time::sleep(LAST_WORDS).await } => Next::NoMore,
        }
    }

    fn keep(&self, line: &LogLine) -> io::Result<()> {
        self.files().keep(line)?;
        let mut tails = self.lock();
        let tail = tails.entry(line.node.clone()).or_insert_with(|| Tail {
            lines: VecDeque::new(),
            heard: 0,
            changed: Instant::now(),
        });
        if tail.lines.len() == LAST_LINES {
            tail.lines.pop_front();
        }
        tail.lines.push_back(quote(&line.text()));
        tail.heard += 1;
        tail.changed = Instant::now();
        Ok(())
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Tail>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
