//! What runs nodes. What a provider is, and what crosses it, is in [`harness_run::provider`]; whoever needs a
//! provider finds both here.
//!
//! Two exist, and both pass the same conformance suite (`tests/real/provider`).
//!
//! | module | what it is |
//! | --- | --- |
//! | [`docker`], [`process`] | the providers |
//! | `paths` | lines between nodes, and paths that are tried |
//! | `options`, `owner` | what one is created with, and whom its objects belong to |
//! | `lines`, [`descriptors`], `memory`, `state_files` | lines of a log, bounded; how many files may be open; who was killed for memory; how a node's files are looked at |

pub mod descriptors;
pub mod docker;
pub(crate) mod lines;
mod memory;
mod options;
mod owner;
mod paths;
pub mod process;
mod state_files;

pub(crate) use harness_run::provider::Done;
pub use harness_run::provider::{
    AttachedNodes, Changes, Dial, Direct, Injector, LogLine, NodeLaunch, NodeRequest, Provider,
    ProviderError, Slot,
};
pub use options::{NetworkChoice, ProviderOptions, own_program};
pub use owner::{NoOwner, Owner};

use crate::binary::BinaryError;

impl From<BinaryError> for ProviderError {
    fn from(error: BinaryError) -> Self {
        Self::Binary(error.to_string())
    }
}
