//! Drives a night of generated scenarios: writes each, runs it, and writes down what it came to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use harness_core::{
    exit::ExitCode,
    generate::{
        generate, name,
        night::{Line, Night, NightAsked, NightRan},
    },
};
use harness_run::{evidence::write_whole, interrupt::Interrupt};

use super::{
    child::{self, Ended},
    lines::Lines,
};

const LEDGER: &str = "generated.jsonl";

/// A night that can go on.
#[derive(Debug)]
pub struct Generated {
    folder: PathBuf,
    night: Night,
    lines: Lines,
}

/// How it goes on.
#[derive(Debug)]
pub struct Drive<'a> {
    /// This program.
    pub program: &'a Path,
    /// Runs beside each other.
    pub jobs: usize,
    /// Also passing runs keep their bundles.
    pub keep_all: bool,
    /// Raised by a signal.
    pub interrupt: &'a Interrupt,
}

impl Generated {
    /// A new one, in a folder of its own.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or has one in it.
    pub fn begin(folder: &Path, asked: NightAsked) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut lines = Lines::create(&folder.join(LEDGER))?;
        lines.add(&Line::Generated(asked.clone()))?;
        Ok(Self { folder: folder.to_owned(), night: Night::new(asked), lines })
    }

    /// One that was begun.
    ///
    /// # Errors
    ///
    /// There is none, it was changed, or another process goes on with it.
    pub fn resume(folder: &Path) -> io::Result<Self> {
        let (mut lines, text) = Lines::open(&folder.join(LEDGER))?;
        let night = Night::resume(&text).map_err(io::Error::other)?;
        lines.cut(text.len())?;
        Ok(Self { folder: folder.to_owned(), night, lines })
    }

    /// Where it is.
    pub fn night(&self) -> &Night {
        &self.night
    }

    /// Goes on until the last seed, or a signal; `report` hears of each run.
    ///
    /// # Errors
    ///
    /// A run cannot be started, or what it came to cannot be written down.
    pub async fn drive(
        &mut self,
        drive: &Drive<'_>,
        mut report: impl FnMut(&Night, &NightRan),
    ) -> io::Result<()> {
        fs::create_dir_all(self.folder.join("scenarios"))?;
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < drive.jobs.max(1) && drive.interrupt.signal().is_none() {
                let Some(seed) = self.night.begin() else { break };
                let (arguments, out) = (self.write(seed)?, self.out(seed));
                under_way.push(async move {
                    let ended = child::run(drive.program, &arguments, &out, drive.interrupt).await;
                    (seed, out, ended)
                });
            }
            let Some((seed, out, ended)) = under_way.next().await else { return Ok(()) };
            let Some(ran) = self.judge(seed, &out, ended?, drive.keep_all)? else {
                self.night.lost(seed);
                continue;
            };
            self.lines.add(&Line::Ran(ran.clone()))?;
            self.night.ended(ran.clone());
            report(&self.night, &ran);
        }
    }

    /// Writes a seed's scenario; what its run is told.
    fn write(&self, seed: u64) -> io::Result<Vec<String>> {
        let (folder, file) = (self.folder.join("scenarios"), format!("{}.toml", name(seed)));
        write_whole(&folder, &file, generate(&self.night.scenario(seed)).as_bytes())?;
        let path = std::path::absolute(folder.join(file))?;
        let mut arguments = self.night.asked().arguments.clone();
        let seed = seed.to_string();
        arguments.extend(["--seed", &seed, "--"].map(str::to_owned));
        arguments.push(path.display().to_string());
        Ok(arguments)
    }

    fn out(&self, seed: u64) -> PathBuf {
        self.folder.join("runs").join(name(seed))
    }

    /// `None`: it never ended by itself.
    fn judge(
        &self,
        seed: u64,
        out: &Path,
        ended: Ended,
        keep_all: bool,
    ) -> io::Result<Option<NightRan>> {
        if ended.outcome().is_none() {
            fs::remove_dir_all(out)?;
            return Ok(None);
        }
        let bundle = ended.keep(out, &self.folder, keep_all)?;
        let exit = ended.exit.unwrap_or(ExitCode::Environment).code();
        let Ended { reason, build, digest, seconds, .. } = ended;
        Ok(Some(NightRan { seed, exit, reason, build, digest, seconds, bundle }))
    }
}
