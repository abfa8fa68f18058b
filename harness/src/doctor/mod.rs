//! Looks at this machine before a run, as a run would: its engine is found, a container is started
//! and reached, and everything is removed again. What follows from what is seen is
//! `harness_core::doctor`'s.
//!
//! `question` is what is planned, `examine` all of it; `engine` what concerns containers, `host` what
//! concerns any run.

mod engine;
mod examine;
mod host;
mod question;

pub use examine::examine;
pub use question::{Question, Where};
