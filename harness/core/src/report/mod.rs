//! Reports: follow from the verdict, and decide nothing.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`verdict`] | as text, for a person who is tired |
//! | [`junit`] | as CI systems show it |

pub mod junit;
pub mod verdict;
