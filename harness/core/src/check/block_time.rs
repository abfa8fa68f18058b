//! `block-time`: over the window, the chain's mean time between blocks is what it should be, and no gap is
//! too long.
//!
//! Looked at is the chain of the named nodes together: the highest height that any of them has shown. Blocks
//! come by chance, so each finding says how probable it is on a healthy chain.

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
    control::{Control, Controls, Disturbance, PEERS_ONLY, THREE_NODES, WITHOUT_MINERS, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, Moment},
    statistics::{blocks, percent},
    text::short,
};

/// The condition; one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockTime {
    /// What the mean must be, in milliseconds.
    pub mean_ms: Option<u64>,
    /// How far off it may be, in thousandths of it.
    pub tolerance: u32,
    /// The longest gap, in milliseconds.
    pub longest_ms: Option<u64>,
}

impl fmt::Display for BlockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = self
            .mean()
            .map(|mean| format!("one block in {} on average, ± {} %", short(mean), self.percent()));
        let longest =
            self.longest().map(|longest| format!("no gap longer than {}", short(longest)));
        let conditions: Vec<String> = mean.into_iter().chain(longest).collect();
        write!(f, "{}", conditions.join(" and "))
    }
}

impl Check for BlockTime {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let Some(chain) = Chain::of(view) else {
            let none = "no height yet".to_owned();
            return match (view.is_over(), starved(view)) {
                (false, _) => Judgement::Pending { seen: none, wants_hash_at: None },
                (true, Some(why)) => inconclusive(why, none),
                (true, None) => {
                    Judgement::Settled(fail("no node gave a height when it began".to_owned(), none))
                }
            };
        };
        let observed = chain.to_string();
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        if let Some(why) = starved(view) {
            return inconclusive(why, observed);
        }
        match self.wrong(&chain, view) {
            Some(why) => Judgement::Settled(fail(why, observed)),
            None => passed(self.risk(&chain), observed, view.start),
        }
    }
}

impl BlockTime {
    fn mean(&self) -> Option<Duration> {
        self.mean_ms.map(Duration::from_millis)
    }

    fn longest(&self) -> Option<Duration> {
        self.longest_ms.map(Duration::from_millis)
    }

    fn percent(&self) -> f64 {
        f64::from(self.tolerance) / 10.0
    }

    fn wrong(&self, chain: &Chain, view: &View<'_>) -> Option<String> {
        let Some(mean) = chain.mean() else {
            return Some(format!("no block in {}", short(chain.took)));
        };
        if let Some(wanted) = self.mean()
            && !self.fewest_and_most(chain, wanted).contains(&chain.blocks)
        {
            return Some(format!(
                "one block in {}, and not in {} ± {} %: a healthy chain makes so {} blocks with probability {}",
                short(mean),
                short(wanted),
                self.percent(),
                if mean < wanted { "many" } else { "few" },
                off(chain, wanted)
            ));
        }
        let longest = self.longest().filter(|longest| chain.longest > *longest)?;
        let usual = self.mean().or_else(|| Some(view.history.pace()?.block_time())).unwrap_or(mean);
        let chance = blocks::gap_as_long(chain.longest, chain.blocks.saturating_add(1), usual);
        Some(format!(
            "a gap of {}, longer than {}: with a block in {} a healthy chain has one so long with probability {}",
            short(chain.longest),
            short(longest),
            short(usual),
            percent(chance)
        ))
    }

    /// How often a healthy chain would have failed for its mean.
    fn risk(&self, chain: &Chain) -> String {
        let Some(wanted) = self.mean() else { return "no gap was longer".to_owned() };
        let range = self.fewest_and_most(chain, wanted);
        let fewer = blocks::too_few(*range.start(), chain.took, wanted);
        let more = 1.0 - blocks::too_few(range.end().saturating_add(1), chain.took, wanted);
        format!(
            "as it should be; a healthy chain fails this with probability {}",
            percent(fewer + more)
        )
    }

    /// How many blocks are within the tolerance in so long a time.
    fn fewest_and_most(&self, chain: &Chain, wanted: Duration) -> std::ops::RangeInclusive<u64> {
        let (expected, off) =
            (chain.took.as_secs_f64() / wanted.as_secs_f64(), f64::from(self.tolerance) / 1000.0);
        let most = if off < 1.0 { (expected / (1.0 - off)).floor() as u64 } else { u64::MAX };
        (expected / (1.0 + off)).ceil() as u64..=most
    }
}

/// That a healthy chain makes so many blocks or more, or so few or fewer: whichever is further off.
fn off(chain: &Chain, wanted: Duration) -> String {
    let fewer = blocks::too_few(chain.blocks, chain.took, wanted);
    let no_more = blocks::too_few(chain.blocks.saturating_add(1), chain.took, wanted);
    percent(no_more.min(1.0 - fewer))
}

/// What the named nodes together have shown of their chain.
#[derive(Debug, PartialEq, Eq)]
struct Chain {
    /// From the check's start to now.
    took: Duration,
    blocks: u64,
    /// The longest time without a new height, to the first and after the last included.
    longest: Duration,
}

impl Chain {
    /// `None`: no node gave a height at the beginning of the window.
    fn of(view: &View<'_>) -> Option<Self> {
        let heights = |node: &String| {
            let samples = view.samples(node, view.start).iter();
            samples.filter_map(|sample| Some((sample.answered, *sample.height.value()?)))
        };
        // What anybody had at the first look came before, whoever was asked first.
        let at_first =
            |node| heights(node).next().filter(|(at, _)| *at <= view.start + 2 * view.fresh);
        let lowest = view.nodes.iter().filter_map(at_first).map(|(_, height)| height).max()?;
        let mut seen: Vec<(Moment, u64)> = view.nodes.iter().flat_map(heights).collect();
        seen.sort_unstable();
        let (mut last, mut height, mut longest) = (view.start, lowest, Duration::ZERO);
        for (at, seen) in seen {
            if seen > height {
                longest = longest.max(at.since(last));
                (last, height) = (at, seen);
            }
        }
        longest = longest.max(view.now.since(last));
        Some(Self { took: view.now.since(view.start), blocks: height - lowest, longest })
    }

    fn mean(&self) -> Option<Duration> {
        (self.blocks > 0).then(|| self.took.div_f64(self.blocks as f64))
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks in {}", self.blocks, short(self.took))?;
        if let Some(mean) = self.mean() {
            write!(f, ", one in {} on average", short(mean))?;
        }
        write!(f, ", longest gap {}", short(self.longest))
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "block-time",
    about: "blocks come as often as they should",
    keys: KEYS,
    window: Window::Whole,
    needs: Needs::Samples,
    holds: "over the whole of `within`: the number of new heights is one that a mean within the tolerance gives, and no gap between two is longer. The highest height of any named node counts; gaps are seen to the sampling's 250 to 500 ms. The verdict says how probable it is that a healthy chain is so far off",
    missing: "fails; not asked: inconclusive",
    example: r#"[[phases.checks]]
check = "block-time"
nodes = "*"
mean = "60s"
tolerance = "25%"
longest = "15m"
within = "4h"
"#,
    controls: Controls::new(&[
        Control {
            name: "blocks come too often",
            scenario: &[THREE_NODES, PEERS_ONLY, TOO_OFTEN],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "and not in 1.5 s"),
        },
        Control {
            name: "nobody mines",
            scenario: &[WITHOUT_MINERS, PEERS_ONLY, TOO_OFTEN],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "no block in"),
        },
        Control {
            name: "a gap",
            scenario: &[THREE_NODES, PEERS_ONLY, NO_GAP],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "a gap of"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "mean",
        takes: Takes::Duration,
        given: Given::OneOf,
        about: "the mean time between two blocks",
    },
    Key {
        name: "tolerance",
        takes: Takes::Share,
        given: Given::Else("`\"25%\"`"),
        about: "how far off the mean may be",
    },
    Key {
        name: "longest",
        takes: Takes::Duration,
        given: Given::OneOf,
        about: "the longest time between two blocks",
    },
];

/// In thousandths.
const TOLERANCE: u32 = 250;

const TOO_OFTEN: &str = r#"
[[phases.checks]]
check = "block-time"
nodes = "*"
mean = "1500ms"
within = "15s"
"#;

/// Shorter than anybody's gaps.
const NO_GAP: &str = r#"
[[phases.checks]]
check = "block-time"
nodes = "*"
longest = "40ms"
within = "10s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<BlockTimeWritten> {
    if !table.has("mean") && !table.has("longest") {
        problems.error_hint(
            table.span.clone(),
            "`block-time` asks for nothing",
            "write `mean`, `longest` or both",
        );
    }
    Some(BlockTimeWritten {
        mean: table.positive_duration("mean", problems),
        tolerance: table.share("tolerance", problems),
        longest: table.positive_duration("longest", problems),
    })
}

/// As written.
#[derive(Debug)]
pub(super) struct BlockTimeWritten {
    mean: Option<At<Duration>>,
    tolerance: Option<At<u32>>,
    longest: Option<At<Duration>>,
}

impl Written for BlockTimeWritten {
    type Condition = BlockTime;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        /// Fewer say little of a mean.
        const BLOCKS: u32 = 10;
        if let (Some(longest), None, Some(within)) = (&self.longest, &self.mean, place.within)
            && longest.value >= within.value
        {
            problems.error_hint(
                longest.span.clone(),
                format!(
                    "`longest` is not shorter than `within` ({}), so no gap could be seen",
                    humantime::format_duration(within.value)
                ),
                "`within` is how long blocks are watched",
            );
        }
        if let (Some(tolerance), None) = (&self.tolerance, &self.mean) {
            problems.error_hint(
                tolerance.span.clone(),
                "`tolerance` without a `mean` from which blocks may be off",
                "write `mean`, or leave it out",
            );
        }
        for time in [&self.mean, &self.longest].into_iter().flatten() {
            if time.value < Duration::from_millis(1) {
                problems.error(time.span.clone(), "a millisecond at least");
            }
        }
        let (Some(mean), Some(within)) = (&self.mean, place.within) else { return };
        if mean.value * BLOCKS > within.value {
            problems.warning(
                within.span.clone(),
                format!(
                    "fewer than {BLOCKS} blocks are expected in this window: their mean says little"
                ),
            );
        }
    }

    fn resolve(&self, _: &Context<'_>) -> BlockTime {
        let ms = |time: &At<Duration>| u64::try_from(time.value.as_millis()).unwrap_or(u64::MAX);
        BlockTime {
            mean_ms: self.mean.as_ref().map(ms),
            tolerance: self.tolerance.as_ref().map_or(TOLERANCE, |share| share.value),
            longest_ms: self.longest.as_ref().map(ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::{CheckVerdict, Reading},
    };

    /// Ten seconds of two nodes whose heights are these.
    fn said(
        check: BlockTime,
        height: impl Fn(u64) -> u64 + Copy,
    ) -> (CheckVerdict, String, String) {
        let change = move |at: u64, sample: &mut crate::event::Sample| {
            sample.height = Reading::Value(height(at));
        };
        let seen =
            Seen::default().poll("node-1", 0, 10_000, change).poll("node-2", 0, 10_000, change);
        let finding = seen.verdict(&CheckKind::BlockTime(check), &["node-1", "node-2"], 0);
        (finding.verdict, finding.reason, finding.observed)
    }

    fn mean(ms: u64, tolerance: u32) -> BlockTime {
        BlockTime { mean_ms: Some(ms), tolerance, longest_ms: None }
    }

    #[test]
    fn the_mean_is_what_the_window_shows_and_its_probability_is_poissons() {
        let (verdict, why, seen) = said(mean(500, 250), |at| at / 500);
        assert_eq!(verdict, CheckVerdict::Pass);
        // 16 to 26 blocks of 20 expected.
        assert_eq!(why, "as it should be; a healthy chain fails this with probability 23.4 %");
        assert_eq!(seen, "19 blocks in 10.0 s, one in 526 ms on average, longest gap 505 ms");
        let (verdict, why, _) = said(mean(1_000, 250), |at| at / 500);
        assert_eq!(verdict, Fail);
        assert!(
            why.starts_with("one block in 526 ms, and not in 1.0 s ± 25 %: a healthy chain makes so many blocks with probability 0.7"),
            "{why}"
        );
        assert_eq!(said(mean(250, 250), |at| at / 500).0, Fail, "too few");
        assert_eq!(
            said(mean(1_000, 1_000), |at| at / 500).0,
            CheckVerdict::Pass,
            "any more will do"
        );
    }

    #[test]
    fn the_longest_gap_counts_from_the_first_look_to_the_last() {
        let longest = |ms| BlockTime { mean_ms: None, tolerance: 250, longest_ms: Some(ms) };
        assert_eq!(said(longest(505), |at| at / 500).0, CheckVerdict::Pass);
        let (verdict, why, _) = said(longest(504), |at| at / 500);
        assert_eq!(verdict, Fail);
        assert!(
            why.starts_with("a gap of 505 ms, longer than 504 ms: with a block in 526 ms"),
            "{why}"
        );
        assert_eq!(said(longest(4_000), |at| (at / 500).min(10)).0, Fail, "and then none");
        assert_eq!(
            said(longest(4_000), |at| at.saturating_sub(5_000) / 500).0,
            Fail,
            "none before"
        );
    }

    /// A stalled chain that its slower node does not know yet makes no blocks, and silence counts as a gap.
    #[test]
    fn what_was_there_before_is_no_block_and_silence_is_a_gap() {
        let at = |height: u64| {
            move |_: u64, sample: &mut crate::event::Sample| sample.height = Reading::Value(height)
        };
        let stalled =
            Seen::default().poll("node-1", 0, 10_000, at(0)).poll("node-2", 100, 10_000, at(10));
        let finding =
            stalled.verdict(&CheckKind::BlockTime(mean(1_000, 250)), &["node-1", "node-2"], 0);
        assert_eq!((finding.verdict, finding.reason.as_str()), (Fail, "no block in 10.0 s"));
        let late = Seen::default().poll(
            "node-1",
            0,
            10_000,
            |at: u64, sample: &mut crate::event::Sample| {
                sample.height = if at < 8_000 {
                    Reading::Missing(crate::event::Miss::Timeout)
                } else {
                    Reading::Value(at / 1_000)
                };
            },
        );
        let wild = Seen::default().poll(
            "node-1",
            0,
            10_000,
            |at: u64, sample: &mut crate::event::Sample| {
                sample.height = Reading::Value(if at < 9_500 { 0 } else { u64::MAX });
            },
        );
        let longest = BlockTime { mean_ms: None, tolerance: 250, longest_ms: Some(9_000) };
        assert_eq!(wild.verdict(&CheckKind::BlockTime(longest), &["node-1"], 0).verdict, Fail);
        assert_eq!(late.verdict(&CheckKind::BlockTime(longest), &["node-1"], 0).verdict, Fail);
    }

    #[test]
    fn no_block_and_no_answer_are_no_pass() {
        let (verdict, why, _) = said(mean(500, 1_000), |_| 7);
        assert_eq!((verdict, why.as_str()), (Fail, "no block in 10.0 s"));
        let check = CheckKind::BlockTime(mean(500, 1_000));
        let silent = Seen::default().poll("node-1", 0, 10_000, |_, sample| {
            sample.height = crate::check::testing::unreachable();
        });
        assert_eq!(silent.verdict(&check, &["node-1"], 0).verdict, Fail);
        assert_eq!(
            Seen::default().verdict(&check, &["node-1"], 0).verdict,
            CheckVerdict::Inconclusive
        );
    }
}
