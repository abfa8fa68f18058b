//! A release's gate: runs scenarios until it can say, with the confidence that was asked for, that a build is
//! good enough, or that it is not. Pure: which run comes next and what follows from those that ended; who runs
//! them is told.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`file`](mod@file) | `release.toml`, read strictly |
//! | [`course`] | which run is next, and what follows from all of them |
//! | [`ledger`] | the lines of `gate.jsonl`, from which a gate that was killed goes on |
//! | [`page`] | the result for people, and for CI systems |

pub mod course;
pub mod file;
pub mod ledger;
pub mod page;

pub use course::{Course, Decision, Outcome, Ran, Ticket};
pub use file::{Entry, Figure, GateFile, Limit};
