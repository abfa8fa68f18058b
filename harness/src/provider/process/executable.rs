//! What a process executes, by the kernel's word: its executable's content, whatever its path says
//! now.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, PoisonError},
};

use harness_core::state::Executable;

use super::state::Nodes;
use crate::provider::{ProviderError, state_files::Hash};

/// A file's content: where it is, how long it is, and when it was last written.
type Content = (u64, u64, u64, i64, i64);

/// Hashes of executables; a run has few, and asks for them often.
#[derive(Debug, Clone, Default)]
pub(super) struct Hashes(Arc<Mutex<BTreeMap<Content, String>>>);

impl Hashes {
    /// What a node executes that runs.
    pub(super) async fn of(&self, nodes: &Nodes, name: &str) -> Result<Executable, ProviderError> {
        let failed = |why| ProviderError::failed(format!("looking at what {name} executes"), why);
        let file = nodes
            .group(name)?
            .with_leader(|pid| File::open(format!("/proc/{}/exe", pid.as_raw_nonzero())))
            .unwrap_or_else(|| Err(io::Error::other("it has ended")))
            .map_err(failed)?;
        let hashes = self.clone();
        let hash = tokio::task::spawn_blocking(move || hashes.hash(file)).await;
        hash.map_err(io::Error::other).flatten().map(|id| Executable { id }).map_err(failed)
    }

    fn hash(&self, mut file: File) -> io::Result<String> {
        let about = file.metadata()?;
        let content = (about.dev(), about.ino(), about.len(), about.mtime(), about.mtime_nsec());
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&content) {
            return Ok(known.clone());
        }
        let id = format!("sha256:{}", sha256(&mut file)?.0);
        lock().insert(content, id.clone());
        Ok(id)
    }
}

/// In hex, of whatever is left to read, and how much that was.
pub(super) fn sha256(from: &mut impl Read) -> io::Result<(String, u64)> {
    let (mut hash, mut bytes, mut block) = (Hash::default(), 0, vec![0; 64 << 10]);
    loop {
        let length = from.read(&mut block)?;
        if length == 0 {
            return Ok((hash.text(), bytes));
        }
        hash.feed(&block[..length]);
        bytes += length as u64;
    }
}
