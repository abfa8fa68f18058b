//! Real nodes: processes on loopback, but for `two_chains`. In one binary: most of it waits, for sockets, deadlines and
//! blocks, so the parts wait for each other's processor time instead of one after another.
//!
//! | module | what it shows |
//! | --- | --- |
//! | `hostile` | attacks, and those that lie, while good nodes stay connected |
//! | `kills` | SIGKILL, and a full disk |
//! | `logs` | what is written at `info` |
//! | `one` | sockets, signals, files and bad input |
//! | `two_chains` | two drivers, joined by channels |

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

mod hostile;
mod kills;
mod logs;
mod one;
#[path = "../process/mod.rs"]
mod process;
mod two_chains;
