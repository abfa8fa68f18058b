//! `selftest`: every check and every fault is made to fail for its own reason, on real nodes. A
//! check that cannot fail proves nothing. What they are, and what must come of them, is in
//! `harness_core::selftest`.
//!
//! | module | what it is |
//! | --- | --- |
//! | `disturbed` | a provider that does something else than it is told |
//! | `tampered` | the same for what is done to nodes beside ending them |
//! | `liar` | an HTTP proxy that changes what nodes answer |
//! | [`run`] | from a list of controls to a list of outcomes |

mod disturbed;
mod liar;
pub mod run;
mod tampered;

pub use disturbed::Disturbed;
