//! `log`: a line of each node's log says something, or none of any does.
//!
//! Only lines that a `log` check looks for are recorded, and once a second that there was another one: a log
//! of which no line was ever read has not been silent, it was not there.

use std::fmt;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Window, Written},
    fail, pattern, per_node,
    view::{inconclusive, passed},
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, THREE_NODES, Wanted},
    document::{Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, LogSeen, Moment},
    text::{printable, short},
};

/// The condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// A regular expression (the syntax of the crate `regex-lite`), which matches anywhere in a line.
    pub pattern: String,
    /// Whether it must appear.
    pub must: Must,
    /// In how many lines of each node.
    pub at_least: u64,
}

/// What is asked of lines that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Must {
    /// Each node has some.
    Appear,
    /// No node has any.
    NotAppear,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.must, self.at_least) {
            (Must::NotAppear, _) => write!(f, "no line of a log matches `{}`", self.pattern),
            (Must::Appear, 1) => write!(f, "a line of each log matches `{}`", self.pattern),
            (Must::Appear, lines) => {
                write!(f, "{lines} lines of each log match `{}`", self.pattern)
            }
        }
    }
}

impl Check for Log {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let Ok(pattern) = Regex::new(&self.pattern) else {
            let why = format!("`{}` is no pattern", self.pattern);
            return Judgement::Settled(fail(why, String::new()));
        };
        let found: Vec<Vec<&(Moment, LogSeen)>> =
            view.nodes.iter().map(|node| matching(view, node, &pattern).collect()).collect();
        let observed = per_node(view.nodes, |node| {
            let lines = matching(view, node, &pattern).count();
            let last = matching(view, node, &pattern).filter_map(|(_, seen)| seen.line.as_deref());
            match last.last() {
                Some(line) => format!("{lines} matched, the last: {}", printable(line)),
                None => "none matched".to_owned(),
            }
        });
        match self.must {
            Must::Appear => {
                let needed = usize::try_from(self.at_least).unwrap_or(usize::MAX);
                let at = found
                    .iter()
                    .map(|lines| lines.get(needed.saturating_sub(1)).map(|(at, _)| *at));
                if let Some(at) =
                    at.collect::<Option<Vec<Moment>>>().and_then(|at| at.into_iter().max())
                {
                    let why =
                        format!("said {} after the check's start", short(at.since(view.start)));
                    return passed(why, observed, at);
                }
            }
            Must::NotAppear => {
                let said = view.nodes.iter().zip(&found).find(|(_, lines)| !lines.is_empty());
                if let Some((node, _)) = said {
                    let why = format!("{node} logged what it must not");
                    return Judgement::Settled(fail(why, observed));
                }
            }
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        let unread = |node: &&String| view.history.logs(node, Moment(0), view.now).is_empty();
        if let Some(node) = view.nodes.iter().find(unread) {
            return inconclusive(format!("no line of the log of {node} was ever read"), observed);
        }
        if let Some(node) = view.nodes.iter().find(|node| recorded(view, node) >= LogSeen::MOST) {
            let why = format!("{node} logged more that some check looks for than is recorded");
            return inconclusive(why, observed);
        }
        match self.must {
            Must::NotAppear => passed("no line matched".to_owned(), observed, view.start),
            Must::Appear => {
                let lacks = view.nodes.iter().zip(&found);
                let lacks = lacks.filter(|(_, lines)| (lines.len() as u64) < self.at_least);
                let names: Vec<&str> = lacks.map(|(node, _)| node.as_str()).collect();
                let why = format!("{} did not log it by the deadline", names.join(", "));
                Judgement::Settled(fail(why, observed))
            }
        }
    }
}

/// How many of its lines are in the record, for all checks together.
fn recorded(view: &View<'_>, node: &str) -> usize {
    let lines = view.history.logs(node, Moment(0), view.now).iter();
    lines.filter(|(_, seen)| seen.line.is_some()).count()
}

/// Lines of a node since the check's start that match.
fn matching<'a>(
    view: &View<'a>,
    node: &str,
    pattern: &Regex,
) -> impl Iterator<Item = &'a (Moment, LogSeen)> {
    let lines = view.history.logs(node, view.start, view.now).iter();
    lines.filter(|(_, seen)| seen.line.as_ref().is_some_and(|line| pattern.is_match(line)))
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "log",
    about: "a line of each node's log says something, or none does",
    keys: KEYS,
    window: Window::Once,
    needs: Needs::Log,
    holds: "`must = \"appear\"`: since the check's start, `at_least` lines of each named node's log match; `\"not-appear\"`: none of any does for the whole of `within`. Of a line its first 1,000 characters count, without escape sequences; of one node no more than 1,000 matching lines are recorded",
    missing: "a log of which no line was ever read, or of which more lines match than are recorded (for all checks together): inconclusive",
    example: r#"[[phases.checks]]
check = "log"
nodes = "node"
pattern = "WARN|ERROR"
must = "not-appear"
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "a node logs what it must not",
            scenario: &[THREE_NODES, NOT_PLANTED],
            disturbance: Disturbance::Logs("node-1", "ERROR: planted 42"),
            wanted: Wanted::Check(Fail, "node-1 logged what it must not"),
        },
        Control {
            name: "nobody logs what it must",
            scenario: &[THREE_NODES, PEERS_ONLY, NEVER_SAID],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not log it"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "pattern",
        takes: Takes::Text,
        given: Given::Always,
        about: "a regular expression, which matches anywhere in a line",
    },
    Key {
        name: "must",
        takes: Takes::Word(&["appear", "not-appear"]),
        given: Given::Else("`\"appear\"`"),
        about: "what is asked of lines that match",
    },
    Key {
        name: "at_least",
        takes: Takes::Number(1),
        given: Given::Else("1"),
        about: "lines of each node, at most 1000",
    },
];

const NOT_PLANTED: &str = r#"
[[phases]]
name = "quiet logs"
[[phases.checks]]
check = "log"
nodes = "*"
pattern = "planted \\d+"
must = "not-appear"
within = "5s"
"#;

const NEVER_SAID: &str = r#"
[[phases.checks]]
check = "log"
nodes = "node"
pattern = "^what no node says$"
within = "3s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Log> {
    table.require("pattern", problems);
    let must = table.word("must", &["appear", "not-appear"], problems);
    let at_least = table.number("at_least", 1, problems);
    if let Some(many) = at_least.as_ref().filter(|it| it.value as usize > LogSeen::MOST) {
        problems.error(many.span.clone(), format!("`at_least` is at most {}", LogSeen::MOST));
    }
    let never = must.as_ref().is_some_and(|must| must.value == "not-appear");
    if let Some(many) = at_least.as_ref().filter(|_| never) {
        problems.error_hint(
            many.span.clone(),
            "`at_least` of lines of which there must be none",
            "leave it out, or write must = \"appear\"",
        );
    }
    let pattern = pattern::read(table, "pattern", problems)?;
    if pattern::has_line_break(&pattern.value) {
        problems.warning(
            pattern.span.clone(),
            "a line has no line break in it: what stands beside one may never match",
        );
    }
    Some(Log {
        pattern: pattern.value,
        must: if never { Must::NotAppear } else { Must::Appear },
        at_least: at_least.map_or(1, |it| it.value.into()),
    })
}

impl Written for Log {
    type Condition = Self;

    fn resolve(&self, _: &Context<'_>) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::CheckVerdict::{self, Inconclusive, Pass},
        scenario::{Origin, Overrides, load},
    };

    fn check(must: Must, at_least: u64) -> CheckKind {
        CheckKind::Log(Log { pattern: "block \\d+".to_owned(), must, at_least })
    }

    fn seen(lines: &[(&str, u64, Option<&str>)]) -> Seen {
        let mut seen = Seen::default();
        for (node, at, line) in lines {
            seen.logged(node, *at, *line);
        }
        seen
    }

    fn said(seen: &Seen, check: &CheckKind) -> (CheckVerdict, String) {
        let finding = seen.verdict(check, &["node-1", "node-2"], 1_000);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn each_node_says_it_often_enough_and_since_the_start() {
        let both = seen(&[
            ("node-1", 1_500, Some("a block 7 came")),
            ("node-2", 3_000, Some("block 8")),
            ("node-1", 4_000, Some("block 9")),
        ]);
        let once = (Pass, "said 2.0 s after the check's start".to_owned());
        assert_eq!(said(&both, &check(Must::Appear, 1)), once);
        let twice = said(&both, &check(Must::Appear, 2));
        assert_eq!(twice, (Fail, "node-2 did not log it by the deadline".to_owned()));
        let before = seen(&[("node-1", 900, Some("block 7")), ("node-2", 3_000, Some("block 8"))]);
        assert_eq!(said(&before, &check(Must::Appear, 1)).0, Fail);
        let other = seen(&[("node-1", 1_500, Some("block x")), ("node-2", 3_000, Some("block 8"))]);
        assert_eq!(said(&other, &check(Must::Appear, 1)).0, Fail, "of another check");
    }

    #[test]
    fn what_must_not_appear_fails_at_once_and_passes_at_the_end() {
        let quiet = seen(&[("node-1", 500, None), ("node-2", 5_000, None)]);
        assert_eq!(said(&quiet, &check(Must::NotAppear, 1)), (Pass, "no line matched".to_owned()));
        let mut flooded = seen(&[("node-2", 5_000, None)]);
        for at in 0..LogSeen::MOST as u64 {
            flooded.logged("node-1", 1_000 + at, Some("what another check looks for"));
        }
        assert_eq!(said(&flooded, &check(Must::NotAppear, 1)).0, Inconclusive);
        assert_eq!(said(&flooded, &check(Must::Appear, 1)).0, Inconclusive);
        let loud = seen(&[("node-1", 500, None), ("node-2", 5_000, Some("block 8"))]);
        let why = "node-2 logged what it must not".to_owned();
        assert_eq!(said(&loud, &check(Must::NotAppear, 1)), (Fail, why));
    }

    #[test]
    fn a_log_that_was_never_read_has_not_been_silent() {
        let half = seen(&[("node-1", 500, None)]);
        let why = "no line of the log of node-2 was ever read".to_owned();
        assert_eq!(said(&half, &check(Must::NotAppear, 1)), (Inconclusive, why.clone()));
        assert_eq!(said(&half, &check(Must::Appear, 1)), (Inconclusive, why));
    }

    #[test]
    fn a_pattern_that_is_none_or_matches_everything_is_refused() {
        let said = |keys: &str| {
            let text = format!(
                "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"log\", nodes = \"*\", within = \"5s\", {keys} }}]\n"
            );
            let origin = Origin { name: "test", path: std::path::Path::new("test.toml") };
            load(origin, text, &Overrides::default()).1.to_string()
        };
        assert_eq!(said("pattern = \"a|b\""), "");
        for wrong in ["pattern = \"(\"", "pattern = \"\"", "pattern = \"x*\""] {
            assert!(said(wrong).contains("`pattern`: "), "{wrong}");
        }
        assert!(said("pattern = \"a\", at_least = 1001").contains("at most 1000"));
        assert!(said("must = \"appear\"").contains("missing key `pattern`"));
        let broken =
            CheckKind::Log(Log { pattern: "(".to_owned(), must: Must::Appear, at_least: 1 });
        assert_eq!(
            Seen::default().verdict(&broken, &["seed"], 0).verdict,
            Fail,
            "in a forged plan"
        );
    }
}
