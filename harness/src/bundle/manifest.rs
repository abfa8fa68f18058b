//! `manifest.json`: every file of a bundle with its size and hash, and what the bundle says.
//! Written last; its own hash is the bundle's digest.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{Sha256Hex, hash_file};
use crate::verdict::RunVerdict;

/// Its name.
pub const FILE: &str = "manifest.json";

/// What lives only as long as the nodes, and is no evidence.
const SCRATCH: &str = "scratch";

/// A run has a handful of files and a log for each node; more is no bundle.
const MOST_FILES: usize = 10_000;

/// Folders in folders; a bundle has `logs/`.
const DEEPEST: usize = 4;

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

/// What is in a bundle's directory.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files by path, sorted.
    pub(crate) files: Vec<String>,
    /// What is neither a file nor a folder, or cannot be named or entered.
    pub(crate) strange: Vec<String>,
}

/// Every file of a bundle but its manifest and what is no evidence. Links are not followed.
///
/// # Errors
///
/// If the directory cannot be read.
pub(crate) fn files(dir: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    walk(dir, "", 0, &mut found)?;
    found.files.sort();
    found.strange.sort();
    Ok(found)
}

fn walk(dir: &Path, prefix: &str, depth: usize, found: &mut Found) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        let kind = entry.file_type()?;
        if depth == 0 && (name == FILE || name == SCRATCH) {
            continue;
        }
        if found.files.len() + found.strange.len() >= MOST_FILES {
            return Err(io::Error::other(format!("more than {MOST_FILES} files")));
        }
        match name.to_str() {
            Some(_) if kind.is_file() => found.files.push(path),
            Some(_) if kind.is_dir() && depth < DEEPEST => {
                walk(&entry.path(), &format!("{path}/"), depth + 1, found)?
            }
            Some(_) | None => found.strange.push(path),
        }
    }
    Ok(())
}

/// The digest of a bundle that was written: the hash of its manifest.
///
/// # Errors
///
/// If there is none.
pub(crate) fn digest(dir: &Path) -> io::Result<Sha256Hex> {
    Ok(hash_file(File::open(dir.join(FILE))?)?.1)
}
