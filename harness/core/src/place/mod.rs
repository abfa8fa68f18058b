//! Where Docker engines are, as the Docker command line finds them. Pure: the environment and the
//! files come in as values, so that nothing here looks at this process or this disk.
//!
//! `environment` is what counts of the variables, `address` a way to an engine, `context` what the
//! Docker command line has written down, `find` the order of them all, `inside` whether this process
//! is in an engine's container itself.

mod address;
mod context;
mod environment;
mod find;
mod inside;

pub use address::{Address, Tls};
pub use environment::Environment;
pub use find::{NoPlace, Place, find};
pub use inside::own_containers;
