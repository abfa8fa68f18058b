//! Starts of nodes: the first, another of the same container, and one in a container that takes the
//! place of the last; and what is done to the state in between. Owns all that it needs, so that it comes to its end when its caller is gone.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use bollard::Docker;
use harness_core::{
    node::Incarnation,
    state::{Limits, StateChange, StateFile},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    container::{self, Recipe},
    files,
    helper::Helpers,
    limits,
    logs::{End, Pump},
    state::{Nodes, Replaced},
    volume,
};
use crate::provider::{Changes, LogLine, ProviderError, ProviderOptions, state_files};

/// Time that a reader has for the rest of a log whose container is to go: less than teardown waits
/// for what is under way.
const READ_LIMIT: Duration = Duration::from_secs(15);

/// Time that a reader has for the rest of a start's log before the next one. The engine may give what comes late together
/// with that, and a last line without a newline has no end then.
const READ_FIRST: Duration = Duration::from_secs(2);

/// A container that could not be ended logs on, and its log is read for so long at the end.
const LONGEST: Duration = Duration::from_secs(120);

/// What starts need.
#[derive(Debug, Clone)]
pub(super) struct Starter {
    pub(super) docker: Docker,
    pub(super) options: ProviderOptions,
    pub(super) nodes: Arc<Nodes>,
    /// Those in nodes' networks, of which a start makes new ones.
    pub(super) helpers: Arc<Helpers>,
    /// Tasks that read logs.
    pub(super) pumps: TaskTracker,
    pub(super) closing: CancellationToken,
    /// Nodes whose logs could not be read to their end.
    pub(super) cut: Arc<Mutex<BTreeSet<String>>>,
    /// Where lines go; `None` when nobody reads any more.
    pub(super) to: Option<mpsc::Sender<LogLine>>,
    /// Time without any progress that teardown gives a log's reader; `None`: the log has no end to wait for.
    pub(super) grace: Option<Duration>,
}

impl Starter {
    /// A node's first start.
    pub(super) async fn first(self, recipe: Recipe) -> Result<Incarnation, ProviderError> {
        let (id, incarnation) = container::launch(&self.docker, &recipe).await?;
        self.read(&recipe.launch.name, id)?;
        Ok(incarnation)
    }

    /// Another start of a node that has ended. What changes needs another container: an engine's are
    /// made of one image and one environment for good.
    pub(super) async fn again(
        self,
        name: String,
        changes: Changes,
    ) -> Result<Incarnation, ProviderError> {
        let id = self.nodes.container(&name)?;
        let end = container::state(&self.docker, &id, &name).await?;
        if end.is_running() {
            return Err(ProviderError::failed(format!("starting {name} again"), "it is running"));
        }
        if self.nodes.fits(&name, &changes)? {
            // One that reads slowly holds nobody up for longer.
            let _ = tokio::time::timeout(READ_FIRST, self.nodes.log_is_read(&name)).await;
            let incarnation = container::start(&self.docker, &id, &name).await?;
            self.nodes.started_again(&name);
            self.helpers.started_again(&name).await?;
            return Ok(incarnation);
        }
        // Its files are what another image's user may have no right to.
        let owner = match &changes.source {
            Some(source) => {
                self.nodes.slot(&name, source)?;
                files::owner(&self.docker, &self.nodes.holder(&name)?, &name).await?
            }
            None => None,
        };
        let recipe = self.nodes.changed(&self.options, &name, &changes, owner)?;
        let replaced = self.nodes.replaced(&self.options.run_id, &name, end)?;
        self.clear_away(&name, replaced).await?;
        let (id, incarnation) = container::relaunch(&self.docker, &recipe).await?;
        self.read(&name, id)?;
        self.helpers.started_again(&name).await?;
        Ok(incarnation)
    }

    /// The last container goes when its log was read: the engine's copy goes with it.
    async fn clear_away(&self, name: &str, mut replaced: Replaced) -> Result<(), ProviderError> {
        if let Some(reading) = replaced.log_is_at_its_end()
            && tokio::time::timeout(READ_LIMIT, reading).await.is_err()
        {
            return Err(ProviderError::failed(
                format!("starting {name} again with changes"),
                "nobody takes the rest of its log, which goes with its container",
            ));
        }
        for id in [Some(&replaced.id), replaced.shelf.as_ref()].into_iter().flatten() {
            container::remove(&self.docker, id, name).await?;
        }
        match &replaced.volume {
            Some(volume) => volume::remove(&self.docker, volume).await,
            None => Ok(()),
        }
    }

    /// Files of a node that has ended become others. An engine adds and replaces files of a container,
    /// and removes none: so the state moves into another volume, which the node has from its next
    /// start on. The container that has ended stays until then, as a witness of its end.
    pub(super) async fn change_state(
        self,
        name: String,
        change: StateChange,
    ) -> Result<(), ProviderError> {
        let id = self.nodes.container(&name)?;
        if container::state(&self.docker, &id, &name).await?.is_running() {
            return Err(state_files::runs(&name));
        }
        let from = self.nodes.holder(&name)?;
        let (generation, recipe) = self.nodes.another_volume(&self.options, &name)?;
        volume::create(&self.docker, &recipe.volume, &recipe.labels).await?;
        let to = container::shelf(&self.docker, &recipe).await?;
        files::rewrite(&self.docker, (&from, &to), &name, &change).await?;
        let before = self.nodes.moved(&self.options.run_id, &name, generation, to);
        if let Some((shelf, volume)) = before {
            container::remove(&self.docker, &shelf, &name).await?;
            volume::remove(&self.docker, &volume).await?;
        }
        Ok(())
    }

    /// Limits a running node, and what it becomes.
    pub(super) async fn limit(self, name: String, limits: Limits) -> Result<(), ProviderError> {
        limits::set(&self.docker, &self.nodes.container(&name)?, &name, limits).await?;
        self.nodes.limit(&name, limits);
        Ok(())
    }

    /// Every file of a node that has ended.
    pub(super) async fn state_files(self, name: &str) -> Result<Vec<StateFile>, ProviderError> {
        let id = self.nodes.container(name)?;
        if container::state(&self.docker, &id, name).await?.is_running() {
            return Err(state_files::runs(name));
        }
        files::list(&self.docker, &self.nodes.holder(name)?, name).await
    }

    /// Remembers a node's new container, and reads its log from now on.
    fn read(&self, name: &str, id: String) -> Result<(), ProviderError> {
        let (starts, read) = self.nodes.created(name, &id)?;
        let Some(to) = self.to.clone() else { return Ok(()) };
        let (docker, closing) = (self.docker.clone(), self.closing.clone());
        let (node, advance) = (name.to_owned(), Arc::default());
        let pump = Pump { docker, container: id, node, to, starts, read, closing, advance };
        let reading = self.follow(name.to_owned(), pump);
        self.nodes.is_read(name, reading);
        Ok(())
    }

    fn follow(&self, name: String, pump: Pump) -> JoinHandle<()> {
        let (closing, cut, grace) = (self.closing.clone(), Arc::clone(&self.cut), self.grace);
        let advance = Arc::clone(&pump.advance);
        let given_up = async move {
            closing.cancelled().await;
            if let Some(grace) = grace {
                let _ = tokio::time::timeout(LONGEST, advance.stalls(grace)).await;
            }
        };
        self.pumps.spawn(async move {
            let end = tokio::select! {
                // A log that was read to its end was not cut, however late it is.
                biased;
                end = pump.run() => end,
                () = given_up => End::Cut,
            };
            if end == End::Cut {
                cut.lock().expect("no code panics with this lock").insert(name);
            }
        })
    }
}
