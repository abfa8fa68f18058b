//! What this provider can do to nodes beside starting and ending them; each verb is another module's.

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{node::NodeSource, state::Executable};

use super::{freeze, provider::ProcessProvider};
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

    fn slot_as(&self, name: &str, source: &NodeSource) -> Result<Slot, ProviderError> {
        self.nodes.slot(name, source)
    }

    fn executable<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Executable, ProviderError>> {
        self.hashes.of(&self.nodes, name).boxed()
    }
}
