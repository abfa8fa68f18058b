//! JSON-RPC 2.0 over HTTP and WebSocket: what the node promises to operators and to the harness.
//!
//! | module | about |
//! | --- | --- |
//! | `server` | the listener, the thread that serves |
//! | `guard` | which `Host` and `Origin` may ask |
//! | `http` | one request |
//! | `websocket`, `subscriptions` | one WebSocket, and what it is subscribed to |
//! | `shared` | what all connections have in common, who may call what |
//! | `call` | JSON-RPC itself: from the bytes of a request to the text of its answer |
//! | `methods` | the table of methods |
//! | `desk` | answers without a socket |
//! | `health` | whether the node is of use |
//! | `context` | what the methods may ask of the node |
//! | `params` | parameters: decoded here, refused with what is accepted |
//! | `json` | shapes of headers and blocks |
//! | `limits` | what a client can make us hold, and for how long |

pub mod call;
mod context;
mod desk;
pub mod guard;
mod health;
mod http;
mod json;
mod limits;
mod methods;
mod params;
mod server;
mod shared;
mod subscriptions;
mod websocket;

pub use context::{NodeInfo, NodeStatus, PeerInfo, RpcContext};
pub use desk::Desk;
pub use limits::Patience;
pub use server::{RpcError, RpcServer, start};
pub use shared::{MethodPolicy, RpcConfig};
