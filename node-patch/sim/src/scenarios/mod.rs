//! The table: what discovery has to show, one scenario a file. Each says how it is laid out and
//! what is measured; the row says what came out.

mod cold_start;
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
mod scale;

use serde::Serialize;

use crate::bench::Bench;

/// One row of the table.
#[derive(Debug)]
pub struct Scenario {
    /// For the command line.
    pub name: &'static str,
    /// What is done, in a line.
    pub what: &'static str,
    /// What must come out.
    pub goal: &'static str,
    /// Runs it.
    pub run: fn(Bench) -> Outcome,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The figures, for people.
    pub ours: String,
    /// Whether the goal was met.
    pub verdict: Verdict,
}

/// Whether a goal was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// In every respect.
    Met,
    /// Not in every respect.
    Missed,
}

impl Outcome {
    fn new(ours: String, met: bool) -> Self {
        Self { ours, verdict: if met { Verdict::Met } else { Verdict::Missed } }
    }
}

/// All rows, in the table's order.
pub const ALL: [Scenario; 12] = [
    cold_start::SCENARIO,
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
    scale::SCENARIO,
];
