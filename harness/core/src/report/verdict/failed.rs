//! What did not hold. The first has its evidence with it; others a line each.

use crate::{
    event::{CheckVerdict, Moment},
    report::excerpt::{Excerpt, LogLine},
    text::printable,
    tone::{Line, Tone, folded},
    verdict::{CheckResult, FaultVerdict, PhaseVerdict, Verdict},
};

/// Lines that words of one kind may take on a terminal.
const LINES: usize = 2;

/// Others that have a line.
const OTHERS: usize = 4;

/// Nodes whose samples are shown.
const NODES: usize = 3;

/// Lines of logs that are shown at least and at most.
const LOGS: (usize, usize) = (3, 8);

/// Everything that did not hold, in so many lines if that can be.
pub(super) fn all(
    verdict: &Verdict,
    excerpt: Option<&Excerpt>,
    width: Option<usize>,
    room: usize,
) -> Vec<Line> {
    let mut blocks = verdict.phases.iter().enumerate().flat_map(|(number, phase)| {
        let faults = phase.faults.iter().filter(|fault| fault.reason.is_some());
        let faults = faults.map(move |fault| Failed::Fault(number, phase, fault));
        let checks = phase.checks.iter().filter(|check| {
            matches!(check.verdict, CheckVerdict::Fail | CheckVerdict::Inconclusive)
        });
        faults.chain(checks.map(move |check| Failed::Check(number, phase, check)))
    });
    let mut lines = Vec::new();
    // A failure decides, whatever could not be said before it.
    let mut all: Vec<Failed<'_>> = blocks.by_ref().collect();
    all.sort_by_key(|it| !it.is_failure());
    let mut all = all.into_iter();
    if let Some(first) = all.next() {
        lines.extend(first.in_full(width));
        if excerpt.is_none_or(|excerpt| excerpt.logs.is_empty()) {
            lines.extend(first.last_words());
        }
    }
    let others: Vec<Failed<'_>> = all.collect();
    let mut below: Vec<Line> = others.iter().take(OTHERS).map(Failed::in_brief).collect();
    if others.len() > OTHERS {
        let more = others.len() - OTHERS;
        below.push(Line::plain(&format!("  and {more} more that did not hold, in the report")));
    }
    if let Some(excerpt) = excerpt {
        lines.extend(samples(excerpt, width));
        let left = room.saturating_sub(lines.len() + below.len());
        lines.extend(logs(&excerpt.logs, left));
    }
    lines.extend(below);
    lines
}

enum Failed<'a> {
    Fault(usize, &'a PhaseVerdict, &'a FaultVerdict),
    Check(usize, &'a PhaseVerdict, &'a CheckResult),
}

impl Failed<'_> {
    fn is_failure(&self) -> bool {
        matches!(self, Self::Check(_, _, check) if check.verdict == CheckVerdict::Fail)
    }

    fn in_brief(&self) -> Line {
        let (mark, name, reason) = self.words();
        let tone = if self.is_failure() { Tone::Bad } else { Tone::Doubt };
        Line::plain("  ").with(tone, mark).with(Tone::Plain, &format!(" {name}: {reason}"))
    }

    fn in_full(&self, width: Option<usize>) -> Vec<Line> {
        let (mark, name, reason) = self.words();
        let tone = if self.is_failure() { Tone::Bad } else { Tone::Doubt };
        let (number, phase) = match self {
            Self::Fault(number, phase, _) | Self::Check(number, phase, _) => (number, phase),
        };
        let mut place = format!(", in {}. {}", number + 1, phase.name);
        if let Self::Check(_, _, CheckResult { seconds: Some(seconds), .. }) = self {
            place += &format!(", after {seconds:.1} s");
        }
        let title = Line::plain("  ").with(tone, &format!("{mark} {name}"));
        let mut lines = vec![title.with(Tone::Plain, &place)];
        lines.extend(wrapped("", reason, width));
        if let Self::Check(_, _, check) = self {
            lines.extend(wrapped("expected: ", &check.expected, width));
            // Several lines are a node's own, and stand in its log.
            let is_ours = !check.observed.contains('\n') && !check.observed.is_empty();
            if is_ours {
                lines.extend(wrapped("seen: ", &check.observed, width));
            }
        }
        lines
    }

    /// A node's own, where its log is not at hand.
    fn last_words(&self) -> Vec<Line> {
        let Self::Check(_, _, check) = self else { return Vec::new() };
        let lines: Vec<&str> = check.observed.lines().collect();
        let last = if lines.len() > 1 { &lines[lines.len().saturating_sub(LOGS.1)..] } else { &[] };
        last.iter().map(|line| Line::plain(&format!("{INDENT}| {line}"))).collect()
    }

    fn words(&self) -> (&'static str, String, &str) {
        match self {
            Self::Fault(_, _, fault) => {
                let name = format!("fault {} of {}", fault.fault, fault.selector);
                ("?", name, fault.reason.as_deref().unwrap_or_default())
            }
            Self::Check(_, _, check) => {
                let mark = if check.verdict == CheckVerdict::Fail { "✗" } else { "?" };
                (mark, format!("{} of {}", check.check, check.selector), &check.reason)
            }
        }
    }
}

const INDENT: &str = "      ";

/// Words under a title, at most so many lines of a terminal; in a file, one line.
fn wrapped(name: &str, text: &str, width: Option<usize>) -> Vec<Line> {
    let text = printable(&text.replace('\n', "; "));
    let Some(width) = width else {
        return vec![Line::plain(&format!("{INDENT}{name}{text}"))];
    };
    let room = width.saturating_sub(INDENT.len() + name.len()).max(20);
    let mut lines = folded(&text, room);
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.push_str(" …");
        }
    }
    let begin = |at: usize| if at == 0 { name.to_owned() } else { " ".repeat(name.len()) };
    let lines = lines.iter().enumerate();
    lines.map(|(at, line)| Line::plain(&format!("{INDENT}{}{line}", begin(at)))).collect()
}

/// A column for each moment, a row for each node; and where hashes differed.
fn samples(excerpt: &Excerpt, width: Option<usize>) -> Vec<Line> {
    let mut lines = Vec::new();
    if !excerpt.samples.is_empty() {
        let longest =
            excerpt.samples.iter().take(NODES).map(|(name, _)| name.chars().count()).max();
        let name = longest.unwrap_or(0).max("at".len());
        let mut row = |name_: &str, cells: &[String], tone| {
            let cells: String = cells.iter().map(|cell| format!("  {cell:>9}")).collect();
            lines.push(Line::default().with(tone, &format!("{INDENT}{name_:name$}{cells}")));
        };
        let moments: Vec<String> = excerpt.moments.iter().map(|at| seconds(*at)).collect();
        row("at", &moments, Tone::Faint);
        for (node, cells) in excerpt.samples.iter().take(NODES) {
            row(node, cells, Tone::Plain);
        }
        if excerpt.samples.len() > NODES {
            let more = excerpt.samples.len() - NODES;
            let more = format!("{INDENT}and {more} more, which have as much or more");
            lines.push(Line::default().with(Tone::Faint, &more));
        }
    }
    if let Some(fork) = &excerpt.fork {
        lines.extend(wrapped("", fork, width));
    }
    lines
}

fn logs(logs: &[LogLine], room: usize) -> Vec<Line> {
    let (least, most) = LOGS;
    let last = &logs[logs.len().saturating_sub(room.clamp(least, most))..];
    let name = last.iter().map(|line| line.node.chars().count()).max().unwrap_or(0);
    let line = |line: &LogLine| {
        let at = line.at.map_or_else(String::new, |at| format!("{:.1}s", at as f64 / 1000.0));
        let begin = format!("{INDENT}{at:>7} {:name$} | ", line.node);
        Line::default().with(Tone::Faint, &begin).with(Tone::Plain, &line.text)
    };
    last.iter().map(line).collect()
}

fn seconds(at: Moment) -> String {
    format!("{:.1}s", at.0 as f64 / 1000.0)
}
