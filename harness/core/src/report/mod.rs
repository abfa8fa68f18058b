//! Reports: follow from the verdict, and decide nothing.

pub mod junit;
pub mod verdict;
