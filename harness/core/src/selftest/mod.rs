//! The negative controls of all checks and faults, and what must come of each. Running them is the
//! harness's.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`list`] | all of them |
//! | `judge` | whether a verdict is what its control wants |

mod judge;
pub mod list;

pub use judge::judge;
