//! What the checks want to know of a Rust file, as plain data: the syntax tree itself is large and
//! bound to its thread.
//!
//! | module | is about |
//! | --- | --- |
//! | [`facts`] | the data |
//! | `read` | from a tree to the data of all its files |
//! | `functions` | where functions begin and end |
//! | `body` | what a module declares, imports and mentions |
//! | `tokens` | the same in macro calls, whose insides are no syntax |

pub mod facts;

mod body;
mod functions;
mod read;
mod tokens;

pub use facts::{Body, Child, Function, Import, Mention, Source, Sources};
pub use read::read_all;
