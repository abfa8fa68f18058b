//! What this provider can do to nodes beside starting and ending them; each verb is another module's.

use futures_util::future::FutureExt;

use super::{freeze, provider::ProcessProvider};
use crate::provider::injector::{Done, Injector};

impl Injector for ProcessProvider {
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        freeze::freeze(&self.nodes, name).boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        freeze::thaw(&self.nodes, name).boxed()
    }
}
