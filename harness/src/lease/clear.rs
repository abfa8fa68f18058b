//! Removes what one dead run has left: processes, objects of the engine, the scratch directory, in
//! that order. Bounded in time; safe to be done twice, or by two at once.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use super::marker::{Marker, MarkerState};
use crate::provider::{docker::Leftovers, process::strays};

/// Time that the kernel has to end a killed process.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// What there may be of a run, and how to get at it.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// The run's ID.
    pub run: String,
    /// Its scratch directory, if it is known to have one.
    pub scratch: Option<PathBuf>,
    /// Process groups that it has written down.
    pub groups: BTreeSet<i64>,
    /// The engine that it has written down.
    pub on: Option<String>,
    /// The engine, if one answers and the run may have used it.
    pub engine: Option<Leftovers>,
}

/// What came of it, one line for each object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Gone.
    pub removed: Vec<String>,
    /// Still there, and why.
    pub left: Vec<String>,
}

/// Removes what a dead run has left. The caller has made sure that it is dead.
pub async fn clear(means: &Means) -> Cleared {
    let mut cleared = Cleared::default();
    if let Some(scratch) = &means.scratch {
        end_processes(scratch, &means.groups, &mut cleared).await;
    }
    if let Some(engine) = &means.engine {
        match &means.on {
            Some(on) if engine.id() != Some(on) => {
                let here = engine.id().unwrap_or("one without a name");
                cleared.left.push(format!("what it may have on its engine ({on}): another one answers here ({here}); set DOCKER_HOST to its own"));
            }
            Some(_) | None => match engine.remove(&means.run).await {
                Ok(removed) => cleared.removed.extend(removed),
                Err(why) => cleared.left.push(why.to_string()),
            },
        }
    }
    // Half of it may be gone already, but as long as anything is left, its marker says whose.
    if let (Some(scratch), true) = (&means.scratch, cleared.left.is_empty())
        && Marker::look(scratch, &means.run) != MarkerState::NoDirectory
    {
        match Marker::remove(scratch, &means.run) {
            Ok(()) => cleared.removed.push(format!("directory {}", scratch.display())),
            Err(why) => cleared.left.push(format!("directory {} ({why})", scratch.display())),
        }
    }
    cleared
}

/// What is found of its processes is killed.
async fn end_processes(scratch: &Path, groups: &BTreeSet<i64>, cleared: &mut Cleared) {
    let (scratch, groups) = (scratch.to_owned(), groups.clone());
    match tokio::task::spawn_blocking(move || strays::end(&scratch, &groups, KILL_LIMIT)).await {
        Ok(ended) => {
            cleared.left.extend(ended.left.iter().map(strays::Process::describe));
            cleared.removed.extend(ended.killed.iter().map(strays::Process::describe));
        }
        Err(why) => cleared.left.push(format!("processes ({why})")),
    }
}
