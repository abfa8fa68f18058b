//! Node.

pub mod chain;
pub mod miner;
pub mod net;
pub mod rpc;
pub mod sync;
