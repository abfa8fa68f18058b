//! Several runs beside each other.

use std::collections::BTreeMap;

use maud::html;

use super::{
    frame,
    timeline::clipped,
    words::{Belief, badge},
};
use crate::{bundle::Sha256Hex, text::printable, verdict::Verdict};

/// One of several runs.
#[derive(Debug)]
pub struct Beside {
    /// Where its bundle is.
    pub place: String,
    /// What came of its evidence.
    pub belief: Belief,
    /// Of its evidence.
    pub digest: Option<Sha256Hex>,
    /// What follows from that, if anything does.
    pub verdict: Option<Verdict>,
    /// What was run, by what was asked for.
    pub builds: BTreeMap<String, String>,
    /// What was drawn follows from it.
    pub seed: Option<u64>,
}

/// A page of runs, in their order: how each ended, what differs, how long it took.
pub fn beside(runs: &[Beside]) -> String {
    let (scenarios, builds) = (distinct(runs, scenario), distinct(runs, build_words));
    let body = html! {
        header {
            h1 { (runs.len()) " runs of " (scenarios) @if scenarios == 1 { " scenario, " } @else { " scenarios, " } (builds) @if builds == 1 { " build" } @else { " builds" } }
            p.reason { (counts(runs)) }
        }
        main { div.scroll { table {
            thead { tr { @for name in ["verdict", "scenario", "why", "started", "total", "peers after start", "recovered", "build", "seed", "digest", "bundle"] { th scope="col" { (name) } } } }
            tbody { @for run in runs { (row(run)) } }
        } } }
    };
    frame::document(&format!("{} runs", runs.len()), &body).into_string()
}

fn row(run: &Beside) -> maud::Markup {
    let seconds =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2} s"));
    let broken = match &run.belief {
        Belief::Broken(_, first) => Some(printable(first)),
        Belief::Fresh | Belief::Whole => None,
    };
    html! {
        tr {
            @match &run.verdict {
                Some(verdict) => {
                    @let (word, class) = badge(verdict.verdict, &run.belief);
                    td class=(class) { (word) }
                    td { (printable(&verdict.scenario)) }
                    td { @if let Some(first) = &broken { b { "the evidence does not fit, it would say " (verdict.verdict.word()) ": " } (first) br; } (printable(verdict.reason.as_deref().unwrap_or("every check passed").lines().next().unwrap_or_default())) }
                    td { (verdict.started) }
                    td { (seconds(Some(verdict.seconds))) }
                    td { (seconds(verdict.figures.last_start_to_peers_seconds)) }
                    td { (seconds(verdict.figures.recovery_seconds)) }
                }
                None => { td.never { "NOTHING" } td { "–" } td { "nothing follows from it: " (broken.unwrap_or_default()) } td { "–" } td { "–" } td { "–" } td { "–" } }
            }
            td { @for (source, digest) in &run.builds { (printable(source)) " " code { (clipped(digest, 13)) } br; } }
            td { @if let Some(seed) = run.seed { (seed) } }
            td { @if let Some(digest) = run.digest { code { (clipped(&digest.to_string(), 13)) } } }
            td { code { (printable(&run.place)) } }
        }
    }
}

fn scenario(run: &Beside) -> Option<String> {
    run.verdict.as_ref().map(|verdict| verdict.scenario.clone())
}

fn build_words(run: &Beside) -> Option<String> {
    run.verdict.as_ref().map(|_| format!("{:?}", run.builds))
}

fn distinct(runs: &[Beside], of: impl Fn(&Beside) -> Option<String>) -> usize {
    runs.iter().filter_map(of).collect::<std::collections::BTreeSet<_>>().len()
}

/// A run whose evidence does not fit counts as none of the others.
fn counts(runs: &[Beside]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        let word = match (&run.belief, &run.verdict) {
            (Belief::Broken(..), _) | (_, None) => "NOT WHOLE",
            (_, Some(verdict)) => verdict.verdict.word(),
        };
        *counts.entry(word).or_default() += 1;
    }
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}
