//! How long a check may take: as it is written, or as long as a healthy chain of the network's block time
//! needs. Blocks come by chance, so both come with the probability that such a chain fails them.

use std::time::Duration;

use serde::Serialize;

use super::{
    conditions::Selectors,
    plan::{CheckPlan, PhasePlan, Plan},
    step::{CheckFile, DEFAULT_HOLD},
    within::Within,
};
use crate::{
    check::{Context, FRESH, When},
    document::{At, Problems},
    event::{Pace, PaceBy},
    statistics::{blocks, percent, round},
    text::short,
};

/// What a window means for a check about blocks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blocks {
    /// How many the check waits for.
    pub blocks: u64,
    /// From the check's start to its deadline.
    pub window_seconds: f64,
    /// The mean time between two blocks.
    pub block_time_seconds: f64,
    /// How probable it is that a healthy chain does not make them in time.
    pub false_fail: f64,
}

impl Plan {
    /// From a check's start to its deadline. Nothing at all where that depends on a block time which
    /// nobody knows: such a run is not started.
    pub fn window(&self, check: &CheckPlan, pace: Option<&Pace>) -> Duration {
        match (check.within, check.kind.blocks(), pace) {
            (Within::For(length), _, _) => length,
            (Within::Auto, Some(by), Some(pace)) => {
                let blocks = blocks::window(by, pace.block_time(), blocks::FALSE_FAILS);
                blocks.mul_f64(self.overrides.timeout_factor) + self.besides(check)
            }
            (Within::Auto, _, _) => Duration::ZERO,
        }
    }

    /// The same, and how probable it is that a healthy chain fails in it; `None` for a check that is not
    /// about blocks, and where nobody knows how fast they come.
    pub fn blocks(&self, check: &CheckPlan, pace: Option<&Pace>) -> Option<Blocks> {
        let (by, pace) = (check.kind.blocks()?, pace?);
        if pace.by == PaceBy::Assumed && check.within != Within::Auto {
            return None;
        }
        let window = self.window(check, Some(pace));
        let left = window.saturating_sub(self.besides(check));
        Some(Blocks {
            blocks: by,
            window_seconds: window.as_secs_f64(),
            block_time_seconds: pace.block_time().as_secs_f64(),
            // Three digits are the same on every machine.
            false_fail: round(blocks::too_few(by, left, pace.block_time())),
        })
    }

    /// From the last node's start to the last check: the scenario's, and the windows that it left open.
    pub fn timeout(&self, pace: Option<&Pace>) -> Duration {
        let longest = |phase: &PhasePlan, when: When| {
            let open = phase
                .checks
                .iter()
                .filter(|check| check.when == when && check.within == Within::Auto);
            open.map(|check| self.window(check, pace)).max().unwrap_or_default()
        };
        let of = |phase| longest(phase, When::DuringFault) + longest(phase, When::AfterFaults);
        self.timeout + self.phases.iter().map(of).sum::<Duration>()
    }

    /// Some check's window depends on a block time.
    pub fn is_open(&self) -> bool {
        let mut checks = self.phases.iter().flat_map(|phase| &phase.checks);
        checks.any(|check| check.within == Within::Auto)
    }

    /// What of a window is not there for blocks to come in: they must stay, and be seen.
    fn besides(&self, check: &CheckPlan) -> Duration {
        check.hold + self.fresh()
    }
}

impl Blocks {
    /// More often than people take for chance.
    pub fn is_risky(&self) -> bool {
        self.false_fail > blocks::WORTH_A_WARNING
    }

    /// In words: `blocks every 2.0 s: a healthy chain has fewer than 5 in time with probability 0.09 %`.
    pub fn words(&self) -> String {
        let every = short(Duration::from_secs_f64(self.block_time_seconds));
        let probability = percent(self.false_fail);
        format!(
            "blocks every {every}: a healthy chain has fewer than {} in time with probability {probability}",
            self.blocks
        )
    }
}

/// A window that follows blocks in a check that waits for none, and one in which a healthy chain fails
/// more often than people take for chance.
pub(super) fn validate(
    check: &CheckFile,
    block_time: Option<&At<Duration>>,
    selectors: &Selectors,
    problems: &mut Problems,
) {
    let (Some(own), Some(within)) = (&check.own, &check.within) else { return };
    let kind = own.resolve(&Context { after_a_heal: false, seeds: &[], names: selectors });
    let (by, length) = match (kind.blocks(), within.value) {
        (None, Within::Auto) => {
            problems.error_hint(
                within.span.clone(),
                format!("`within = \"auto\"`, and this `{}` waits for no blocks", kind.name()),
                "write a duration: only blocks say how long it may take",
            );
            return;
        }
        (Some(by), Within::For(length)) => (by, length),
        (None, Within::For(_)) | (Some(_), Within::Auto) => return,
    };
    let Some(block_time) = block_time else { return };
    let hold = check.hold.as_ref().map_or(DEFAULT_HOLD, |hold| hold.value);
    let left = length.saturating_sub(hold + FRESH);
    let probability = blocks::too_few(by, left, block_time.value);
    if probability > blocks::WORTH_A_WARNING {
        problems.warning_hint(
            within.span.clone(),
            format!(
                "with a block in {} a healthy chain has fewer than {by} in time with probability {}",
                humantime::format_duration(block_time.value),
                percent(probability)
            ),
            "write `within = \"auto\"`",
        );
    }
}
