//! A comparison's result: one page for people, in Markdown and as HTML, and the same for programs. Follows from the runs
//! alone.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    course::{Course, Decision, Side},
    statement::{CONFIDENCE, Statement, What, decision, statements},
};
use crate::{
    gate::Outcome,
    markup::{cell, document},
    statistics::versus::Finding,
};

/// Runs that did not pass and are listed; the rest is counted.
const MOST_LISTED: usize = 50;

/// Everything that a page says.
#[derive(Debug)]
pub struct Page<'a> {
    course: &'a Course,
    statements: Vec<Statement>,
    decision: Decision,
}

impl<'a> Page<'a> {
    /// Of these runs.
    pub fn new(course: &'a Course) -> Self {
        let statements = statements(course);
        let decision = decision(course, &statements);
        Self { course, statements, decision }
    }

    /// What follows.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// The verdict in one sentence.
    pub fn sentence(&self) -> String {
        let (judged, all) = self.course.progress();
        let word = self.decision.word();
        match self.decision {
            Decision::Environment => {
                format!("{word}, after {judged} of {all} runs: {}.", self.stuck())
            }
            Decision::Nothing if judged < all => {
                format!("{word} after {judged} of {all} runs: nothing is said before the last.")
            }
            Decision::Nothing => format!("{word}: {all} runs are too few."),
            Decision::Worse => format!("{word} after {all} runs: {}.", self.which(Finding::Worse)),
            Decision::NotWorse => {
                let better = self.which(Finding::Better);
                let better = if better.is_empty() { String::new() } else { format!("; {better}") };
                format!(
                    "{word} in anything after {all} runs{better}. What could have been missed is beside each figure."
                )
            }
        }
    }

    fn stuck(&self) -> String {
        self.course.stuck().map_or_else(
            || "more runs said nothing than passed or failed; this tested the machine".to_owned(),
            str::to_owned,
        )
    }

    fn which(&self, finding: Finding) -> String {
        let found = self.statements.iter().filter(|one| one.finding() == Some(finding));
        let words: Vec<_> = found
            .map(|one| format!("{} {} {}", self.scenario(one.scenario), subject(one), one.words()))
            .collect();
        words.join("; ")
    }

    fn scenario(&self, index: usize) -> &str {
        self.course.asked().scenarios.get(index).map_or("", String::as_str)
    }

    /// The page, in Markdown.
    pub fn markdown(&self) -> String {
        let asked = self.course.asked();
        let (a, b) = (cell(asked.a.name()), cell(asked.b.name()));
        let mut page = format!("# {b} against {a}\n\n**{}**\n\n", cell(&self.sentence()));
        page += "| scenario | figure | A | B | B is | found in four of five comparisons |\n| --- | --- | --- | --- | --- | --- |\n";
        for one in &self.statements {
            let [of_a, of_b] = self.sides(one);
            let _ = writeln!(
                page,
                "| {} | {} | {of_a} | {of_b} | {} | {} |",
                cell(self.scenario(one.scenario)),
                subject(one),
                one.words(),
                one.detectable().unwrap_or_else(|| "nothing".to_owned()),
            );
        }
        self.bad(&mut page);
        let _ = writeln!(
            page,
            "\nA is {a}, B is {b}. Begun {}, seed {}, {} runs of each in each scenario, in turns. All {} statements hold together with {CONFIDENCE} confidence, each by itself with {} % (Bonferroni). Shares of passes: Fisher's exact test; figures: middle values of the runs that passed, and the interval of the ratio of B to A (Mann and Whitney's); of each figure less is better. Memory is what each node had at most, of all nodes together.",
            asked.started,
            asked.seed,
            asked.runs,
            self.statements.len(),
            (CONFIDENCE.among(self.statements.len()).probability() * 1000.0).round() / 10.0,
        );
        page
    }

    /// What was seen of A and of B.
    fn sides(&self, one: &Statement) -> [String; 2] {
        match &one.what {
            What::Passes(_) => [Side::A, Side::B].map(|side| {
                let tally = self.course.tally(one.scenario, side);
                format!("{} of {}", tally.passed, tally.runs())
            }),
            What::Figure { figure, middles, .. } => middles.map(|middle| {
                middle.map_or_else(|| "never".to_owned(), |value| figure.value(value))
            }),
        }
    }

    fn bad(&self, page: &mut String) {
        let all = self.course.ran().iter();
        let mut bad = all.filter(|ran| ran.outcome != Outcome::Pass).peekable();
        if bad.peek().is_none() {
            return;
        }
        *page += "\n| run | of | came to | why | evidence |\n| --- | --- | --- | --- | --- |\n";
        for ran in bad.by_ref().take(MOST_LISTED) {
            let _ = writeln!(
                page,
                "| {} {} | {:?} | {} | {} | {} |",
                cell(self.scenario(ran.ticket.scenario)),
                ran.ticket.run + 1,
                ran.ticket.side,
                serde_json::to_value(ran.outcome).unwrap_or_default().as_str().unwrap_or_default(),
                cell(ran.reason.as_deref().unwrap_or_default()),
                cell(ran.bundle.as_deref().unwrap_or("not kept")),
            );
        }
        let more = bad.count();
        if more > 0 {
            let _ = writeln!(page, "\n… and {more} more.");
        }
    }

    /// The same page as HTML: one file, nothing from elsewhere.
    pub fn html(&self) -> String {
        let asked = self.course.asked();
        let names = format!("{} against {}", cell(asked.b.name()), cell(asked.a.name()));
        document(&format!("{} · {names}", self.decision.word()), &self.markdown())
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let asked = self.course.asked();
        let statements: Vec<Value> =
            self.statements.iter().map(|one| self.statement(one)).collect();
        json!({
            "decision": self.decision, "exit_code": self.decision.exit().code(), "sentence": self.sentence(),
            "confidence": CONFIDENCE.probability(), "a": asked.a, "b": asked.b, "runs": asked.runs,
            "seed": asked.seed, "started": asked.started, "statements": statements,
        })
    }

    fn statement(&self, one: &Statement) -> Value {
        let finding = match one.finding() {
            None => "nothing",
            Some(Finding::Better) => "better",
            Some(Finding::Worse) => "worse",
            Some(Finding::NoDifference) => "no-difference",
        };
        let mut value = json!({
            "scenario": self.scenario(one.scenario), "of": subject(one), "finding": finding, "words": one.words(),
        });
        let numbers = match &one.what {
            What::Passes(shares) => {
                let [a, b] = [Side::A, Side::B].map(|side| {
                    let tally = self.course.tally(one.scenario, side);
                    json!({ "passed": tally.passed, "failed": tally.failed })
                });
                json!({ "a": a, "b": b, "difference": shares.map(|shares| json!({
                    "estimate": shares.difference, "possible": [shares.interval.low, shares.interval.high],
                    "by_chance": shares.by_chance, "detectable": shares.detectable,
                })) })
            }
            What::Figure { middles: [a, b], ratio, .. } => {
                json!({ "a": a, "b": b, "ratio": ratio.map(|ratio| json!({
                    "estimate": ratio.estimate, "possible": [ratio.interval.low, ratio.interval.high],
                    "detectable": ratio.detectable,
                })) })
            }
        };
        if let (Some(value), Value::Object(numbers)) = (value.as_object_mut(), numbers) {
            value.extend(numbers);
        }
        value
    }
}

fn subject(one: &Statement) -> String {
    match &one.what {
        What::Passes(_) => "passes".to_owned(),
        What::Figure { figure, .. } => figure.to_string(),
    }
}
