//! Scenarios: from the text that somebody wrote to a plan that can be run.
//!
//! `ScenarioFile` (as written, with positions) → [`Plan`] (every name resolved, every default filled
//! in). Every error of a file is collected and shown at once; a file with one error starts nothing.
//!
//! | module | what it is |
//! | --- | --- |
//! | `file`, `step` | a scenario as written; its phases' faults and checks |
//! | `hostile` | groups of adversaries as written |
//! | `storm` | faults that are drawn from the run's seed |
//! | `conditions`, `before` | what faults leave nodes in; what cannot be done or checked then |
//! | `validate` | what it says, checked across its tables |
//! | `plan` | what it means, as data |
//! | `within` | a check's deadline as written |
//! | `windows` | how long that is where blocks decide |
//! | `load` | from the one to the other |

mod before;
mod conditions;
mod file;
mod hostile;
mod load;
mod plan;
mod step;
mod storm;
#[cfg(test)]
pub(crate) mod testing;
mod validate;
mod windows;
mod within;

pub use file::{GROUP, NETWORK, PHASE, SCENARIO};
pub use load::{LARGEST_FILE, Origin, TIMEOUT_FACTOR, is_timeout_factor, load, load_again};
pub use plan::{CheckPlan, FaultPlan, NodePlan, Overrides, PhasePlan, Plan};
pub use storm::STORM;
pub use windows::Blocks;
pub use within::Within;
