//! A node's state on disk, as seen and changed from outside while the node is down.

use serde::{Deserialize, Serialize};

/// One file of a node's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// Relative to its base path, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

/// What is done to files of a node that is down. Paths are relative to its base path; one that is a
/// folder means everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// They are removed; one that is not there is left at that.
    Remove(Vec<String>),
    /// Every file is damaged.
    Damage {
        /// Which.
        paths: Vec<String>,
        /// How.
        how: Damage,
        /// Decides where.
        seed: u64,
    },
}

/// How a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// Its second half is cut off.
    Truncate,
    /// Some of its bytes have other bits: one in every 4 KiB, and one at least.
    Flip,
    /// It has no content.
    Empty,
}

/// What a node executes, by the engine's or operating system's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executable {
    /// An image's ID, or `sha256:` and the hash of the executable that the process was made of.
    pub id: String,
}

/// What a node may use, as it is asked for and as the kernel or engine says it. `None`: unlimited, or
/// left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processor time, in thousandths of one core.
    pub cpu: Option<u32>,
    /// Descriptors.
    pub open_files: Option<u64>,
}

/// A port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// Its transport's.
    P2p,
    /// JSON-RPC's.
    Rpc,
}
