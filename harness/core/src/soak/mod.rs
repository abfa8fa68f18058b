//! A soak: one network that stays up, judged in windows. Pure: what a window showed, what follows from all of
//! them, how it is said; who runs them is told.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`asked`] | scenario, length, limits, and the plan of each window |
//! | [`seen`] | what is kept of a window: blocks, forks, peers, samples of what nodes use |
//! | [`ledger`] | the lines of `soak.jsonl`, from which a soak that was killed goes on |
//! | [`left`] | what the events of a window say that a signal or a kill cut off |
//! | `pace` | whether the chain went on |
//! | [`trend`], `quantity` | what grows: memory, descriptors, logs |
//! | `used` | what is kept of samples, within bounds |
//! | [`judge`] | what follows from all windows |
//! | [`page`] | the result for people and programs |
//!
//! Everything follows from the lines: whoever reads them again comes to the same verdict.

pub mod asked;
pub mod judge;
pub mod ledger;
pub mod left;
mod pace;
pub mod page;
mod quantity;
pub mod seen;
pub mod trend;
mod used;

pub use asked::{Asked, Limits};
pub use judge::{Decision, Soak};
pub use ledger::Line;
pub use quantity::Quantity;
pub use seen::{Network, NodeSeen, Sample, Window};
pub use trend::Trend;

#[cfg(test)]
mod tests;
