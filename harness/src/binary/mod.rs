//! Node binaries: built from this workspace, inspected, identified, made ready to run, packed into
//! an image's root.
//!
//! Nothing here starts a node or knows an engine; `provider` does. [`prepare`] is the one way from
//! "what was asked for" to "a file that can be run".
//!
//! | module | what it is |
//! | --- | --- |
//! | `build`, `subprocess` | the workspace's own node, and programs that are run for it |
//! | `beside` | the node of an archive |
//! | `artefact`, `identity` | a file that can be run, and whose node it is |
//! | `elf`, `rootfs` | what a binary needs, and the root that has it |
//! | `idle` | a program that waits, for a container that is only to be reached |
//! | `error` | what can go wrong |

mod artefact;
mod beside;
mod build;
mod elf;
mod error;
mod identity;
mod idle;
mod rootfs;
mod subprocess;

pub use artefact::{Artefact, Binary, Staging, prepare};
pub use build::{BuildKind, OwnNode, Program, our_node, our_program, program_of, workspace};
pub use elf::{Executable, Library, inspect};
pub use error::BinaryError;
pub use identity::{Identity, OURS_MARKER, identify};
pub use idle::idle;
pub use rootfs::{DATA_DIR, LIBRARY_DIR, NODE_PATH, empty_directory, rootfs};
pub(crate) use subprocess::{kill_group, wait_unreaped};

/// One line for people about a step that takes time.
pub type Progress<'a> = &'a (dyn Fn(String) + Send + Sync);
