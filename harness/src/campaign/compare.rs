//! Drives a comparison: one run after another, as its course says, writes down what ended, and writes the page.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use harness_core::{
    bundle::{Link, Sha256Hex, hash_all},
    compare::{
        Asked, Build, Course, Decision, Measured, Meter, Ran, Side, Ticket,
        ledger::{Line, resume},
        page::Page,
    },
    event::Event,
    gate::Outcome,
};
use harness_run::{evidence::write_whole, interrupt::Interrupt};

use super::{
    child::{self, Ended},
    lines::Lines,
};

const LEDGER: &str = "compare.jsonl";

/// A comparison that can go on.
#[derive(Debug)]
pub struct Compare {
    folder: PathBuf,
    course: Course,
    lines: Lines,
}

/// How it goes on.
#[derive(Debug)]
pub struct Drive<'a> {
    /// This program.
    pub program: &'a Path,
    /// Also passing runs keep their bundles.
    pub keep_all: bool,
    /// Raised by a signal.
    pub interrupt: &'a Interrupt,
}

impl Compare {
    /// A new one, in a folder of its own.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or has a comparison in it.
    pub fn begin(folder: &Path, asked: Asked) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut lines = Lines::create(&folder.join(LEDGER))?;
        lines.add(&Line::Compare(asked.clone()))?;
        Ok(Self { folder: folder.to_owned(), course: Course::new(asked), lines })
    }

    /// One that was begun.
    ///
    /// # Errors
    ///
    /// There is none, it or one of its builds was changed, or another process goes on with it.
    pub fn resume(folder: &Path) -> io::Result<Self> {
        let (mut lines, text) = Lines::open(&folder.join(LEDGER))?;
        let (course, whole) = resume(&text).map_err(io::Error::other)?;
        for build in [&course.asked().a, &course.asked().b] {
            if let Build::Binary { path, sha256, .. } = build
                && digest(Path::new(path))? != *sha256
            {
                return Err(io::Error::other(format!("{path} is not what it was")));
            }
        }
        lines.cut(whole)?;
        Ok(Self { folder: folder.to_owned(), course, lines })
    }

    /// Where it is.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// Goes on until the last run, or a signal; `report` hears of each run.
    ///
    /// # Errors
    ///
    /// A run cannot be started, or what it came to cannot be written down.
    pub async fn drive(
        &mut self,
        drive: &Drive<'_>,
        mut report: impl FnMut(&Course, &Ran),
    ) -> io::Result<Decision> {
        while let Some(ticket) = self.course.next()
            && drive.interrupt.signal().is_none()
        {
            let (arguments, out) = (arguments(self.course.asked(), ticket), self.out(ticket));
            let ended = child::run(drive.program, &arguments, &out, drive.interrupt).await?;
            let Some(ran) = self.judge(ticket, &out, ended, drive.keep_all)? else { continue };
            self.lines.add(&Line::Ran(ran.clone()))?;
            report(&self.course, &ran);
            self.course.ended(ran);
        }
        let page = Page::new(&self.course);
        write_whole(&self.folder, "compare.md", page.markdown().as_bytes())?;
        write_whole(&self.folder, "compare.html", page.html().as_bytes())?;
        write_whole(&self.folder, "compare.json", &serde_json::to_vec_pretty(&page.json())?)?;
        Ok(page.decision())
    }

    fn out(&self, ticket: Ticket) -> PathBuf {
        let Ticket { scenario, run, side, attempt } = ticket;
        let name = format!("{}-{:04}-{side:?}-{attempt}", scenario + 1, run + 1);
        self.folder.join("runs").join(name)
    }

    /// `None`: it never ended by itself.
    fn judge(
        &self,
        ticket: Ticket,
        out: &Path,
        ended: Ended,
        keep_all: bool,
    ) -> io::Result<Option<Ran>> {
        let Some(outcome) = ended.outcome() else { return Ok(None) };
        let measured = match (&ended.bundle, &ended.verdict, outcome) {
            (Some(bundle), Some(verdict), Outcome::Pass) => {
                meter(&bundle.join("events.jsonl"))?.measured(&verdict.figures)
            }
            _ => Measured::default(),
        };
        let bundle = ended.keep(out, &self.folder, keep_all)?;
        Ok(Some(Ran {
            ticket,
            outcome,
            reason: ended.reason,
            measured,
            build: ended.build,
            digest: ended.digest,
            seconds: ended.seconds,
            bundle,
        }))
    }
}

fn arguments(asked: &Asked, ticket: Ticket) -> Vec<String> {
    let build = match ticket.side {
        Side::A => &asked.a,
        Side::B => &asked.b,
    };
    let (flag, node) = match build {
        Build::Binary { path, .. } => ("--node-bin", path),
        Build::Image(reference) => ("--node-image", reference),
    };
    let mut arguments = asked.arguments.clone();
    let seed = asked.seed_of(ticket.scenario, ticket.run).to_string();
    let scenario = asked.scenarios[ticket.scenario].as_str();
    arguments.extend(
        [flag, node.as_str(), "--measure", "--seed", &seed, "--", scenario].map(str::to_owned),
    );
    arguments
}

/// A binary's digest.
///
/// # Errors
///
/// It cannot be read.
pub fn digest(binary: &Path) -> io::Result<Sha256Hex> {
    Ok(hash_all(File::open(binary)?)?.1)
}

/// From the events of a bundle that was verified.
fn meter(events: &Path) -> io::Result<Meter> {
    let mut meter = Meter::default();
    for line in BufReader::new(File::open(events)?).split(b'\n') {
        let event = Link::read(&line?)
            .and_then(|link| serde_json::from_slice::<Event>(&link.event).ok())
            .ok_or_else(|| io::Error::other("an event that was verified cannot be read"))?;
        meter.take(&event);
    }
    Ok(meter)
}
