//! Nodes as processes of this host: for machines without a container engine, and the quickest way to
//! run anything. Linux only (`/proc`, parent-death signals, namespaces).
//!
//! Where this user may have them, every node lives in a network namespace of its own, on a network
//! that ends at its bridge: nothing leaves the machine, and no port of it is taken. Elsewhere nodes
//! live on 127.0.0.1, each at ports of its own.
//!
//! Every node has a directory of its own and one log file. Nothing is shared with the harness's
//! environment. What a node does to the host's files, it does.
//!
//! | module | what it is |
//! | --- | --- |
//! | `provider` | the provider, which the others make together |
//! | `injector` | what else can be done to nodes |
//! | `freeze` | freezes and thaws them |
//! | `executable` | says what they execute |
//! | `files`, `limits` | their state on disk; how many files they may open |
//! | `network`, `place` | where nodes live: namespaces or loopback; addresses and directories |
//! | `spawner`, `execution` | executes; one process group |
//! | `ports` | keeps ports of this host |
//! | `tail` | reads logs |
//! | `procfs`, `strays` | the evidence; what escaped |
//! | `hand` | acts on a node of a network that stays |
//! | `state` | memory |

mod executable;
mod execution;
mod files;
mod freeze;
pub(crate) mod hand;
mod injector;
mod limits;
mod network;
mod place;
mod ports;
pub(super) mod procfs;
mod provider;
mod spawner;
mod state;
pub(crate) mod strays;
mod tail;

pub use self::provider::ProcessProvider;
