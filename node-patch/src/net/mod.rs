//! Sessions with other nodes: who may have one, which of two survives, and the sockets beneath.
//!
//! | module | is about |
//! | --- | --- |
//! | [`peering`] | whom we are connected to: engine and table under one owner; pure |
//! | [`table`] | the session table: arbitration, limits, liveness; pure |
//! | [`discovery_driver`] | what the engine asks beside connections: names looked up, peers stored |
//! | [`handle`] | what the chain side sees of the network |
//! | [`listener`] | strangers at the door, and how many may be in it |
//! | [`socket`] | one connection from TCP to an established session |
//! | [`session`] | the two tasks of a session: one reads, one writes |
//! | [`registry`] | who can be written to now; a full queue ends its own session |
//! | [`event`] | what the hub hears |
//! | [`hub`] | the one task that drives the peering and hears everything |
//! | `chain_feed` | what waits while the chain side is behind |
//! | `log` | what the log says of peers |
//! | [`tally`] | what only the tasks know, counted for metrics |
//! | [`view`] | what RPC shows of all this |

mod chain_feed;
pub mod discovery_driver;
pub mod event;
pub mod handle;
pub mod hub;
pub mod listener;
mod log;
pub mod peering;
pub mod registry;
pub mod session;
pub mod socket;
pub mod table;
pub mod tally;
pub mod view;
