//! What needs real processes and a real engine, in one binary: most of it waits, so the parts wait for each
//! other's processor time instead of one after another. An engine that is missing fails these tests.
//!
//! | module | what it shows |
//! | --- | --- |
//! | `at_length` | what takes longest, and so is begun first |
//! | `attached` | nodes that run already are looked at, and nothing of them changes |
//! | `provider` | one suite of behaviours, against every provider |
//! | `leftovers` | nothing is left behind, whatever ends the harness |
//! | `gate`, `compare` | many runs, and one decision; two builds |
//! | `network` | one that stays, to work with |
//! | `library` | one that a Rust test has |
//! | `testcontainers` | a node as an image of that ecosystem |
//! | `faces` | what a terminal shows of a run |
//! | `first`, `mistakes` | what `harness init` writes passes, and can fail; what is said to beginners |
//! | `support`, `screen` | what they share: providers, fake nodes, the engine; a pseudo-terminal |

#![expect(clippy::unwrap_used, reason = "a test says by failing what it expects")]
#![expect(clippy::disallowed_methods, reason = "real nodes take real time")]

mod at_length;
mod attached;
mod compare;
mod faces;
mod first;
mod gate;
mod leftovers;
mod library;
mod mistakes;
mod network;
mod provider;
#[path = "../support/screen.rs"]
#[expect(dead_code, reason = "every test binary uses its own part")]
mod screen;
mod support;
mod testcontainers;
