//! What this provider can do to nodes beside starting and ending them; each verb is another module's.

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    node::NodeSource,
    state::{Executable, Limits, StateChange, StateFile},
};

use super::{freeze, image, limits, provider::DockerProvider};
use crate::provider::{
    ProviderError, Slot,
    injector::{Done, Injector},
};

impl Injector for DockerProvider {
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        self.change_container(name, freeze::freeze).boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        self.change_container(name, freeze::thaw).boxed()
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
