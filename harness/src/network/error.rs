//! Why something did not work, in words that say where the evidence is.

use std::{fmt, path::PathBuf};

use harness_core::verdict::RunVerdict;

/// Why something did not work. A test that returns it shows what it says to people, so its `Debug` is its
/// `Display`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody has that name.
    #[error("no node `{name}` in this network; there is {}", names.join(", "))]
    NoSuchNode {
        /// What was asked for.
        name: String,
        /// Who is there.
        names: Vec<String>,
    },
    /// What was asked for cannot be, and nothing was done; the network is as it was.
    #[error("{0}")]
    Refused(String),
    /// A step failed, or the network did. It stays failed: no other step is taken, and its nodes are there
    /// to be looked at until it is dropped, unless one of them ended.
    #[error("{}: {reason}\n  evidence: {}", verdict.word(), evidence.display())]
    Failed {
        /// What it makes of the run.
        verdict: RunVerdict,
        /// What was seen, and what should have been.
        reason: String,
        /// The bundle, which is whole once the network is dropped.
        evidence: PathBuf,
    },
    /// A node did not answer what it was asked, or with an error.
    #[error("{node}: {method}: {why}")]
    Unanswered {
        /// Who was asked.
        node: String,
        /// What.
        method: String,
        /// What came instead.
        why: String,
    },
    /// There is no network, and nothing was started.
    #[error("{0}")]
    NotStarted(String),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
