//! Faults: what is done to nodes, and the proof from outside that it happened, held and ended. Pure:
//! how it is done is the harness's.
//!
//! A fault is one file: its keys, its course, its proofs, the words that people read, and its
//! negative controls. `harness explain` prints them.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`restart`], [`stop`], [`start`], [`kill`] | the faults |
//! | `registry` | makes them one closed type |
//! | `entry` | what there is to know of a fault beside its proofs |
//! | [`evidence`] | what the record says of nodes that should be down, or back |
//! | `timeline` | where every fault of a run is in its course; the run and `verify` share it |

mod entry;
pub mod evidence;
pub mod kill;
mod registry;
pub mod restart;
pub mod start;
pub mod stop;
mod timeline;

pub use entry::{COMMON, Capability, Course, FaultEntry, NODES, Targets};
pub use timeline::{FaultSpan, Planned, Refused, Timeline};

// In the order in which people read them.
registry::registry! {
    Restart = restart::Restart,
    Stop = stop::Stop,
    Start = start::Start,
    Kill = kill::Kill,
}

/// Faults of the specification that this version does not have yet.
pub(crate) const LATER: &[&str] = &[
    "pause",
    "resume",
    "isolate",
    "rejoin",
    "partition",
    "heal",
    "one-way",
    "degrade",
    "wipe",
    "corrupt",
    "join",
    "leave",
    "upgrade",
    "clock",
    "limit",
    "occupy-port",
    "rename",
    "hostile",
];
