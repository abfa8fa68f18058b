//! How many files and sockets this process may have open. Nodes inherit it.

use std::io;

use harness_core::limits::{self, Shortage};
use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

use super::ProviderError;

/// Raises the limit as far as this user may. Nothing needs the old one: what breaks by a larger
/// number than 1,024 is `select`, which nobody here calls.
pub fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // One that cannot be raised is named when it is met.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The limit.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Refuses a run that could not open all that it needs: one that runs out of them half-way blames
/// whoever it was about to look at.
pub(super) fn check(nodes: usize) -> Result<(), ProviderError> {
    limits::descriptors(nodes, limit())
        .map_err(|Shortage { what, remedy }| ProviderError::Unavailable { what, remedy })
}

/// This process or the whole machine has no more of them.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
