//! How long a check may take: as it is written, or as long as a healthy chain of the network's block time
//! needs. Blocks come by chance, so both come with the probability that such a chain fails them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::plan::{CheckPlan, PhasePlan, Plan};
use crate::{
    check::When,
    event::{Pace, PaceBy},
    statistics::{blocks, round},
    text::short,
};

/// A check's `within`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// So long.
    For(Duration),
    /// As long as it takes a healthy chain to make the blocks that the check waits for, but one time in a
    /// thousand.
    Auto,
}

/// As it is written.
pub(super) const AUTO: &str = "auto";

impl Within {
    /// Its length, where that does not depend on the network.
    pub fn written(self) -> Option<Duration> {
        match self {
            Self::For(length) => Some(length),
            Self::Auto => None,
        }
    }
}

impl Serialize for Within {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(length) => serializer.serialize_f64(length.as_secs_f64()),
            Self::Auto => serializer.serialize_str(AUTO),
        }
    }
}

impl<'de> Deserialize<'de> for Within {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Recorded {
            Seconds(f64),
            Word(String),
        }
        match Recorded::deserialize(deserializer)? {
            Recorded::Seconds(seconds) => {
                Duration::try_from_secs_f64(seconds).map(Self::For).map_err(D::Error::custom)
            }
            Recorded::Word(word) if word == AUTO => Ok(Self::Auto),
            Recorded::Word(word) => Err(D::Error::custom(format!("`{word}` is no window"))),
        }
    }
}

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

/// `26.4 %`; what is less than anybody can tell from nothing is said so.
fn percent(probability: f64) -> String {
    const LEAST: f64 = 1e-6;
    if probability < LEAST {
        return "below 0.0001 %".to_owned();
    }
    format!("{} %", round(probability * 100.0))
}
