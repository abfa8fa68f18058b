//! Two builds beside each other: the same scenarios and seeds, in turns (A B B A …), and what may be said of B against A.
//! Pure: which run comes next and what follows from those that ended; who runs them is told.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`asked`] | builds, scenarios, how many runs |
//! | [`course`] | which run is next |
//! | [`measure`] | what is taken from a run's evidence |
//! | [`statement`] | what is said of each figure and share, all of them together with the stated confidence |
//! | [`ledger`] | the lines of `compare.jsonl`, from which a comparison that was killed goes on |
//! | [`page`] | the result for people and programs |
//!
//! The number of runs is fixed before the first, and nothing is said before the last: whoever looks after every run,
//! and stops when he likes what he sees, finds differences between equal builds.

pub mod asked;
pub mod course;
pub mod ledger;
pub mod measure;
pub mod page;
pub mod statement;

pub use asked::{Asked, Build};
pub use course::{Course, Decision, Ran, Side, Ticket};
pub use measure::{Figure, Measured, Meter};
pub use statement::{Statement, What};

#[cfg(test)]
mod tests;
