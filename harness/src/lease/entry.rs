//! One run's record in its user's state directory: enough for `ps` to show it and for `gc` to find
//! what it left.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::provider::Owner;

/// The form of [`Entry`].
pub(super) const VERSION: u32 = 1;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The form; another one is not read.
    pub(super) version: u32,
    /// Its ID.
    pub run: String,
    /// Its scenario.
    pub scenario: String,
    /// The directory of its evidence, absolute.
    pub dir: PathBuf,
    /// The process that runs it.
    pub owner: Owner,
    /// When it began, RFC 3339.
    pub started: String,
    /// Its user wants to keep its nodes.
    pub kept: bool,
    /// `docker` or `process`, once that is chosen. Before that nothing was made.
    pub provider: Option<String>,
    /// The engine's own name for itself, where there is one: another engine has nothing of this
    /// run, and must not be taken to say so.
    pub engine: Option<String>,
    /// Those that were started.
    pub nodes: BTreeMap<String, NodeEntry>,
}

/// A node's last start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Its process, which leads its process group.
    pub pid: i64,
    /// Container or process group, for people.
    pub id: String,
    /// Where its JSON-RPC was.
    pub rpc: SocketAddr,
}

impl Entry {
    /// Where its nodes' states are.
    pub fn scratch(&self) -> PathBuf {
        self.dir.join("scratch")
    }
}
