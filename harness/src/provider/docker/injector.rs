//! What this provider can do to nodes beside starting and ending them; each verb is another module's.

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{node::NodeSource, state::Executable};

use super::{freeze, image, provider::DockerProvider};
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

    fn slot_as(&self, name: &str, source: &NodeSource) -> Result<Slot, ProviderError> {
        self.nodes.slot(name, source)
    }

    fn executable<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Executable, ProviderError>> {
        async move {
            image::of_container(&self.engine.docker, &self.nodes.container(name)?, name).await
        }
        .boxed()
    }
}
