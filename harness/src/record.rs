//! Where the evidence of a run is: one new directory for each run, never an older one's.
//!
//! `events.jsonl` (every event), `plan.json` (scenario, nodes with their whole environment, facts of the provider), `logs/<node>.log` (raw), `verdict.json`.

use std::{
    fs::{self, File},
    hash::{BuildHasher, Hasher, RandomState},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Serialize;

use crate::{event::FORMAT_VERSION, run::testbed::LaunchRecord, scenario::Plan, verdict::Verdict};

/// The directory of one run.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
    run_id: String,
}

#[derive(Serialize)]
struct PlanRecord<'a> {
    version: u32,
    run: &'a str,
    plan: &'a Plan,
    launches: &'a [LaunchRecord<'a>],
    facts: &'a serde_json::Value,
}

impl RunDir {
    /// Makes a new directory `<time>-<scenario>-<run ID>` in `parent`.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn create(parent: &Path, scenario: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let time: String = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        loop {
            let run_id = new_run_id();
            let path = parent.join(format!("{time}-{scenario}-{run_id}"));
            match fs::create_dir(&path) {
                Ok(()) => {
                    fs::create_dir(path.join("logs"))?;
                    return Ok(Self { path: path.canonicalize()?, run_id });
                }
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// Short, and different for every run on this host: part of the names of everything that a run makes.
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

    /// For what only lives as long as the run: node states, sockets, binaries. Made if it is not there.
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
        match fs::remove_dir_all(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Some(format!("{} ({why})", path.display())),
            Ok(()) | Err(_) => None,
        }
    }

    /// For the events.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// Writes `verdict.json`.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_verdict(&self, verdict: &Verdict) -> io::Result<()> {
        self.write("verdict.json", verdict)
    }

    pub(crate) fn write_plan(&self, plan: &Plan, launches: &[LaunchRecord<'_>], facts: &serde_json::Value) -> io::Result<()> {
        self.write("plan.json", &PlanRecord { version: FORMAT_VERSION, run: &self.run_id, plan, launches, facts })
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        // Whole or not at all: half a verdict is none.
        let incoming = self.path.join(format!("{name}.incoming"));
        let mut file = BufWriter::new(File::create_new(&incoming)?);
        serde_json::to_writer_pretty(&mut file, value)?;
        file.write_all(b"\n")?;
        file.flush()?;
        fs::rename(incoming, self.path.join(name))
    }
}

/// 40 random bits. The standard library's hash keys come from the operating system and differ for each process.
fn new_run_id() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("{:010x}", random & 0xff_ffff_ffff)
}
