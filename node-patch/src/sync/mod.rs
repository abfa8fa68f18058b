//! Keeping up with the other nodes' chain: announcements, catch-up, answers to those who catch up
//! with us.
//!
//! | module | about |
//! | --- | --- |
//! | `message` | bytes on the wire |
//! | `engine`, `event` | the rules, without IO: events in, actions out; `peer`, `pace`, `branch`, `download`, `orphans`, `serve`, `view` are its parts |
//! | `driver` | joins engine, chain and network |
//! | `imports` | what became of blocks, counted for metrics |

mod branch;
mod download;
mod driver;
mod engine;
mod event;
mod imports;
pub mod message;
mod orphans;
mod pace;
mod peer;
mod serve;
mod view;

pub use driver::{DriverError, SyncDriver, SyncHandles};
pub use engine::SyncEngine;
pub use event::{Action, Event, Offence, Source, SyncStatus};
pub use imports::{DEPTHS, ImportCounts, Imports};
pub use peer::Claim;
pub use view::ChainView;
