//! What is taken from a run's evidence: times from its verdict, memory and processor time from its events.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, EventKind, Reading},
    verdict::Figures,
};

/// What is below a millisecond counts as one: ratios of nothing are no ratios, and nothing here is measured finer.
const SHORTEST: f64 = 0.001;

/// A figure that is compared; of each, less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Seconds from the last start to peers.
    Convergence,
    /// Seconds from the last heal until `recovers` held.
    Recovery,
    /// Bytes: the most that each node ever had, of all of them together.
    Memory,
    /// Milliseconds of processor time of all nodes, for each block of the chain.
    Processor,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Convergence, Self::Recovery, Self::Memory, Self::Processor];

    /// A value of it, as people read it.
    pub fn value(self, value: f64) -> String {
        use crate::statistics::round;
        match self {
            Self::Convergence | Self::Recovery => format!("{} s", round(value)),
            Self::Memory => format!("{} MiB", round(value / 1_048_576.0)),
            Self::Processor => format!("{} ms", round(value)),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Convergence => "convergence",
            Self::Recovery => "recovery",
            Self::Memory => "memory",
            Self::Processor => "processor time per block",
        })
    }
}

/// A run's figures, as far as it has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    convergence: Option<f64>,
    recovery: Option<f64>,
    memory: Option<f64>,
    processor: Option<f64>,
}

impl Measured {
    /// One of them.
    pub fn of(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Convergence => self.convergence,
            Figure::Recovery => self.recovery,
            Figure::Memory => self.memory,
            Figure::Processor => self.processor,
        }
    }

    /// As if it had been measured so.
    #[must_use]
    pub fn with(mut self, figure: Figure, value: f64) -> Self {
        let place = match figure {
            Figure::Convergence => &mut self.convergence,
            Figure::Recovery => &mut self.recovery,
            Figure::Memory => &mut self.memory,
            Figure::Processor => &mut self.processor,
        };
        *place = Some(value);
        self
    }
}

/// Takes figures from a run's events, in their order.
#[derive(Debug, Default)]
pub struct Meter {
    memory: BTreeMap<String, u64>,
    /// By node and start: what a process used until it was last looked at.
    processor: BTreeMap<(String, u32), u64>,
    lowest: Option<u64>,
    highest: u64,
}

impl Meter {
    /// The next event.
    pub fn take(&mut self, event: &Event) {
        if let EventKind::Resources(sample) = &event.what
            && let Some(used) = sample.used
        {
            let memory = self.memory.entry(sample.node.clone()).or_default();
            *memory = used.memory_bytes.max(*memory);
            let processor = self.processor.entry((sample.node.clone(), sample.start)).or_default();
            *processor = used.cpu_ms.max(*processor);
        }
        if let EventKind::Sample(sample) = &event.what
            && let Reading::Value(height) = sample.height
        {
            self.lowest = Some(self.lowest.map_or(height, |lowest| lowest.min(height)));
            self.highest = self.highest.max(height);
        }
    }

    /// All that a run gave.
    pub fn measured(&self, figures: &Figures) -> Measured {
        let seconds = |seconds: Option<f64>| seconds.map(|seconds| seconds.max(SHORTEST));
        let sum = |values: &mut dyn Iterator<Item = u64>| values.sum::<u64>() as f64;
        let above_zero = |value: &f64| *value > 0.0;
        let blocks = self.lowest.map_or(0, |lowest| self.highest - lowest) as f64;
        let memory = sum(&mut self.memory.values().copied());
        let processor = sum(&mut self.processor.values().copied()) / blocks;
        Measured {
            convergence: seconds(figures.last_start_to_peers_seconds),
            recovery: seconds(figures.recovery_seconds),
            memory: Some(memory).filter(above_zero),
            processor: Some(processor).filter(|value| value.is_finite() && above_zero(value)),
        }
    }
}
