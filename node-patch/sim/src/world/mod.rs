//! The network: hosts, what lies between them, and the loop that takes one thing after another out
//! of the queue.
//!
//! | module | is about |
//! | --- | --- |
//! | [`network`] | [`World`]: hosts come and go, time passes, what is seen from outside |
//! | [`host`] | one host: who is on it, how it is reached, what it has done |
//! | `connection` | one TCP connection, from the dial to the end at both sides |
//! | `packet` | something that will happen |
//! | `flow` | what happens when something is due: dials, sessions, frames, endings |
//! | `faults` | partitions, hosts without a network, sessions that are cut and noticed late |
//! | `traffic` | counting what a host did |

mod connection;
mod faults;
mod flow;
pub mod host;
pub mod network;
mod packet;
pub mod traffic;

pub use host::{Exit, Host, HostIndex, Outage, Reach};
pub use network::{Setting, World};
pub use traffic::{Addresses as Shared, Tally};
