//! Why a run failed: the check, and its words without what differs from run to run.

use regex_lite::Regex;

use crate::{
    event::CheckVerdict,
    verdict::{CheckResult, Verdict},
};

/// A check and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Its name.
    pub check: String,
    /// Its reason, with `N` for numbers but codes and signals, and `NODE` for nodes.
    pub words: String,
}

/// Where in a scenario it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The phase.
    pub phase: usize,
    /// The check in it; more than it has: a node did, whatever was asked.
    pub check: usize,
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub reason: Reason,
    /// Where.
    pub place: Place,
}

/// Every check that failed, the one first that the verdict names. `nodes` are all that may be named.
pub(super) fn failed(verdict: &Verdict, nodes: &[String]) -> Vec<Failed> {
    let mut failed = Vec::new();
    for (phase, of) in verdict.phases.iter().enumerate() {
        let results = of.checks.iter().enumerate();
        for (check, result) in results.filter(|(_, one)| one.verdict == CheckVerdict::Fail) {
            let named = verdict.reason.as_deref() == Some(result.reason.as_str());
            failed.push((
                !named,
                Failed { reason: Reason::of(result, nodes), place: Place { phase, check } },
            ));
        }
    }
    // Stable: without one that is named, the first of them is what the verdict tells.
    failed.sort_by_key(|(rest, _)| *rest);
    failed.into_iter().map(|(_, failed)| failed).collect()
}

impl Reason {
    fn of(result: &CheckResult, nodes: &[String]) -> Self {
        Self { check: result.check.clone(), words: words(&result.reason, nodes) }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.check, self.words)
    }
}

/// A reason's first line without numbers, units, hashes and names of nodes.
fn words(reason: &str, nodes: &[String]) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let (mut words, mut from) = (String::new(), 0);
    // These are no measures: another signal is another end.
    let ends = Regex::new(r"\b(code|signal) -?\d+\b").expect("a pattern of ours");
    for end in ends.find_iter(line) {
        words += &without_numbers(&line[from..end.start()], nodes);
        words += end.as_str();
        from = end.end();
    }
    words + &without_numbers(&line[from..], nodes)
}

fn without_numbers(text: &str, nodes: &[String]) -> String {
    let mut text = text.to_owned();
    // `node-1` is in `node-10`'s name, and a group's one node has its name.
    let mut longest: Vec<&String> = nodes.iter().collect();
    longest.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in longest {
        let pattern = format!(r"\b{}\b", regex_lite::escape(name));
        text = replace(&text, &pattern, "NODE");
    }
    for (pattern, with) in [
        (r"0x[0-9a-f]+", "N"),
        (r"\d+(\.\d+)?( ?(ms|s|min|m|h|B|KiB|MiB|GiB))?\b", "N"),
        (r"\d+", "N"),
        (r"N ?%", "N"),
        (r"N( N)+", "N"),
        (r"( and|,)? N more\b", ""),
        (r"NODE((, | and )NODE)+", "NODE"),
    ] {
        text = replace(&text, pattern, with);
    }
    text
}

fn replace(text: &str, pattern: &str, with: &str) -> String {
    let pattern = Regex::new(pattern).expect("a pattern of ours");
    pattern.replace_all(text, with).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_differ_in_words_and_not_in_numbers_nodes_or_hashes() {
        let nodes = ["seed", "node-1", "node-10", "node-2"].map(str::to_owned);
        for (one, other) in [
            ("did not hold for 2.0 s by the deadline", "did not hold for 750 ms by the deadline"),
            ("node-1, node-10 and 3 more fell", "seed fell"),
            ("node-1: 0xabab, seed: 0x00", "node-2: 0x1, node-10: 0xff"),
            ("node-2 counts 99 peers", "node-10 counts 3 peers"),
            ("timeout of 1m 30s passed", "timeout of 5m passed"),
            ("lost 12% of 200", "lost 3 % of 20"),
            ("panicked at src/a.rs:12:5: x\nmore", "panicked at src/a.rs:9:17: x"),
            ("node-1 exited (signal 11): at 5, 2 s", "seed exited (signal 11): at 77, 3 s"),
        ] {
            assert_eq!(words(one, &nodes), words(other, &nodes));
        }
        for (one, other) in [
            ("did not hold for 2.0 s by the deadline", "no height for 2.0 s"),
            ("panicked at src/a.rs:12:5: x", "panicked at src/b.rs:12:5: x"),
            ("node-1 exited", "stranger exited"),
            ("node-1 exited unplanned (signal 11)", "node-1 exited unplanned (signal 9)"),
            ("node-1 exited unplanned (code 1)", "node-1 exited unplanned (code 101): x"),
            ("seed exited unplanned (code 1)", "seed exited unplanned (code 2)"),
        ] {
            assert_ne!(words(one, &nodes), words(other, &nodes));
        }
    }
}
