//! The negative controls of all checks and faults, and what must come of each. Running them is the
//! harness's.

mod judge;
pub mod list;

pub use judge::judge;
