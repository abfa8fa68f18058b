//! Many runs, or windows of one, for one question: each run is a `harness scenario` of its own, so that none can disturb the next, and what
//! is believed of it is its evidence, verified.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`child`] | one run as a process |
//! | [`gate`], [`compare`] | drive a course, and write down where it is |
//! | [`soak`] | one network that stays up: its ledger, and evidence that is rotated |
//! | [`generated`] | a night of generated scenarios |
//! | [`shrink`] | a failing scenario made smaller |
//! | [`revisions`] | two revisions of this workspace, built to be compared |
//! | `lines` | the file that a campaign goes on from |

pub mod child;
pub mod compare;
pub mod gate;
pub mod generated;
mod lines;
pub mod revisions;
pub mod shrink;
pub mod soak;
