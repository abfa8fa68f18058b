//! What a machine is like before a run, in lines of one kind: good, a warning, or bad, and what to
//! do. Pure: what was seen comes in as values.
//!
//! `diagnosis` is one line and all of them, `judge` what follows from what was seen.

mod diagnosis;
mod judge;

pub use diagnosis::{Diagnosis, Grade, exit};
pub use judge::{
    Disk, NameSpaces, architecture, clock_source, containers, descriptors, disk, engine,
    name_spaces, neighbours, node, runs, subnets,
};
