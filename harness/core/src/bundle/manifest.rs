//! `manifest.json`: every file of a bundle with its size and hash, and what the bundle says.
//! Written last; its own hash is the bundle's digest.

use serde::{Deserialize, Serialize};

use super::Sha256Hex;
use crate::verdict::RunVerdict;

/// Its name.
pub const FILE: &str = "manifest.json";

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`crate::event::FORMAT_VERSION`].
    pub version: u32,
    /// The run's ID.
    pub run: String,
    /// The scenario's name.
    pub scenario: String,
    /// The decision.
    pub verdict: RunVerdict,
    /// What the run's process exited with.
    pub exit_code: u8,
    /// Lines of `events.jsonl`.
    pub events: u64,
    /// The chain's last value.
    pub chain: Sha256Hex,
    /// Every other file, by path.
    pub files: Vec<Entry>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Relative to the bundle, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its content.
    pub sha256: Sha256Hex,
}

impl Manifest {
    /// As the file has it. There is one way to write a manifest, so every byte of it counts.
    ///
    /// # Errors
    ///
    /// None that a manifest can cause.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
