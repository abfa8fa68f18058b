//! One row of the table: what is done, what must come out, and what came out.

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
    pub(super) fn new(ours: String, met: bool) -> Self {
        Self { ours, verdict: if met { Verdict::Met } else { Verdict::Missed } }
    }
}
