//! Which runs are on this host, and which of them live: entries and what an engine has, put
//! together.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::SystemTime,
};

use serde::Serialize;

use super::{
    clear::Means,
    entry::Entry,
    marker::{Marker, MarkerState},
    registry::{Registry, Unreadable},
};
use crate::provider::{
    Owner,
    docker::{Leftover, Leftovers},
    process::strays,
};

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its harness lives. Nothing of it is ever touched.
    Running,
    /// Its harness has ended, and its nodes were to stay.
    Kept,
    /// Its harness is gone, and this is what it left.
    Dead,
    /// It was made on another host, or in another container: whether it lives cannot be seen from
    /// here.
    Elsewhere,
    /// Nothing says who made it.
    Unknown,
}

/// A node of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeOnHost {
    /// Its name.
    pub name: String,
    /// Container or process group.
    pub id: String,
    /// Where its JSON-RPC is, where that is known.
    pub rpc: Option<SocketAddr>,
    /// The host on which that is, also while it does not run.
    #[serde(skip)]
    pub host: Option<IpAddr>,
}

/// A run, as far as this host knows it.
#[derive(Debug, Clone)]
pub struct RunOnHost {
    /// Its ID.
    pub run: String,
    /// Its scenario, where that is known.
    pub scenario: Option<String>,
    /// `docker` or `process`, where that is known.
    pub provider: Option<String>,
    /// What it is doing.
    pub state: State,
    /// When it began, or the oldest of what it made.
    pub started: Option<SystemTime>,
    /// Its evidence.
    pub dir: Option<PathBuf>,
    /// Its nodes.
    pub nodes: Vec<NodeOnHost>,
    /// Its entry's file.
    pub entry: Option<PathBuf>,
    /// What of it is on the engine.
    pub objects: Vec<String>,
    /// To remove it; without an engine.
    pub means: Means,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct Survey {
    /// By ID.
    pub runs: Vec<RunOnHost>,
    /// Files among the entries that are none.
    pub unreadable: Vec<Unreadable>,
}

/// Looks at entries, and at an engine if there is one.
///
/// # Errors
///
/// The engine does not list its objects.
pub async fn survey(
    registry: &Registry,
    engine: Option<&Leftovers>,
) -> Result<Survey, crate::provider::ProviderError> {
    // The engine first: a run that begins meanwhile is then not seen at all, instead of as objects
    // without an entry.
    let mut objects = match engine {
        Some(engine) => engine.by_run().await?,
        None => BTreeMap::new(),
    };
    let (entries, unreadable) = registry.read();
    let mut runs: Vec<RunOnHost> = entries
        .into_iter()
        .map(|(path, entry)| {
            let objects = objects.remove(&entry.run).unwrap_or_default();
            of_entry(path, entry, &objects)
        })
        .collect();
    runs.extend(objects.into_iter().map(|(run, objects)| of_objects(run, &objects)));
    runs.sort_by(|a, b| (a.started, &a.run).cmp(&(b.started, &b.run)));
    Ok(Survey { runs, unreadable })
}

impl RunOnHost {
    /// What a removal would remove, one line for each.
    pub fn would_remove(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .means
            .scratch
            .iter()
            .flat_map(|scratch| strays::of(scratch, &self.means.groups))
            .map(|p| p.describe())
            .collect();
        lines.extend(self.objects.iter().cloned());
        lines.extend(
            self.means
                .scratch
                .iter()
                .filter(|scratch| Marker::look(scratch, &self.run) == MarkerState::Free)
                .map(|path| format!("directory {}", path.display())),
        );
        lines
    }
}

fn of_entry(path: PathBuf, entry: Entry, objects: &[Leftover]) -> RunOnHost {
    let scratch = entry.scratch();
    let owners = objects
        .iter()
        .filter_map(|left| left.origin.owner.clone())
        .chain([entry.owner.clone()])
        .collect::<Vec<_>>();
    let kept = entry.kept || objects.iter().any(|left| left.origin.kept);
    let is_process = entry.provider.as_deref() == Some("process");
    let groups = if is_process {
        entry.nodes.values().map(|node| node.pid).collect()
    } else {
        BTreeSet::new()
    };
    RunOnHost {
        state: state(&owners, Marker::look(&scratch, &entry.run), kept),
        started: humantime::parse_rfc3339(&entry.started).ok(),
        dir: Some(entry.dir),
        nodes: entry
            .nodes
            .into_iter()
            .map(|(name, node)| {
                let rpc = rpc_now(&name, node.rpc, objects);
                NodeOnHost { name, id: node.id, rpc, host: Some(node.rpc.ip()) }
            })
            .collect(),
        scenario: Some(entry.scenario),
        provider: entry.provider,
        entry: Some(path),
        objects: objects.iter().map(|left| left.what.clone()).collect(),
        means: Means {
            run: entry.run.clone(),
            scratch: Some(scratch),
            groups,
            on: entry.engine,
            engine: None,
        },
        run: entry.run,
    }
}

/// Where a node answers. What was written down at its last start in the run is a port that its engine published then:
/// whoever has started it since, by `watch` or by `docker`, has given it another.
fn rpc_now(name: &str, written: SocketAddr, objects: &[Leftover]) -> Option<SocketAddr> {
    let of_node = |left: &&Leftover| left.origin.node.as_deref() == Some(name);
    let published = objects.iter().filter(of_node).find_map(|left| left.published);
    published.map_or(Some(written), |published| published.on(written.ip()))
}

/// A run of another user, or one whose entry is lost.
fn of_objects(run: String, objects: &[Leftover]) -> RunOnHost {
    let owners: Vec<Owner> = objects.iter().filter_map(|left| left.origin.owner.clone()).collect();
    // A label is only a hint: the directory must say itself that it is this run's.
    let scratch = objects
        .iter()
        .find_map(|left| left.origin.scratch.clone())
        .filter(|scratch| scratch.is_absolute());
    let marker =
        scratch.as_ref().map_or(MarkerState::NoDirectory, |scratch| Marker::look(scratch, &run));
    let scratch = scratch.filter(|_| matches!(marker, MarkerState::Free | MarkerState::Held));
    let nodes = objects.iter().filter_map(|left| {
        let id = format!("container {}", left.container.as_ref()?);
        Some(NodeOnHost { name: left.origin.node.clone()?, id, rpc: None, host: None })
    });
    RunOnHost {
        scenario: None,
        provider: Some("docker".to_owned()),
        state: state(&owners, marker, objects.iter().any(|left| left.origin.kept)),
        started: objects.iter().filter_map(|left| left.created).min(),
        dir: scratch.as_ref().and_then(|scratch| scratch.parent()).map(PathBuf::from),
        nodes: nodes.collect(),
        entry: None,
        objects: objects.iter().map(|left| left.what.clone()).collect(),
        means: Means { run: run.clone(), scratch, groups: BTreeSet::new(), on: None, engine: None },
        run,
    }
}

/// Whatever speaks for its life counts.
fn state(owners: &[Owner], marker: MarkerState, kept: bool) -> State {
    if marker == MarkerState::Held || owners.iter().any(Owner::lives) {
        State::Running
    } else if owners.is_empty() {
        State::Unknown
    } else if !owners.iter().all(Owner::is_of_this_host) {
        State::Elsewhere
    } else if kept {
        State::Kept
    } else {
        State::Dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(change: &str, to: &str) -> Owner {
        Owner::this().to_string().replacen(change, to, 1).parse().unwrap()
    }

    #[test]
    fn only_what_is_known_to_be_dead_here_is_dead() {
        let (living, pid) = (Owner::this(), Owner::this().pid().to_string());
        let dead = owner(&format!(",{pid},"), ",1,");
        let other_host = owner("", "other-");
        let (free, held, none) = (MarkerState::Free, MarkerState::Held, MarkerState::NoDirectory);
        assert_eq!(state(std::slice::from_ref(&dead), none, false), State::Dead);
        assert_eq!(state(std::slice::from_ref(&dead), free, true), State::Kept);
        assert_eq!(
            state(std::slice::from_ref(&dead), held, false),
            State::Running,
            "the lock is enough"
        );
        assert_eq!(
            state(&[dead.clone(), living.clone()], free, false),
            State::Running,
            "one owner is enough"
        );
        assert_eq!(
            state(std::slice::from_ref(&living), none, true),
            State::Running,
            "a directory that somebody removed does not kill a run"
        );
        assert_eq!(state(&[other_host, dead], free, false), State::Elsewhere);
        assert_eq!(state(&[], free, false), State::Unknown);
    }
}
