//! Node.
pub mod transport;
