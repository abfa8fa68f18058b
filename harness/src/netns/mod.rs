//! Networks of nodes from the inside: a process of ours in, or with a hold of, their network
//! namespaces, and the protocol by which the harness has it do things there. It is this very
//! program in a hidden mode, with one thread.
//!
//! Nothing here knows of providers: namespaces have numbers, and nodes addresses.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`keeper`] | the process that makes a run's namespaces, and holds them |
//! | [`agent`] | what is done inside: answers to orders |
//! | `tries`, `ports` | paths that are tried; ports that are listened on |
//! | `cuts`, `relay` | what becomes of packets from one node to another |
//! | [`client`] | the harness's side: orders and answers |
//! | [`handle`], `join` | the harness's side: sockets and namespaces as descriptors; processes that join |
//! | `dials` | the kernel's count of connections that were tried |
//! | `wiring` | how a run's networks are made |
//! | `spaces`, `route` | entering namespaces; links, addresses and neighbours by rtnetlink |
//! | [`wire`] | what is said between the two |
//! | `sys` | system calls that no library of ours wraps safely |

pub mod agent;
pub mod client;
mod cuts;
mod dials;
pub mod handle;
mod join;
pub mod keeper;
mod ports;
mod relay;
mod route;
mod spaces;
mod sys;
mod tries;
pub mod wire;
mod wiring;

pub use join::Join;
