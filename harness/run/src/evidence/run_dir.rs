//! Where the evidence of a run is: one new directory for each run, never an older one's.
//!
//! `events.jsonl` (every event, chained), `plan.json` (scenario, nodes with their whole
//! environment, facts of provider and host), `logs/<node>.log` (raw), `junit.xml`, `verdict.json`,
//! `report.html`, and `manifest.json` with the hash of each. `EVIDENCE.md` describes the formats.

use std::{
    fs::{self, File},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, BufRead, BufReader, Write},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    time::SystemTime,
};

use harness_core::{
    bundle::{self, Entry, Link, Manifest, Sha256Hex},
    event::FORMAT_VERSION,
    page::Belief,
    record::{Asked, Launch, PlanRecord},
    report::{excerpt::Excerpt, junit, verdict::REPORT},
    scenario::Plan,
    verdict::{RunVerdict, Verdict},
};

use super::{folder, host};

/// The directory of one run.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
    run_id: String,
    asked: Asked,
}

/// In a scratch directory, the file that says whose it is.
pub const MARKER: &str = "run.lock";

/// Removes a scratch directory, its marker last: what is left half-way still says whose it is.
/// Links are removed, never followed.
pub fn remove_marked(scratch: &Path) -> io::Result<()> {
    for entry in fs::read_dir(scratch)? {
        let path = entry?.path();
        let removed = match fs::symlink_metadata(&path) {
            _ if path.file_name().is_some_and(|name| name == MARKER) => continue,
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(why) => Err(why),
        };
        // Somebody else may be removing the same.
        removed
            .or_else(|why| if why.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(why) })?;
    }
    fs::remove_dir_all(scratch)
}

impl RunDir {
    /// Makes a new directory `<time>-<scenario>-<run ID>` in `parent`.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn create(parent: &Path, scenario: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let time: String = humantime::format_rfc3339_seconds(SystemTime::now())
            .to_string()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        loop {
            let run_id = new_run_id();
            let path = parent.join(format!("{time}-{scenario}-{run_id}"));
            match fs::create_dir(&path) {
                Ok(()) => {
                    fs::create_dir(path.join("logs"))?;
                    return Ok(Self {
                        path: path.canonicalize()?,
                        run_id,
                        asked: Asked::default(),
                    });
                }
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// Short, and different for every run on this host: part of the names of everything that a run
    /// makes.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For nodes' logs.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// For what only lives as long as the run: node states, sockets, binaries. Made if it is not
    /// there.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn scratch(&self) -> io::Result<PathBuf> {
        let path = self.path.join("scratch");
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Removes [`Self::scratch`]; says what could not be removed.
    pub fn remove_scratch(&self) -> Option<String> {
        let path = self.path.join("scratch");
        match remove_marked(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                Some(format!("{} ({why})", path.display()))
            }
            Ok(()) | Err(_) => None,
        }
    }

    /// For the events.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// The same directory, with what the run was asked for.
    #[must_use]
    pub fn asked(self, asked: Asked) -> Self {
        Self { asked, ..self }
    }

    /// Writes what follows from a run that is over: reports, `verdict.json`, and the manifest over
    /// everything, last.
    ///
    /// # Errors
    ///
    /// If something cannot be written. A verdict that was written then is removed again: one
    /// without a manifest proves nothing.
    pub fn conclude(&self, verdict: &Verdict) -> io::Result<()> {
        let write = || {
            self.write("junit.xml", &junit::xml(verdict)?)?;
            self.write("verdict.json", &verdict.to_bytes()?)?;
            if let Some(page) = self.page(verdict) {
                self.write(REPORT, page.as_bytes())?;
            }
            self.write(bundle::MANIFEST, &self.manifest(verdict)?.to_bytes()?)
        };
        write().inspect_err(|_| {
            // If even this fails, it stays without a manifest.
            let _ = fs::remove_file(self.path.join("verdict.json"));
        })
    }

    /// It shows the evidence and is none: that it cannot be made takes nothing from a verdict.
    fn page(&self, verdict: &Verdict) -> Option<String> {
        let page = || folder::page(&self.path, verdict, &Belief::Fresh).ok();
        panic::catch_unwind(AssertUnwindSafe(page)).ok().flatten()
    }

    /// What of the evidence stands beside its verdict, if that is no pass. Shown, and no evidence itself.
    pub fn excerpt(&self, verdict: &Verdict) -> Option<Excerpt> {
        if verdict.verdict == RunVerdict::Pass {
            return None;
        }
        let excerpt = || folder::excerpt(&self.path, verdict).ok().flatten();
        panic::catch_unwind(AssertUnwindSafe(excerpt)).ok().flatten()
    }

    /// The bundle's digest, once the manifest is written.
    pub fn digest(&self) -> Option<Sha256Hex> {
        folder::digest(&self.path).ok()
    }

    /// Writes `plan.json`, also over an earlier one: what nodes are started with is known later
    /// than what is run.
    pub fn write_plan(
        &self,
        plan: &Plan,
        launches: Vec<Launch>,
        facts: &serde_json::Value,
    ) -> io::Result<()> {
        let record = PlanRecord {
            version: FORMAT_VERSION,
            harness: env!("CARGO_PKG_VERSION").to_owned(),
            run: self.run_id.clone(),
            asked: self.asked.clone(),
            host: host::this(),
            plan: plan.clone(),
            launches,
            facts: facts.clone(),
        };
        let mut bytes = serde_json::to_vec_pretty(&record)?;
        bytes.push(b'\n');
        self.write("plan.json", &bytes)
    }

    fn manifest(&self, verdict: &Verdict) -> io::Result<Manifest> {
        let found = folder::files(&self.path)?;
        if let Some(strange) = found.strange.first() {
            return Err(io::Error::other(format!("{strange} is no file of ours")));
        }
        let entry = |path: String| {
            let (bytes, sha256) = bundle::hash_all(File::open(self.path.join(&path))?)?;
            Ok(Entry { path, bytes, sha256 })
        };
        let files = found.files.into_iter().map(entry).collect::<io::Result<_>>()?;
        let (events, chain) = self.end_of_events()?;
        let (run, scenario) = (verdict.run.clone(), verdict.scenario.clone());
        Ok(Manifest {
            version: FORMAT_VERSION,
            run,
            scenario,
            verdict: verdict.verdict,
            exit_code: verdict.exit_code,
            events,
            chain,
            files,
        })
    }

    /// How many events there are on disk, and the last one's value.
    fn end_of_events(&self) -> io::Result<(u64, Sha256Hex)> {
        let mut reader = BufReader::new(File::open(self.events())?);
        let (mut events, mut line, mut last) = (0, Vec::new(), Vec::new());
        while reader.read_until(b'\n', &mut line)? > 0 {
            events += 1;
            std::mem::swap(&mut line, &mut last);
            line.clear();
        }
        let link = last.strip_suffix(b"\n").and_then(Link::read);
        link.map(|link| (events, link.chain))
            .ok_or_else(|| io::Error::other("events.jsonl does not end with an event"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        write_whole(&self.path, name, bytes)
    }
}

/// Writes a file whole or not at all: half a verdict is none. One that is there is replaced.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let incoming = folder.join(format!("{name}.incoming"));
    // What a killed process left half-way is nobody's; of a link, only the link goes.
    let made = File::create_new(&incoming).or_else(|why| {
        if why.kind() != io::ErrorKind::AlreadyExists {
            return Err(why);
        }
        fs::remove_file(&incoming).and_then(|()| File::create_new(&incoming))
    });
    let written = made.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&incoming, folder.join(name))).inspect_err(|_| {
        let _ = fs::remove_file(&incoming);
    })
}

/// A seed for a run that was given none: 48 random bits, which every reader of JSON can hold.
pub fn draw_seed() -> u64 {
    RandomState::new().build_hasher().finish() & 0xffff_ffff_ffff
}

/// 40 random bits. The standard library's hash keys come from the operating system and differ for
/// each process.
fn new_run_id() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{:010x}", random & 0xff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_half_way_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.json.incoming"), "half").unwrap();
        write_whole(folder.path(), "a.json", b"whole").unwrap();
        assert_eq!(fs::read(folder.path().join("a.json")).unwrap(), b"whole");
        assert!(!folder.path().join("a.json.incoming").exists());
    }
}
