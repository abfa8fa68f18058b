//! Sessions with other nodes: who may have one, which of two survives, and the sockets beneath.
//!
//! | module | is about |
//! | --- | --- |
//! | [`table`] | the session table: arbitration, limits, liveness; pure, with one owner |
//! | [`handle`] | what the chain side sees of the network |
//! | [`listener`] | strangers at the door, and how many may be in it |
//! | [`socket`] | one connection from TCP to an established session |
//! | [`session`] | the two tasks of a session: one reads, one writes |
//! | [`registry`] | who can be written to now; a full queue ends its own session |
//! | [`hub`] | the one task that owns table and discovery and hears everything |
//! | [`view`] | what RPC shows of all this |

pub mod handle;
pub mod hub;
pub mod listener;
pub mod registry;
pub mod session;
pub mod socket;
pub mod table;
pub mod view;
