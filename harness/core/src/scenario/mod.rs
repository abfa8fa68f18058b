//! Scenarios: from the text that somebody wrote to a plan that can be run.
//!
//! `ScenarioFile` (as written, with positions) → [`Plan`] (every name resolved, every default filled
//! in). Every error of a file is collected and shown at once; a file with one error starts nothing.

mod file;
mod names;
mod plan;
mod problem;
mod step;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod validate;

pub use names::{listed, nearest};
pub use plan::{
    CheckPlan, FaultKind, FaultPlan, LARGEST_FILE, NodePlan, Origin, Overrides, PhasePlan, Plan,
    TIMEOUT_FACTOR, When, is_timeout_factor, load, load_again,
};
pub use problem::{Problem, Problems, Severity};
