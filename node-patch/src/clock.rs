//! The node's clock is the adapter's: engines are told the time, this is where it comes from.

pub use hegemon_adapter::clock::{Clock, Wall};
