//! A run: the only part of the harness that waits, with the providers. Puts everything else
//! together.
//!
//! `executor` owns the way through a run and every way out of it, `attached` the one over nodes that
//! run already, `driven` the one whose phases a program asks for one by one, `windows` the one of a network that stays up: `usage` samples what its nodes use and
//! where they disagree, `carried` is what each window's evidence begins with; `course` goes through the phases, `phase` runs faults (`fault`) and checks; `testbed` is the running network; `watch` looks for what must not happen (exits, panics,
//! clocks that jump); `journal` gives every event its place, by the one `clock` of the run;
//! `poll` asks the nodes through a `link`, which for real ones is `http`, and `resources` asks the
//! provider what they use; `looks` is what single checks look at by themselves, `scrape` how a page of metrics is read, and `program` how one of the user's is run, which gets to nodes by a `door`; `logs` keeps what they write, and
//! records what checks look for in it (`wanted`); `background` holds the tasks beside the
//! way; `onlooker` asks where nobody judges; `interrupt` is a signal that asks us to stop.
//!
//! All waits and stamps are tokio's and the run's clock's, so that a test can hold the time and let
//! it jump over what only waits.

#![warn(clippy::disallowed_methods)]

pub mod attached;
mod background;
mod carried;
pub mod clock;
mod course;
mod door;
pub(crate) mod driven;
pub mod executor;
mod fault;
pub mod http;
pub mod interrupt;
pub mod journal;
pub mod link;
mod logs;
mod looks;
pub(crate) mod onlooker;
mod phase;
mod poll;
mod program;
mod resources;
mod scrape;
pub(crate) mod testbed;
mod usage;
mod wanted;
pub(crate) mod watch;
pub mod windows;
