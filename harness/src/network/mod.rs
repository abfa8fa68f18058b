//! A network of nodes for Rust tests: started, disturbed, waited for and asked from code, with the proofs,
//! checks and evidence of any other run.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use harness::network::{Network, peers};
//! use serde_json::json;
//!
//! # async fn test() -> Result<(), harness::network::Error> {
//! let network = Network::builder().seed().nodes(2).start().await?;
//! network.until(peers(2), Duration::from_secs(30)).await?;
//! network.node("node-1").restart().await?;
//! network.until(peers(2), Duration::from_secs(30)).await?;
//! let health = network.node("node-1").rpc("system_health", json!([])).await?;
//! assert_eq!(health["peers"], 2);
//! network.end().await
//! # }
//! ```
//!
//! **What is left.** Nothing: a network that is ended or dropped, also by a panic, removes its nodes before
//! anything else goes on. When the whole test process is killed, a watchdog beside it removes them.
//! That, and whatever else works for a network, is this very program, executed again: see `reenter`.
//!
//! **Evidence.** Every network leaves a bundle ([`Network::evidence`]), which `harness verify`,
//! `harness report` and `harness rerun` take: to them the test is a scenario with a phase for each step.
//! Its verdict is a pass if every step was one, and nothing broke until the end.
//!
//! | module | what it is |
//! | --- | --- |
//! | `builder` | what is started |
//! | `handle` | the network and its nodes, as a test has them |
//! | `error` | why something did not work |
//! | `stage` | the thread on which the network lives |
//! | `reenter` | this program as a watchdog, and in nodes' networks |

mod builder;
mod error;
mod handle;
mod reenter;
mod stage;

pub use builder::{Builder, Provider};
pub use error::Error;
pub use handle::{Network, Node};
pub use harness_core::{
    stepwise::{Condition, check, height_advances, height_at_least, peers, recovers, same_chain},
    verdict::RunVerdict,
};
