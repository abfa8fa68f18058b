//! The harness: starts a network of hegemon nodes, breaks it, and says with evidence whether it
//! held.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`scenario`] | from a file to a plan; pure |
//! | [`provider`], [`binary`] | where nodes run, and what of |
//! | [`run`] | the way through a run and every way out |
//! | `fault`, `poll` | what is done to nodes, what they are asked |
//! | [`event`] | the stream that all of them write and everything below reads |
//! | [`history`], [`check`] | observations, and pure decisions about them |
//! | [`control`], [`selftest`] | what makes each check and fault fail for its own reason, and whether it did |
//! | [`verdict`], [`report`], [`record`] | what follows, how it is shown, where it is kept |
//! | [`bundle`], [`verify`] | what makes the evidence show a change, and the verdict from it alone |
//! | [`lease`] | what tells a living run from a dead one, and removes what that left |
//! | [`cli`], [`exit`] | the command line |
//!
//! Arrows point one way: `cli → lease → run → {provider, fault, poll} → event`, and `event →
//! history → check → verdict → report`. A pass needs observations; whatever is missing is never
//! one.

pub mod binary;
pub mod bundle;
pub mod check;
#[cfg(feature = "docker")]
pub mod cli;
pub mod control;
pub mod event;
pub mod exit;
pub mod fault;
pub mod history;
#[cfg(feature = "docker")]
pub mod lease;
mod poll;
pub mod provider;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod selftest;
pub mod verdict;
pub mod verify;
