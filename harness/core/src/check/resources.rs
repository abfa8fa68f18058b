//! `resources`: no named node uses more memory or processor time than it may, by the engine's or
//! operating system's word. Memory is judged at every sample, so that one above fails at once; the
//! share of a core is that of the whole window. Both need the whole window: what was not measured,
//! for more than a few seconds, is never a pass.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail, per_node,
    view::inconclusive,
};
use crate::{
    control::{Control, Controls, Disturbance, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::{
        CheckVerdict::{self, Fail},
        Finding, Moment, ResourceSample,
    },
    text::short,
};

/// Between two measurements that say anything about the time between them; they are taken every
/// second, and an older engine takes a second for each.
const PAUSE: Duration = Duration::from_secs(5);

/// Measurements of each node that a window needs.
const SAMPLES: usize = 3;

/// The condition; at least one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// Resident memory.
    pub memory_bytes: Option<u64>,
    /// Share of one core over the window, in thousandths.
    pub cpu_permille: Option<u32>,
}

impl fmt::Display for ResourceLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory_bytes.map(|bytes| format!("at most {}", size(bytes)));
        let cpu = self
            .cpu_permille
            .map(|permille| format!("at most {} of a core", percent(permille.into())));
        write!(f, "{} each", memory.into_iter().chain(cpu).collect::<Vec<_>>().join(" and "))
    }
}

impl Check for ResourceLimits {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let observed = per_node(view.nodes, |node| describe(view, node));
        for node in view.nodes {
            if let Some(why) = self.exceeds(view, node) {
                return Judgement::Settled(fail(why, observed));
            }
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        if view.nodes.is_empty() || (self.memory_bytes.is_none() && self.cpu_permille.is_none()) {
            return Judgement::Settled(fail("nothing to look at".to_owned(), observed));
        }
        if let Some((node, why)) =
            view.nodes.iter().find_map(|node| unmeasured(view, node).map(|why| (node, why)))
        {
            return inconclusive(format!("{node} was not measured {why}"), observed);
        }
        let reason = format!("never above in {}", short(view.deadline.since(view.start)));
        Judgement::Settled(Finding {
            verdict: CheckVerdict::Pass,
            reason,
            observed,
            held_since: Some(view.start),
        })
    }
}

impl ResourceLimits {
    fn exceeds(&self, view: &View<'_>, node: &str) -> Option<String> {
        let samples = view.history.resources(node, view.start, view.now);
        let most =
            samples.iter().filter_map(|sample| sample.used).map(|used| used.memory_bytes).max();
        if let (Some(limit), Some(most)) = (self.memory_bytes, most)
            && most > limit
        {
            return Some(format!("{node} used {} of memory", size(most)));
        }
        let limit = u128::from(self.cpu_permille?);
        let used = used_ms(samples);
        // What is above the whole window's share already stays above; what is above the share of
        // the time so far may still come down.
        let span = if view.is_over() { measured(samples) } else { view.deadline.since(view.start) };
        let above = u128::from(used) * 1000 > limit * span.as_millis();
        above.then(|| {
            format!(
                "{node} used {} ms of a core's time in {}",
                used,
                short(if view.is_over() { span } else { view.now.since(view.start) })
            )
        })
    }
}

/// Processor time used in the window. A process that began in it counts from its beginning.
fn used_ms(samples: &[ResourceSample]) -> u64 {
    let known: Vec<_> =
        samples.iter().filter_map(|sample| Some((sample.start, sample.used?.cpu_ms))).collect();
    let Some(&(first_start, first)) = known.first() else { return 0 };
    let mut total = 0;
    let mut of_start = None;
    for (start, cpu) in known {
        let before = if start == first_start { first } else { 0 };
        let used = cpu.saturating_sub(before);
        match of_start {
            Some((current, most)) if current == start => of_start = Some((start, used.max(most))),
            Some((_, most)) => {
                total += most;
                of_start = Some((start, used));
            }
            None => of_start = Some((start, used)),
        }
    }
    total + of_start.map_or(0, |(_, most)| most)
}

/// The shortest time in which that can have been used: from the first answer to the last question.
fn measured(samples: &[ResourceSample]) -> Duration {
    let known = || samples.iter().filter(|sample| sample.used.is_some());
    match (known().next(), known().next_back()) {
        (Some(first), Some(last)) => last.sent.since(first.answered),
        _ => Duration::ZERO,
    }
}

/// When a node was not measured, if that is more than a pause.
fn unmeasured(view: &View<'_>, node: &str) -> Option<String> {
    let samples = view.history.resources(node, view.start, view.now);
    let known = || samples.iter().filter(|sample| sample.used.is_some());
    if known().count() < SAMPLES {
        return Some(format!("{SAMPLES} times (seen {})", known().count()));
    }
    let mut last = view.start;
    let ends: Vec<(Moment, Moment)> = known()
        .map(|sample| (sample.sent, sample.answered))
        .chain([(view.deadline, view.deadline)])
        .collect();
    for (sent, answered) in ends {
        // An answer that took long says nothing of the time that it took.
        let pause = answered.since(last);
        if pause > PAUSE {
            return Some(format!("for {}", short(pause)));
        }
        last = sent.max(last);
    }
    None
}

fn describe(view: &View<'_>, node: &str) -> String {
    let samples = view.history.resources(node, view.start, view.now);
    let Some(most) =
        samples.iter().filter_map(|sample| sample.used).map(|used| used.memory_bytes).max()
    else {
        return "not measured yet".to_owned();
    };
    let span = measured(samples).as_millis();
    let share = (u128::from(used_ms(samples)) * 1000)
        .checked_div(span)
        .map_or_else(|| "–".to_owned(), |share| percent(u64::try_from(share).unwrap_or(u64::MAX)));
    format!("{} at most, {share} of a core", size(most))
}

/// `47.7 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1.0 { format!("{} KiB", bytes.div_ceil(1024)) } else { format!("{mib:.1} MiB") }
}

fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "resources",
    about: "no node uses more memory or processor time than it may",
    keys: KEYS,
    window: Window::Whole,
    needs: Needs::Resources,
    holds: "by the engine's or operating system's word (an engine's does not count the binary's own pages), every second: never above for the whole of `within`. Memory above fails at once. One or both keys",
    missing: "inconclusive",
    example: r#"[[phases.checks]]
check = "resources"
nodes = "*"
memory = "256 MiB"
cpu = "50%"
within = "60s"
"#,
    controls: Controls::new(&[Control {
        name: "more memory than allowed",
        scenario: &[THREE_NODES, RESOURCES_PHASE],
        disturbance: Disturbance::None,
        wanted: Wanted::Check(Fail, "MiB"),
    }]),
};

const KEYS: &[Key] = &[
    Key {
        name: "memory",
        takes: Takes::Size,
        given: Given::OneOf,
        about: "resident memory of each",
    },
    Key {
        name: "cpu",
        takes: Takes::Share,
        given: Given::OneOf,
        about: "share of one core of each, over the window",
    },
];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<ResourceLimits> {
    if !table.has("memory") && !table.has("cpu") {
        problems.error(
            table.span.clone(),
            "missing key `memory` or `cpu` (or both) in a `resources` check",
        );
    }
    let (memory, cpu) = (table.size("memory", problems), table.share("cpu", problems));
    Some(ResourceLimits {
        memory_bytes: memory.map(|memory| memory.value),
        cpu_permille: cpu.map(|cpu| cpu.value),
    })
}

impl Written for ResourceLimits {
    type Condition = ResourceLimits;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        /// Three measurements, a second or two apart.
        const MEASURING: Duration = Duration::from_secs(5);
        if let Some(within) = place.within.filter(|within| within.value < MEASURING) {
            problems.warning(
                within.span.clone(),
                "too short to measure: resources are looked at every second, three times at least",
            );
        }
    }

    fn resolve(&self, _: &Context<'_>) -> ResourceLimits {
        *self
    }
}

const RESOURCES_PHASE: &str = r#"
[[phases]]
name = "memory"
[[phases.checks]]
check = "resources"
nodes = "node"
memory = "1 MiB"
within = "8s"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        node::Resources,
    };

    const MIB: u64 = 1 << 20;

    fn check(memory: Option<u64>, cpu: Option<u32>) -> CheckKind {
        CheckKind::Resources(ResourceLimits { memory_bytes: memory, cpu_permille: cpu })
    }

    /// A node that uses what `of` says of each second.
    fn seen(of: impl Fn(u64) -> Option<Resources>) -> Seen {
        let mut seen = Seen::default();
        for at in (0..16_000).step_by(1000) {
            seen.resources("node-1", 0, at, of(at));
        }
        seen
    }

    fn verdict(seen: &Seen, check: &CheckKind) -> (CheckVerdict, String) {
        let finding = seen.verdict(check, &["node-1"], 3000);
        (finding.verdict, finding.reason)
    }

    fn steady(memory: u64, permille: u64) -> impl Fn(u64) -> Option<Resources> {
        move |at| Some(Resources { memory_bytes: memory, cpu_ms: at * permille / 1000 })
    }

    #[test]
    fn passes_at_the_deadline_if_never_above() {
        let seen = seen(steady(20 * MIB, 100));
        let both = check(Some(20 * MIB), Some(110));
        assert_eq!(verdict(&seen, &both), (CheckVerdict::Pass, "never above in 10.0 s".to_owned()));
        assert!(matches!(seen.judge(&both, &["node-1"], 3000, 12_900), Judgement::Pending { .. }));
    }

    #[test]
    fn memory_above_for_one_sample_fails_at_once() {
        let peak = seen(|at| {
            Some(Resources { memory_bytes: if at == 6000 { 21 * MIB } else { MIB }, cpu_ms: 0 })
        });
        assert_eq!(
            verdict(&peak, &check(Some(20 * MIB), None)),
            (CheckVerdict::Fail, "node-1 used 21.0 MiB of memory".to_owned())
        );
        assert!(matches!(
            peak.judge(&check(Some(20 * MIB), None), &["node-1"], 3000, 6100),
            Judgement::Settled(_)
        ));
        let one_byte = seen(steady(20 * MIB + 1, 0));
        assert_eq!(verdict(&one_byte, &check(Some(20 * MIB), None)).0, CheckVerdict::Fail);
    }

    #[test]
    fn a_share_above_fails_and_a_short_burst_does_not() {
        assert_eq!(verdict(&seen(steady(MIB, 100)), &check(None, Some(99))).0, CheckVerdict::Fail);
        let burst = seen(|at| Some(Resources { memory_bytes: MIB, cpu_ms: at.min(4000) }));
        assert_eq!(verdict(&burst, &check(None, Some(150))).0, CheckVerdict::Pass, "1 s of 10");
        let all = seen(steady(MIB, 1000));
        assert!(
            matches!(
                all.judge(&check(None, Some(300)), &["node-1"], 3000, 7500),
                Judgement::Settled(_)
            ),
            "4 s of 10 s are used up"
        );
    }

    #[test]
    fn a_restart_does_not_hide_what_was_used() {
        let mut seen = Seen::default();
        for at in (0..16_000).step_by(1000) {
            let (start, cpu_ms) = if at < 8000 { (0, at) } else { (1, at - 7000) };
            seen.resources("node-1", start, at, Some(Resources { memory_bytes: MIB, cpu_ms }));
        }
        assert_eq!(verdict(&seen, &check(None, Some(900))).0, CheckVerdict::Fail);
    }

    #[test]
    fn three_measurements_and_pauses_of_five_seconds_are_just_enough() {
        let limits = check(Some(MIB), None);
        // The window is from 3 s to 13 s; answers take 5 ms.
        let measured = |at: &[u64]| {
            let mut seen = Seen::default();
            at.iter().for_each(|&at| {
                seen.resources("node-1", 0, at, Some(Resources { memory_bytes: MIB, cpu_ms: 0 }))
            });
            verdict(&seen, &limits)
        };
        assert_eq!(measured(&[5000, 8000, 12_000]).0, CheckVerdict::Pass);
        assert_eq!(
            measured(&[7000, 11_000]),
            (CheckVerdict::Inconclusive, "node-1 was not measured 3 times (seen 2)".to_owned())
        );
        assert_eq!(measured(&[7995, 8000, 12_000]).0, CheckVerdict::Pass);
        assert_eq!(measured(&[7996, 8000, 12_000]).0, CheckVerdict::Inconclusive);
    }

    #[test]
    fn what_was_seen_is_said() {
        let observed =
            |seen: &Seen| seen.verdict(&check(Some(u64::MAX), None), &["node-1"], 3000).observed;
        assert_eq!(
            observed(&seen(steady(20 * MIB, 250))),
            "node-1: 20.0 MiB at most, 25.0 % of a core"
        );
        assert_eq!(observed(&Seen::default()), "node-1: not measured yet");
        let mut once = Seen::default();
        once.resources("node-1", 0, 4000, Some(Resources { memory_bytes: 1, cpu_ms: 5 }));
        assert_eq!(observed(&once), "node-1: 1 KiB at most, – of a core");
        assert_eq!([MIB - 1024, MIB, MIB + MIB / 10].map(size), ["1023 KiB", "1.0 MiB", "1.1 MiB"]);
    }

    #[test]
    fn what_was_not_measured_is_no_pass() {
        let limits = check(Some(MIB), Some(1000));
        assert_eq!(verdict(&Seen::default(), &limits).0, CheckVerdict::Inconclusive);
        assert_eq!(verdict(&seen(|_| None), &limits).0, CheckVerdict::Inconclusive);
        let hole = seen(|at| if (6000..11_000).contains(&at) { None } else { steady(MIB, 0)(at) });
        assert_eq!(
            verdict(&hole, &limits),
            (CheckVerdict::Inconclusive, "node-1 was not measured for 6.0 s".to_owned())
        );
        let end = seen(|at| if at > 7000 { None } else { steady(MIB, 0)(at) });
        assert_eq!(verdict(&end, &limits).0, CheckVerdict::Inconclusive);
        let beginning = seen(|at| if at < 9000 { None } else { steady(MIB, 0)(at) });
        assert_eq!(verdict(&beginning, &limits).0, CheckVerdict::Inconclusive);
        assert_ne!(seen(steady(0, 0)).verdict(&limits, &[], 3000).verdict, CheckVerdict::Pass);
        assert_ne!(verdict(&seen(steady(0, 0)), &check(None, None)).0, CheckVerdict::Pass);
    }
}
