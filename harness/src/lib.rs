//! The harness: starts a network of hegemon nodes, breaks it, and says with evidence whether it held.
//! What it decides and describes is in `harness-core`; here is what does it.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`network`] | networks for Rust tests; the way in for who uses this crate as a library |
//! | [`cli`] | the command line |
//! | [`campaign`] | many runs for one question |
//! | [`selftest`], [`doctor`] | runs the negative controls; looks at a machine before a run |
//! | [`attach`] | nodes that run already, and how they are reached |
//! | [`lease`] | what tells a living run from a dead one, and removes what that left |
//! | [`run`] | the way through a run and every way out |
//! | [`provider`], [`binary`] | where nodes run, and what of |
//! | [`netns`] | networks of nodes from the inside |
//! | [`program`] | programs of the user's, and all that they start |
//! | [`evidence`], [`library`] | where a run's evidence is kept, and where scenarios are found |
//!
//! Arrows point one way, downwards in this table, and to `harness-core`, which knows nothing of this
//! crate.

#![expect(
    clippy::disallowed_methods,
    reason = "providers and leases live in the machine's time; `run`, which does not, turns the rule on again"
)]

pub mod attach;
pub mod binary;
pub mod campaign;
pub mod cli;
pub mod doctor;
pub mod evidence;
pub mod lease;
pub mod library;
pub mod netns;
pub mod network;
pub mod program;
pub mod provider;
pub mod run;
pub mod selftest;
