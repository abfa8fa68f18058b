//! Where the evidence of a run is kept: the run's directory, its event log, and a bundle's directory
//! that may be anybody's.
//!
//! | module | what it is |
//! | --- | --- |
//! | `run_dir`, `host` | one new directory for each run; the machine that ran it |
//! | `jsonl` | the event log |
//! | `folder` | a bundle's directory, read as what it may be |

mod folder;
mod host;
mod jsonl;
mod run_dir;

pub use folder::{page, verify};
pub use jsonl::Jsonl;
pub use run_dir::{MARKER, RunDir, draw_seed, remove_marked, write_whole};
