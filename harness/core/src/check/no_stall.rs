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
    view::{inconclusive, passed},
};
use crate::{
    control::{Control, Controls, Disturbance, How, Lie, THREE_NODES, WITHOUT_MINERS, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, Moment, Reading, Sample},
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
        if let Some(judgement) = stalled(view, &gaps, longest, &whence, &observed) {
            return judgement;
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
        passed(reason, observed, view.start)
    }
}

/// A gap that is too long: the node's, or ours if we did not ask.
fn stalled(
    view: &View<'_>,
    gaps: &[Gaps],
    longest: Duration,
    whence: &str,
    observed: &str,
) -> Option<Judgement> {
    for (node, gaps) in view.nodes.iter().zip(gaps) {
        if gaps.longest <= longest {
            continue;
        }
        if let Some(pause) = gaps.unasked {
            return Some(inconclusive(
                format!("we did not ask {node} for {}: this machine was too busy", short(pause)),
                observed.to_owned(),
            ));
        }
        return Some(Judgement::Settled(fail(
            format!(
                "{node} had no new height for {}, longer than {}{whence}",
                short(gaps.longest),
                short(longest)
            ),
            observed.to_owned(),
        )));
    }
    None
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
mod tests;
