//! RPC over real connections, against a fixed chain.
//!
//! | module | about |
//! | --- | --- |
//! | `served` | the server, and clients that say what they want |
//! | `methods` | what every method answers |
//! | `guard` | who may ask |
//! | `health` | `/health` |
//! | `websocket` | subscriptions, and WebSockets that are of no use |
//! | `crowd` | more connections than there are places or descriptors |
//! | `process` | a node as a process of its own |

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

mod crowd;
mod guard;
mod health;
mod methods;
#[expect(dead_code, reason = "others do more with a node of their own")]
#[path = "../process/mod.rs"]
mod process;
mod served;
mod websocket;
