//! The verdict as Markdown, for a job's summary or a comment: what did not hold first and in full, what held in a line.
//! And as lines that GitHub puts beside a change.

use std::fmt::Write;

use crate::{
    bundle::Sha256Hex,
    event::CheckVerdict,
    markup::cell,
    text::printable,
    verdict::{CheckResult, FaultVerdict, RunVerdict, Verdict},
};

/// A page of Markdown. `place` is where the evidence is, as whoever reads it can find it.
pub fn summary(verdict: &Verdict, place: &str, digest: Option<Sha256Hex>) -> String {
    let mut text = format!("### {} {}\n\n", verdict.verdict.word(), cell(&verdict.scenario));
    let reason = verdict.reason.as_deref().unwrap_or("every check passed");
    let _ = writeln!(text, "{}\n", cell(reason));
    text.push_str("| | phase | fault or check | why | seen |\n| --- | --- | --- | --- | --- |\n");
    for (number, phase) in verdict.phases.iter().enumerate() {
        let name = format!("{}. {}", number + 1, cell(&phase.name));
        if !phase.was_reached() {
            let _ = writeln!(text, "| · | {name} | | not reached | |");
            continue;
        }
        for fault in &phase.faults {
            let _ = writeln!(text, "{}", fault_row(&name, fault));
        }
        for check in &phase.checks {
            let _ = writeln!(text, "{}", check_row(&name, check));
        }
    }
    let _ = writeln!(
        text,
        "\nrun {} · {:.1} s · exit code {} · evidence in `{}`{}",
        cell(&verdict.run),
        verdict.seconds,
        verdict.exit_code,
        printable(place).replace('`', ""),
        digest.map_or_else(String::new, |digest| format!(" · digest `{digest}`")),
    );
    text
}

/// One line for each thing that did not hold, as GitHub's runner understands it; none for a pass.
pub fn annotations(verdict: &Verdict) -> Vec<String> {
    let level = match verdict.verdict {
        RunVerdict::Pass => return Vec::new(),
        RunVerdict::Fail => "error",
        RunVerdict::Inconclusive | RunVerdict::Environment | RunVerdict::Interrupted => "warning",
    };
    let title = format!("{} {}", verdict.verdict.word(), verdict.scenario);
    let mut lines = vec![line(level, &title, verdict.reason.as_deref().unwrap_or_default())];
    for check in verdict.phases.iter().flat_map(|phase| &phase.checks) {
        if check.verdict == CheckVerdict::Fail {
            let title = format!("{} of {}", check.check, check.selector);
            let words =
                format!("{}\nexpected: {}\nseen: {}", check.reason, check.expected, check.observed);
            lines.push(line("error", &title, &words));
        }
    }
    lines
}

fn fault_row(phase: &str, fault: &FaultVerdict) -> String {
    let (mark, why) = match (&fault.proof, &fault.reason) {
        (_, Some(reason)) => ("?", reason.as_str()),
        (Some(proof), None) => ("✓", proof.as_str()),
        (None, None) => ("·", "not done"),
    };
    format!(
        "| {mark} | {phase} | fault {} of {} | {} | |",
        fault.fault,
        cell(&fault.selector),
        cell(why)
    )
}

fn check_row(phase: &str, check: &CheckResult) -> String {
    let (mark, emphasis) = match check.verdict {
        CheckVerdict::Pass => ("✓", ""),
        CheckVerdict::Fail => ("✗", "**"),
        CheckVerdict::Inconclusive => ("?", "**"),
        CheckVerdict::NotJudged => ("·", ""),
    };
    let expected = if emphasis.is_empty() {
        String::new()
    } else {
        format!("; expected: {}", cell(&check.expected))
    };
    format!(
        "| {mark} | {phase} | {emphasis}{} of {}{emphasis} | {}{expected} | {} |",
        check.check,
        cell(&check.selector),
        cell(&check.reason),
        cell(&check.observed)
    )
}

/// A node's words may hold anything, and a line of the runner's ends where they would begin another command.
fn line(level: &str, title: &str, words: &str) -> String {
    let data = |text: &str| {
        let lines: Vec<String> = text.lines().map(printable).collect();
        lines.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
    };
    let property = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={property}::{}", data(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_nodes_are_no_commands_of_a_runner() {
        let line = line("error", "a: b, c", "50 % lost\n::set-output name=x::y\u{1b}[31m");
        assert_eq!(line, "::error title=a%3A b%2C c::50 %25 lost%0A::set-output name=x::y");
        assert_eq!(line.lines().count(), 1);
    }
}
