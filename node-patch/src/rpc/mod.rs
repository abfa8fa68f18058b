//! JSON-RPC 2.0 over HTTP and WebSocket: what the node promises to operators and to the harness.
//!
//! | module | about |
//! | --- | --- |
//! | `server` | the listener, its limits, which methods it offers |
//! | `context` | what the methods may ask of the node |
//! | `methods` | the table of methods |
//! | `params` | parameters: decoded here, refused with what is accepted |
//! | `json` | shapes of headers and blocks |

mod context;
mod json;
mod methods;
mod params;
mod server;

pub use context::{NodeInfo, NodeStatus, PeerInfo, RpcContext};
pub use server::{MethodPolicy, RpcConfig, RpcError, RpcServer, start};
