//! The living run's side: takes its lock and its entry before anything is made, writes down what it
//! starts, and gives both up when nothing is left.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use harness_core::event::{Event, EventKind, Sink};
use harness_run::evidence::RunDir;

use super::{
    entry::{Entry, NodeEntry, VERSION},
    marker::Marker,
    registry::{self, Registry},
};
use crate::provider::{Owner, Provider};

/// A run that lives.
#[derive(Debug)]
pub struct Lease {
    state: Arc<Mutex<State>>,
    _marker: Marker,
}

#[derive(Debug)]
struct State {
    entry: Entry,
    path: PathBuf,
    /// The provider said that it has removed everything.
    clean: bool,
}

impl Lease {
    /// Before anything is made.
    ///
    /// # Errors
    ///
    /// If the lock or the entry cannot be written.
    pub fn take(registry: &Registry, dir: &RunDir, scenario: &str, kept: bool) -> io::Result<Self> {
        let entry = Entry {
            version: VERSION,
            run: dir.run_id().to_owned(),
            scenario: scenario.to_owned(),
            dir: dir.path().to_owned(),
            owner: Owner::this(),
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            kept,
            provider: None,
            engine: None,
            nodes: BTreeMap::new(),
        };
        // The entry first: whatever is made from here on is found by it.
        let path = registry.add(&entry)?;
        let marker = dir
            .scratch()
            .and_then(|scratch| Marker::hold(&scratch, dir.run_id()))
            .inspect_err(|_| {
                if dir.remove_scratch().is_none() {
                    forget(&path);
                }
            })?;
        Ok(Self {
            state: Arc::new(Mutex::new(State { entry, path, clean: false })),
            _marker: marker,
        })
    }

    /// The provider is chosen: from now on there may be something to remove.
    ///
    /// # Errors
    ///
    /// If that cannot be written down.
    pub fn provider(&self, provider: &dyn Provider) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.entry.provider = Some(provider.name().to_owned());
        state.entry.engine = provider.facts()["engine"]["id"].as_str().map(str::to_owned);
        state.write()
    }

    /// What listens to the run.
    pub fn sink(&self) -> Box<dyn Sink> {
        Box::new(Listener(Arc::clone(&self.state)))
    }

    /// The run ended before anything was made but its scratch directory, which goes. What cannot be
    /// removed keeps its entry.
    pub fn nothing_was_made(&self, dir: &RunDir) {
        lock(&self.state).clean = dir.remove_scratch().is_none();
    }

    /// The run's ID.
    pub fn run(&self) -> String {
        lock(&self.state).entry.run.clone()
    }

    /// The entry's file.
    pub fn path(&self) -> PathBuf {
        lock(&self.state).path.clone()
    }

    /// The run is over. What is kept or left behind keeps its entry, for `ps` and `gc`. Whether
    /// nothing is left behind.
    pub fn end(self) -> bool {
        let state = lock(&self.state);
        let nothing_was_made = state.entry.provider.is_none();
        if state.clean && (nothing_was_made || !state.entry.kept) {
            forget(&state.path);
        }
        state.clean
    }
}

/// Removes an entry's file: its run has left nothing.
pub fn forget(path: &Path) {
    // One that cannot be removed is removed by the next `gc`; the run's own outcome does not depend
    // on it.
    let _ = fs::remove_file(path);
    let _ = fs::remove_file(registry::incoming(path));
}

impl State {
    fn write(&self) -> io::Result<()> {
        registry::write(&self.path, &self.entry).map_err(|why| {
            io::Error::new(why.kind(), format!("the run's entry {}: {why}", self.path.display()))
        })
    }
}

struct Listener(Arc<Mutex<State>>);

impl Sink for Listener {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        let mut state = lock(&self.0);
        if let EventKind::NodeStarted { node, incarnation, rpc, .. } = &event.what {
            state.entry.nodes.insert(
                node.clone(),
                NodeEntry { pid: incarnation.pid, id: incarnation.id.clone(), rpc: *rpc },
            );
            return state.write();
        }
        if let EventKind::TornDown { left } = &event.what {
            state.clean = left.is_none();
        }
        Ok(())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
