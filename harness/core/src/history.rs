//! What was observed in a run, by node and time: the checks' memory. Fed with events in their
//! order; knows nothing of what the observations mean.

use std::collections::BTreeMap;

use crate::{
    event::{
        Asked, AskedFor, CheckId, Event, EventKind, HashRound, LogSeen, Look, Moment, Pace, Part,
        PathRound, ResourceSample, Sample, SessionList,
    },
    node::{Incarnation, NodeState},
};

/// Everything observed so far. Grows with the run, which its timeout bounds: about 150 bytes for
/// each sample.
#[derive(Debug, Default)]
pub struct History {
    samples: BTreeMap<String, Vec<Sample>>,
    /// Rounds that a node refused to answer now.
    refused: BTreeMap<String, Vec<Sample>>,
    states: BTreeMap<String, Vec<StateSeen>>,
    hashes: Vec<HashRound>,
    asked: BTreeMap<CheckId, Vec<Asked>>,
    paths: Vec<PathRound>,
    looks: BTreeMap<String, Vec<Look>>,
    sessions: BTreeMap<String, Vec<SessionList>>,
    resources: BTreeMap<String, Vec<ResourceSample>>,
    logs: BTreeMap<String, Vec<(Moment, LogSeen)>>,
    starts: BTreeMap<String, BTreeMap<u32, Start>>,
    /// Node by its own peer ID.
    identities: BTreeMap<String, String>,
    said: BTreeMap<String, Vec<Said>>,
    all_started: Option<Moment>,
    pace: Option<Pace>,
    /// The highest height seen at each moment at which it grew.
    peaks: Vec<(Moment, u64)>,
}

/// A fault as a check may look back at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultSpan {
    /// Whom it hit.
    pub nodes: Vec<String>,
    /// From when it was in effect.
    pub effective: Moment,
    /// When it was undone; `None` while it lasts.
    pub healed: Option<Moment>,
    /// When that was proven: heights are compared with everything seen before.
    pub proven: Option<Moment>,
}

/// The engine's word on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSeen {
    /// When it was asked.
    pub at: Moment,
    /// What it said.
    pub state: NodeState,
}

/// One start of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// When it was recorded: just after it was executed.
    pub at: Moment,
    /// Proof of it from outside.
    pub incarnation: Incarnation,
}

/// A node's word on who it is, in one of its starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When it was recorded.
    pub at: Moment,
    /// Which start of it.
    pub start: u32,
    /// Its peer ID.
    pub id: String,
}

impl History {
    /// Takes in what an event observed.
    pub fn record(&mut self, event: &Event) {
        match &event.what {
            EventKind::Sample(sample) => self.record_sample(sample),
            EventKind::Hashes(round) => self.hashes.push(round.clone()),
            EventKind::Asked(asked) => self.record_asked(asked),
            EventKind::Paths(round) => self.paths.push(round.clone()),
            EventKind::Look(look) => {
                self.looks.entry(look.node.clone()).or_default().push(look.clone())
            }
            EventKind::Log(seen) => self.record_line(event.at_ms, seen),
            EventKind::State { node, state } => {
                self.states
                    .entry(node.clone())
                    .or_default()
                    .push(StateSeen { at: event.at_ms, state: state.clone() });
            }
            EventKind::Sessions(list) => {
                self.sessions.entry(list.node.clone()).or_default().push(list.clone())
            }
            EventKind::Resources(sample) => {
                self.resources.entry(sample.node.clone()).or_default().push(sample.clone())
            }
            EventKind::NodeStarted { node, start, incarnation, .. } => {
                self.starts
                    .entry(node.clone())
                    .or_default()
                    .insert(*start, Start { at: event.at_ms, incarnation: incarnation.clone() });
            }
            EventKind::Pace(pace) => self.pace = Some(pace.clone()),
            EventKind::AllStarted => self.all_started = Some(event.at_ms),
            EventKind::Methods { node, start, peer_id: Some(id), .. } => {
                self.identities.insert(id.clone(), node.clone());
                let said = Said { at: event.at_ms, start: *start, id: id.clone() };
                self.said.entry(node.clone()).or_default().push(said);
            }
            EventKind::Methods { peer_id: None, .. }
            | EventKind::RunStarted { .. }
            | EventKind::Preparing { .. }
            | EventKind::Prepared { .. }
            | EventKind::PhaseStarted { .. }
            | EventKind::PhaseEnded { .. }
            | EventKind::FaultStarted { .. }
            | EventKind::FaultEffective { .. }
            | EventKind::FaultHealed { .. }
            | EventKind::FaultUnproven { .. }
            | EventKind::CheckStarted { .. }
            | EventKind::CheckSettled { .. }
            | EventKind::NodeExited { .. }
            | EventKind::NodeBroken { .. }
            | EventKind::NodeUnseen { .. }
            | EventKind::ClockJumped { .. }
            | EventKind::TimedOut { .. }
            | EventKind::EnvironmentFailed { .. }
            | EventKind::Interrupted { .. }
            | EventKind::HarnessBroken { .. }
            | EventKind::TeardownStarted
            | EventKind::TornDown { .. }
            | EventKind::Kept => {}
        }
    }

    /// A node's samples that were sent since `from` and answered by `to`, in order.
    pub fn samples(&self, node: &str, from: Moment, to: Moment) -> &[Sample] {
        let samples = self.samples.get(node).map_or(&[][..], Vec::as_slice);
        between(samples, |sample| sample.sent >= from, |sample| sample.answered <= to)
    }

    /// Rounds that a node asked to be asked later, sent since `from` and answered by `to`: they are
    /// none of its samples, since they say nothing of its state. That it lives they do say.
    pub fn refused(&self, node: &str, from: Moment, to: Moment) -> &[Sample] {
        let refused = self.refused.get(node).map_or(&[][..], Vec::as_slice);
        between(refused, |sample| sample.sent >= from, |sample| sample.answered <= to)
    }

    /// What the engine said about a node from `from` to `to`, in order.
    pub fn states(&self, node: &str, from: Moment, to: Moment) -> &[StateSeen] {
        let states = self.states.get(node).map_or(&[][..], Vec::as_slice);
        between(states, |state| state.at >= from, |state| state.at <= to)
    }

    /// Rounds of block hashes that were sent since `from` and answered by `to`, in the order of
    /// their answers: several are under way at a time.
    pub fn hash_rounds(&self, from: Moment, to: Moment) -> impl Iterator<Item = &HashRound> {
        self.hashes.iter().filter(move |round| round.sent >= from && round.answered <= to)
    }

    /// What a check looked at by itself, begun since `from` and over by `to`, in order.
    pub fn asked(&self, check: CheckId, from: Moment, to: Moment) -> &[Asked] {
        let asked = self.asked.get(&check).map_or(&[][..], Vec::as_slice);
        between(asked, |asked| asked.sent >= from, |asked| asked.answered <= to)
    }

    /// Rounds of tried paths that were sent since `from` and answered by `to`, in order.
    pub fn path_rounds(
        &self,
        from: Moment,
        to: Moment,
    ) -> impl DoubleEndedIterator<Item = &PathRound> {
        self.paths.iter().filter(move |round| round.sent >= from && round.answered <= to)
    }

    /// What was looked at of a node, begun since `from` and over by `to`, in order.
    pub fn looks(&self, node: &str, from: Moment, to: Moment) -> &[Look] {
        let looks = self.looks.get(node).map_or(&[][..], Vec::as_slice);
        between(looks, |look| look.sent >= from, |look| look.answered <= to)
    }

    /// The highest height that any node had given by `before`.
    pub fn highest_before(&self, before: Moment) -> Option<u64> {
        let seen = self.peaks.partition_point(|(at, _)| *at <= before);
        seen.checked_sub(1).map(|last| self.peaks[last].1)
    }

    /// A node's lists of sessions that were answered by `to`, in order.
    pub fn sessions(&self, node: &str, to: Moment) -> &[SessionList] {
        let lists = self.sessions.get(node).map_or(&[][..], Vec::as_slice);
        between(lists, |_| true, |list| list.answered <= to)
    }

    /// What a node was seen to use from `from` to `to`, in order.
    pub fn resources(&self, node: &str, from: Moment, to: Moment) -> &[ResourceSample] {
        let samples = self.resources.get(node).map_or(&[][..], Vec::as_slice);
        between(samples, |sample| sample.sent >= from, |sample| sample.answered <= to)
    }

    /// What was recorded of a node's log from `from` to `to`, in order.
    pub fn logs(&self, node: &str, from: Moment, to: Moment) -> &[(Moment, LogSeen)] {
        let logs = self.logs.get(node).map_or(&[][..], Vec::as_slice);
        between(logs, |(at, _)| *at >= from, |(at, _)| *at <= to)
    }

    /// This start of a node.
    pub fn start(&self, node: &str, start: u32) -> Option<&Start> {
        self.starts.get(node)?.get(&start)
    }

    /// A node's last start, and its number.
    pub fn last_start(&self, node: &str) -> Option<(u32, &Start)> {
        self.starts.get(node)?.last_key_value().map(|(number, start)| (*number, start))
    }

    /// "Last start": when the last node was executed.
    pub fn all_started(&self) -> Option<Moment> {
        self.all_started
    }

    /// How fast blocks come, where that is known.
    pub fn pace(&self) -> Option<&Pace> {
        self.pace.as_ref()
    }

    /// Whose peer ID this is, by that node's own word.
    pub fn node_of(&self, peer_id: &str) -> Option<&str> {
        self.identities.get(peer_id).map(String::as_str)
    }

    /// What a node had said of itself by `to`, in order: at most once for each start.
    pub fn said(&self, node: &str, to: Moment) -> &[Said] {
        let said = self.said.get(node).map_or(&[][..], Vec::as_slice);
        between(said, |_| true, |said| said.at <= to)
    }

    /// A node has said its peer ID.
    pub fn knows_identity(&self, node: &str) -> bool {
        self.identities.values().any(|known| known == node)
    }

    /// Times in milliseconds that the network took for each of its new heights by `before`. One
    /// that was skipped between two samples took an equal part of the time. What was there at the
    /// first look is no interval.
    pub fn block_intervals(&self, before: Moment) -> Vec<u64> {
        let peaks = &self.peaks[..self.peaks.partition_point(|(at, _)| *at <= before)];
        let mut intervals = Vec::new();
        for pair in peaks.windows(2) {
            let (blocks, took) = (pair[1].1 - pair[0].1, pair[1].0.0 - pair[0].0.0);
            // A node that lies about its height must not cost us our memory.
            intervals.extend((0..blocks.min(64)).map(|_| took / blocks));
        }
        intervals
    }

    fn record_asked(&mut self, asked: &Asked) {
        let (all, mut asked) = (self.asked.entry(asked.check).or_default(), asked.clone());
        if let AskedFor::Answers(answers) = &mut asked.seen
            && let Some(AskedFor::Answers(before)) = all.last().map(|last| &last.seen)
        {
            Part::restore(answers, before);
        }
        all.push(asked);
    }

    fn record_line(&mut self, at: Moment, seen: &LogSeen) {
        self.logs.entry(seen.node.clone()).or_default().push((at, seen.clone()));
    }

    fn record_sample(&mut self, sample: &Sample) {
        if sample.is_refused() {
            self.refused.entry(sample.node.clone()).or_default().push(sample.clone());
            return;
        }
        if let Some(height) = sample.height.value()
            && self.peaks.last().is_none_or(|(_, peak)| height > peak)
        {
            // Answers of several nodes may be recorded a little out of order; a peak is dated at
            // the latest of them, so that it never counts as earlier than it was.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::testing::{ASKING, Seen, incarnation, sample},
        event::{Part, Reading},
    };

    #[test]
    fn an_answer_that_is_as_before_is_the_one_before() {
        let json = |text: &str| Part::Json(text.to_owned().into());
        let seen = Seen::default()
            .answers(1_000, 5, &[("a", json("1")), ("b", json("2"))])
            .answers(2_000, 5, &[("a", Part::Same), ("b", json("3"))])
            .answers(3_000, 5, &[("a", Part::Same), ("b", Part::Same), ("c", Part::Same)]);
        let rounds = seen.history.asked(ASKING, Moment(0), Moment(4_000));
        let AskedFor::Answers(last) = &rounds.last().unwrap().seen else { panic!("no answers") };
        assert_eq!((&last["a"], &last["b"]), (&json("1"), &json("3")));
        assert_eq!(last["c"], Part::Same, "there was none before: it says nothing");
    }

    #[test]
    fn what_lies_outside_of_the_span_is_not_looked_at() {
        let mut seen = Seen::default();
        for at in [1_000, 2_000, 3_000] {
            seen.state("node-1", at, true);
            // Answered 5 ms later.
            seen = seen.hashes(at, at / 1_000, &[("node-1", "0xa")]);
        }
        let states = |from, to| {
            seen.history
                .states("node-1", Moment(from), Moment(to))
                .iter()
                .map(|state| state.at.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(states(2_000, 2_999), [2_000]);
        assert_eq!(states(1_001, 3_000), [2_000, 3_000]);
        let rounds = |from, to| {
            seen.history
                .hash_rounds(Moment(from), Moment(to))
                .map(|round| round.height)
                .collect::<Vec<_>>()
        };
        assert_eq!(rounds(2_000, 3_004), [2]);
        assert_eq!(rounds(1_001, 3_005), [2, 3]);
        assert_eq!(rounds(0, 1_005), [1]);
    }

    #[test]
    fn a_height_that_was_skipped_took_an_equal_part_of_the_time() {
        let mut seen = Seen::default();
        for (at, height) in
            [(1_000, 5), (2_000, 5), (3_995, 8), (4_500, 7), (5_995, 9), (8_000, 90)]
        {
            seen.add(Sample { height: Reading::Value(height), ..sample("node-1", at) });
        }
        // Answers come 5 ms later.
        assert_eq!(seen.history.block_intervals(Moment(6_000)), [998, 998, 998, 2_000]);
        assert_eq!(
            seen.history.block_intervals(Moment(8_005)).len(),
            4 + 64,
            "a leap costs no more memory than that"
        );
    }

    #[test]
    fn the_last_start_is_the_one_with_the_highest_number() {
        let mut seen = Seen::default();
        assert!(seen.history.last_start("node-1").is_none());
        for start in 0..3 {
            seen.started(
                "node-1",
                1_000 * u64::from(start),
                start,
                incarnation(i64::from(start) + 7),
            );
        }
        let (number, start) = seen.history.last_start("node-1").unwrap();
        assert_eq!((number, start.at, start.incarnation.pid), (2, Moment(2_000), 9));
        assert!(seen.history.last_start("node-2").is_none());
    }
}
