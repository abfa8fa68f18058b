//! `no-stall`: within the check's window no named node goes longer than `longest` without a new
//! height, a height above all that it gave before.
//!
//! The gaps from the window's start to the first new height and from the last one to the deadline
//! count as well, so the check needs its whole window: it passes only at the deadline, and fails as
//! soon as a gap is too long. A node is asked from time to time only, so a gap is counted at its
//! longest: from the earliest moment at which the one height can have been new (when the question
//! before was sent) to the latest at which the other can (when its answer was there). A stall is
//! never missed for it; a gap that is within two poll intervals of `longest` may fail.
//!
//! If `longest` is not written it follows from what was seen: 20 times the median time between the
//! network's new heights before the check, 10 s at least. Proof-of-work blocks come as a Poisson
//! process, so a gap is longer than `k` medians with probability 2^-k: twenty make one false alarm
//! in a million blocks. Fewer than `ENOUGH` intervals before the check give no median:
//! inconclusive.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hold::starved,
    view::inconclusive,
};
use crate::{
    control::{Control, Controls, Disturbance, How, Lie, THREE_NODES, WITHOUT_MINERS, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::{
        CheckVerdict::{self, Fail},
        Finding, Moment, Reading, Sample,
    },
    text::short,
};

/// Intervals that a median needs.
const ENOUGH: usize = 10;

/// Medians that a gap may last.
const MEDIANS: u64 = 20;

/// What follows is at least this: sampling and a busy machine must not look like a stall.
const LEAST: Duration = Duration::from_secs(10);

/// A pause between an answer and the next question that is ours, not the node's.
const UNASKED: Duration = Duration::from_secs(1);

/// The same at the deadline, where a question may still be open.
const UNASKED_AT_END: Duration = Duration::from_secs(3);

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoStall {
    /// As written, in milliseconds; `None` is derived.
    pub longest_ms: Option<u64>,
}

impl fmt::Display for NoStall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.longest_ms {
            Some(ms) => {
                write!(f, "a new height at least every {}", short(Duration::from_millis(ms)))
            }
            None => write!(
                f,
                "a new height at least every {MEDIANS} median block times ({} at least)",
                short(LEAST)
            ),
        }
    }
}

impl Check for NoStall {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let Some((longest, whence)) = self.longest(view) else {
            let seen = view.history.block_intervals(view.start).len();
            return inconclusive(
                format!(
                    "{seen} blocks before the check are too few to derive a longest gap from; write `longest`"
                ),
                String::new(),
            );
        };
        let window = view.deadline.since(view.start);
        if longest >= window {
            return inconclusive(
                format!(
                    "the longest gap allowed ({}{whence}) is not shorter than the window ({}), so no stall could be seen",
                    short(longest),
                    short(window)
                ),
                String::new(),
            );
        }
        let gaps: Vec<Gaps> = view.nodes.iter().map(|node| Gaps::of(view, node)).collect();
        let observed = view
            .nodes
            .iter()
            .zip(&gaps)
            .map(|(node, gaps)| format!("{node}: {}", gaps.describe(view, node)))
            .collect::<Vec<_>>()
            .join("; ");
        for (node, gaps) in view.nodes.iter().zip(&gaps) {
            if gaps.longest <= longest {
                continue;
            }
            if let Some(pause) = gaps.unasked {
                return inconclusive(
                    format!(
                        "we did not ask {node} for {}: this machine was too busy",
                        short(pause)
                    ),
                    observed,
                );
            }
            return Judgement::Settled(fail(
                format!(
                    "{node} had no new height for {}, longer than {}{whence}",
                    short(gaps.longest),
                    short(longest)
                ),
                observed,
            ));
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        if let Some(reason) = starved(view) {
            return inconclusive(reason, observed);
        }
        if let Some(node) =
            view.nodes.iter().zip(&gaps).find_map(|(node, gaps)| (gaps.blocks == 0).then_some(node))
        {
            return Judgement::Settled(fail(format!("{node} had no new height at all"), observed));
        }
        if view.nodes.is_empty() {
            return Judgement::Settled(fail("nobody to look at".to_owned(), observed));
        }
        let reason = format!("no gap longer than {}{whence} in {}", short(longest), short(window));
        Judgement::Settled(Finding {
            verdict: CheckVerdict::Pass,
            reason,
            observed,
            held_since: Some(view.start),
        })
    }
}

impl NoStall {
    /// The longest gap allowed, and where that comes from.
    fn longest(&self, view: &View<'_>) -> Option<(Duration, String)> {
        if let Some(ms) = self.longest_ms {
            return Some((Duration::from_millis(ms), String::new()));
        }
        let mut intervals = view.history.block_intervals(view.start);
        if intervals.len() < ENOUGH {
            return None;
        }
        intervals.sort_unstable();
        let median = intervals[intervals.len() / 2];
        let derived = Duration::from_millis(median.saturating_mul(MEDIANS)).max(LEAST);
        Some((
            derived,
            format!(
                " (derived from a median block time of {})",
                short(Duration::from_millis(median))
            ),
        ))
    }
}

/// What one node's samples say about its gaps so far.
#[derive(Debug, Default)]
struct Gaps {
    longest: Duration,
    /// New heights in the window.
    blocks: usize,
    /// The longest pause of ours in the longest gap.
    unasked: Option<Duration>,
}

impl Gaps {
    fn of(view: &View<'_>, node: &str) -> Self {
        let mut walk = Walk {
            best: highest_before(view, node),
            gap_from: view.start,
            last_value: view.start,
            last_answer: view.start,
            unasked: Duration::ZERO,
            gaps: Self::default(),
        };
        for sample in view.samples(node, view.start) {
            walk.step(sample);
        }
        if view.is_over() {
            walk.end(view.deadline);
        }
        walk.gaps
    }

    fn describe(&self, view: &View<'_>, node: &str) -> String {
        let last = match view.samples(node, view.start).last().map(|sample| &sample.height) {
            Some(Reading::Missing(miss)) => format!(", then {miss}"),
            Some(Reading::Value(_)) => String::new(),
            None => ", not asked yet".to_owned(),
        };
        format!("{} new heights, longest gap {}{last}", self.blocks, short(self.longest))
    }
}

/// One way through a node's samples, in order.
struct Walk {
    /// The highest height that it gave, if it gave any.
    best: Option<u64>,
    /// The earliest moment at which `best` can have been new.
    gap_from: Moment,
    /// When the last question was sent that brought a height.
    last_value: Moment,
    last_answer: Moment,
    /// The longest pause of ours in the running gap.
    unasked: Duration,
    gaps: Gaps,
}

impl Walk {
    fn step(&mut self, sample: &Sample) {
        let pause = sample.sent.since(self.last_answer);
        self.note(pause, UNASKED);
        self.last_answer = self.last_answer.max(sample.answered);
        self.measure(sample.answered);
        let Some(&height) = sample.height.value() else { return };
        match self.best {
            Some(best) if height > best => {
                self.gaps.blocks += 1;
                self.best = Some(height);
                // Between the question before, which still brought the old height, and this answer;
                // the pause before it is in the new gap as well.
                self.gap_from = self.last_value;
                self.unasked = Duration::ZERO;
                self.note(pause, UNASKED);
            }
            Some(_) => {}
            // The first height of all is not known to be new.
            None => self.best = Some(height),
        }
        self.last_value = sample.sent;
    }

    fn end(&mut self, deadline: Moment) {
        self.note(deadline.since(self.last_answer), UNASKED_AT_END);
        self.measure(deadline);
    }

    fn note(&mut self, pause: Duration, longest: Duration) {
        if pause > longest {
            self.unasked = self.unasked.max(pause);
        }
    }

    /// The running gap lasts until here at least.
    fn measure(&mut self, until: Moment) {
        let gap = until.since(self.gap_from);
        if gap > self.gaps.longest {
            self.gaps.longest = gap;
            self.gaps.unasked = (!self.unasked.is_zero()).then_some(self.unasked);
        }
    }
}

/// The highest height that the node gave before the window.
fn highest_before(view: &View<'_>, node: &str) -> Option<u64> {
    view.history
        .samples(node, Moment(0), view.start)
        .iter()
        .filter_map(|sample| sample.height.value().copied())
        .max()
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "no-stall",
    about: "no node goes too long without a new block",
    keys: KEYS,
    window: Window::Whole,
    needs: Needs::Samples,
    holds: "for the whole of `within`, which is the window watched: no named node goes longer without a new height; the time to the first and after the last one counts. It passes only at the end. A gap is counted at its longest, so one within two poll intervals of `longest` may fail",
    missing: "silence is a gap; not asked, or fewer than 10 blocks before and no `longest`: inconclusive",
    example: r#"[[phases.checks]]
check = "no-stall"
nodes = "*"
longest = "20s"
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody mines",
            scenario: &[WITHOUT_MINERS, NO_STALL_PHASE],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "no new height"),
        },
        Control {
            name: "a node stays at its height",
            scenario: &[THREE_NODES, NO_STALL_PHASE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "chain_getHeader",
                how: How::StaysAtTheFirst,
            }]),
            wanted: Wanted::Check(Fail, "node-1"),
        },
    ]),
};

const KEYS: &[Key] = &[Key {
    name: "longest",
    takes: Takes::Duration,
    given: Given::Else(
        "20 times the median time between the network's new heights before the check, 10 s at least",
    ),
    about: "the longest time without a new height",
}];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<NoStallWritten> {
    Some(NoStallWritten { longest: table.positive_duration("longest", problems) })
}

/// As written.
#[derive(Debug)]
pub(super) struct NoStallWritten {
    longest: Option<At<Duration>>,
}

impl Written for NoStallWritten {
    type Condition = NoStall;

    /// A gap that the window cannot show.
    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        /// Between two samples of a node, and their answers.
        const SAMPLING: Duration = Duration::from_secs(1);
        let (Some(longest), Some(within)) = (&self.longest, place.within) else { return };
        if longest.value >= within.value {
            problems.error_hint(
                longest.span.clone(),
                format!(
                    "`longest` is not shorter than `within` ({}), so no stall could be seen",
                    humantime::format_duration(within.value)
                ),
                "`within` is how long heights are watched",
            );
        } else if longest.value < SAMPLING {
            problems.warning(longest.span.clone(), "shorter than sampling can tell: heights are looked at every 250 ms, and the time between is counted as a gap");
        }
    }

    fn resolve(&self, _: &Context<'_>) -> NoStall {
        let ms =
            |longest: &At<Duration>| u64::try_from(longest.value.as_millis()).unwrap_or(u64::MAX);
        NoStall { longest_ms: self.longest.as_ref().map(ms) }
    }
}

const NO_STALL_PHASE: &str = r#"
[[phases]]
name = "blocks go on coming"
[[phases.checks]]
check = "no-stall"
nodes = "node"
longest = "6s"
within = "8s"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{
            CheckKind,
            testing::{Seen, sample},
        },
        event::Miss,
    };

    fn check(longest: Option<u64>) -> CheckKind {
        CheckKind::NoStall(NoStall { longest_ms: longest })
    }

    fn height(of: impl Fn(u64) -> u64) -> impl Fn(u64, &mut Sample) {
        move |at, sample| sample.height = Reading::Value(of(at))
    }

    fn verdict(seen: &Seen, longest: Option<u64>, start: u64) -> (CheckVerdict, String) {
        let finding = seen.verdict(&check(longest), &["node-1"], start);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn passes_only_at_the_deadline() {
        let seen = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 1000));
        let (verdict, reason) = verdict(&seen, Some(2000), 3000);
        assert_eq!(
            (verdict, reason.as_str()),
            (CheckVerdict::Pass, "no gap longer than 2.0 s in 10.0 s")
        );
        assert!(matches!(
            seen.judge(&check(Some(2000)), &["node-1"], 3000, 12_900),
            Judgement::Pending { .. }
        ));
    }

    #[test]
    fn a_stall_fails_as_soon_as_it_is_too_long() {
        let seen = Seen::default().poll(
            "node-1",
            0,
            15_000,
            height(|at| if (6000..9500).contains(&at) { 6 } else { at / 1000 }),
        );
        assert_eq!(verdict(&seen, Some(2000), 3000).0, CheckVerdict::Fail);
        assert!(matches!(
            seen.judge(&check(Some(2000)), &["node-1"], 3000, 7500),
            Judgement::Pending { .. }
        ));
        assert!(matches!(
            seen.judge(&check(Some(2000)), &["node-1"], 3000, 8300),
            Judgement::Settled(_)
        ));
    }

    #[test]
    fn the_gaps_at_both_ends_count() {
        let late = Seen::default().poll(
            "node-1",
            0,
            15_000,
            height(|at| if at < 6000 { 0 } else { at / 1000 }),
        );
        assert_eq!(verdict(&late, Some(2500), 3000).0, CheckVerdict::Fail);
        let early = Seen::default().poll("node-1", 0, 15_000, height(|at| (at / 1000).min(10)));
        assert_eq!(verdict(&early, Some(2500), 3000).0, CheckVerdict::Fail);
    }

    #[test]
    fn a_gap_is_counted_at_its_longest() {
        // New at 4.0 s and at 6.0 s. The one may have come just after the question at 3.75 s, so
        // the gap is up to 2.255 s.
        let seen = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 2000));
        assert_eq!(verdict(&seen, Some(2255), 4000).0, CheckVerdict::Pass);
        assert_eq!(verdict(&seen, Some(2254), 4000).0, CheckVerdict::Fail);
    }

    #[test]
    fn a_height_that_was_there_before_is_not_new_and_a_reorganisation_makes_none() {
        let up_and_down =
            Seen::default().poll("node-1", 0, 15_000, height(|at| 100 + at / 500 % 3));
        assert_eq!(verdict(&up_and_down, Some(5000), 3000).0, CheckVerdict::Fail);
        let first = Seen::default().poll("node-1", 3000, 15_000, height(|_| 7));
        assert_eq!(
            verdict(&first, Some(9999), 3000).1,
            "node-1 had no new height for 10.0 s, longer than 10.0 s"
        );
    }

    #[test]
    fn silence_null_and_nonsense_are_no_new_heights() {
        for miss in [Miss::Timeout, Miss::Null, Miss::Nonsense("x".to_owned())] {
            let seen = Seen::default().poll("node-1", 0, 15_000, |at, sample| {
                sample.height = if (5000..8000).contains(&at) {
                    Reading::Missing(miss.clone())
                } else {
                    Reading::Value(at / 1000)
                };
            });
            assert_eq!(verdict(&seen, Some(3000), 3000).0, CheckVerdict::Fail, "{miss:?}");
        }
    }

    #[test]
    fn a_node_that_we_did_not_ask_is_our_fault() {
        let grow = |at: u64, sample: &mut Sample| sample.height = Reading::Value(at / 1000);
        let hole = Seen::default().poll("node-1", 0, 6000, grow).poll("node-1", 9000, 15_000, grow);
        assert_eq!(verdict(&hole, Some(2000), 3000).0, CheckVerdict::Inconclusive);
        let end = Seen::default().poll("node-1", 0, 8000, grow);
        assert_eq!(verdict(&end, Some(9000), 3000).0, CheckVerdict::Inconclusive);
        assert_eq!(verdict(&Seen::default(), Some(2000), 3000).0, CheckVerdict::Inconclusive);
    }

    #[test]
    fn only_a_longer_pause_than_the_usual_is_our_fault() {
        let ms = UNASKED.as_millis() as u64;
        // Asked every quarter of a second, but for one pause from the answer at 5.755 s on.
        let paused = |pause: u64| {
            let stuck = height(|at| if at < 5000 { at / 1000 } else { 4 });
            let mut seen = Seen::default().poll("node-1", 0, 6000, &stuck);
            for at in (5755 + pause..15_000).step_by(250) {
                let mut asked = sample("node-1", at);
                stuck(at, &mut asked);
                seen.add(asked);
            }
            verdict(&seen, Some(4000), 3000).0
        };
        assert_eq!((paused(ms), paused(ms + 1)), (CheckVerdict::Fail, CheckVerdict::Inconclusive));
    }

    #[test]
    fn a_hang_is_the_nodes_own_fault() {
        let mut seen = Seen::default().poll("node-1", 0, 4000, height(|at| at / 1000));
        for round in 0..6 {
            let mut slow = sample("node-1", 4000 + round * 2250);
            slow.answered = slow.sent + Duration::from_millis(2000);
            slow.height = Reading::Missing(Miss::Timeout);
            seen.add(slow);
        }
        assert_eq!(verdict(&seen, Some(5000), 3000).0, CheckVerdict::Fail);
    }

    #[test]
    fn every_node_counts() {
        let seen = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 1000)).poll(
            "node-2",
            0,
            15_000,
            height(|_| 3),
        );
        let finding = seen.verdict(&check(Some(5000)), &["node-1", "node-2"], 3000);
        assert_eq!(finding.verdict, CheckVerdict::Fail);
        assert!(
            finding.reason.starts_with("node-2 had no new height for 5."),
            "{}",
            finding.reason
        );
        assert_ne!(seen.verdict(&check(Some(5000)), &[], 3000).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn what_is_not_written_follows_from_the_blocks_before() {
        // 100 ms a block: 20 medians are 2 s, and 10 s is the least: no shorter than the test's
        // window of 10 s.
        let quick = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 100));
        let (given, reason) = verdict(&quick, None, 3000);
        assert_eq!(given, CheckVerdict::Inconclusive);
        assert!(reason.contains("derived from a median block time of"), "{reason}");
        let few = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 1000));
        assert_eq!(
            verdict(&few, None, 3000).1,
            "2 blocks before the check are too few to derive a longest gap from; write `longest`"
        );
    }

    #[test]
    fn ten_intervals_are_enough_and_their_median_counts() {
        // New heights at 1.0 s, 1.1 s, 1.3 s, 1.6 s, …: the intervals are 100, 200, 300 ms and so
        // on.
        let seen = |blocks: u64| {
            let mut seen = Seen::default();
            for block in 0..=blocks {
                seen.add(Sample {
                    height: Reading::Value(block),
                    ..sample("node-1", 1000 + 100 * block * (block + 1) / 2)
                });
            }
            seen
        };
        assert!(
            verdict(&seen(9), None, 10_000).1.starts_with("9 blocks before the check are too few")
        );
        let reason = verdict(&seen(10), None, 10_000).1;
        assert!(reason.contains("derived from a median block time of 600 ms"), "{reason}");
    }

    #[test]
    fn what_was_seen_is_said() {
        let observed = |seen: &Seen| seen.verdict(&check(Some(9_000)), &["node-1"], 3_000).observed;
        // Seven before the window and in its first second; then an eighth, and one more.
        let grow = height(|at| if at < 4_000 { 7 } else { 8 + at / 8_000 });
        assert_eq!(
            observed(&Seen::default().poll("node-1", 0, 15_000, grow)),
            "node-1: 2 new heights, longest gap 5.2 s"
        );
        let lost = Seen::default().poll("node-1", 0, 15_000, |at, sample| {
            sample.height =
                if at < 12_000 { Reading::Value(at / 1_000) } else { Reading::Missing(Miss::Null) };
        });
        assert_eq!(observed(&lost), "node-1: 9 new heights, longest gap 2.2 s, then answered null");
        assert_eq!(
            observed(&Seen::default()),
            "node-1: 0 new heights, longest gap 10.0 s, not asked yet"
        );
    }

    #[test]
    fn the_derived_gap_decides_in_a_longer_window() {
        let stalls = |until: u64| {
            Seen::default().poll(
                "node-1",
                0,
                65_000,
                height(move |at| if (20_000..until).contains(&at) { 40 } else { at / 500 }),
            )
        };
        let judge = |seen: &Seen| seen.verdict_within(&check(None), &["node-1"], 15_000, 40_000);
        assert_eq!(judge(&stalls(29_000)).verdict, CheckVerdict::Pass);
        let stalled = judge(&stalls(31_000));
        assert_eq!(stalled.verdict, CheckVerdict::Fail);
        assert!(
            stalled
                .reason
                .contains("longer than 10.0 s (derived from a median block time of 500 ms)"),
            "{}",
            stalled.reason
        );
    }
}
