//! Where nodes run: the one trait that the executor knows, and the types that cross it.
//!
//! A provider owns everything outside the nodes: network, addresses, directories, containers or
//! processes, and their removal. It knows nothing of scenarios, checks or verdicts. Two exist:
//! `docker` and `process`; both pass the same conformance suite (`tests/provider_conformance.rs`).
//!
//! The order of calls: `reserve` once, then `start` for every node (in parallel), then any of the
//! others, at last `teardown`, which is also safe after a failure of anything before it, and
//! idempotent.

#[cfg(feature = "docker")]
pub mod docker;
mod lines;
mod options;
mod owner;
pub mod process;
#[cfg_attr(
    not(any(test, feature = "docker")),
    expect(dead_code, reason = "most of it finds a subnet for the engine's networks")
)]
mod subnet;

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::SystemTime};

use futures_util::future::BoxFuture;
pub use options::ProviderOptions;
pub use owner::{NoOwner, Owner};
pub use subnet::{Ipv4Subnet, SubnetError};
use tokio::sync::mpsc;

use crate::binary::BinaryError;

/// What is run: one per distinct image or binary of a run, resolved before anything starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeSource {
    /// Our own node, built from this workspace.
    Workspace,
    /// A binary on this host, static or dynamic.
    Binary(PathBuf),
    /// An image that the engine has; its own entrypoint stays.
    Image(String),
}

impl fmt::Display for NodeSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace => formatter.write_str("workspace"),
            Self::Binary(path) => write!(formatter, "binary {}", path.display()),
            Self::Image(reference) => write!(formatter, "image {reference}"),
        }
    }
}

/// What of the node contract a node may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeProfile {
    /// Our node: everything in the contract.
    Ours,
    /// A foreign node: core flags and variables only.
    Core,
}

/// What the executor asks for before it knows any address.
#[derive(Debug, Clone)]
pub struct NodeRequest {
    /// Unique in the run: `seed`, `node-1`.
    pub name: String,
    /// What to run.
    pub source: NodeSource,
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
    /// The state directory as the node sees it; writable by its user.
    pub base_path: PathBuf,
    /// What the profile was found to be (`--version`, image label), or was overridden to.
    pub profile: NodeProfile,
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

/// Proof of one execution, from outside the node.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Incarnation {
    /// Process ID on the host (in Docker: as the engine reports it).
    pub pid: i64,
    /// When the operating system or the engine says that it was started.
    pub started: SystemTime,
    /// Container or process-group ID, for people.
    pub id: String,
}

/// What the operating system or engine says about a node now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Executed and not ended.
    Running(Incarnation),
    /// Ended; the code if it exited by itself, the signal if it was killed.
    Exited {
        /// Exit code, if any.
        code: Option<i64>,
        /// Signal number, if any.
        signal: Option<i64>,
    },
}

/// What a node uses now. The two providers count memory differently, so a limit is for one of them:
/// an operating system's resident memory holds the pages of the binary that are in use (7 MiB of
/// our node), an engine's accounting does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Resources {
    /// Resident memory in bytes: without file contents that the kernel only keeps because there is
    /// room.
    pub memory_bytes: u64,
    /// Processor time since its execution began, of all its threads, in milliseconds.
    pub cpu_ms: u64,
}

impl NodeState {
    /// It was executed and has not ended.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }
}

/// One line of a node's log, ANSI escapes and all.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// The node.
    pub node: String,
    /// Without its newline; longer than 64 KiB is cut.
    pub text: String,
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

    /// Executes a stopped node again: the same container or directory, arguments and environment.
    fn start_again<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>>;

    /// What the operating system or engine says.
    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>>;

    /// What a node uses, by the operating system's or engine's word; `None` if it is not running. A
    /// provider that cannot say leaves it at that: nothing passes then.
    fn resources<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resources>, ProviderError>> {
        let _ = name;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Where the harness reaches a started node's JSON-RPC (HTTP). Looked up anew: an engine may
    /// change it at every start.
    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>>;

    /// Log lines of every node of the run, from its first start on, in order per node. Taken once,
    /// before the first `start`. Bounded; a slow reader slows nobody: what does not fit waits in
    /// the provider's own log (file or engine). Closes at teardown, which gives a reader 5 s to
    /// take what is left.
    fn logs(&self) -> Option<mpsc::Receiver<LogLine>>;

    /// Removes everything of this run: containers, networks, volumes, directories, processes. In
    /// parallel, bounded in time. A log that could not be read to its end is an error as well:
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
    pub(crate) fn failed(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Failed { what: what.into(), why: why.to_string() }
    }
}

impl From<BinaryError> for ProviderError {
    fn from(error: BinaryError) -> Self {
        Self::Binary(error.to_string())
    }
}
