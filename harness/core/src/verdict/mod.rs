//! The verdict: what follows from the events of a run, in the shape of `verdict.json`. Consumes
//! events and nothing else, so a recorded stream gives the same verdict again.

mod ledger;

use serde::{Deserialize, Serialize};

use crate::{
    event::{CheckVerdict, Moment},
    exit::ExitCode,
    scenario::Blocks,
};

pub use ledger::{Ledger, unseen};

/// `verdict.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// [`crate::event::FORMAT_VERSION`].
    pub version: u32,
    /// The run's ID.
    pub run: String,
    /// The scenario's name.
    pub scenario: String,
    /// The decision.
    pub verdict: RunVerdict,
    /// What the process exits with.
    pub exit_code: u8,
    /// The same, as a type.
    #[serde(skip)]
    pub exit: ExitCode,
    /// Why it is not a pass, in one sentence.
    pub reason: Option<String>,
    /// Wall clock, RFC 3339.
    pub started: String,
    /// From the first event to the last.
    pub seconds: f64,
    /// In the order of the plan.
    pub phases: Vec<PhaseVerdict>,
    /// What took how long.
    pub figures: Figures,
}

/// The decision about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunVerdict {
    /// Every check passed.
    Pass,
    /// A check or a node failed.
    Fail,
    /// Nothing can be said.
    Inconclusive,
    /// The environment failed, or we did.
    Environment,
    /// A signal ended it.
    Interrupted,
}

impl RunVerdict {
    /// In capitals, as a last line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Environment => "ENVIRONMENT",
            Self::Interrupted => "INTERRUPTED",
        }
    }
}

/// One phase of it.
#[derive(Debug, Clone, Serialize)]
pub struct PhaseVerdict {
    /// As the scenario names it.
    pub name: String,
    /// In order.
    pub faults: Vec<FaultVerdict>,
    /// In order; what ended the run, if a node did, comes last.
    pub checks: Vec<CheckResult>,
}

impl PhaseVerdict {
    /// Something of it was done, started or decided.
    pub fn was_reached(&self) -> bool {
        let fault = |fault: &FaultVerdict| fault.proof.is_some() || fault.reason.is_some();
        let check = |check: &CheckResult| {
            check.started.is_some() || check.verdict != CheckVerdict::NotJudged
        };
        self.faults.iter().any(fault) || self.checks.iter().any(check)
    }
}

/// One fault of it.
#[derive(Debug, Clone, Serialize)]
pub struct FaultVerdict {
    /// Its kind.
    pub fault: String,
    /// As written: a node, a group or `*`.
    pub selector: String,
    /// To whom.
    pub nodes: Vec<String>,
    /// The evidence, from outside the nodes; `null` if there is none.
    pub proof: Option<String>,
    /// Why there is none.
    pub reason: Option<String>,
}

/// One check of it.
#[derive(Debug, Clone, Serialize)]
pub struct CheckResult {
    /// Its kind.
    pub check: String,
    /// As written: a node, a group or `*`.
    pub selector: String,
    /// At whom it looked.
    pub nodes: Vec<String>,
    /// The decision.
    pub verdict: CheckVerdict,
    /// Why.
    pub reason: String,
    /// What was seen.
    pub observed: String,
    /// What had to be seen.
    pub expected: String,
    /// What its window means, for a check about blocks where it is known how fast they come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Blocks>,
    /// From its start to its decision.
    pub seconds: Option<f64>,
    #[serde(skip)]
    started: Option<Moment>,
    #[serde(skip)]
    held_since: Option<Moment>,
}

/// What took how long, in seconds; `null` for what never happened.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Building, checking, network.
    pub prepare_seconds: Option<f64>,
    /// From the first node's start to the last one's.
    pub start_seconds: Option<f64>,
    /// The scenario's own time.
    pub phases_seconds: Option<f64>,
    /// Removing everything.
    pub teardown_seconds: Option<f64>,
    /// All but the scenario's own time.
    pub overhead_seconds: Option<f64>,
    /// From the last node's execution until the first `peers` checks held.
    pub last_start_to_peers_seconds: Option<f64>,
    /// From the heal of the last fault until `recovers` held; the longest of them.
    pub recovery_seconds: Option<f64>,
}

impl Verdict {
    /// As `verdict.json` has it. There is one way to write a verdict, so that one that was derived
    /// again can be compared byte by byte.
    ///
    /// # Errors
    ///
    /// None that a verdict can cause.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}
