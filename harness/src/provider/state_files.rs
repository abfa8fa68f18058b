//! What both providers hold to when they look at a node's files.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::ProviderError;

/// A node has some dozens; a state with more is none that a run can list in its evidence.
pub(super) const MOST: usize = 10_000;

/// A hash that is fed block by block.
#[derive(Default)]
pub(super) struct Hash(Sha256);

impl Hash {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hex.
    pub(super) fn text(self) -> String {
        self.0.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// A state of more files than are looked at.
pub(super) fn too_many(name: &str) -> ProviderError {
    ProviderError::failed(
        format!("looking at the state of {name}"),
        format!("it has more than {MOST} files"),
    )
}

/// Files of a node that runs are not looked at: it writes them.
pub(super) fn runs(name: &str) -> ProviderError {
    ProviderError::failed(format!("looking at the state of {name}"), "it is running")
}
