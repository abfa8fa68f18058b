//! Drives a gate: begins what its course says, writes down what ended, and writes the page.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use harness_core::{
    exit::Signal,
    gate::{
        Course, Decision, Outcome, Ran, Ticket,
        ledger::{Asked, Line, Resumed, resume},
        page::Page,
    },
};
use harness_run::{evidence::write_whole, interrupt::Interrupt};

use super::{
    child::{self, Ended},
    lines::Lines,
};

const LEDGER: &str = "gate.jsonl";

/// A gate that can go on.
#[derive(Debug)]
pub struct Gate {
    folder: PathBuf,
    asked: Asked,
    course: Course,
    ran: Vec<Ran>,
    lines: Lines,
}

/// How it goes on.
#[derive(Debug)]
pub struct Drive<'a> {
    /// This program.
    pub program: &'a Path,
    /// Runs beside each other, at first.
    pub jobs: usize,
    /// Also passing runs keep their bundles.
    pub keep_all: bool,
    /// Until when.
    pub budget: Option<Duration>,
    /// Raised by a signal.
    pub interrupt: &'a Interrupt,
}

impl Gate {
    /// A new one, in a folder of its own.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or has a gate in it.
    pub fn begin(folder: &Path, asked: Asked, course: Course) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut lines = Lines::create(&folder.join(LEDGER))?;
        lines.add(&Line::Gate(asked.clone()))?;
        Ok(Self { folder: folder.to_owned(), asked, course, ran: Vec::new(), lines })
    }

    /// One that was begun.
    ///
    /// # Errors
    ///
    /// There is none, it was changed, or another process goes on with it.
    pub fn resume(folder: &Path) -> io::Result<Self> {
        let (mut lines, text) = Lines::open(&folder.join(LEDGER))?;
        let Resumed { asked, course, ran, whole } =
            resume(&text).map_err(|why| io::Error::other(why.to_string()))?;
        lines.cut(whole)?;
        Ok(Self { folder: folder.to_owned(), asked, course, ran, lines })
    }

    /// Where it is.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// How long a run takes, on average.
    pub fn seconds_a_run(&self) -> f64 {
        self.ran.iter().map(|ran| ran.seconds).sum::<f64>() / self.ran.len().max(1) as f64
    }

    /// How many runs ended.
    pub fn runs(&self) -> usize {
        self.ran.len()
    }

    /// Goes on until something follows, time is over, or a signal came; `report` hears of each run.
    ///
    /// # Errors
    ///
    /// A run cannot be started, or what it came to cannot be written down.
    pub async fn drive(
        &mut self,
        drive: &Drive<'_>,
        mut report: impl FnMut(&Self, &Ran, usize),
    ) -> io::Result<Decision> {
        let began = Instant::now();
        let mut jobs = drive.jobs.max(1);
        // Raised by a signal, or when the rest can change nothing.
        let enough = Interrupt::default();
        let mut under_way = FuturesUnordered::new();
        let over = || {
            enough.signal().is_some()
                || drive.budget.is_some_and(|budget| began.elapsed() >= budget)
        };
        loop {
            while under_way.len() < jobs && !over() {
                let Some(ticket) = self.course.begin() else { break };
                let (arguments, out) = (self.arguments(ticket), self.out(ticket));
                let enough = &enough;
                under_way.push(async move {
                    let ended = child::run(drive.program, &arguments, &out, enough).await;
                    (ticket, out, ended)
                });
            }
            let next = tokio::select! {
                biased; // A signal is passed on before anything else is begun.
                signal = drive.interrupt.raised(), if enough.signal().is_none() => {
                    enough.raise(signal);
                    continue;
                }
                next = under_way.next() => next,
            };
            let Some((ticket, out, ended)) = next else { break };
            let Some(ran) = self.judge(ticket, &out, ended?, drive.keep_all)? else {
                self.course.lost(ticket);
                continue;
            };
            // A machine that is too busy for so many at once makes runs that say nothing.
            if ran.outcome == Outcome::Nothing {
                jobs = (jobs - 1).max(1);
            }
            self.lines.add(&Line::Ran(ran.clone()))?;
            self.course.ended(&ran);
            self.ran.push(ran);
            if let Some(ran) = self.ran.last() {
                report(self, ran, jobs);
            }
            if self.course.decision().is_some() {
                // The others can change nothing: they end, and clean up, before we do.
                enough.raise(Signal::Terminate);
            }
        }
        self.write()?;
        Ok(self.course.decision_now())
    }

    /// Writes the page in all its forms.
    fn write(&self) -> io::Result<()> {
        let page = self.page();
        let json = serde_json::to_vec_pretty(&page.json())?;
        for (name, bytes) in [
            ("gate.md", page.markdown().into_bytes()),
            ("gate.html", page.html().into_bytes()),
            ("gate.json", json),
            ("junit.xml", page.junit()?),
        ] {
            write_whole(&self.folder, name, &bytes)?;
        }
        Ok(())
    }

    /// The result so far.
    pub fn page(&self) -> Page<'_> {
        Page { asked: &self.asked, course: &self.course, ran: &self.ran }
    }

    fn arguments(&self, ticket: Ticket) -> Vec<String> {
        let entry = &self.course.file().entries[ticket.entry];
        let scenario = beside(Path::new(&self.asked.path), &entry.scenario);
        let mut arguments = self.asked.arguments.clone();
        if let Some(provider) = entry.provider {
            arguments.extend(["--provider".to_owned(), provider.to_owned()]);
        }
        if let Some(nodes) = entry.nodes {
            arguments.extend(["--nodes".to_owned(), nodes.to_string()]);
        }
        let seed = self.asked.seed_of(ticket).to_string();
        arguments.extend([
            "--seed".to_owned(),
            seed,
            "--".to_owned(),
            scenario.display().to_string(),
        ]);
        arguments
    }

    fn out(&self, ticket: Ticket) -> PathBuf {
        let Ticket { entry, run, attempt } = ticket;
        self.folder.join("runs").join(format!("{}-{:04}-{attempt}", entry + 1, run + 1))
    }

    /// `None`: it never ended by itself.
    fn judge(
        &self,
        ticket: Ticket,
        out: &Path,
        ended: Ended,
        keep_all: bool,
    ) -> io::Result<Option<Ran>> {
        let Some(outcome) = ended.outcome() else {
            fs::remove_dir_all(out)?;
            return Ok(None);
        };
        let bundle = ended.keep(out, &self.folder, keep_all)?;
        let figures = ended.verdict.as_ref().map(|verdict| &verdict.figures);
        Ok(Some(Ran {
            ticket,
            outcome,
            convergence: figures.and_then(|figures| figures.last_start_to_peers_seconds),
            recovery: figures.and_then(|figures| figures.recovery_seconds),
            reason: ended.reason,
            build: ended.build,
            digest: ended.digest,
            seconds: ended.seconds,
            bundle,
        }))
    }
}

/// A plain word is a shipped scenario's name; a path is relative to the file that names it.
pub fn beside(file: &Path, scenario: &Path) -> PathBuf {
    let plain = scenario.components().count() == 1 && scenario.extension().is_none();
    let absolute = scenario.is_absolute() || plain && !scenario.starts_with(".");
    match file.parent() {
        Some(folder) if !absolute => folder.join(scenario),
        _ => scenario.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_gates_file() {
        let file = Path::new("/repo/ci/release.toml");
        for (scenario, found) in [
            ("three-node", "three-node"),
            ("mine/own", "/repo/ci/mine/own"),
            ("own.toml", "/repo/ci/own.toml"),
            ("/else/where", "/else/where"),
        ] {
            assert_eq!(beside(file, Path::new(scenario)), Path::new(found), "{scenario}");
        }
        assert_eq!(beside(file, Path::new("./own")), Path::new("/repo/ci/./own"));
    }
}
