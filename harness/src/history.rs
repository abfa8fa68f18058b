//! What was observed in a run, by node and time: the checks' memory. Fed with events in their order; knows nothing of what the observations mean.

use std::collections::BTreeMap;

use crate::event::{Event, HashRound, Moment, Sample, What};

/// Everything observed so far. Grows with the run, which its timeout bounds: about 150 bytes for each sample.
#[derive(Debug, Default)]
pub struct History {
    samples: BTreeMap<String, Vec<Sample>>,
    states: BTreeMap<String, Vec<StateSeen>>,
    hashes: Vec<HashRound>,
    /// The highest height seen at each moment at which it grew.
    peaks: Vec<(Moment, u64)>,
}

/// The engine's word on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSeen {
    /// When it was asked.
    pub at: Moment,
    /// What it said.
    pub running: bool,
}

impl History {
    /// Takes in what an event observed.
    pub fn record(&mut self, event: &Event) {
        match &event.what {
            What::Sample(sample) => self.record_sample(sample),
            What::Hashes(round) => self.hashes.push(round.clone()),
            What::State { node, running } => {
                self.states.entry(node.clone()).or_default().push(StateSeen { at: event.at_ms, running: *running });
            }
            What::RunStarted { .. }
            | What::Preparing { .. }
            | What::Prepared { .. }
            | What::NodeStarted { .. }
            | What::AllStarted
            | What::Methods { .. }
            | What::PhaseStarted { .. }
            | What::PhaseEnded { .. }
            | What::FaultStarted { .. }
            | What::FaultEffective { .. }
            | What::FaultHealed { .. }
            | What::FaultUnproven { .. }
            | What::CheckStarted { .. }
            | What::CheckSettled { .. }
            | What::NodeExited { .. }
            | What::NodeBroken { .. }
            | What::NodeUnseen { .. }
            | What::ClockJumped { .. }
            | What::TimedOut { .. }
            | What::EnvironmentFailed { .. }
            | What::Interrupted { .. }
            | What::HarnessBroken { .. }
            | What::TeardownStarted
            | What::TornDown { .. }
            | What::Kept => {}
        }
    }

    /// A node's samples that were sent since `from` and answered by `to`, in order.
    pub fn samples(&self, node: &str, from: Moment, to: Moment) -> &[Sample] {
        let samples = self.samples.get(node).map_or(&[][..], Vec::as_slice);
        between(samples, |sample| sample.sent >= from, |sample| sample.answered <= to)
    }

    /// What the engine said about a node from `from` to `to`, in order.
    pub fn states(&self, node: &str, from: Moment, to: Moment) -> &[StateSeen] {
        let states = self.states.get(node).map_or(&[][..], Vec::as_slice);
        between(states, |state| state.at >= from, |state| state.at <= to)
    }

    /// Rounds of block hashes that were sent since `from` and answered by `to`, in the order of their answers: several are under way at a time.
    pub fn hash_rounds(&self, from: Moment, to: Moment) -> impl Iterator<Item = &HashRound> {
        self.hashes.iter().filter(move |round| round.sent >= from && round.answered <= to)
    }

    /// The highest height that any node had given by `before`.
    pub fn highest_before(&self, before: Moment) -> Option<u64> {
        let seen = self.peaks.partition_point(|(at, _)| *at <= before);
        seen.checked_sub(1).map(|last| self.peaks[last].1)
    }

    fn record_sample(&mut self, sample: &Sample) {
        if let Some(height) = sample.height.value()
            && self.peaks.last().is_none_or(|(_, peak)| height > peak)
        {
            // Answers of several nodes may be recorded a little out of order; a peak is dated at the latest of them, so that it never counts as earlier than it was.
            let at = self.peaks.last().map_or(sample.answered, |(at, _)| sample.answered.max(*at));
            self.peaks.push((at, *height));
        }
        self.samples.entry(sample.node.clone()).or_default().push(sample.clone());
    }
}

/// The part of a list in order of time that began late enough and ended early enough.
fn between<T>(list: &[T], began: impl Fn(&T) -> bool, ended: impl Fn(&T) -> bool) -> &[T] {
    let first = list.partition_point(|entry| !began(entry));
    let rest = &list[first..];
    &rest[..rest.partition_point(ended)]
}
