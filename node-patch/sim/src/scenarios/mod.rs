//! The table: what discovery has to show, one scenario a file. Each says how it is laid out and
//! what is measured; the row (`row`) says what came out.

mod cold_start;
mod crowd;
mod dead_baits;
mod dead_store;
mod eclipse;
mod flood;
mod four_nodes;
mod late_joiner;
mod offline;
mod oversize;
mod partition;
mod restart;
mod row;
mod scale;

pub use row::{Outcome, Scenario, Verdict};

/// All rows, in the table's order.
pub const ALL: [Scenario; 14] = [
    cold_start::SCENARIO,
    crowd::SCENARIO,
    dead_store::SCENARIO,
    partition::SCENARIO,
    late_joiner::SCENARIO,
    flood::SCENARIO,
    oversize::SCENARIO,
    eclipse::SCENARIO,
    dead_baits::SCENARIO,
    offline::SCENARIO,
    restart::SCENARIO,
    four_nodes::SCENARIO,
    crowd::LARGE,
    scale::SCENARIO,
];
