//! `propagates`: a new best block is soon at every node: from the first node's sight of it to each other's.
//!
//! Nodes are sampled, so a sight is known only to lie between two answers: the last one without the block and
//! the first one with it. Each delay has a lower and an upper bound, some hundred milliseconds apart. The
//! check passes if even the upper bounds are within the limits, fails if even the lower ones are not, and
//! is inconclusive between them: the sampling is too coarse to tell.
//!
//! Blocks are told apart by their height: of two blocks at one height the first counts.

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
    control::{
        Control, Controls, Disturbance, How, Lie, PEERS_ONLY, THREE_NODES, WITHOUT_MINERS, Wanted,
    },
    document::{At, Given, Key, Problems, Table, Takes},
    event::{
        CheckVerdict::{Fail, Inconclusive},
        Moment, Sample,
    },
    text::short,
};

/// Fewer blocks say nothing of a 95th percentile.
const BLOCKS: usize = 20;

/// The limits, in milliseconds; one at least is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propagates {
    /// Of the median.
    pub p50_ms: Option<u64>,
    /// Of the 95th percentile.
    pub p95_ms: Option<u64>,
    /// Of the longest.
    pub max_ms: Option<u64>,
}

impl fmt::Display for Propagates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |(name, _, limit): (&str, usize, Duration)| format!("{name} {}", short(limit));
        let limits: Vec<String> = self.limits().map(limit).collect();
        write!(
            f,
            "from a block's first sight to each node's, over {BLOCKS} blocks: {}",
            limits.join(", ")
        )
    }
}

impl Check for Propagates {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        if view.nodes.len() < 2 {
            let why = "impossible: one node has nobody to send a block to";
            return Judgement::Settled(fail(why.to_owned(), String::new()));
        }
        if !view.is_over() {
            let seen = format!("sampling until {}", short(view.deadline.since(Moment(0))));
            return Judgement::Pending { seen, wants_hash_at: None };
        }
        let delays = Delays::of(view, self.patience());
        let observed = delays.to_string();
        if let Some(why) = starved(view) {
            return inconclusive(why, observed);
        }
        if delays.blocks < BLOCKS {
            let why = format!("fewer than {BLOCKS} blocks: {}", delays.blocks);
            return inconclusive(why, observed);
        }
        if let Some(never) = delays.never {
            return Judgement::Settled(fail(never.words(view.nodes), observed));
        }
        let exceeded = |sorted: &[Duration]| {
            self.limits().find(|(_, percent, limit)| rank(sorted, *percent) > *limit)
        };
        if let Some((name, percent, limit)) = exceeded(&delays.lower) {
            let least = short(rank(&delays.lower, percent));
            let why = format!("{name} is {least} at least, more than {}", short(limit));
            return Judgement::Settled(fail(why, observed));
        }
        if let Some((name, percent, limit)) = exceeded(&delays.upper) {
            let (least, most) =
                (short(rank(&delays.lower, percent)), short(rank(&delays.upper, percent)));
            let why = format!(
                "the sampling is too coarse to tell: {name} is {least} to {most}, and {} is the limit",
                short(limit)
            );
            return inconclusive(why, observed);
        }
        passed(format!("{} blocks were in time at every node", delays.blocks), observed, view.start)
    }
}

impl Propagates {
    /// The limits that are written.
    fn limits(&self) -> impl Iterator<Item = (&'static str, usize, Duration)> {
        let all = [("p50", 50, self.p50_ms), ("p95", 95, self.p95_ms), ("max", 100, self.max_ms)];
        let written = |(name, percent, ms): (_, _, Option<u64>)| {
            Some((name, percent, Duration::from_millis(ms?)))
        };
        all.into_iter().filter_map(written)
    }

    /// A block that comes later before the end has not had its time.
    fn patience(&self) -> Duration {
        self.limits().map(|(_, _, limit)| limit).max().unwrap_or_default()
    }
}

/// By nearest rank.
fn rank(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or(Duration::MAX)
}

/// How long blocks took to nodes that were not the first: each delay's bounds, in order.
struct Delays {
    blocks: usize,
    lower: Vec<Duration>,
    upper: Vec<Duration>,
    /// A node that did not show a height that another had long before the end.
    never: Option<Never>,
}

struct Never {
    height: u64,
    /// Who did not show it.
    lacks: usize,
    /// The one that did, if it was the only one of several: then that is the odd one.
    alone: Option<usize>,
}

impl Never {
    fn words(&self, nodes: &[String]) -> String {
        let height = self.height;
        match self.alone {
            Some(node) => {
                format!("{} showed height {height}, and nobody else ever did", nodes[node])
            }
            None => format!("{} never showed height {height}", nodes[self.lacks]),
        }
    }
}

/// Whoever has not shown a height after so long does not have it.
const LONG: Duration = Duration::from_secs(10);

/// When a node came to have a block: between these two.
#[derive(Clone, Copy)]
struct Sight {
    after: Moment,
    by: Moment,
}

impl Delays {
    fn of(view: &View<'_>, patience: Duration) -> Self {
        let nodes: Vec<&[Sample]> =
            view.nodes.iter().map(|node| view.samples(node, view.start)).collect();
        let first = |samples: &&[Sample]| samples.iter().find_map(|it| it.height.value().copied());
        let highest = |samples: &&[Sample]| {
            samples.iter().filter_map(|sample| sample.height.value().copied()).max()
        };
        // What somebody had at the first look came before.
        let from = nodes.iter().filter_map(first).max().unwrap_or(u64::MAX);
        let to = nodes.iter().filter_map(highest).max().unwrap_or(0);
        // A node that lies about its height must not cost us our time: what nobody else has is looked at for as
        // many blocks as a verdict takes.
        let mut tips: Vec<u64> = nodes.iter().filter_map(highest).collect();
        tips.sort_unstable();
        let others = tips.iter().rev().nth(1).copied().unwrap_or(0);
        let to = to.min(others.saturating_add(BLOCKS as u64));
        let mut delays = Self { blocks: 0, lower: Vec::new(), upper: Vec::new(), never: None };
        for height in from.saturating_add(1)..=to {
            delays.add(&nodes, height, view, patience);
        }
        delays.lower.sort_unstable();
        delays.upper.sort_unstable();
        delays
    }

    fn add(&mut self, nodes: &[&[Sample]], height: u64, view: &View<'_>, patience: Duration) {
        let sights: Vec<Option<Sight>> =
            nodes.iter().map(|samples| sight(samples, height, view.start)).collect();
        let Some((first, one)) = (0..)
            .zip(&sights)
            .filter_map(|(node, sight)| Some((node, (*sight)?)))
            .min_by_key(|(_, sight)| sight.by)
        else {
            return;
        };
        if one.by + patience >= view.deadline {
            return;
        }
        self.blocks += 1;
        // Whoever had it, had it no earlier than this.
        let earliest = sights.iter().flatten().map(|sight| sight.after).min().unwrap_or(one.after);
        let others = sights.iter().enumerate().filter(|(node, _)| *node != first);
        for (node, sight) in others {
            if sight.is_none() && one.by + patience.max(LONG) < view.deadline {
                let only = sights.iter().flatten().count() == 1 && sights.len() > 2;
                let alone = only.then_some(first);
                self.never.get_or_insert(Never { height, lacks: node, alone });
            }
            // The last word of one that never had it.
            let last = || nodes[node].iter().rev().find(|sample| sample.height.value().is_some());
            let after = sight.map(|sight| sight.after).or_else(|| last().map(|it| it.sent));
            // One that said nothing at all had all the time.
            let after = after.unwrap_or(view.deadline);
            self.lower.push(after.since(one.by));
            self.upper.push(sight.map_or(Duration::MAX, |sight| sight.by.since(earliest)));
        }
    }
}

/// Between which looks a node came to have a height.
fn sight(samples: &[Sample], height: u64, start: Moment) -> Option<Sight> {
    let has = |sample: &Sample| sample.height.value().is_some_and(|seen| *seen >= height);
    let with = samples.iter().position(has)?;
    let without = samples[..with].iter().rev().find(|sample| sample.height.value().is_some());
    let after = without.map_or(start, |sample| sample.sent);
    Some(Sight { after, by: samples[with].answered })
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = |percent: usize| {
            let most = match rank(&self.upper, percent) {
                Duration::MAX => "never".to_owned(),
                most => short(most),
            };
            format!("{} to {most}", short(rank(&self.lower, percent)))
        };
        if self.lower.is_empty() {
            return write!(f, "no block");
        }
        write!(
            f,
            "{} blocks: p50 {}, p95 {}, max {} (what the sampling can tell)",
            self.blocks,
            between(50),
            between(95),
            between(100)
        )
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "propagates",
    about: "a new block is soon at every node",
    keys: KEYS,
    window: Window::Whole,
    needs: Needs::Samples,
    holds: "over the whole of `within`, 20 blocks or more: the times from a height's first sight at any named node to its first at each other are within the limits. Nodes are sampled every 250 to 500 ms, so each time is known between two bounds: it passes if the upper ones are within the limits, fails if the lower ones are not, and is inconclusive between. A limit below a second can hardly be shown",
    missing: "a node that never shows the height fails; fewer than 20 blocks, or not asked: inconclusive",
    example: r#"[[phases.checks]]
check = "propagates"
nodes = "*"
p95 = "2s"
within = "5m"
"#,
    controls: Controls::new(&[
        Control {
            name: "a node stays at its height",
            scenario: &[THREE_NODES, PEERS_ONLY, IN_TIME],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "chain_getHeader",
                how: How::StaysAtTheFirst,
            }]),
            wanted: Wanted::Check(Fail, "never showed height"),
        },
        Control {
            name: "nobody mines",
            scenario: &[WITHOUT_MINERS, PEERS_ONLY, IN_TIME],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Inconclusive, "fewer than 20 blocks"),
        },
    ]),
};

const fn limit(name: &'static str, about: &'static str) -> Key {
    Key { name, takes: Takes::Duration, given: Given::OneOf, about }
}

const KEYS: &[Key] = &[
    limit("p50", "the limit of half of the times"),
    limit("p95", "the limit of 95 of 100 times"),
    limit("max", "the limit of every time"),
];

const IN_TIME: &str = r#"
[[phases.checks]]
check = "propagates"
nodes = "*"
p95 = "2s"
within = "25s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<PropagatesWritten> {
    if !["p50", "p95", "max"].iter().any(|key| table.has(key)) {
        problems.error_hint(
            table.span.clone(),
            "`propagates` asks for nothing",
            "write `p50`, `p95` or `max`",
        );
    }
    let [p50, p95, max] = ["p50", "p95", "max"].map(|key| table.positive_duration(key, problems));
    Some(PropagatesWritten { p50, p95, max })
}

/// As written.
#[derive(Debug)]
pub(super) struct PropagatesWritten {
    p50: Option<At<Duration>>,
    p95: Option<At<Duration>>,
    max: Option<At<Duration>>,
}

impl Written for PropagatesWritten {
    type Condition = Propagates;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        /// Two samples of two nodes.
        const SAMPLING: Duration = Duration::from_secs(1);
        place.must_be_several("`propagates`", "it has nobody to send a block to", problems);
        for limit in [&self.p50, &self.p95, &self.max].into_iter().flatten() {
            if limit.value < SAMPLING {
                problems.warning(limit.span.clone(), "finer than sampling can tell: heights are looked at every 250 to 500 ms, so this may be inconclusive");
            }
        }
    }

    fn resolve(&self, _: &Context<'_>) -> Propagates {
        let ms = |limit: &Option<At<Duration>>| {
            let limit = limit.as_ref()?.value.as_millis();
            Some(u64::try_from(limit).unwrap_or(u64::MAX))
        };
        Propagates { p50_ms: ms(&self.p50), p95_ms: ms(&self.p95), max_ms: ms(&self.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::{CheckVerdict, Reading},
    };

    fn within(max_ms: u64) -> CheckKind {
        CheckKind::Propagates(Propagates { p50_ms: None, p95_ms: None, max_ms: Some(max_ms) })
    }

    /// A block in 500 ms, which `node-2` has so much later; sampled every 250 ms, answered 5 ms later.
    fn later(ms: u64) -> Seen {
        let height = |late: u64| {
            move |at: u64, sample: &mut Sample| {
                sample.height = Reading::Value(10 + at.saturating_sub(late) / 500);
            }
        };
        let seen = Seen::default().poll("node-1", 0, 15_000, height(0));
        seen.poll("node-2", 0, 15_000, height(ms))
    }

    fn said(seen: &Seen, check: &CheckKind) -> (CheckVerdict, String) {
        let finding = seen.verdict_within(check, &["node-1", "node-2"], 0, 15_000);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn a_delay_is_known_between_two_looks() {
        // Node 2 has it 1,000 ms later: asked without it 750 ms after the other's answer with it at the
        // earliest, with it 1,255 ms after the other's last question without.
        let seen = later(1_000);
        assert_eq!(said(&seen, &within(1_255)).0, CheckVerdict::Pass);
        assert_eq!(said(&seen, &within(1_254)).0, Inconclusive);
        assert_eq!(said(&seen, &within(745)).0, Inconclusive);
        let failed = "max is 745 ms at least, more than 744 ms".to_owned();
        assert_eq!(said(&seen, &within(744)), (Fail, failed));
        assert_eq!(said(&later(0), &within(255)).0, CheckVerdict::Pass);
    }

    #[test]
    fn a_percentile_forgives_what_is_rare() {
        let slow_once = |at: u64, sample: &mut Sample| {
            let height = 10 + at / 500;
            sample.height = Reading::Value(if (5_000..7_000).contains(&at) { 19 } else { height });
        };
        let seen = later(0).poll("seed", 0, 15_000, slow_once);
        let verdict = |p50_ms, p95_ms, max_ms| {
            let check = CheckKind::Propagates(Propagates { p50_ms, p95_ms, max_ms });
            seen.verdict_within(&check, &["node-1", "node-2", "seed"], 0, 15_000).verdict
        };
        assert_eq!(verdict(Some(300), None, None), CheckVerdict::Pass);
        assert_eq!(verdict(None, None, Some(1_000)), Fail);
        assert_eq!(verdict(None, None, Some(3_000)), CheckVerdict::Pass);
    }

    #[test]
    fn a_block_that_never_comes_fails_and_too_few_say_nothing() {
        let stuck =
            later(0).poll("seed", 0, 15_000, |_, sample| sample.height = Reading::Value(10));
        let check =
            CheckKind::Propagates(Propagates { p50_ms: Some(900), p95_ms: None, max_ms: None });
        let finding = stuck.verdict_within(&check, &["node-1", "seed"], 0, 15_000);
        assert_eq!(finding.verdict, Fail, "{finding:?}");
        // Half of the delays are good ones.
        let finding = stuck.verdict_within(&check, &["node-1", "node-2", "seed"], 0, 15_000);
        assert_eq!(
            (finding.verdict, finding.reason.as_str()),
            (Fail, "seed never showed height 11")
        );
        let few = later(0).verdict_within(&within(1_000), &["node-1", "node-2"], 7_000, 8_000);
        assert_eq!(few.verdict, Inconclusive, "{few:?}");
        assert!(few.reason.starts_with("fewer than 20 blocks: 1"), "{few:?}");
        assert_eq!(said(&Seen::default(), &within(1_000)).0, Inconclusive);
        // One that lies costs no time, and is the odd one among three.
        let wild = later(0).poll("seed", 0, 15_000, |at, sample| {
            sample.height = Reading::Value(if at < 500 { 10 } else { u64::MAX });
        });
        let finding = wild.verdict_within(&check, &["node-1", "node-2", "seed"], 0, 15_000);
        assert_eq!(finding.verdict, Fail);
        assert!(finding.reason.starts_with("seed showed height"), "{}", finding.reason);
        let liar = later(0).poll("seed", 0, 15_000, |at, sample| {
            sample.height = Reading::Value(if at < 500 { 10 } else { u64::MAX });
        });
        assert_eq!(
            liar.verdict_within(&within(1_000), &["node-1", "seed"], 0, 15_000).verdict,
            Fail
        );
        let alone = later(0).verdict(&within(1_000), &["node-1"], 0);
        assert_eq!(alone.verdict, Fail);
    }
}
