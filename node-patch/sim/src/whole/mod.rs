//! Whole nodes in virtual time: their hubs, sessions, listeners, sync and miners as they are, over a
//! network, disks and clocks of ours, decided by one seed.
//!
//! | module | is about |
//! | --- | --- |
//! | [`net`] | hosts, connections, cuts: the kernel and the wire |
//! | [`disk`] | what survives a kill, and what a power loss |
//! | [`life`] | a process: killed at an instant, frozen, fallen by a panic |
//! | `computer` | a whole node on a host, one process after the other |
//! | [`schedule`] | which nodes, which faults, when: from a seed |
//! | [`run`](mod@run) | one run of a schedule |
//! | [`history`] | what it was seen to do |
//! | [`properties`] | what has to be true of it |
//! | [`explore`](mod@explore) | many seeds; a failing one with fewer faults |
//! | [`log`] | the lines of all nodes in virtual time |

mod computer;
pub mod disk;
pub mod explore;
pub mod history;
pub mod life;
pub mod log;
pub mod net;
pub mod properties;
pub mod run;
pub mod schedule;

pub use self::{
    computer::Exit,
    run::{Outcome, run},
    schedule::Schedule,
};
