//! Node.

pub mod chain;
