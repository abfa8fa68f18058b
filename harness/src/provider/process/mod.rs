//! Nodes as processes of this host, on 127.0.0.1: for machines without a container engine, and the
//! quickest way to run anything. Linux only (`/proc`, parent-death signals).
//!
//! Every node has a directory of its own, a P2P port and an RPC port, and one log file. Nothing is
//! shared with the harness's environment. There is no network to cut and no namespace: what a node
//! does to the host, it does.
//!
//! `spawner` executes, `execution` is one process group, `tail` reads logs, `ports` keeps ports,
//! `procfs` is the evidence, `strays` finds what escaped; `state` is memory, `provider` is made of
//! them all, and `injector` of what does more to nodes: `freeze` stops and thaws
//! them, `executable` says what they execute, `files` reaches their
//! state, `limits` is how many files they may open.

mod executable;
mod execution;
mod files;
mod freeze;
mod injector;
mod limits;
mod ports;
pub(super) mod procfs;
mod provider;
mod spawner;
mod state;
pub(crate) mod strays;
mod tail;

pub use self::provider::ProcessProvider;
