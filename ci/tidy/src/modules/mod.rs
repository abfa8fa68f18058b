//! The modules of a library or program, and who refers to whom.
//!
//! | module | is about |
//! | --- | --- |
//! | [`forest`] | which modules there are, from the root file down |
//! | `resolve` | where a path leads, through imports and re-exports |
//! | [`arrows`] | what that makes of siblings: one graph for each module that has children |

pub mod arrows;
pub mod forest;

mod resolve;

pub use arrows::{Evidence, Level, levels};
pub use forest::{Forest, Module, grow};
