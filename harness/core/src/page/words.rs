//! What a page says in words: the verdict first, then what was found, and where it ran.

use maud::{Markup, html};

use super::{story::Story, timeline};
use crate::{
    event::{CheckId, CheckVerdict, Moment},
    record::{Launch, PlanRecord},
    text::{printable, short},
    verdict::{CheckResult, FaultVerdict, Figures, PhaseVerdict, RunVerdict, Verdict},
};

/// Whether the evidence was looked at, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belief {
    /// It is the run itself that writes its page.
    Fresh,
    /// `verify` found it whole.
    Whole,
    /// It did not; so many problems, and the first of them.
    Broken(u64, String),
}

/// A run's verdict as a class of the style sheet.
fn class(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "pass",
        RunVerdict::Fail => "fail",
        RunVerdict::Inconclusive => "unsure",
        RunVerdict::Environment | RunVerdict::Interrupted => "never",
    }
}

/// What stands in large letters: evidence that does not fit says nothing, whatever follows from it.
pub(super) fn badge(verdict: RunVerdict, belief: &Belief) -> (&'static str, &'static str) {
    match belief {
        Belief::Broken(..) => ("NOT WHOLE", "never"),
        Belief::Fresh | Belief::Whole => (verdict.word(), class(verdict)),
    }
}

/// A moment, for people.
pub(super) fn after(at: Moment) -> String {
    short(at.since(Moment(0)))
}

pub(super) fn head(record: &PlanRecord, verdict: &Verdict, belief: &Belief) -> Markup {
    let reason = verdict.reason.as_deref().unwrap_or("every check passed");
    let mut lines = reason.lines();
    html! {
        header {
            @let (word, class) = badge(verdict.verdict, belief);
            h1 { span class={ "word " (class) } { (word) } (printable(&verdict.scenario)) }
            p.reason { (printable(lines.next().unwrap_or_default())) }
            @let more: Vec<String> = lines.map(printable).collect();
            @if !more.is_empty() { pre { (more.join("\n")) } }
            p.soft {
                (printable(&record.plan.description)) @if !record.plan.description.is_empty() { ". " }
                "Run " (verdict.run) ", started " (verdict.started) ", " (format!("{:.1}", verdict.seconds)) " s, exit code " (verdict.exit_code) "."
            }
            @match belief {
                Belief::Fresh => {}
                Belief::Whole => p.soft { "The evidence is whole: this verdict follows from it." },
                Belief::Broken(count, first) => p.reason { b { "The evidence does not fit (" (count) " problems), so nothing follows from it; it would say " (verdict.verdict.word()) ": " } (printable(first)) },
            }
        }
    }
}

pub(super) fn findings(verdict: &Verdict, story: &Story) -> Markup {
    html! {
        section {
            h2 id="findings" { "What was found" }
            div.scroll { table {
                thead { tr { th scope="col" { "phase" } th scope="col" { "fault or check" } th scope="col" { "verdict" } th scope="col" { "why" } th scope="col" { "seen" } th scope="col" { "logs" } } }
                tbody {
                    @for (number, phase) in verdict.phases.iter().enumerate() {
                        @for row in rows(story, number, phase) { (row) }
                    }
                }
            } }
            (figures(&verdict.figures))
        }
    }
}

fn rows(story: &Story, number: usize, phase: &PhaseVerdict) -> Vec<Markup> {
    let name = format!("{}. {}", number + 1, printable(&phase.name));
    if !phase.was_reached() {
        return vec![html! { tr { th scope="row" { (name) } td colspan="5" { "not reached" } } }];
    }
    let faults = phase.faults.iter().map(|fault| fault_row(&name, fault));
    let checks = phase.checks.iter().enumerate().map(|(check, result)| {
        let span = story.checks.get(&CheckId { phase: number, check });
        check_row(&name, result, span.and_then(|span| span.to))
    });
    faults.chain(checks).collect()
}

fn figures(figures: &Figures) -> Markup {
    let all = [
        ("prepared in", figures.prepare_seconds),
        ("nodes started in", figures.start_seconds),
        ("phases", figures.phases_seconds),
        ("clean-up", figures.teardown_seconds),
        ("last start until peers held", figures.last_start_to_peers_seconds),
        ("recovered after", figures.recovery_seconds),
    ];
    let known: Vec<String> = all
        .into_iter()
        .filter_map(|(name, seconds)| seconds.map(|seconds| format!("{name} {seconds:.2} s")))
        .collect();
    html! { @if !known.is_empty() { p.soft { (known.join(" · ")) } } }
}

pub(super) fn environment(record: &PlanRecord) -> Markup {
    let host = &record.host;
    let facts = serde_json::to_string_pretty(&record.facts).unwrap_or_default();
    html! {
        section {
            h2 id="environment" { "Where it ran, and again" }
            p { "Harness " (record.harness) " on " (host.os) " " (host.kernel) ", " (host.architecture) ", " (host.cores) " cores"
                @if let Some(bytes) = host.memory_bytes { ", " (bytes / 1_048_576) " MiB" } "; seed " (record.plan.seed) "." }
            p { "In the folder of this page: " code { "harness verify ." } " derives the verdict again from the evidence, " code { "harness rerun ." } " runs the same again." }
            details { summary { "Provider" } pre { (printable_lines(&facts)) } }
            details { summary { "Scenario" } pre { (printable_lines(&record.plan.text)) } }
            @if !record.launches.is_empty() {
                details { summary { "Nodes, with arguments and environment" } @for launch in &record.launches { (launch_words(launch)) } }
            }
        }
    }
}

fn fault_row(phase: &str, fault: &FaultVerdict) -> Markup {
    let (verdict, why) = match (&fault.proof, &fault.reason) {
        (_, Some(reason)) => (CheckVerdict::Inconclusive, reason.as_str()),
        (Some(proof), None) => (CheckVerdict::Pass, proof.as_str()),
        (None, None) => (CheckVerdict::NotJudged, "not done"),
    };
    html! {
        tr {
            th scope="row" { (phase) }
            td { "fault " (fault.fault) " of " (printable(&fault.selector)) }
            td class=(timeline::class(verdict)) { (timeline::mark(verdict)) " " (if verdict == CheckVerdict::Pass { "proven" } else { "not proven" }) }
            td colspan="3" { (parts(why)) }
        }
    }
}

fn check_row(phase: &str, check: &CheckResult, decided: Option<Moment>) -> Markup {
    let word = match check.verdict {
        CheckVerdict::Pass => "pass",
        CheckVerdict::Fail => "fail",
        CheckVerdict::Inconclusive => "inconclusive",
        CheckVerdict::NotJudged => "not judged",
    };
    html! {
        tr {
            th scope="row" { (phase) }
            td { (check.check) " of " (printable(&check.selector)) @if let Some(seconds) = check.seconds { " (" (format!("{seconds:.1}")) " s)" } }
            td class=(timeline::class(check.verdict)) { (timeline::mark(check.verdict)) " " (word) }
            td { (printable(&check.reason)) @if check.verdict != CheckVerdict::Pass { br; span.soft { "expected: " (printable(&check.expected)) } } }
            td { (parts(&check.observed)) }
            td { @if let Some(at) = decided { button type="button" data-at=(at.0) { "at " (after(at)) } } }
        }
    }
}

/// A part to a line, as the terminal has it.
fn parts(text: &str) -> Markup {
    let separator = if text.contains('\n') { "\n" } else { "; " };
    html! { @for (number, part) in text.split(separator).enumerate() { @if number > 0 { br; } (printable(part)) } }
}

fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn launch_words(launch: &Launch) -> Markup {
    let env: Vec<String> =
        launch.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    html! {
        h3 { (printable(&launch.name)) }
        pre { (printable_lines(&launch.args.join(" "))) "\n" (printable_lines(&env.join("\n"))) }
    }
}
