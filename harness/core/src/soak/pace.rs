//! Whether the chain went on: a window may not have so few blocks that a healthy chain would not have had them.

use std::time::Duration;

use super::{
    asked::Asked,
    seen::{Blocks, Window},
};
use crate::{
    gate::Outcome,
    statistics::{blocks::too_few, round},
    text::short,
};

/// A chain whose miners are ended and cut off by turns has this part of its usual pace, at least.
const PACE: f64 = 3.0;

/// What a window says of the chain's pace.
pub(super) enum Pace {
    /// Nothing that a healthy chain would not do.
    Fine,
    /// It nearly stood still.
    Slow(String),
    /// Nobody has said a height, or how often blocks usually come.
    Unknown,
}

/// Seconds between two blocks in each window that passed and had any, the least first, with the windows' numbers.
pub(super) struct Usual(Vec<(f64, u64)>);

impl Usual {
    /// What is usual among these.
    pub(super) fn of(windows: &[Window]) -> Self {
        let mut times: Vec<(f64, u64)> = windows.iter().filter_map(time).collect();
        times.sort_by(order);
        Self(times)
    }

    /// The middle of all windows but this one: nobody knows it better where scenario and profile do not say it.
    fn without(&self, window: &Window) -> Option<f64> {
        let own =
            time(window).and_then(|own| self.0.binary_search_by(|other| order(other, &own)).ok());
        let others = self.0.len() - usize::from(own.is_some());
        let middle = others / 2;
        let skips = own.is_some_and(|own| own <= middle);
        self.0.get(middle + usize::from(skips)).map(|(time, _)| *time)
    }

    /// What this window, which is one of them, says.
    pub(super) fn pace(&self, asked: &Asked, window: &Window) -> Pace {
        self.judged(asked, window).unwrap_or(Pace::Unknown)
    }

    fn judged(&self, asked: &Asked, window: &Window) -> Option<Pace> {
        let Blocks { from, to, every_ms } = window.blocks?;
        let usual = every_ms.map(|ms| ms as f64 / 1000.0).or_else(|| self.without(window))?;
        let slow = usual * PACE * asked.overrides.patience();
        let made = to.saturating_sub(from);
        let length = Duration::try_from_secs_f64(window.seconds).ok()?;
        let every = Duration::try_from_secs_f64(slow).ok().filter(|time| !time.is_zero())?;
        let chance = too_few(made.saturating_add(1), length, every);
        Some(if chance < asked.confidence(1).error() {
            let usually = round(usual);
            let length = short(length);
            Pace::Slow(format!("{made} blocks in {length}, which usually come every {usually} s"))
        } else {
            Pace::Fine
        })
    }
}

/// One that was cut off says nothing: a block in its first moment would be a chain of ten blocks a second, and each whole
/// window beside it too slow.
fn time(window: &Window) -> Option<(f64, u64)> {
    if window.outcome() != Some(Outcome::Pass) {
        return None;
    }
    let made = window.blocks?.to.saturating_sub(window.blocks?.from);
    (made > 0).then(|| (window.seconds / made as f64, window.number))
}

fn order(one: &(f64, u64), other: &(f64, u64)) -> std::cmp::Ordering {
    one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
}
