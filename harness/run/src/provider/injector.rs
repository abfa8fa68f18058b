//! What a provider can do to nodes beside starting and ending them. Each verb belongs to a capability;
//! one that a provider does not have is never called, since the scenario was refused before.
//!
//! A verb does, or says why it could not. That it had an effect is seen by other means: states, paths,
//! files, limits.

use std::{collections::BTreeMap, net::SocketAddr};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    event::Dialled,
    line::{Datagrams, LineChange, PathSeen},
    node::NodeSource,
    state::{Executable, Limits, Port, StateChange, StateFile},
};

use super::{NodeLaunch, ProviderError, Slot};

/// What else is to be other than before when a node is started again. All of it stays for later
/// starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Another image or binary, on the same state: one of the request's `upgrades`, or its first one.
    pub source: Option<NodeSource>,
    /// All its arguments: another kind of node may want others, which follow from
    /// [`Injector::slot_as`].
    pub args: Option<Vec<String>>,
    /// Variables over those that it has.
    pub env: BTreeMap<String, String>,
}

impl Changes {
    /// What a node is started with from now on.
    pub fn apply(&self, launch: &mut NodeLaunch) {
        launch.args = self.args.clone().unwrap_or_else(|| std::mem::take(&mut launch.args));
        launch.env.extend(self.env.clone());
    }
}

/// What a verb without an answer returns.
pub type Done<'a> = BoxFuture<'a, Result<(), ProviderError>>;

/// See the module.
pub trait Injector: Send + Sync {
    /// Freezes a node: SIGSTOP to all its processes, or the engine's freezer.
    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        cannot(name)
    }

    /// Thaws it.
    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        cannot(name)
    }

    /// Changes lines between nodes, all of them or none. A line stays as it is when a node is started
    /// again. JSON-RPC is not touched.
    fn lines<'a>(&'a self, changes: &'a [LineChange]) -> Done<'a> {
        let _ = changes;
        cannot("lines")
    }

    /// Tries ways between nodes (`from`, `to`), all at once, from inside their networks. A node that is
    /// down can be neither end.
    fn probe<'a>(
        &'a self,
        ways: &'a [(String, String)],
        datagrams: Datagrams,
    ) -> BoxFuture<'a, Result<Vec<PathSeen>, ProviderError>> {
        let _ = (ways, datagrams);
        cannot("paths")
    }

    /// How many connections were tried in a running node's network, without those of the harness.
    fn dialled<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Dialled, ProviderError>> {
        cannot(name)
    }

    /// Every file of a node's state, by path. Of a node that is down: one that runs writes.
    fn state_files<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<StateFile>, ProviderError>> {
        cannot(name)
    }

    /// Changes files of a node that is down.
    fn change_state<'a>(&'a self, name: &'a str, change: &'a StateChange) -> Done<'a> {
        let _ = change;
        cannot(name)
    }

    /// A node's slot as one of the sources that it may be started as: name, addresses and state stay,
    /// profile and RPC's port may not.
    fn slot_as(&self, name: &str, source: &NodeSource) -> Result<Slot, ProviderError> {
        let _ = source;
        Err(unsupported(name))
    }

    /// What a running node executes.
    fn executable<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Executable, ProviderError>> {
        cannot(name)
    }

    /// Limits a running node; what is `None` stays. `Limits::default()` restores what was before the
    /// first call.
    fn limit<'a>(&'a self, name: &'a str, limits: &'a Limits) -> Done<'a> {
        let _ = limits;
        cannot(name)
    }

    /// What the kernel or engine limits a running node to.
    fn limits<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Limits, ProviderError>> {
        cannot(name)
    }

    /// Listens on a port of a node that is down, in its network, until [`Self::release`]. Returns where;
    /// whoever connects there gets the one line `harness` and is closed.
    fn occupy<'a>(
        &'a self,
        name: &'a str,
        port: Port,
    ) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        let _ = port;
        cannot(name)
    }

    /// Connects to a port of a node from inside its network: what whoever listens there says in half a
    /// second, at most 64 bytes.
    fn greeting<'a>(
        &'a self,
        name: &'a str,
        port: Port,
    ) -> BoxFuture<'a, Result<Vec<u8>, ProviderError>> {
        let _ = port;
        cannot(name)
    }

    /// Stops listening.
    fn release<'a>(&'a self, name: &'a str, port: Port) -> Done<'a> {
        let _ = port;
        cannot(name)
    }

    /// From now on a seed's host name means the address of `to`, for all nodes of the run.
    fn rename<'a>(&'a self, seed: &'a str, to: &'a str) -> Done<'a> {
        let _ = to;
        cannot(seed)
    }

    /// What a seed's host name means in a node's network.
    fn lookup<'a>(
        &'a self,
        node: &'a str,
        seed: &'a str,
    ) -> BoxFuture<'a, Result<Vec<std::net::IpAddr>, ProviderError>> {
        let _ = seed;
        cannot(node)
    }
}

/// One that can nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoInjector;

impl Injector for NoInjector {}

fn cannot<T: Send + 'static>(what: &str) -> BoxFuture<'_, Result<T, ProviderError>> {
    let why = unsupported(what);
    async move { Err(why) }.boxed()
}

fn unsupported(what: &str) -> ProviderError {
    ProviderError::Unsupported(format!(
        "this provider has no such verb ({what}), which its capabilities say"
    ))
}
