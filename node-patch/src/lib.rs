//! Node.

pub mod chain;
pub mod net;
pub mod sync;
