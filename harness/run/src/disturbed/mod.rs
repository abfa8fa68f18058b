//! A provider that does something else than it is told: the disturbance of a control, around the
//! one that runs the real nodes.
//!
//! | module | what it is |
//! | --- | --- |
//! | `tampered` | the same for what is done to nodes beside ending them |
//! | `liar` | an HTTP proxy that changes what nodes answer |

mod liar;
mod tampered;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    control::Disturbance,
    fault::Capability,
    hostile::Report,
    node::{Incarnation, NodeState, Resources},
    state::StateChange,
};
use tokio::sync::mpsc;

use self::{liar::Liars, tampered::Tampered};
use crate::provider::{
    Changes, Dial, Injector, LogLine, NodeLaunch, NodeRequest, Provider, ProviderError, Slot,
};

/// After this a node that is to end by itself does: it has answered by then, so its end is one in
/// the middle of a run.
const ENDS_AFTER: Duration = Duration::from_secs(2);

/// After this a node that was ended comes back: it was proven to be down by then, also where nothing comes back from
/// one that is down, and before the check that follows is over.
const COMES_BACK_AFTER: Duration = Duration::from_secs(5);
/// Between two lines that are put into a log.
const SAID_EVERY: Duration = Duration::from_millis(500);

/// How a node is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Asked,
    Killed,
}

/// Everything is the inner provider's but for the disturbance.
pub struct Disturbed {
    inner: Arc<dyn Provider>,
    tampered: Tampered,
    disturbance: Disturbance,
    liars: Liars,
    /// Every node's first execution.
    first: Mutex<BTreeMap<String, Incarnation>>,
    /// Nodes that were started a second time.
    again: Mutex<BTreeSet<String>>,
}

impl Disturbed {
    /// Around this provider.
    pub fn new(inner: Arc<dyn Provider>, disturbance: Disturbance) -> Self {
        let lies = if let Disturbance::Lies(lies) = disturbance { lies } else { &[] };
        let dialler = inner.dialler();
        Self {
            tampered: Tampered::new(Arc::clone(&inner), disturbance),
            inner,
            disturbance,
            liars: Liars::new(lies, dialler),
            first: Mutex::default(),
            again: Mutex::default(),
        }
    }

    async fn start_once(&self, node: &NodeLaunch) -> Result<Incarnation, ProviderError> {
        let incarnation = self.inner.start(node).await?;
        self.first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(node.name.clone(), incarnation.clone());
        if matches!(self.disturbance, Disturbance::Ends(name) if name == node.name) {
            let (inner, name) = (Arc::clone(&self.inner), node.name.clone());
            tokio::spawn(async move {
                tokio::time::sleep(ENDS_AFTER).await;
                // A run that is over by then has no such node any more.
                let _ = inner.stop(&name).await;
            });
        }
        Ok(incarnation)
    }

    async fn restart(&self, name: &str, changes: &Changes) -> Result<Incarnation, ProviderError> {
        let state = self.inner.state(name).await?;
        match (self.disturbance, state) {
            (
                Disturbance::StopDoesNothing | Disturbance::KillDoesNothing,
                NodeState::Running(incarnation),
            ) => {
                return Ok(incarnation);
            }
            (Disturbance::StartDoesNothing, NodeState::Exited { .. }) => {
                if let Some(first) =
                    self.first.lock().unwrap_or_else(PoisonError::into_inner).get(name)
                {
                    return Ok(first.clone());
                }
            }
            (Disturbance::Loses(files), _) => self.lose(name, files).await?,
            _ => {}
        }
        self.again.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        let none = Changes::default();
        let changes =
            if self.disturbance == Disturbance::ChangesDoNothing { &none } else { changes };
        self.inner.start_again(name, changes).await
    }

    /// Ends a node as it is told to, or not, and starts it again if it is not to stay down.
    async fn end(&self, name: &str, how: Ending) -> Result<NodeState, ProviderError> {
        let state = match (self.disturbance, how) {
            (Disturbance::StopDoesNothing, Ending::Asked)
            | (Disturbance::KillDoesNothing, Ending::Killed) => {
                return self.inner.state(name).await;
            }
            (Disturbance::KillAsks, _) | (_, Ending::Asked) => self.inner.stop(name).await?,
            (_, Ending::Killed) => self.inner.kill(name).await?,
        };
        if self.disturbance == Disturbance::ComesBack {
            let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(COMES_BACK_AFTER).await;
                // A run that is over by then has no such node any more.
                let _ = inner.start_again(&name, &Changes::default()).await;
            });
        }
        Ok(state)
    }

    /// Removes every file of the node's state whose name begins so: of a peer store the generation
    /// before included.
    async fn lose(&self, name: &str, files: &str) -> Result<(), ProviderError> {
        let injector = self.inner.injector();
        let is_meant = |path: &String| path.rsplit('/').next().unwrap_or(path).starts_with(files);
        let there = injector.state_files(name).await?;
        let lost: Vec<String> = there.into_iter().map(|file| file.path).filter(is_meant).collect();
        if lost.is_empty() {
            return Err(ProviderError::Unsupported(format!(
                "{name} has no files `{files}…` to lose"
            )));
        }
        injector.change_state(name, &StateChange::Remove(lost)).await
    }
}

impl Provider for Disturbed {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn facts(&self) -> serde_json::Value {
        self.inner.facts()
    }

    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        subnet: Option<&'a str>,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>> {
        self.inner.reserve(nodes, subnet, progress)
    }

    fn start<'a>(
        &'a self,
        node: &'a NodeLaunch,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        self.start_once(node).boxed()
    }

    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.end(name, Ending::Asked).boxed()
    }

    fn kill<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.end(name, Ending::Killed).boxed()
    }

    fn capabilities(&self) -> Vec<Capability> {
        self.inner.capabilities()
    }

    fn injector(&self) -> &dyn Injector {
        &self.tampered
    }

    fn start_again<'a>(
        &'a self,
        name: &'a str,
        changes: &'a Changes,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        self.restart(name, changes).boxed()
    }

    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.inner.state(name)
    }

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        async move {
            let upstream = self.inner.rpc(name).await?;
            let again = self.again.lock().unwrap_or_else(PoisonError::into_inner).contains(name);
            self.liars
                .address(name, upstream, again)
                .await
                .map_err(|why| ProviderError::failed("opening a port for a liar", why))
        }
        .boxed()
    }

    fn metrics<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        self.inner.metrics(name)
    }

    fn resources<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resources>, ProviderError>> {
        self.inner.resources(name)
    }

    fn why_ended<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<String>> {
        self.inner.why_ended(name)
    }

    fn exhausted(&self) -> Option<String> {
        self.inner.exhausted()
    }

    fn dialler(&self) -> Arc<dyn Dial> {
        self.inner.dialler()
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        let mut lines = self.inner.logs()?;
        if let Disturbance::AttackDoesNothing | Disturbance::AttackDoesNotLast = self.disturbance {
            return Some(silenced(lines, self.disturbance));
        }
        let Disturbance::Logs(node, text) = self.disturbance else { return Some(lines) };
        // As deep as the inner one's, which waits for us as it would for the reader.
        let (to, disturbed) = mpsc::channel(1024);
        tokio::spawn(async move {
            // Again and again once the node speaks: what it said before a check began is not that check's.
            let (mut again, mut speaks) = (tokio::time::interval(SAID_EVERY), false);
            loop {
                let line = tokio::select! {
                    biased; // The node's own lines first: they have an end.
                    line = lines.recv() => match line {
                        Some(line) => line,
                        None => return,
                    },
                    _ = again.tick(), if speaks => {
                        LogLine { node: node.to_owned(), bytes: format!("{text}\n").into_bytes() }
                    }
                };
                speaks |= line.node == node;
                if to.send(line).await.is_err() {
                    return;
                }
            }
        });
        Some(disturbed)
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.inner.teardown()
    }
}

/// Adversaries that report less than they do: as if they had done no more.
fn silenced(mut lines: mpsc::Receiver<LogLine>, how: Disturbance) -> mpsc::Receiver<LogLine> {
    let (to, disturbed) = mpsc::channel(1024);
    tokio::spawn(async move {
        let mut acted = BTreeMap::new();
        while let Some(mut line) = lines.recv().await {
            if let Some(report) = Report::read(&line.text()).filter(Report::acted) {
                let nothing = Report { connected: 0, sessions: 0, bytes_sent: 0, ..report.clone() };
                let said = if how == Disturbance::AttackDoesNotLast {
                    acted.entry(line.node.clone()).or_insert(report)
                } else {
                    &nothing
                };
                let mut text = serde_json::to_vec(said).expect("a report is plain JSON");
                text.push(b'\n');
                line.bytes = text;
            }
            if to.send(line).await.is_err() {
                return;
            }
        }
    });
    disturbed
}
