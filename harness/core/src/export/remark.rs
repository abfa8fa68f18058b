//! What a document says of itself, in comments at its top: where it is from, how it is used, and what of the scenario is
//! not in it.

use std::fmt::Write;

use crate::{
    scenario::{PhasePlan, Plan},
    text::printable,
};

/// The comments: a heading, how the document is used, and what is missing.
pub(super) fn remarks(plan: &Plan, what: &str, usage: &[String]) -> String {
    let mut text = String::new();
    let about = if plan.description.is_empty() { "" } else { ": " };
    line(
        &mut text,
        &format!("{what} of the scenario {}{about}{}", plan.scenario, plan.description),
    );
    for words in usage {
        line(&mut text, words);
    }
    let lost: Vec<String> = plan.phases.iter().filter_map(lost).collect();
    if !lost.is_empty() {
        line(&mut text, "");
        line(
            &mut text,
            "Not in here, since nothing but the harness does it to a network or judges one:",
        );
        lost.iter().for_each(|words| line(&mut text, words));
    }
    text.push('\n');
    text
}

/// What a phase does and asks.
fn lost(phase: &PhasePlan) -> Option<String> {
    let faults = named("faults", phase.faults.iter().map(|fault| fault.kind.name()));
    let checks = named("checks", phase.checks.iter().map(|check| check.kind.name()));
    let both: Vec<String> = [faults, checks].into_iter().flatten().collect();
    (!both.is_empty()).then(|| format!("  {}: {}", phase.name, both.join("; ")))
}

/// Each once, in their order.
fn named(what: &str, names: impl Iterator<Item = &'static str>) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    (!all.is_empty()).then(|| format!("{what} {}", all.join(", ")))
}

/// One line, whatever is in it: a description may have an end of line, and must not become a part of the document.
fn line(text: &mut String, words: &str) {
    let words = printable(words);
    let _ = writeln!(text, "{}", format!("# {words}").trim_end());
}

/// What the whole is called there. Nobody else's: it is removed with everything in it.
pub(super) fn project(plan: &Plan) -> String {
    let name: String = format!("hegemon-{}", label(&plan.scenario)).chars().take(63).collect();
    name.trim_end_matches('-').to_lowercase()
}

/// A scenario may have the name of any file, a label has letters, digits and `-`, 63 at most.
pub(super) fn label(name: &str) -> String {
    let fits = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = name.chars().take(63).map(fits).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "scenario" } else { name }.to_owned()
}
