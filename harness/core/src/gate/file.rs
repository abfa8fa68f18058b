//! `release.toml`: what a release process asks of a build, as text under its version control.

use std::{fmt, path::PathBuf, time::Duration};

use toml::de::DeTable;

use crate::{
    document::{At, Given, Key, MISSING, Problems, Table, Takes},
    statistics::{Confidence, quantile, share::Plan},
};

/// Scenarios of a gate: more is a list that nobody reads.
pub const MOST_SCENARIOS: usize = 64;

/// A gate, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct GateFile {
    /// What it stands for.
    pub description: Option<String>,
    /// How sure each statement has to be.
    pub confidence: Confidence,
    /// How often a run that said nothing is tried again, in a row.
    pub retries: u32,
    /// After so long it is undecided.
    pub budget: Option<Duration>,
    /// What is run, at least one.
    pub entries: Vec<Entry>,
}

/// A scenario of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// A shipped name, or a path.
    pub scenario: PathBuf,
    /// Where nodes run; what the command line says if it is not written.
    pub provider: Option<&'static str>,
    /// Non-seed nodes, if not the scenario's own number.
    pub nodes: Option<u32>,
    /// The share of runs that must pass, and the failures that are let pass.
    pub plan: Plan,
    /// What its runs' times must stay below.
    pub limits: Vec<Limit>,
}

/// What a share of runs must stay below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Of what.
    pub figure: Figure,
    /// Which share of runs.
    pub quantile: f64,
    /// The limit.
    pub at_most: Duration,
}

/// What a run measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// From the last node's start until the first `peers` checks held.
    Convergence,
    /// From the heal of the last fault until `recovers` held.
    Recovery,
}

impl Figure {
    const WORDS: &[&str] = &["convergence", "recovery"];
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Convergence => "convergence",
            Self::Recovery => "recovery",
        })
    }
}

impl Entry {
    /// How many runs it takes: as many as the share needs, and as many as each limit does.
    pub fn runs(&self) -> u64 {
        let of_limit =
            |limit: &Limit| quantile::values_needed(limit.quantile, self.plan.confidence);
        self.limits.iter().map(of_limit).max().unwrap_or(0).max(self.plan.runs())
    }
}

/// Keys of `[gate]`.
pub const GATE: &[Key] = &[
    Key {
        name: "description",
        takes: Takes::Text,
        given: Given::Else("none"),
        about: "what it stands for",
    },
    Key {
        name: "share",
        takes: Takes::Share,
        given: Given::Else("`\"95%\"`"),
        about: "of each scenario's runs that must pass",
    },
    Key {
        name: "confidence",
        takes: Takes::Share,
        given: Given::Else("`\"95%\"`"),
        about: "how sure an acceptance has to be",
    },
    Key {
        name: "failures",
        takes: Takes::Number(0),
        given: Given::Else("0"),
        about: "failing runs of a scenario that are let pass; each takes more runs",
    },
    Key {
        name: "retries",
        takes: Takes::Number(0),
        given: Given::Else("3"),
        about: "how often in a row a run that said nothing (2, 3) is tried again",
    },
    Key {
        name: "budget",
        takes: Takes::Duration,
        given: Given::Else("none"),
        about: "after so long the gate is undecided",
    },
];

/// Keys of `[[scenarios]]`.
pub const SCENARIOS: &[Key] = &[
    Key {
        name: "scenario",
        takes: Takes::Text,
        given: Given::Always,
        about: "a shipped name, or a path relative to this file",
    },
    Key {
        name: "provider",
        takes: Takes::Word(&["process", "docker"]),
        given: Given::Else("the command line's"),
        about: "where its nodes run",
    },
    Key {
        name: "nodes",
        takes: Takes::Number(1),
        given: Given::Else("the scenario's"),
        about: "number of non-seed nodes",
    },
    Key {
        name: "share",
        takes: Takes::Share,
        given: Given::Else("the gate's"),
        about: "of its runs that must pass",
    },
    Key {
        name: "failures",
        takes: Takes::Number(0),
        given: Given::Else("the gate's"),
        about: "of its runs that are let pass",
    },
];

/// Keys of `[[scenarios.limits]]`.
pub const LIMITS: &[Key] = &[
    Key {
        name: "figure",
        takes: Takes::Word(Figure::WORDS),
        given: Given::Always,
        about: "`convergence`: from the last start to peers; `recovery`: from the last heal until `recovers` held",
    },
    Key {
        name: "quantile",
        takes: Takes::Share,
        given: Given::Else("`\"95%\"`"),
        about: "of its runs that must stay below",
    },
    Key { name: "at_most", takes: Takes::Duration, given: Given::Always, about: "the limit" },
];

/// A gate as people write it: 59 runs of each, for 95 % at 95 %.
pub const EXAMPLE: &str = r#"--- an example
[gate]
description = "what every release must hold"
share = "95%"
budget = "2h"

[[scenarios]]
scenario = "three-node"
[[scenarios.limits]]
figure = "recovery"
at_most = "5s"

[[scenarios]]
scenario = "partition"
share = "90%"
failures = 1
"#;

const ROOT: &[Key] = &[
    Key {
        name: "gate",
        takes: Takes::Text,
        given: Given::Else("the defaults"),
        about: "for all scenarios",
    },
    Key { name: "scenarios", takes: Takes::Text, given: Given::Always, about: "what is run" },
];
const FIGURES: &[Key] = &[Key {
    name: "limits",
    takes: Takes::Text,
    given: Given::Else("none"),
    about: "what its times must stay below",
}];

impl GateFile {
    /// Reads it. The problems hold at least one error if there is no gate.
    pub fn parse(path: PathBuf, text: &str) -> (Option<Self>, Problems) {
        let mut problems = Problems::new(path, text.to_owned());
        let (document, errors) = DeTable::parse_recoverable(text);
        let syntax = errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), error.message().trim_end().to_owned()))
            .collect();
        let root = Table::root(&document, "the file");
        root.only(&[ROOT], &mut problems);
        let gate = read(&root, &mut problems);
        problems.after_syntax_errors(syntax);
        let gate = gate.filter(|_| !problems.refused());
        (gate, problems.sorted())
    }
}

/// What holds where a scenario says nothing else.
struct Defaults {
    share: f64,
    failures: u64,
    confidence: Confidence,
}

fn read(root: &Table<'_, '_>, problems: &mut Problems) -> Option<GateFile> {
    let gate = root.table("gate", problems);
    let mut file = GateFile {
        description: None,
        confidence: Confidence::USUAL,
        retries: 3,
        budget: None,
        entries: Vec::new(),
    };
    let mut defaults = Defaults { share: 0.95, failures: 0, confidence: Confidence::USUAL };
    if let Some(gate) = gate {
        gate.only(&[GATE], problems);
        file.description = gate.text("description", problems).map(|text| text.value);
        if let Some(given) = gate.share("confidence", problems) {
            defaults.confidence = confidence(&given, problems)?;
        }
        defaults.share = share(&gate, "share", problems).unwrap_or(defaults.share);
        defaults.failures = gate.number("failures", 0, problems).map_or(0, |n| n.value.into());
        file.retries = gate.number("retries", 0, problems).map_or(file.retries, |n| n.value);
        file.budget = gate.positive_duration("budget", problems).map(|budget| budget.value);
    }
    file.confidence = defaults.confidence;
    let tables = root.tables("scenarios", "an entry of `[[scenarios]]`", problems);
    if tables.is_empty() {
        problems.error_hint(
            0..0,
            format!("{MISSING}`[[scenarios]]`: a gate runs at least one"),
            "write `[[scenarios]]` with `scenario = \"three-node\"`",
        );
        return None;
    }
    if tables.len() > MOST_SCENARIOS {
        problems.error(
            tables[MOST_SCENARIOS].span.clone(),
            format!("more than {MOST_SCENARIOS} scenarios in one gate"),
        );
        return None;
    }
    let entries: Vec<_> = tables.iter().map(|table| entry(table, &defaults, problems)).collect();
    file.entries = entries.into_iter().collect::<Option<_>>()?;
    Some(file)
}

fn entry(table: &Table<'_, '_>, defaults: &Defaults, problems: &mut Problems) -> Option<Entry> {
    table.only(&[SCENARIOS, FIGURES], problems);
    table.require("scenario", problems);
    let provider = table.word("provider", &["process", "docker"], problems);
    let nodes = table.number("nodes", 1, problems).map(|nodes| nodes.value);
    let share = share(table, "share", problems).unwrap_or(defaults.share);
    let failures =
        table.number("failures", 0, problems).map_or(defaults.failures, |n| n.value.into());
    let limits: Vec<_> = table
        .tables("limits", "an entry of `[[scenarios.limits]]`", problems)
        .iter()
        .map(|table| limit(table, problems))
        .collect();
    Some(Entry {
        scenario: PathBuf::from(table.text("scenario", problems)?.value),
        provider: provider.map(|word| word.value),
        nodes,
        plan: Plan { share, confidence: defaults.confidence, failures },
        limits: limits.into_iter().collect::<Option<_>>()?,
    })
}

fn limit(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Limit> {
    table.only(&[LIMITS], problems);
    table.require("figure", problems);
    table.require("at_most", problems);
    let figure = match table.word("figure", Figure::WORDS, problems)?.value {
        "recovery" => Figure::Recovery,
        _ => Figure::Convergence,
    };
    let quantile = share(table, "quantile", problems).unwrap_or(0.95);
    Some(Limit { figure, quantile, at_most: table.positive_duration("at_most", problems)?.value })
}

/// A share of runs: none and all of them are no statement that runs could support.
fn share(table: &Table<'_, '_>, key: &str, problems: &mut Problems) -> Option<f64> {
    let given = table.share(key, problems)?;
    if (500..=999).contains(&given.value) {
        return Some(f64::from(given.value) / 1000.0);
    }
    problems.error_hint(
        given.span,
        format!("`{key}` must be from 50% to 99.9%"),
        "no number of runs shows 100%; 99% at 95% takes 299 of them",
    );
    None
}

fn confidence(given: &At<u32>, problems: &mut Problems) -> Option<Confidence> {
    let confidence = Confidence::new(f64::from(given.value) / 1000.0);
    if confidence.is_none() {
        problems.error(given.span.clone(), "`confidence` must be from 50% to 99.9%");
    }
    confidence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_read_with_its_defaults() {
        let text = "[[scenarios]]\nscenario = \"three-node\"\n[[scenarios.limits]]\nfigure = \"recovery\"\nat_most = \"2s\"\n";
        let (gate, problems) = GateFile::parse("release.toml".into(), text);
        let gate = gate.unwrap_or_else(|| panic!("{problems}"));
        assert_eq!((gate.retries, gate.budget, gate.confidence), (3, None, Confidence::USUAL));
        let entry = &gate.entries[0];
        assert_eq!((entry.plan.share, entry.plan.failures, entry.runs()), (0.95, 0, 59));
        let limit =
            Limit { figure: Figure::Recovery, quantile: 0.95, at_most: Duration::from_secs(2) };
        assert_eq!(entry.limits, [limit]);
    }

    #[test]
    fn the_example_and_our_own_gate_are_gates() {
        let ours = include_str!("../../../../scenarios/release.toml");
        for text in [EXAMPLE.trim_start_matches("--- an example\n"), ours] {
            let (gate, problems) = GateFile::parse("release.toml".into(), text);
            assert!(gate.is_some() && problems.to_string().is_empty(), "{problems}");
        }
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        let text = "[gate]\nshare = \"100%\"\nconfidense = \"95%\"\n[[scenarios]]\nnodes = 0\n[[scenarios.limits]]\nfigure = \"speed\"\n";
        let (gate, problems) = GateFile::parse("release.toml".into(), text);
        assert!(gate.is_none());
        insta::assert_snapshot!("mistakes", problems);
        let (gate, problems) = GateFile::parse("release.toml".into(), "");
        assert!(gate.is_none());
        insta::assert_snapshot!("nothing", problems);
    }
}
