//! The network side.

pub mod handle;
