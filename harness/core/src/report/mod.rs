//! Reports: follow from the verdict, and decide nothing.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`verdict`] | as text, for a person who is tired |
//! | [`junit`] | as CI systems show it |
//! | [`markdown`] | as a job's summary, a comment, or lines beside a change |

pub mod junit;
pub mod markdown;
pub mod verdict;
