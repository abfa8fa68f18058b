//! OpenMetrics for operators: `--prometheus-port`. Values are read at a scrape from what RPC shows
//! as well; only what nobody else keeps is counted for it (`net::tally`, `sync::Imports`).
//!
//! | module | about |
//! | --- | --- |
//! | `page` | what is shown, and where each value comes from |
//! | `families` | a metric family on the page |
//! | `server` | the listener and its limits; who may ask is `rpc::guard`'s |

mod families;
mod page;
mod server;

pub use page::Sources;
pub use server::{MetricsError, MetricsServer, serve};
