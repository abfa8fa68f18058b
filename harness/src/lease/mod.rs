//! A run's lease on this host: what tells a living run from a dead one, what a dead one has left,
//! and its removal.
//!
//! A run holds a lock in its scratch directory and an entry in its user's state directory for as
//! long as it lives, and a process beside it, the watchdog, which outlives even SIGKILL and then
//! cleans up. `ps` and `gc` read the same things later. Nothing is ever removed on the word of an
//! entry alone: objects of an engine need the run's labels, directories the run's own marker,
//! processes must run in the run's own directory.
//!
//! `marker` is the lock, `entry` one run's record, `registry` where records are, `holder` the
//! living run's side; `watchdog` waits for its death, `apart` from what ends the harness; `guard` is both together; `survey` finds
//! runs, `clear` removes what a dead one has left.

mod apart;
mod clear;
mod entry;
mod guard;
mod holder;
mod marker;
mod registry;
mod survey;
pub mod watchdog;

pub use clear::{Cleared, Means, clear};
pub use entry::{Entry, NodeEntry};
pub use guard::Guard;
pub use holder::{Lease, forget};
pub use marker::{MARKER, Marker, MarkerState};
pub use registry::{Registry, Unreadable, started_again};
pub use survey::{NodeOnHost, RunOnHost, State, Survey, survey};
