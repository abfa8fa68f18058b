//! What held, what was not judged, and what else did not hold: a line for each, or for many of them.

use crate::{
    event::CheckVerdict,
    tone::{Line, Tone},
    verdict::{CheckResult, FaultVerdict, PhaseVerdict, Verdict},
};

/// So many have a line of their own; of more, a phase has one.
const FEW: usize = 12;

/// Phases that have a line.
const PHASES: usize = 15;

/// Every check and fault of a run that passed.
pub(super) fn in_full(verdict: &Verdict) -> Vec<Line> {
    let all: usize = verdict.phases.iter().map(|it| it.faults.len() + it.checks.len()).sum();
    if all > FEW {
        let phases = verdict.phases.iter().enumerate().take(PHASES);
        let mut lines: Vec<Line> = phases.map(|(number, phase)| of_phase(number, phase)).collect();
        if verdict.phases.len() > PHASES {
            let more = verdict.phases.len() - PHASES;
            lines.push(Line::plain(&format!("  and {more} more phases, in the report")));
        }
        return lines;
    }
    let mut lines = Vec::new();
    for (number, phase) in verdict.phases.iter().enumerate() {
        lines.push(Line::plain(&format!("  {}. {}", number + 1, phase.name)));
        lines.extend(phase.faults.iter().map(fault));
        lines.extend(phase.checks.iter().map(check));
    }
    lines
}

/// What there is beside a failure: what held before it, and how much was never judged, in a line each.
pub(super) fn in_brief(verdict: &Verdict) -> Vec<Line> {
    let checks = || verdict.phases.iter().flat_map(|phase| &phase.checks);
    let held = checks().filter(|check| check.verdict == CheckVerdict::Pass);
    let open = checks().filter(|check| check.verdict == CheckVerdict::NotJudged);
    let (held, open) = (names(held), names(open));
    let mut lines = Vec::new();
    if !held.is_empty() {
        let words = format!(" {} passed: {}", held.len(), grouped(&held));
        lines.push(Line::plain("  ").with(Tone::Good, "✓").with(Tone::Plain, &words));
    }
    if !open.is_empty() {
        let words = format!("  · {} not judged: {}", open.len(), grouped(&open));
        lines.push(Line::default().with(Tone::Faint, &words));
    }
    lines
}

fn of_phase(number: usize, phase: &PhaseVerdict) -> Line {
    let faults =
        phase.faults.iter().map(|fault| format!("fault {}", of(&fault.fault, &fault.selector)));
    let all: Vec<String> = faults.chain(names(phase.checks.iter())).collect();
    let words = format!(" {}. {}: {}", number + 1, phase.name, grouped(&all));
    Line::plain("  ").with(Tone::Good, "✓").with(Tone::Plain, &words)
}

fn fault(fault: &FaultVerdict) -> Line {
    let (tone, mark, proof) = match &fault.proof {
        Some(proof) => (Tone::Good, "✓", proof.as_str()),
        None => (Tone::Faint, "·", "not done"),
    };
    let words = format!(" fault {}: {proof}", of(&fault.fault, &fault.selector));
    Line::plain("     ").with(tone, mark).with(Tone::Plain, &words)
}

fn check(check: &CheckResult) -> Line {
    let took = check.seconds.map_or_else(String::new, |it| format!(" ({it:.1} s)"));
    let seen = check.observed.lines().next().unwrap_or_default();
    let seen = if seen.is_empty() { String::new() } else { format!(" [{seen}]") };
    let words = format!(" {}{took}: {}{seen}", of(&check.check, &check.selector), check.reason);
    Line::plain("     ").with(Tone::Good, "✓").with(Tone::Plain, &words)
}

fn names<'a>(checks: impl Iterator<Item = &'a CheckResult>) -> Vec<String> {
    checks.map(|check| of(&check.check, &check.selector)).collect()
}

fn of(name: &str, selector: &str) -> String {
    if selector.is_empty() { name.to_owned() } else { format!("{name} of {selector}") }
}

/// Each once, in the order of the first, with how often it is there.
fn grouped(names: &[String]) -> String {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for name in names {
        match seen.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => seen.push((name, 1)),
        }
    }
    let words = seen.iter().map(|(name, count)| match count {
        1 => (*name).to_owned(),
        count => format!("{name} ({count})"),
    });
    words.collect::<Vec<_>>().join(", ")
}
