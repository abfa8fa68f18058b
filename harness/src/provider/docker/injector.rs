//! What this provider can do to nodes beside starting and ending them; each verb is another module's.

use futures_util::future::FutureExt;

use super::{freeze, provider::DockerProvider};
use crate::provider::injector::{Done, Injector};

impl Injector for DockerProvider {
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        self.change_container(name, freeze::freeze).boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        self.change_container(name, freeze::thaw).boxed()
    }
}
