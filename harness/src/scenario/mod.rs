//! Scenarios: from a file that somebody wrote to a plan that can be run. Pure but for reading the
//! file; nothing here starts anything.
//!
//! `ScenarioFile` (as written, with positions) → [`Plan`] (every name resolved, every default
//! filled in) → `run::Testbed` (running). Every error of a file is collected and shown at once; a
//! file with one error starts nothing.

mod file;
mod names;
mod plan;
mod problem;
mod shipped;
mod step;
mod table;
mod validate;

#[cfg(feature = "docker")]
pub(crate) use plan::TIMEOUT_FACTOR;
#[cfg(feature = "docker")]
pub(crate) use plan::is_timeout_factor;
pub(crate) use plan::load_again;
pub use plan::{CheckPlan, FaultKind, FaultPlan, NodePlan, Overrides, PhasePlan, Plan, When, load};
pub use problem::{Problem, Problems, Severity};
pub use shipped::{Library, NotFound};
