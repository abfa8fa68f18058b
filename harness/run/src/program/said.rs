//! What a reaper tells the harness: one JSON value a line.

use serde::{Deserialize, Serialize};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Said {
    /// The program is executed.
    Began,
    /// It cannot be, and why.
    NotRun(String),
    /// It is over, and so is all that it started.
    Over {
        /// `None`: it was ended because nobody waits for it any more.
        how: Option<How>,
        /// What cannot be ended, each in words. The reaper goes on trying.
        left: Vec<String>,
    },
}

/// How a program ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum How {
    /// With this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}
