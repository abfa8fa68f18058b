//! An injector that does something else than it is told: ten ways in which a fault can be broken, each of
//! which must be noticed.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    control::Disturbance,
    event::Dialled,
    line::{Datagrams, Line, LineChange, PathSeen},
    node::NodeSource,
    state::{Executable, Limits, Port, StateChange, StateFile},
};

use crate::provider::{Injector, Provider, ProviderError, Slot};

/// After this, what was to stay does not: it was proven to be in effect by then.
const TOO_EARLY: Duration = Duration::from_secs(2);

type Done<'a> = BoxFuture<'a, Result<(), ProviderError>>;
type Answer<'a, T> = BoxFuture<'a, Result<T, ProviderError>>;

/// Everything is the inner provider's but for the disturbance.
pub(super) struct Tampered {
    inner: Arc<dyn Provider>,
    disturbance: Disturbance,
    /// What heals too early: after the next look at lines.
    early: Mutex<Vec<LineChange>>,
}

impl Tampered {
    pub(super) fn new(inner: Arc<dyn Provider>, disturbance: Disturbance) -> Self {
        Self { inner, disturbance, early: Mutex::default() }
    }

    fn early(&self) -> MutexGuard<'_, Vec<LineChange>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is(&self, disturbance: Disturbance) -> bool {
        self.disturbance == disturbance
    }

    fn inner(&self) -> &dyn Injector {
        self.inner.injector()
    }

    /// What is done instead of these changes.
    fn instead(&self, changes: &[LineChange]) -> Vec<LineChange> {
        let cuts = |change: &LineChange| change.line != Line::Open;
        let these = |keep: &dyn Fn(&LineChange) -> bool| {
            changes.iter().filter(|change| keep(change)).cloned().collect()
        };
        if self.is(Disturbance::LinesDoNothing) {
            Vec::new()
        } else if self.is(Disturbance::LinesOneSided) {
            these(&|change| !cuts(change) || change.from < change.to)
        } else if self.is(Disturbance::LinesStay) {
            these(&cuts)
        } else if self.is(Disturbance::LinesOfAnother) {
            of_another(changes)
        } else if self.is(Disturbance::LinesCutMore) && changes.iter().any(cuts) {
            all_cut(changes)
        } else {
            changes.to_vec()
        }
    }
}

/// Of two of the nodes, each is taken for the other.
fn of_another(changes: &[LineChange]) -> Vec<LineChange> {
    let names: BTreeSet<&String> =
        changes.iter().flat_map(|change| [&change.from, &change.to]).collect();
    let is_meant = |name: &&&String| {
        changes.iter().all(|change| change.from == ***name || change.to == ***name)
    };
    let meant = names.iter().find(is_meant).copied();
    let other = names.iter().find(|name| Some(**name) != meant).copied();
    let swapped = |name: &String| match (meant, other) {
        (Some(meant), Some(other)) if name == meant => other.clone(),
        (Some(meant), Some(other)) if name == other => meant.clone(),
        _ => name.clone(),
    };
    let swap = |change: &LineChange| LineChange {
        from: swapped(&change.from),
        to: swapped(&change.to),
        line: change.line.clone(),
    };
    changes.iter().map(swap).collect()
}

/// Between all of the nodes.
fn all_cut(changes: &[LineChange]) -> Vec<LineChange> {
    let names: BTreeSet<&String> =
        changes.iter().flat_map(|change| [&change.from, &change.to]).collect();
    let pairs = names.iter().flat_map(|from| names.iter().map(move |to| (*from, *to)));
    pairs
        .filter(|(from, to)| from != to)
        .map(|(from, to)| LineChange { from: from.clone(), to: to.clone(), line: Line::Cut })
        .collect()
}

impl Injector for Tampered {
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        async move {
            if self.is(Disturbance::PauseDoesNothing) {
                return Ok(());
            }
            self.inner().pause(name).await?;
            if self.is(Disturbance::PauseDoesNotHold) {
                let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(TOO_EARLY).await;
                    // A run that is over by then has no such node any more.
                    let _ = inner.injector().resume(&name).await;
                });
            }
            Ok(())
        }
        .boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        if self.is(Disturbance::PauseDoesNothing) || self.is(Disturbance::ResumeDoesNothing) {
            return async { Ok(()) }.boxed();
        }
        self.inner().resume(name)
    }

    fn lines<'a>(&'a self, changes: &'a [LineChange]) -> Done<'a> {
        async move {
            let instead = self.instead(changes);
            self.inner().lines(&instead).await?;
            if self.is(Disturbance::LinesHealEarly) {
                let open = |change| LineChange { line: Line::Open, ..change };
                *self.early() = instead.into_iter().map(open).collect();
            }
            Ok(())
        }
        .boxed()
    }

    fn probe<'a>(
        &'a self,
        ways: &'a [(String, String)],
        datagrams: Datagrams,
    ) -> Answer<'a, Vec<PathSeen>> {
        async move {
            let seen = self.inner().probe(ways, datagrams).await?;
            let open = std::mem::take(&mut *self.early());
            if !open.is_empty() {
                // It was seen to be in effect, and is not any more.
                self.inner().lines(&open).await?;
            }
            Ok(seen)
        }
        .boxed()
    }

    fn state_files<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<StateFile>> {
        self.inner().state_files(name)
    }

    fn change_state<'a>(&'a self, name: &'a str, change: &'a StateChange) -> Done<'a> {
        if self.is(Disturbance::StateStays) {
            return async { Ok(()) }.boxed();
        }
        self.inner().change_state(name, change)
    }

    fn slot_as(&self, name: &str, source: &NodeSource) -> Result<Slot, ProviderError> {
        self.inner().slot_as(name, source)
    }

    fn executable<'a>(&'a self, name: &'a str) -> Answer<'a, Executable> {
        self.inner().executable(name)
    }

    fn limit<'a>(&'a self, name: &'a str, limits: &'a Limits) -> Done<'a> {
        if self.is(Disturbance::LimitDoesNothing) {
            return async { Ok(()) }.boxed();
        }
        self.inner().limit(name, limits)
    }

    fn limits<'a>(&'a self, name: &'a str) -> Answer<'a, Limits> {
        self.inner().limits(name)
    }

    fn occupy<'a>(&'a self, name: &'a str, port: Port) -> Answer<'a, SocketAddr> {
        if self.is(Disturbance::OccupyDoesNothing) {
            return async { Ok(SocketAddr::from(([198, 18, 0, 1], 1))) }.boxed();
        }
        self.inner().occupy(name, port)
    }

    fn dialled<'a>(&'a self, name: &'a str) -> Answer<'a, Dialled> {
        self.inner().dialled(name)
    }

    fn greeting<'a>(&'a self, name: &'a str, port: Port) -> Answer<'a, Vec<u8>> {
        self.inner().greeting(name, port)
    }

    fn release<'a>(&'a self, name: &'a str, port: Port) -> Done<'a> {
        self.inner().release(name, port)
    }

    fn rename<'a>(&'a self, seed: &'a str, to: &'a str) -> Done<'a> {
        if self.is(Disturbance::RenameDoesNothing) {
            return async { Ok(()) }.boxed();
        }
        self.inner().rename(seed, to)
    }

    fn lookup<'a>(&'a self, node: &'a str, seed: &'a str) -> Answer<'a, Vec<IpAddr>> {
        self.inner().lookup(node, seed)
    }
}
