//! What a kind of node takes and promises: flags and variables by name, RPC, time. Shipped ones are
//! files in `profiles/`; `--node-profile` names one of them or a file of the user's.
//!
//! | module | what it is |
//! | --- | --- |
//! | `kind` | what is known of a kind of node, and what follows from it |
//! | `file` | a profile's text, read strictly |
//! | `shipped` | the shipped ones, and how the evidence holds one |
//! | `flags` | arguments by flag: what a scenario replaces |
//! | `launch` | the arguments and environment of one node, and what no scenario can replace |

mod file;
mod flags;
mod kind;
mod launch;
mod shipped;

pub use file::{FLAGS, PROFILE, RPC, STATE, VARIABLES};
pub(crate) use flags::Groups;
pub use kind::{DATA_DIR, METRICS_PORT, NodeProfile, P2P_PORT, RPC_PORT, StatePart};
pub use launch::{Launched, Place, Wanted};
pub use shipped::SHIPPED;

#[cfg(test)]
mod tests;
