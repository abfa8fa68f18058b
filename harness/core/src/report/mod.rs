//! Reports: follow from the verdict, and decide nothing.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`verdict`] | as text that fits a screen, for a person who is tired |
//! | [`excerpt`] | what of the evidence stands beside it there |
//! | [`junit`] | as CI systems show it |
//! | [`markdown`] | as a job's summary, a comment, or lines beside a change |

pub mod excerpt;
pub mod junit;
pub mod markdown;
pub mod verdict;
