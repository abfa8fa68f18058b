//! `dials`: no node tries to connect more often than it may, by the kernel's count of its network.
//!
//! The count is that of the network namespace in which the node lives (`Tcp ActiveOpens` of
//! `/proc/net/snmp`): it counts what was tried, and not what a node says. What the harness itself tried
//! from inside that network is taken off by whoever counts. Without namespaces nobody can tell nodes apart.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Window, Written},
    fail, per_node,
    view::{inconclusive, passed},
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::{Asked, AskedFor, CheckVerdict::Fail, Dialled, Moment},
    text::short,
};

const MINUTE: Duration = Duration::from_secs(60);

/// From the check's start to the first count: the window begins with it.
const FIRST: Duration = Duration::from_secs(5);

/// Counts of each node that a window needs.
const COUNTS: usize = 3;

/// The condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dials {
    /// Attempts of each node in any minute.
    pub per_minute: u64,
}

impl fmt::Display for Dials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} in any minute each", attempts(self.per_minute))
    }
}

/// One count of a node: what it had tried at some moment between the two.
#[derive(Debug, Clone, Copy)]
struct Count {
    sent: Moment,
    answered: Moment,
    /// Since the node's first count.
    total: u64,
    /// Not all of that in one network: what was tried between the last count of one and its end is unknown.
    is_anew: bool,
}

impl Check for Dials {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let asked = view.history.asked(view.id, view.start, view.now);
        let all: Vec<Vec<Count>> = view.nodes.iter().map(|node| counts(asked, node)).collect();
        let least: Vec<u64> = all.iter().map(|counts| in_a_minute(counts)).collect();
        let of = |node: &str| view.nodes.iter().position(|it| it == node);
        let observed =
            per_node(view.nodes, |node| match of(node).map(|at| (&all[at], least[at])) {
                Some((counts, least)) if !counts.is_empty() => attempts(least),
                Some(_) | None => "not counted yet".to_owned(),
            });
        let above = view.nodes.iter().zip(&least).find(|(_, least)| **least > self.per_minute);
        if let Some((node, least)) = above {
            let why = format!("{node} made {} in a minute", attempts(*least));
            return Judgement::Settled(fail(why, observed));
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        let mut nodes = view.nodes.iter().zip(&all);
        if let Some(why) = nodes.find_map(|(node, counts)| self.unjudged(view, node, counts)) {
            return inconclusive(why, observed);
        }
        let ends = |end: fn(&[Count]) -> Option<Moment>| all.iter().filter_map(move |it| end(it));
        let from = ends(|counts| Some(counts.first()?.answered)).max().unwrap_or(view.start);
        let to = ends(|counts| Some(counts.last()?.sent)).min().unwrap_or(from);
        passed(format!("never more in {}", short(to.since(from))), observed, from)
    }
}

impl Dials {
    /// Why it is not known that this node never made more.
    fn unjudged(&self, view: &View<'_>, node: &str, counts: &[Count]) -> Option<String> {
        if let Some(why) = uncounted(view, counts) {
            return Some(format!("what {node} dials was not counted {why}"));
        }
        if counts.last().is_some_and(|last| last.is_anew) {
            return Some(format!(
                "{node} was started anew with another network: what it dialled last in the old one was not counted"
            ));
        }
        let most = around_a_minute(counts);
        (most > self.per_minute).then(|| {
            format!(
                "{node} made up to {} in a minute: the counts are too far apart to say which side of {} that is",
                attempts(most),
                self.per_minute
            )
        })
    }
}

/// A node's counts. A network that was made anew, with the node's container, began to count at 0.
fn counts(asked: &[Asked], node: &str) -> Vec<Count> {
    let mut counts: Vec<Count> = Vec::new();
    let mut last: Option<Dialled> = None;
    for asked in asked {
        let AskedFor::Dials(dialled) = &asked.seen else { continue };
        let Some(Some(now)) = dialled.get(node).copied() else { continue };
        let before = counts.last().map_or(0, |count| count.total);
        let is_same = last.is_none_or(|last| last.network == now.network);
        let more = match last {
            None => 0,
            Some(last) if is_same => now.attempts.saturating_sub(last.attempts),
            Some(_) => now.attempts,
        };
        let is_anew = !is_same || counts.last().is_some_and(|count| count.is_anew);
        let total = before.saturating_add(more);
        counts.push(Count { sent: asked.sent, answered: asked.answered, total, is_anew });
        last = Some(now);
    }
    counts
}

/// The most that certainly lie in one minute: between two counts that are no further apart, from the first
/// question to the second answer.
fn in_a_minute(counts: &[Count]) -> u64 {
    let (mut most, mut first) = (0, 0);
    for (at, count) in counts.iter().enumerate() {
        while first < at && count.answered.since(counts[first].sent) > MINUTE {
            first += 1;
        }
        most = most.max(count.total.saturating_sub(counts[first].total));
    }
    most
}

/// The most that may lie in one minute between the first count and the last: between the two counts that
/// enclose it most closely, whenever it begins; all, if that is less than a minute.
fn around_a_minute(counts: &[Count]) -> u64 {
    let (mut most, mut end) = (0, 0);
    for (at, begin) in counts.iter().enumerate() {
        // It begins after this count, and before the answer of the next one.
        let latest = counts.get(at + 1).unwrap_or(begin).answered + MINUTE;
        while end + 1 < counts.len() && counts[end].sent < latest {
            end += 1;
        }
        most = most.max(counts[end].total.saturating_sub(begin.total));
    }
    most
}

/// When a node was not counted, if that is more than a pause.
fn uncounted(view: &View<'_>, counts: &[Count]) -> Option<String> {
    if counts.len() < COUNTS {
        return Some(format!("{COUNTS} times (seen {})", counts.len()));
    }
    let (mut last, mut most) = (view.start, FIRST.max(view.fresh));
    let ends = counts.iter().map(|count| (count.sent, count.answered));
    for (sent, answered) in ends.chain([(view.deadline, view.deadline)]) {
        let pause = answered.since(last);
        if pause > most {
            return Some(format!("for {}", short(pause)));
        }
        (last, most) = (sent.max(last), view.fresh);
    }
    None
}

fn attempts(count: u64) -> String {
    format!("{count} attempt{}", if count == 1 { "" } else { "s" })
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "dials",
    about: "no node tries to connect more often than it may",
    keys: KEYS,
    window: Window::Whole,
    needs: Needs::Dials,
    holds: "for the whole of `within`, in no minute of it (nor in all of it, if it is shorter), by the kernel's count of the node's network, read every second, from the first count to the last. Each attempt of TCP counts, whatever came of it, and whatever in the node's network made it; what the harness tried there is taken off. Of processes without network namespaces it cannot be told: refused",
    missing: "a node that is down, was started with another network, or was not counted for 2 s (5 s at the start); a minute that may have had more, as the counts beside it show: inconclusive",
    example: r#"[[phases.checks]]
check = "dials"
nodes = "node"
per_minute = 60
within = "2m"
during = "fault"
"#,
    controls: Controls::new(&[Control {
        name: "nodes look for a seed that is gone",
        scenario: &[THREE_NODES, PEERS_ONLY, SEED_GONE],
        disturbance: Disturbance::None,
        wanted: Wanted::Check(Fail, "in a minute"),
    }]),
};

const SEED_GONE: &str = r#"
[[phases]]
name = "the seed is gone"
[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "5s"
[[phases.checks]]
check = "dials"
nodes = "node"
per_minute = 0
within = "20s"
during = "fault"
"#;

const KEYS: &[Key] = &[Key {
    name: "per_minute",
    takes: Takes::Number(0),
    given: Given::Always,
    about: "attempts of each node, at most",
}];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Dials> {
    table.require("per_minute", problems);
    Some(Dials { per_minute: table.number("per_minute", 0, problems)?.value.into() })
}

impl Written for Dials {
    type Condition = Self;

    fn resolve(&self, _: &Context<'_>) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::CheckVerdict::{self, Inconclusive, Pass},
    };

    /// A node whose count is this at each second from 0.5 s on.
    fn seen(of: impl Fn(u64) -> Option<(u64, u64)>, to: u64) -> Seen {
        let mut seen = Seen::default();
        for at in (500..to).step_by(1_000) {
            let dialled = of(at).map(|(network, attempts)| Dialled { network, attempts });
            seen.asked(at, 5, AskedFor::Dials([("node-1".to_owned(), dialled)].into()));
        }
        seen
    }

    fn said(seen: &Seen, per_minute: u64, within: u64) -> (CheckVerdict, String) {
        let check = CheckKind::Dials(Dials { per_minute });
        let finding = seen.verdict_within(&check, &["node-1"], 0, within);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn what_was_tried_before_does_not_count_and_one_too_many_fails() {
        let three = seen(|at| Some((1, 100 + at / 3_000)), 12_000);
        assert_eq!(said(&three, 3, 10_000), (Pass, "never more in 9.0 s".to_owned()));
        let why = "node-1 made 3 attempts in a minute".to_owned();
        assert_eq!(said(&three, 2, 10_000), (Fail, why));
        assert_eq!(said(&seen(|_| Some((1, 7)), 12_000), 0, 10_000).0, Pass);
    }

    #[test]
    fn of_a_longer_window_every_minute_counts_by_itself() {
        let steady = seen(|at| Some((1, at / 1_000)), 200_000);
        assert_eq!(said(&steady, 62, 180_000).0, Pass);
        assert_eq!(said(&steady, 50, 180_000).0, Fail);
        let (verdict, why) = said(&steady, 60, 180_000);
        assert_eq!(verdict, Inconclusive);
        assert!(why.starts_with("node-1 made up to 62 attempts in a minute"), "{why}");
        // All between two counts that are so far apart that no minute has them for certain.
        let sparse = |pause: u64| {
            let mut seen = Seen::default();
            for at in (500..200_000).step_by(pause as usize) {
                let dialled = Dialled { network: 1, attempts: at / 1_000 };
                seen.asked(at, 5, AskedFor::Dials([("node-1".to_owned(), Some(dialled))].into()));
            }
            said(&seen, 61, 180_000).0
        };
        assert_eq!((sparse(1_000), sparse(1_900)), (Inconclusive, Inconclusive));
        // Thirty at once, at the end of one minute and at the beginning of the next.
        let burst = |at: u64| {
            if at < 58_000 {
                0
            } else if at < 62_000 {
                30
            } else {
                60
            }
        };
        let burst = seen(move |at| Some((1, burst(at))), 200_000);
        assert_eq!(said(&burst, 59, 180_000).0, Fail);
        assert_eq!(said(&burst, 60, 180_000).0, Pass);
    }

    /// A container that is started again has another network, which counts from 0.
    #[test]
    fn a_network_that_began_anew_hides_nothing() {
        let anew = |at: u64| if at < 5_000 { (1, 100) } else { (2, 150) };
        let seen = seen(|at| Some(anew(at)), 12_000);
        assert_eq!(said(&seen, 149, 10_000).0, Fail);
        let (verdict, why) = said(&seen, 150, 10_000);
        assert_eq!(verdict, Inconclusive);
        assert!(why.starts_with("node-1 was started anew with another network"), "{why}");
    }

    #[test]
    fn what_nobody_counted_never_passes() {
        assert_eq!(said(&Seen::default(), 9, 10_000).0, Inconclusive);
        let down = seen(|at| (!(3_000..8_800).contains(&at)).then_some((1, 7)), 12_000);
        let (verdict, why) = said(&down, 9, 10_000);
        assert_eq!(verdict, Inconclusive);
        assert_eq!(why, "what node-1 dials was not counted for 7.0 s");
        // The window begins with the first count, ends with the last, and has no gap between.
        let from_to = |from: u64, to: u64| {
            let seen = seen(|at| (from..to).contains(&at).then_some((1, 7)), 12_000);
            said(&seen, 9, 10_000)
        };
        assert_eq!(from_to(4_500, 12_000), (Pass, "never more in 5.0 s".to_owned()));
        assert_eq!(from_to(5_500, 12_000).0, Inconclusive);
        assert_eq!(from_to(0, 9_000).0, Pass);
        assert_eq!(from_to(0, 7_500).0, Inconclusive);
        let gap = seen(|at| (at != 3_500 && at != 4_500).then_some((1, 7)), 12_000);
        assert_eq!(said(&gap, 9, 10_000).0, Inconclusive);
        let ended = seen(|at| (at < 4_000).then_some((1, 7)), 12_000);
        assert_eq!(said(&ended, 9, 10_000).0, Inconclusive);
    }
}
