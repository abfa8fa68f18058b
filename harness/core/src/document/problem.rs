//! What is wrong with a scenario file, where, and how it is shown. Knows positions and text, not
//! scenarios.

use std::{fmt, ops::Range, path::PathBuf};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The scenario is refused.
    Error,
    /// It can run, but probably does not say what its author meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Where, in bytes of the text; `None` is the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to do, shown beside the place.
    pub hint: Option<String>,
}

/// All that is wrong with one file, with the text to show it in.
#[derive(Debug, Clone)]
pub struct Problems {
    /// The file as the user named it.
    pub path: PathBuf,
    text: String,
    /// No line of it is shown: there may be keys in it.
    secret: bool,
    found: Vec<Problem>,
}

impl Problems {
    /// None yet.
    pub fn new(path: PathBuf, text: String) -> Self {
        Self { path, text, secret: false, found: Vec::new() }
    }

    /// The same of a text that nobody else may read: problems have their place, and nothing that stands there.
    pub(crate) fn secret(path: PathBuf, text: String) -> Self {
        Self { secret: true, ..Self::new(path, text) }
    }

    /// An error at a place.
    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.push(Severity::Error, Some(span), message.into(), None);
    }

    /// An error at a place, with advice.
    pub(crate) fn error_hint(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Error, Some(span), message.into(), Some(hint.into()));
    }

    /// An error of the whole file.
    pub fn error_file(&mut self, message: impl Into<String>) {
        self.push(Severity::Error, None, message.into(), None);
    }

    /// A warning at a place.
    pub(crate) fn warning(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.push(Severity::Warning, Some(span), message.into(), None);
    }

    pub(crate) fn warning_hint(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Warning, Some(span), message.into(), Some(hint.into()));
    }

    fn push(
        &mut self,
        severity: Severity,
        span: Option<Range<usize>>,
        message: String,
        hint: Option<String>,
    ) {
        self.found.push(Problem { severity, span, message, hint });
    }

    /// At least one of them is an error.
    pub fn refused(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors.
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// Every error: what is wrong, and what to do.
    pub fn all_errors(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let errors = self.found.iter().filter(|problem| problem.severity == Severity::Error);
        errors.map(|problem| (problem.message.as_str(), problem.hint.as_deref()))
    }

    /// Nothing at all, not even a warning.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// In the order of the file.
    pub fn sorted(mut self) -> Self {
        self.found.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        self
    }

    /// Drops what a broken syntax makes us say about the same line, and what is said to be missing:
    /// it may stand in what could not be read.
    pub(crate) fn after_syntax_errors(&mut self, syntax: Vec<(Range<usize>, String)>) {
        if syntax.is_empty() {
            return;
        }
        let lines: Vec<usize> =
            syntax.iter().map(|(span, _)| self.position(span.start).0).collect();
        let mut kept = std::mem::take(&mut self.found);
        kept.retain(|problem| {
            let Some(span) = &problem.span else {
                return false;
            };
            !lines.contains(&self.position(span.start).0) && !problem.message.starts_with(MISSING)
        });
        self.found = kept;
        for (span, message) in syntax {
            self.error(span, message);
        }
    }

    /// Line and column of a byte, both from 1; columns are characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// How every message about something that is not there begins.
pub(crate) const MISSING: &str = "missing ";

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.found.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.show(problem, f)?;
        }
        Ok(())
    }
}

impl Problems {
    fn show(&self, problem: &Problem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", problem.message)?;
        let at = problem.span.as_ref().map(|span| self.position(span.start));
        let (Some(span), Some((line, column)), false) = (&problem.span, at, self.secret) else {
            let at = at.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
            writeln!(f, "  --> {}{at}", self.path.display())?;
            return match &problem.hint {
                Some(hint) => writeln!(f, "   = {hint}"),
                None => Ok(()),
            };
        };
        let gutter = " ".repeat(line.to_string().len());
        // A tab would be as wide as the terminal likes, and the marks below it somewhere else.
        let content: String =
            self.text.lines().nth(line - 1).unwrap_or_default().replace('\t', " ");
        let width = self
            .text
            .get(span.clone())
            .map_or(1, |marked| marked.lines().next().unwrap_or_default().chars().count());
        let width = width.clamp(1, content.chars().count().saturating_sub(column - 1).max(1));
        writeln!(f, "{gutter}--> {}:{line}:{column}", self.path.display())?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{line} | {}", crate::text::printable(&content))?;
        write!(f, "{gutter} | {}{}", " ".repeat(column - 1), "^".repeat(width))?;
        match &problem.hint {
            Some(hint) => writeln!(f, " {hint}"),
            None => writeln!(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let problems = Problems::new("f".into(), "a\nüb = 1\n".to_owned());
        assert_eq!(problems.position(0), (1, 1));
        assert_eq!(problems.position(2), (2, 1));
        assert_eq!(problems.position(4), (2, 2), "ü is two bytes and one column");
        assert_eq!(problems.position(3), (2, 1), "the middle of a character is its beginning");
        assert_eq!(problems.position(999), (3, 1), "past the end is the end");
    }

    #[test]
    fn problems_are_shown_at_their_places_with_what_to_do() {
        let text = "[nodes]\n\tname = \"über\"\nlong = 1\n";
        let mut problems = Problems::new("f.toml".into(), text.to_owned());
        assert!(problems.is_empty());
        problems.error_file("the file as a whole");
        problems.error_hint(9..13, "a word", "another word");
        problems.warning(26..9999, "past the end");
        assert!(!problems.is_empty() && problems.errors() == 2);
        let expected = "\
error: the file as a whole
  --> f.toml

error: a word
 --> f.toml:2:2
  |
2 |  name = \"über\"
  |  ^^^^ another word

warning: past the end
 --> f.toml:3:3
  |
3 | long = 1
  |   ^
";
        assert_eq!(problems.to_string(), expected);
    }

    /// What cannot be read may hold what seems to be missing, and makes no sense of its own line.
    #[test]
    fn broken_syntax_silences_its_own_line_and_what_is_missing() {
        let said = |syntax: Vec<(Range<usize>, String)>| {
            let mut problems = Problems::new("f".into(), "one = \ntwo = 2\n".to_owned());
            problems.error_file("the file as a whole");
            problems.error(0..3, "on the broken line");
            problems.error(7..10, "on another line");
            problems.error(8..10, format!("{MISSING}key"));
            problems.after_syntax_errors(syntax);
            problems.found.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
        };
        assert_eq!(said(Vec::new()).len(), 4);
        assert_eq!(said(vec![(6..6, "syntax".to_owned())]), ["on another line", "syntax"]);
    }
}
