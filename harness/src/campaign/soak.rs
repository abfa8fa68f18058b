//! A soak on disk: its ledger, the evidence of its windows, which is rotated and bounded, and its page.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use harness_core::{
    event::{CheckVerdict, Sink},
    exit::ExitCode,
    gate::Outcome,
    scenario::Plan,
    soak::{
        Asked, Decision, Line, Network, Soak, Window,
        ledger::resume,
        left::{self, Left},
        page::Page,
        seen::Forks,
    },
    verdict::{RunVerdict, Verdict},
};
use harness_run::{
    evidence::{Jsonl, RunDir, write_whole},
    windows::{Begin, Keeper, LARGEST_LOGS, Seen},
};

use super::lines::Lines;

const LEDGER: &str = "soak.jsonl";
const WINDOWS: &str = "windows";
const PAGES: [&str; 4] = ["soak.md", "soak.html", "soak.json", "junit.xml"];

/// Bundles of windows that are kept. With the one that is being written, which is bounded by its length and by
/// its logs, and with the ledger, a day of ten nodes stays below 500 MB.
const MOST_KEPT: usize = 8;
const MOST_BYTES: u64 = 300_000_000;

/// All of it: kept bundles, one that is being written (an hour of ten nodes has 60 MB of events), a ledger.
const _: () = assert!(MOST_BYTES + LARGEST_LOGS + 60_000_000 + 10_000_000 < 500_000_000);

/// Hears of each window that ended, and whether it is what the network began with.
pub type Report = Box<dyn FnMut(&Soak, &Window)>;

/// What else listens to a window.
pub type Listen = Box<dyn FnMut(&Plan) -> Option<Box<dyn Sink>>>;

/// A soak that can go on.
pub struct Campaign {
    folder: PathBuf,
    soak: Soak,
    lines: Lines,
    report: Report,
    listen: Listen,
}

impl Campaign {
    /// A new one, in a folder of its own.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or has a soak in it.
    pub fn begin(
        folder: &Path,
        asked: Asked,
        (report, listen): (Report, Listen),
    ) -> io::Result<Self> {
        fs::create_dir_all(folder.join(WINDOWS))?;
        let folder = folder.canonicalize()?;
        let mut lines = Lines::create(&folder.join(LEDGER))?;
        lines.add(&Line::Soak(Box::new(asked.clone())))?;
        Ok(Self { folder, soak: Soak::new(asked), lines, report, listen })
    }

    /// One that was begun. What a kill left of a window that it cut off is removed, unless the window had failed: then it
    /// is written down now.
    ///
    /// # Errors
    ///
    /// There is none, it was changed, or another process goes on with it.
    pub fn resume(
        folder: &Path,
        now: String,
        (report, listen): (Report, Listen),
    ) -> io::Result<Self> {
        let folder = folder.canonicalize()?;
        let windows = folder.join(WINDOWS);
        if !fs::symlink_metadata(&windows)?.is_dir() {
            let place = windows.display();
            // What is not written down is removed from it.
            return Err(io::Error::other(format!("`{place}` is a link or a file, and no folder")));
        }
        let (mut lines, text) = Lines::open(&folder.join(LEDGER))?;
        let (soak, whole) = resume(&text).map_err(|why| io::Error::other(why.to_string()))?;
        lines.cut(whole)?;
        let mut this = Self { folder, soak, lines, report, listen };
        let cut_off = this.recover()?;
        if this.soak.decision().is_none_or(|it| it.decision == Decision::Environment) {
            this.lines.add(&Line::Resumed(now))?;
            this.soak.resumed();
        }
        for path in cut_off {
            fs::remove_dir_all(path)?;
        }
        Ok(this)
    }

    /// Writes down windows that had failed before a kill cut them off. Returns where those are that had not.
    fn recover(&mut self) -> io::Result<Vec<PathBuf>> {
        let known: Vec<PathBuf> = self.kept().collect();
        let (mut nothing, mut failed) = (Vec::new(), Vec::new());
        for path in folders(&self.folder.join(WINDOWS))? {
            if known.contains(&path) {
                continue;
            }
            let left = self.left(&path.join("events.jsonl"))?;
            match left.as_ref().and_then(Left::failed).zip(left) {
                Some((why, left)) => failed.push((left, why, path)),
                None => nothing.push(path),
            }
        }
        failed.sort_by(|(one, ..), (other, ..)| one.began.total_cmp(&other.began));
        for (left, why, path) in failed {
            let window = Window {
                number: self.soak.next_window(),
                network: self.soak.next_network().saturating_sub(1),
                began: left.began,
                seconds: left.seconds,
                exit: ExitCode::Fail.code(),
                build: None,
                reason: Some(why),
                digest: None,
                bundle: Some(self.bundle(&path)),
                blocks: None,
                forks: Forks::default(),
                nodes: BTreeMap::new(),
            };
            if !self.soak.ended(window.clone()) {
                return Err(io::Error::other(format!(
                    "the window in `{}` failed before the kill, and does not follow the windows that are written down; move it away to go on without it",
                    path.display()
                )));
            }
            self.lines.add(&Line::Window(Box::new(window)))?;
        }
        Ok(nothing)
    }

    /// What events say of a window that is not written down. `None`: it never began.
    fn left(&self, events: &Path) -> io::Result<Option<Left>> {
        let file = match File::open(events) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(why),
        };
        let (asked, next) = (self.soak.asked(), self.soak.next_window());
        left::read(BufReader::new(file), asked, next).map_err(|why| {
            io::Error::other(format!(
                "nobody can say whether the window of `{}` failed: {why}; move its directory away to go on without it",
                events.display()
            ))
        })
    }

    /// What a signal has not changed of a window that it ended: it stays failed if it was, by its checks or by what the
    /// soak asks for. `None`: nothing was found, and it is gone through again.
    fn despite(
        &mut self,
        window: &Window,
        verdict: &Verdict,
        dir: &RunDir,
    ) -> Option<(ExitCode, Option<String>)> {
        match self.left(&dir.events()) {
            Ok(Some(left)) if left.interrupted => {
                if let Some(why) = left.failed() {
                    return Some((ExitCode::Fail, Some(why)));
                }
                let passed = left.over && left.verdict.exit == ExitCode::Pass;
                let ends = passed.then(|| self.soak.would_end(window.clone())).flatten();
                let fails = ends.is_some_and(|verdict| verdict.decision == Decision::Failed);
                fails.then_some((ExitCode::Pass, None))
            }
            // Evidence that could not be written; the verdict has at least its checks.
            Ok(_) | Err(_) => {
                let mut checks = verdict.phases.iter().flat_map(|phase| &phase.checks);
                let failed = checks.find(|check| check.verdict == CheckVerdict::Fail)?;
                let why = format!("{} of {}: {}", failed.check, failed.selector, failed.reason);
                Some((ExitCode::Fail, Some(why)))
            }
        }
    }

    /// A bundle's place, as a line has it.
    fn bundle(&self, path: &Path) -> String {
        path.strip_prefix(&self.folder).unwrap_or(path).display().to_string()
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was seen so far.
    pub fn soak(&self) -> &Soak {
        &self.soak
    }

    /// A network begins: the place of what it needs while it lives.
    ///
    /// # Errors
    ///
    /// There is no place, or it cannot be written down.
    pub fn network(&mut self, began: String) -> io::Result<RunDir> {
        let home = RunDir::create(&self.folder, "network")?;
        let run = home.run_id().to_owned();
        let network = Network { number: self.soak.next_network(), began, run };
        self.lines.add(&Line::Network(network.clone()))?;
        self.soak.began(network);
        Ok(home)
    }

    /// Writes the page in all its forms.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self) -> io::Result<()> {
        let page = Page::of(&self.soak);
        let json = serde_json::to_vec_pretty(&page.json())?;
        let [markdown, html, programs, junit] = PAGES;
        for (name, bytes) in [
            (markdown, page.markdown().into_bytes()),
            (html, page.html().into_bytes()),
            (programs, json),
            (junit, page.junit()?),
        ] {
            write_whole(&self.folder, name, &bytes)?;
        }
        Ok(())
    }

    /// Bundles that were kept, the oldest first; some may be gone.
    fn kept(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let bundles = self.soak.windows().iter().filter_map(|window| window.bundle.as_ref());
        bundles.map(|bundle| self.folder.join(bundle))
    }

    /// Removes the oldest bundles, but never the last, until the others are few and small enough.
    fn rotate(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for path in self.kept().filter(|path| path.is_dir()) {
            kept.push((bytes(&path)?, path));
        }
        let (mut count, mut all) = (kept.len(), kept.iter().map(|(bytes, _)| bytes).sum::<u64>());
        for (bytes, path) in kept {
            if count <= 1 || count <= MOST_KEPT && all <= MOST_BYTES {
                break;
            }
            fs::remove_dir_all(path)?;
            (count, all) = (count - 1, all - bytes);
        }
        Ok(())
    }

    /// A line for what was seen, as if it had passed.
    fn line(&self, seen: &Seen) -> Window {
        self.soak.thinned(Window {
            number: self.soak.next_window(),
            network: self.soak.next_network().saturating_sub(1),
            began: seen.began.as_secs_f64(),
            seconds: seen.lasted.as_secs_f64(),
            exit: 0,
            build: seen.build.clone(),
            reason: None,
            digest: None,
            bundle: None,
            blocks: seen.blocks,
            forks: seen.forks,
            nodes: seen.nodes.clone(),
        })
    }
}

impl Keeper for Campaign {
    fn goes_on(&mut self, seen: &Seen) -> bool {
        let window = self.line(seen);
        self.soak.would_end(window).is_none()
    }

    fn window(&mut self, after: u64) -> io::Result<Begin> {
        let (plan, problems) = self.soak.asked().plan(self.soak.next_window() + after);
        let plan = plan.ok_or_else(|| io::Error::other(problems.to_string()))?;
        let dir = RunDir::create(&self.folder.join(WINDOWS), &plan.scenario)?;
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Jsonl::create(&dir.events())?)];
        sinks.extend((self.listen)(&plan));
        Ok(Begin { plan, dir, sinks })
    }

    fn ended(&mut self, seen: Seen, verdict: &Verdict, dir: &RunDir, last: bool) -> io::Result<()> {
        let mut window = self.line(&seen);
        let interrupted = verdict.verdict == RunVerdict::Interrupted;
        let despite = if interrupted { self.despite(&window, verdict, dir) } else { None };
        let (exit, reason) = despite.unwrap_or_else(|| (verdict.exit, verdict.reason.clone()));
        (window.exit, window.reason) = (exit.code(), reason);
        window.digest = dir.digest();
        let passed = window.outcome() == Some(Outcome::Pass);
        if last || !passed {
            window.bundle = Some(self.bundle(dir.path()));
        }
        self.lines.add(&Line::Window(Box::new(window.clone())))?;
        if window.bundle.is_none() {
            fs::remove_dir_all(dir.path())?;
        }
        if !self.soak.ended(window.clone()) {
            return Err(io::Error::other("a window ended that was not begun"));
        }
        self.rotate()?;
        self.write()?;
        (self.report)(&self.soak, &window);
        Ok(())
    }
}

/// Folders in a folder; what is no folder, a link too, is nobody's here.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// What a bundle takes.
fn bytes(folder: &Path) -> io::Result<u64> {
    let mut all = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        all += if metadata.is_dir() { bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
