//! What can be done to containers beside starting and ending them.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    event::Dialled,
    line::{Datagrams, LineChange, PathSeen},
    node::NodeSource,
    state::{Executable, Limits, StateChange, StateFile},
};

use super::{freeze, image, limits, provider::DockerProvider};
use crate::provider::{Done, Injector, ProviderError, Slot, paths};

impl Injector for DockerProvider {
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        self.change_container(name, freeze::freeze).boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        self.change_container(name, freeze::thaw).boxed()
    }

    fn lines<'a>(&'a self, changes: &'a [LineChange]) -> Done<'a> {
        let (helpers, changes) = (Arc::clone(&self.helpers), changes.to_vec());
        self.change(async move { helpers.change(&changes).await }).boxed()
    }

    fn probe<'a>(
        &'a self,
        ways: &'a [(String, String)],
        datagrams: Datagrams,
    ) -> BoxFuture<'a, Result<Vec<PathSeen>, ProviderError>> {
        async move {
            let (helpers, ends) = (Arc::clone(&self.helpers), paths::ends(ways));
            let sites = self.change(async move { helpers.sites(&ends).await }).await?;
            paths::probe(&sites, ways, datagrams).await
        }
        .boxed()
    }

    fn dialled<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Dialled, ProviderError>> {
        async move {
            let (helpers, names) = (Arc::clone(&self.helpers), [name.to_owned()]);
            let sites = self.change(async move { helpers.sites(&names).await }).await?;
            let site = sites.get(name).ok_or_else(|| {
                ProviderError::failed(format!("counting what {name} dials"), "nobody is there")
            })?;
            paths::dialled(site, name).await
        }
        .boxed()
    }

    fn state_files<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<StateFile>, ProviderError>> {
        self.starter().state_files(name).boxed()
    }

    fn change_state<'a>(&'a self, name: &'a str, change: &'a StateChange) -> Done<'a> {
        self.change(self.starter().change_state(name.to_owned(), change.clone())).boxed()
    }

    fn slot_as(&self, name: &str, source: &NodeSource) -> Result<Slot, ProviderError> {
        self.nodes.slot(name, source)
    }

    fn executable<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Executable, ProviderError>> {
        async move {
            image::of_container(&self.engine.docker, &self.nodes.container(name)?, name).await
        }
        .boxed()
    }

    fn limit<'a>(&'a self, name: &'a str, limits: &'a Limits) -> Done<'a> {
        self.change(self.starter().limit(name.to_owned(), *limits)).boxed()
    }

    fn limits<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Limits, ProviderError>> {
        async move { limits::of(&self.engine.docker, &self.nodes.container(name)?, name).await }
            .boxed()
    }
}
