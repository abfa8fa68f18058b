//! `selftest`: every check and every fault is made to fail for its own reason, on real nodes. A
//! check that cannot fail proves nothing.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`crate::control`] | what a control is: data, next to the check or fault that it belongs to |
//! | [`list`] | all of them |
//! | `judge` | whether a verdict is what its control wants; pure |
//! | `disturbed` | a provider that does something else than it is told |
//! | `liar` | an HTTP proxy that changes what nodes answer |
//! | [`run`] | from a list of controls to a list of outcomes |

mod disturbed;
mod liar;
pub mod run;
