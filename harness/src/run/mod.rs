//! A run: the only part of the harness that waits, with the providers. Puts everything else
//! together.
//!
//! `executor` owns the way through a run and every way out of it; `phase` runs faults and checks;
//! `testbed` is the running network; `watch` looks for what must not happen (exits, panics, clocks
//! that jump); `controller` gives every event its place.

mod background;
pub mod clock;
pub mod controller;
pub mod executor;
mod fault;
pub mod interrupt;
mod logs;
mod phase;
mod poll;
pub(crate) mod testbed;
pub(crate) mod watch;
