//! The verdict as text that fits a screen, for a person who is tired: what did not hold first and with its evidence,
//! what held in a line, where the rest is, and how to run it again. Reads a [`Verdict`] and an [`Excerpt`] of its
//! evidence, and decides nothing. `failed` is the one thing that decided against a run, `held` all that did not.

mod failed;
mod held;

use std::{fmt, path::Path};

use super::excerpt::Excerpt;
use crate::{
    bundle::Sha256Hex,
    text::printable,
    tone::{Colour, Line, Tone},
    verdict::{Figures, RunVerdict, Verdict},
};

/// A verdict, ready to be displayed.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// What is shown.
    pub verdict: &'a Verdict,
    /// What of the evidence belongs to it, if it is no pass.
    pub excerpt: Option<&'a Excerpt>,
    /// Where its evidence is.
    pub evidence: &'a Path,
    /// Of its evidence, if that is whole.
    pub digest: Option<Sha256Hex>,
    /// The command that runs the same again, if there is one.
    pub again: Option<&'a str>,
    /// Colours or not.
    pub colour: Colour,
    /// Columns of the terminal: longer lines are cut. None for a file, where nothing is.
    pub width: Option<usize>,
}

/// The bundle's page.
pub const REPORT: &str = "report.html";

/// A single failure has no more lines than the smallest usual window.
const SCREEN: usize = 24;

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end();
        let width = self.width.unwrap_or(usize::MAX);
        let findings = self.findings(end.len() + 1).into_iter().map(|line| line.cut(width));
        // Nothing is cut off a path or a command: they are there to be copied.
        findings.chain(end).try_for_each(|line| writeln!(f, "{}", line.painted(self.colour)))
    }
}

impl Text<'_> {
    /// What was found, with room for so many lines below it.
    fn findings(&self, below: usize) -> Vec<Line> {
        let verdict = self.verdict;
        let head =
            format!("{} · run {} · started {}", verdict.scenario, verdict.run, verdict.started);
        let mut lines = vec![Line::plain(&head)];
        if verdict.verdict == RunVerdict::Pass {
            lines.extend(held::in_full(verdict));
        } else {
            let held = held::in_brief(verdict);
            let room = SCREEN.saturating_sub(1 + held.len() + below);
            lines.extend(failed::all(verdict, self.excerpt, self.width, room));
            lines.extend(held);
        }
        lines
    }

    /// How long it took, where the rest is, and the verdict in the last line.
    fn end(&self) -> Vec<Line> {
        let mut lines = vec![Line::plain(&times(self.verdict))];
        if self.verdict.verdict == RunVerdict::Pass {
            lines.extend(found(&self.verdict.figures));
        }
        lines.push(Line::plain(&format!("  evidence: {}", self.evidence.display())));
        if let Some(digest) = self.digest {
            lines.push(Line::plain(&format!("  report: {}", self.evidence.join(REPORT).display())));
            lines.push(Line::plain(&format!("  digest: {digest}")));
        }
        if let Some(again) = self.again.filter(|_| self.verdict.verdict != RunVerdict::Pass) {
            lines.push(Line::plain(&format!("  again: {again}")));
        }
        lines.extend(self.last());
        lines
    }

    /// A reason may have several lines: what happened, and what to do. The first stands behind the word.
    fn last(&self) -> Vec<Line> {
        let word = self.verdict.verdict.word();
        let tone = match self.verdict.verdict {
            RunVerdict::Pass => Tone::Good,
            RunVerdict::Fail => Tone::Bad,
            RunVerdict::Inconclusive | RunVerdict::Environment | RunVerdict::Interrupted => {
                Tone::Doubt
            }
        };
        let reason = self.verdict.reason.as_deref().unwrap_or("every check passed");
        let mut reason = reason.lines();
        let first = reason.next().unwrap_or_default();
        let words = format!(" {}: {first}", self.verdict.scenario);
        let last = Line::default().with(tone, word).with(Tone::Plain, &words);
        // What a check found stands above, with more of it.
        let is_told = matches!(self.verdict.verdict, RunVerdict::Fail | RunVerdict::Inconclusive);
        let width = self.width.filter(|_| is_told).map_or(usize::MAX, |width| 2 * width);
        std::iter::once(last.cut(width))
            .chain(reason.map(|line| Line::plain(&format!("  {}", printable(line)))))
            .collect()
    }
}

fn times(verdict: &Verdict) -> String {
    let figures = &verdict.figures;
    let part =
        |name: &str, seconds: Option<f64>| seconds.map(|seconds| format!("{name} {seconds:.1} s"));
    let parts = [
        part("prepare", figures.prepare_seconds),
        part("start", figures.start_seconds),
        part("phases", figures.phases_seconds),
        part("clean-up", figures.teardown_seconds),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let total = format!("  total {:.1} s", verdict.seconds);
    if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }
}

fn found(figures: &Figures) -> Vec<Line> {
    let words = [
        figures
            .overhead_seconds
            .map(|it| format!("  overhead beyond the scenario's own time {it:.1} s")),
        figures
            .last_start_to_peers_seconds
            .map(|it| format!("  peers {it:.2} s after the last start")),
        figures.recovery_seconds.map(|it| format!("  recovered {it:.2} s after the fault healed")),
    ];
    words.iter().flatten().map(|words| Line::plain(words)).collect()
}

#[cfg(test)]
mod tests;
