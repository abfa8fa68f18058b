//! A failing scenario made smaller while it still fails for the same reason. Pure: which smaller one is tried
//! next, and what follows from how its runs ended; who runs them is told.
//!
//! | module | what it is |
//! | --- | --- |
//! | `reason` | why a run failed, so that two runs can be compared |
//! | `smaller` | everything that is a bit smaller than a scenario, larger steps first |
//! | `without` | a scenario without some of its nodes |
//! | `fair` | that what a smaller one asks can still be had |
//! | `left` | what faults have left of the network where it fails: who is cut off, whom no blocks reach |
//! | `course` | the loop |
//!
//! A smaller scenario must not fail because it is smaller: a network that falls apart without a node that is
//! left out fails `peers` as well, and that would be another failure in the same words. So whatever `fair`
//! knows of the first scenario must be true of every smaller one, windows are never shortened, and the number
//! of peers that is asked for sinks with every node that is left out. Where it fails no fault is in effect that was
//! not before, and a miner reaches whomever it looks at, if one did.

mod course;
mod fair;
mod left;
mod reason;
mod smaller;
mod without;

pub use course::{Course, Outcome, Refused, Try};
pub use reason::{Failed, Place, Reason};
