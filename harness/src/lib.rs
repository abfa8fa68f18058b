//! The harness: starts a network of hegemon nodes, breaks it, and says with evidence whether it held.
//! What it decides and describes is in `harness-core`, how a run goes in `harness-run`; here is what both are used for and with.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`network`] | networks for Rust tests; the way in for who uses this crate as a library |
//! | [`cli`] | the command line |
//! | [`campaign`] | many runs for one question |
//! | [`selftest`], [`doctor`] | runs the negative controls; looks at a machine before a run |
//! | [`attach`] | nodes that run already, and how they are reached |
//! | [`lease`] | what tells a living run from a dead one, and removes what that left |
//! | [`provider`], [`binary`] | where nodes run, and what of |
//! | [`netns`] | networks of nodes from the inside |
//! | [`library`] | where scenarios are found |
//!
//! Arrows point one way, downwards in this table, and to `harness-run` and `harness-core`, which know nothing of
//! this crate.

#![expect(
    clippy::disallowed_methods,
    reason = "providers and leases live in the machine's time; a run, which does not, is in `harness-run`"
)]

pub mod attach;
pub mod binary;
pub mod campaign;
pub mod cli;
pub mod doctor;
pub mod lease;
pub mod library;
pub mod netns;
pub mod network;
pub mod provider;
pub mod selftest;
