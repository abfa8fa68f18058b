//! The verdict as text, for a person who is tired: what passed, what did not, what was seen instead, and where the evidence is. Reads a [`Verdict`] and nothing else.

use std::fmt::{self, Write};

use super::printable;
use crate::{
    event::CheckVerdict,
    verdict::{CheckResult, Figures, RunVerdict, Verdict},
};

/// Whether marks and the last line are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    On,
    /// Plain text.
    Off,
}

/// A verdict, ready to be displayed.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// What is shown.
    pub verdict: &'a Verdict,
    /// Where its evidence is.
    pub evidence: &'a std::path::Path,
    /// Colours or not.
    pub colour: Colour,
}

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict;
        writeln!(f, "{} · run {} · started {}", verdict.scenario, verdict.run, verdict.started)?;
        for (number, phase) in verdict.phases.iter().enumerate() {
            writeln!(f, "\n  {}. {}", number + 1, printable(&phase.name))?;
            for fault in &phase.faults {
                let (mark, proof) = match (&fault.proof, &fault.reason) {
                    (Some(proof), _) => (self.paint("✓", GREEN), proof.as_str()),
                    (None, Some(reason)) => (self.paint("?", YELLOW), reason.as_str()),
                    (None, None) => (self.paint("·", YELLOW), "not done"),
                };
                writeln!(f, "     {mark} fault {} of {}", fault.fault, fault.nodes.join(", "))?;
                for part in proof.split("; ") {
                    writeln!(f, "         {}", printable(part))?;
                }
            }
            for check in &phase.checks {
                self.check(check, f)?;
            }
        }
        writeln!(f)?;
        self.times(&verdict.figures, f)?;
        writeln!(f, "  evidence: {}", self.evidence.display())?;
        self.last_line(f)
    }
}

impl Text<'_> {
    fn check(&self, check: &CheckResult, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match check.verdict {
            CheckVerdict::Pass => self.paint("✓", GREEN),
            CheckVerdict::Fail => self.paint("✗", RED),
            CheckVerdict::Inconclusive => self.paint("?", YELLOW),
            CheckVerdict::NotJudged => self.paint("·", YELLOW),
        };
        write!(f, "     {mark} {} of {}", check.check, check.nodes.join(", "))?;
        match check.seconds {
            Some(seconds) => writeln!(f, " ({seconds:.1} s): {}", printable(&check.reason))?,
            None => writeln!(f, ": {}", printable(&check.reason))?,
        }
        if check.verdict != CheckVerdict::Pass {
            writeln!(f, "         expected: {}", printable(&check.expected))?;
        }
        if !check.observed.is_empty() {
            let mut seen = String::new();
            for line in check.observed.split("; ").flat_map(str::lines) {
                write!(seen, "\n           {}", printable(line))?;
            }
            writeln!(f, "         seen:{seen}")?;
        }
        Ok(())
    }

    fn times(&self, figures: &Figures, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |name: &str, seconds: Option<f64>| seconds.map(|seconds| format!("{name} {seconds:.1} s"));
        let parts: Vec<String> = [
            part("prepare", figures.prepare_seconds),
            part("start", figures.start_seconds),
            part("phases", figures.phases_seconds),
            part("clean-up", figures.teardown_seconds),
        ]
        .into_iter()
        .flatten()
        .collect();
        write!(f, "  total {:.1} s", self.verdict.seconds)?;
        if !parts.is_empty() {
            write!(f, " ({})", parts.join(", "))?;
        }
        if let Some(overhead) = figures.overhead_seconds {
            write!(f, "; overhead beyond the scenario's own time {overhead:.1} s")?;
        }
        writeln!(f)?;
        if let Some(seconds) = figures.last_start_to_peers_seconds {
            writeln!(f, "  peers {seconds:.2} s after the last start")?;
        }
        if let Some(seconds) = figures.recovery_seconds {
            writeln!(f, "  recovered {seconds:.2} s after the fault healed")?;
        }
        Ok(())
    }

    fn last_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, colour) = match self.verdict.verdict {
            RunVerdict::Pass => ("PASS", GREEN),
            RunVerdict::Fail => ("FAIL", RED),
            RunVerdict::Inconclusive => ("INCONCLUSIVE", YELLOW),
            RunVerdict::Environment => ("ENVIRONMENT", YELLOW),
            RunVerdict::Interrupted => ("INTERRUPTED", YELLOW),
        };
        write!(f, "{} {}", self.paint(word, colour), self.verdict.scenario)?;
        match &self.verdict.reason {
            // A reason may have several lines: what happened, and what to do.
            Some(reason) => writeln!(f, ": {}", reason.lines().map(printable).collect::<Vec<_>>().join("\n  ")),
            None => writeln!(f, ": every check passed"),
        }
    }

    fn paint(&self, text: &str, colour: &str) -> String {
        match self.colour {
            Colour::On => format!("\u{1b}[1;{colour}m{text}\u{1b}[0m"),
            Colour::Off => text.to_owned(),
        }
    }
}
