//! A run: from a plan, and a network that somebody provides, to a verdict and its sealed evidence. What is
//! decided and described is in `harness-core`; here is what waits, asks and does.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`executor`] | the way through a run and every way out of it |
//! | [`attached`], [`driven`], [`windows`] | the way of one over nodes that run already, of one whose phases a program asks for, and of a network that stays up |
//! | `course`, `phase`, `fault`, `command` | the phases; faults and checks; a program of the user's as one |
//! | `testbed`, `background` | the running network; the tasks beside the way |
//! | `watch`, `resources`, `usage`, `carried` | what must not happen; what nodes use; what each window's evidence begins with |
//! | `looks`, `scrape`, `door` | what single checks look at by themselves; a page of metrics; how a program gets to nodes |
//! | `poll`, [`onlooker`] | asks nodes for a verdict, and where nobody judges |
//! | [`link`], [`http`] | how a node is asked, and how a real one is |
//! | `logs`, `wanted` | what nodes write, and what checks look for in it |
//! | [`journal`], [`clock`], [`interrupt`] | gives every event its place, by the run's one clock; a signal that asks to stop |
//! | [`disturbed`] | a provider that does something else than it is told |
//! | [`provider`] | what starts nodes, as a run sees it |
//! | [`program`], [`spawn`] | programs of the user's, and all that they start; how a process is executed |
//! | [`evidence`] | where a run's evidence is kept |
//!
//! All waits and stamps of a run are tokio's and the run's clock's, so that a test can hold the time and let
//! it jump over what only waits. What a network is made of, it does not know: neither an engine nor a process
//! of a node is in this crate.

pub mod attached;
mod background;
mod carried;
pub mod clock;
mod command;
mod course;
pub mod disturbed;
mod door;
pub mod driven;
#[expect(clippy::disallowed_methods, reason = "a directory is named by the machine's time")]
pub mod evidence;
pub mod executor;
mod fault;
pub mod http;
pub mod interrupt;
pub mod journal;
pub mod link;
mod logs;
mod looks;
pub mod onlooker;
mod phase;
mod poll;
#[expect(
    clippy::disallowed_methods,
    reason = "a program of the user's lives in the machine's time"
)]
pub mod program;
pub mod provider;
mod resources;
mod scrape;
#[expect(clippy::disallowed_methods, reason = "so does what it executes")]
pub mod spawn;
mod testbed;
mod usage;
mod wanted;
mod watch;
pub mod windows;
