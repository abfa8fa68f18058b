//! What grows. A node that is ended and started again begins anew, so memory and descriptors are judged within
//! one life of a node: its longest. A log goes on over all lives in a network.
//!
//! What fills a cache grows as a leak does, until it is full, and nobody can tell the two apart before. So growth is
//! said at once, fails a soak at its end if it has not ended by then, and ends one early only when
//! [`IN_A_ROW`] windows have found it one after another. A limit that was reached is no matter of time.

use super::{
    asked::Asked,
    quantity::Quantity,
    seen::Window,
    used::{LONG_ENOUGH, Used},
};
use crate::statistics::{
    Confidence, round,
    slope::{Growth, Slope, growth},
};

/// Windows that have to find growth, one after another, before a soak ends for it.
pub const IN_A_ROW: usize = 3;

/// A leak matters that reaches its limit within so many seconds: a week.
pub const WITHIN: f64 = 7.0 * 86_400.0;

/// What was seen for a minute says nothing of a week: it is believed for so many times as long as it was seen. Ten minutes are
/// enough for a week.
const BELIEVED: f64 = 1100.0;

/// How one quantity of one node goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trend {
    /// The node.
    pub node: String,
    /// What was measured.
    pub quantity: Quantity,
    /// Seconds from the first sample to the last, within one life.
    pub span: f64,
    /// How many samples that is.
    pub samples: usize,
    /// That life goes on in the last window.
    pub goes_on: bool,
    /// The most that was ever seen, in any life.
    pub most: u64,
    /// What must not be reached.
    pub limit: u64,
    /// The slope of the later half, which counts. `None`: too few samples, or too short a life.
    pub slope: Option<Slope>,
    /// Whether it surely grows, and reaches the limit within a week.
    pub growth: Option<Growth>,
}

impl Trend {
    /// The limit was reached already.
    pub fn is_above(&self) -> bool {
        self.most > self.limit
    }

    /// It surely grows, and too fast.
    pub fn grows(&self) -> bool {
        matches!(self.growth, Some(Growth::Reaches { .. }))
    }
}

/// How every quantity of every node went on until this window, the last. A quantity that was never measured of a
/// node has none.
pub(super) fn trends(asked: &Asked, used: &Used, last: &Window) -> Vec<Trend> {
    let confidence = asked.confidence(last.nodes.len() * Quantity::ALL.len());
    let length = asked.window.as_secs_f64();
    let mut trends = Vec::new();
    for name in last.nodes.keys() {
        for (quantity, lives) in used.of(name) {
            let Some((most, life)) = lives.most.zip(lives.longest(length)) else { continue };
            let trend = Trend {
                node: name.clone(),
                quantity,
                span: life.span(),
                samples: life.samples,
                goes_on: lives.goes_on(life, last.network, last.began + last.seconds / 2.0),
                most,
                limit: quantity.limit(&asked.limits),
                slope: None,
                growth: None,
            };
            trends.push(trend.judged(&life.points(), length, confidence));
        }
    }
    trends
}

impl Trend {
    fn judged(mut self, life: &[(f64, f64)], window: f64, confidence: Confidence) -> Self {
        if self.span >= window * LONG_ENOUGH {
            let within = WITHIN.min(self.span * BELIEVED);
            self.growth = growth(life, self.limit as f64, within, confidence);
            self.slope = Slope::of(&life[life.len() / 2..], confidence);
        }
        self
    }
}

impl Trend {
    /// What grows, how fast and how surely, and when it is too much.
    pub fn words(&self) -> String {
        let Some((slope, Growth::Reaches { after })) = self.slope.zip(self.growth) else {
            return self.above_words();
        };
        let per_minute = |per_second: f64| self.amount(per_second * 60.0);
        format!(
            "the {} of {} grows by {} a minute ({} to {}) and is at {} in {} h",
            self.quantity,
            self.node,
            per_minute(slope.per_second),
            per_minute(slope.interval.low),
            per_minute(slope.interval.high),
            self.amount(self.limit as f64),
            round(after / 3600.0),
        )
    }

    /// That the limit was reached.
    pub fn above_words(&self) -> String {
        let (most, limit) = (self.amount(self.most as f64), self.amount(self.limit as f64));
        format!("the {} of {} was {most}, the limit is {limit}", self.quantity, self.node)
    }

    /// An amount of it, for people.
    pub fn amount(&self, value: f64) -> String {
        const MIB: f64 = 1_048_576.0;
        match self.quantity {
            Quantity::Descriptors => round(value).to_string(),
            Quantity::Memory | Quantity::Log if value.abs() >= 100.0 * MIB => {
                format!("{:.0} MiB", value / MIB)
            }
            Quantity::Memory | Quantity::Log if value.abs() >= MIB / 100.0 => {
                format!("{} MiB", round(value / MIB))
            }
            Quantity::Memory | Quantity::Log => format!("{} B", round(value)),
        }
    }
}
