//! Where nodes run: the one trait that a run knows, and the types that cross it.
//!
//! A provider owns everything outside the nodes: network, addresses, directories, containers or
//! processes, and their removal. It knows nothing of scenarios, checks or verdicts.
//!
//! The order of calls: `reserve` once, then `start` for every node (in parallel), then any of the
//! others, at last `teardown`, which is also safe after a failure of anything before it, and
//! idempotent.
//!
//! | module | what it is |
//! | --- | --- |
//! | `attached` | nodes that run already: a provider that does nothing to them |
//! | `injector` | what they can do to nodes beside starting and ending them |
//! | `dial` | how the harness gets to a node |

mod attached;
mod dial;
mod injector;

use std::{borrow::Cow, collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use harness_core::{
    fault::Capability,
    node::{Incarnation, NodeSource, NodeState, Resources},
    profile::NodeProfile,
};
use tokio::sync::mpsc;

pub use attached::AttachedNodes;
pub use dial::{Dial, Direct};
pub use injector::{Changes, Done, Injector, NoInjector};

/// What the executor asks for before it knows any address.
#[derive(Debug, Clone)]
pub struct NodeRequest {
    /// Unique in the run: `seed`, `node-1`.
    pub name: String,
    /// What to run.
    pub source: NodeSource,
    /// What it may be started again as, later: made ready before anything starts.
    pub upgrades: Vec<NodeSource>,
}

impl NodeRequest {
    /// All that it may be started as, first what it is at first.
    pub fn sources(&self) -> impl Iterator<Item = &NodeSource> {
        std::iter::once(&self.source).chain(&self.upgrades)
    }
}

/// What a provider promises to one node before it starts. All of it stays the same across restarts,
/// `rpc` excepted: ask [`Provider::rpc`] after every start.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The node that it is for.
    pub name: String,
    /// Where other nodes reach its transport.
    pub p2p: SocketAddr,
    /// What the node binds its transport to.
    pub listen: SocketAddr,
    /// The port on which it serves JSON-RPC, as it sees it.
    pub rpc_port: u16,
    /// RPC must be on all interfaces for the harness to reach it.
    pub rpc_external: bool,
    /// The port on which it may be told to serve its metrics, as it sees it.
    pub metrics_port: u16,
    /// The state directory as the node sees it; writable by its user.
    pub base_path: PathBuf,
    /// What the profile was found to be (`--version`, image label), or was overridden to.
    pub profile: Arc<NodeProfile>,
    /// Addresses of this network are loopback ones.
    pub loopback: bool,
}

/// A node with everything that it is started with.
#[derive(Debug, Clone)]
pub struct NodeLaunch {
    /// Name of the slot.
    pub name: String,
    /// Arguments after the program (or the image's entrypoint).
    pub args: Vec<String>,
    /// The whole environment that the harness gives it.
    pub env: BTreeMap<String, String>,
}

/// One line of a node's log, ANSI escapes and all.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// The node.
    pub node: String,
    /// As the node wrote it, with its newline, whatever the encoding (an engine may keep text only,
    /// and then says so in its facts). One of more than 1 MiB comes in
    /// pieces, of which the last has the newline.
    pub bytes: Vec<u8>,
}

impl LogLine {
    /// What it says, for people and searches: without the end of the line, and what is not UTF-8
    /// replaced.
    pub fn text(&self) -> Cow<'_, str> {
        let line = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// See the module's documentation for the order of calls.
pub trait Provider: Send + Sync {
    /// `docker` or `process`.
    fn name(&self) -> &'static str;

    /// Facts for the evidence: engine version, image digests, network, host.
    fn facts(&self) -> serde_json::Value;

    /// Builds or checks what is to be run, takes a network and an address for every node. `subnet`
    /// is the scenario's own wish (`a.b.c.d/len`). `progress` gets one line for each step that
    /// takes time.
    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        subnet: Option<&'a str>,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>>;

    /// Executes a node for the first time, with a new state directory. Returns when it was
    /// executed, not when it answers.
    fn start<'a>(
        &'a self,
        node: &'a NodeLaunch,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>>;

    /// Ends a node: SIGTERM, SIGKILL after 10 s. Returns its end. Its state, name and address stay
    /// reserved.
    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>>;

    /// Ends a node with SIGKILL. Returns its end. Its state, name and address stay reserved.
    fn kill<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>>;

    /// What it can do to nodes beside starting them. A scenario that needs more is refused before
    /// anything starts.
    fn capabilities(&self) -> Vec<Capability>;

    /// Does what its capabilities say to nodes that run, or to what they left.
    fn injector(&self) -> &dyn Injector {
        &NoInjector
    }

    /// Executes a stopped node again: the same name, address, state, arguments and environment, but for
    /// what changes. With changes, an engine's node has another container; the last one's log is read
    /// to its end before.
    fn start_again<'a>(
        &'a self,
        name: &'a str,
        changes: &'a Changes,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>>;

    /// What the operating system or engine says.
    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>>;

    /// Why a node that nobody asked to has ended, where the engine or the kernel knows more than its
    /// code and signal.
    fn why_ended<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Option<String>> {
        let _ = name;
        Box::pin(std::future::ready(None))
    }

    /// What a node uses, by the operating system's or engine's word; `None` if it is not running. A
    /// provider that cannot say leaves it at that: nothing passes then.
    fn resources<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resources>, ProviderError>> {
        let _ = name;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// How many descriptors a node has open; `None` if it is not running, or nobody here can count them.
    fn open_descriptors(&self, name: &str) -> Option<u64> {
        let _ = name;
        None
    }

    /// What this machine has run out of since `reserve`, so that no node is to blame for what
    /// follows: the run ends. Looked at twice a second.
    fn exhausted(&self) -> Option<String> {
        None
    }

    /// Where the harness reaches a started node's JSON-RPC (HTTP). Looked up anew: an engine may
    /// change it at every start.
    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>>;

    /// Where the harness reaches the metrics of a started node that was told to serve them: as its RPC.
    fn metrics<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        let why = format!("no metrics of {name} can be reached");
        Box::pin(std::future::ready(Err(ProviderError::Unsupported(why))))
    }

    /// Connects to what [`Provider::rpc`] and [`Provider::metrics`] say. The answer is good for as long as the provider is; it may
    /// be asked for before anything else.
    fn dialler(&self) -> Arc<dyn Dial> {
        Arc::new(Direct)
    }

    /// Log lines of every node of the run, from its first start on, in order per node. Taken once,
    /// before the first `start`. Bounded; a slow reader slows nobody: what does not fit waits in
    /// the provider's own log (file or engine). Closes at teardown, which gives a reader 5 s to
    /// take what is left.
    fn logs(&self) -> Option<mpsc::Receiver<LogLine>>;

    /// Removes everything of this run: containers, networks, volumes, directories, processes. In
    /// parallel, and only for as long as it gets on. A log that could not be read to its end is an error as well:
    /// evidence with holes is none.
    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>>;
}

/// What went wrong outside the nodes; each maps to exit code 3 unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// No engine answers, or not one that we can talk to.
    #[error("{what}\n  {remedy}")]
    Unavailable {
        /// What was tried and what came back.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// An image that was asked for and is not there.
    #[error(
        "no image `{0}` on this engine; build or load it first (`docker images` lists what is there)"
    )]
    NoImage(String),
    /// The node binary could not be built, read or executed.
    #[error("{0}")]
    Binary(String),
    /// A fixed subnet that somebody else has, or no free one.
    #[error("{0}")]
    Subnet(String),
    /// The provider cannot run this node at all (a released node on loopback): exit code 4.
    #[error("{0}")]
    Unsupported(String),
    /// Somebody else has changed what is the run's: who removes a container or takes it off its
    /// network decides what the nodes see.
    #[error("{0}")]
    Disturbed(String),
    /// A call to the engine or the operating system failed.
    #[error("{what}: {why}")]
    Failed {
        /// What was being done, to what.
        what: String,
        /// What came back.
        why: String,
    },
}

impl ProviderError {
    /// A call to the engine or the operating system failed.
    pub fn failed(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Failed { what: what.into(), why: why.to_string() }
    }
}
