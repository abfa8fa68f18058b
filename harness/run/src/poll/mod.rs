//! Pollers: one task for each node asks it the same questions again and again and records what came
//! back. They judge nothing.
//!
//! `poller` decides when to ask, `rpc` turns answers into typed readings.

mod poller;
pub(crate) mod rpc;

pub(crate) use poller::{INTERVAL, Link, Poller};
