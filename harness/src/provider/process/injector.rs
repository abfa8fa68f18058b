//! What this provider can do to nodes beside starting and ending them; each verb is another module's.

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    node::NodeSource,
    state::{Executable, Limits, StateChange, StateFile},
};

use super::{files, freeze, limits, provider::ProcessProvider};
use crate::provider::{
    ProviderError, Slot,
    injector::{Done, Injector},
};

impl Injector for ProcessProvider {
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        freeze::freeze(&self.nodes, name).boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        freeze::thaw(&self.nodes, name).boxed()
    }

    fn state_files<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<StateFile>, ProviderError>> {
        files::list(&self.nodes, name).boxed()
    }

    fn change_state<'a>(&'a self, name: &'a str, change: &'a StateChange) -> Done<'a> {
        files::change(&self.nodes, name, change).boxed()
    }

    fn slot_as(&self, name: &str, source: &NodeSource) -> Result<Slot, ProviderError> {
        self.nodes.slot(name, source)
    }

    fn executable<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Executable, ProviderError>> {
        self.hashes.of(&self.nodes, name).boxed()
    }

    fn limit<'a>(&'a self, name: &'a str, limits: &'a Limits) -> Done<'a> {
        std::future::ready(limits::set(&self.nodes, name, limits)).boxed()
    }

    fn limits<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Limits, ProviderError>> {
        std::future::ready(limits::of(&self.nodes, name)).boxed()
    }
}
