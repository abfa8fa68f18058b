//! A gate's result: one page for people, in Markdown and as HTML, and the same for CI systems. Follows from the course
//! alone.

use std::{fmt::Write as _, io};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::{
    course::{Bound, Course, Decision, Progress, Ran},
    file::Entry,
    ledger::Asked,
};
use crate::{
    markup::{cell, document},
    statistics::{round, share::Standing},
    text::{plain, short},
};

/// Failing runs that are listed; the rest is counted.
const MOST_FAILURES: usize = 50;

/// Everything that a page says.
#[derive(Debug)]
pub struct Page<'a> {
    /// What was asked for.
    pub asked: &'a Asked,
    /// Where it is.
    pub course: &'a Course,
    /// Every run that ended.
    pub ran: &'a [Ran],
}

impl Page<'_> {
    /// The verdict in one sentence.
    pub fn sentence(&self) -> String {
        let decision = self.course.decision_now();
        let runs = self.ran.len();
        match decision {
            Decision::Accepted => format!(
                "ACCEPTED after {runs} runs, each statement with {} confidence.",
                self.course.file().confidence
            ),
            Decision::Rejected => {
                format!("REJECTED after {runs} runs: {}.", self.culprits().join("; "))
            }
            Decision::Undecided => {
                format!("UNDECIDED after {runs} runs: {}.", self.missing().join("; "))
            }
            Decision::Environment => format!("ENVIRONMENT, after {runs} runs: {}.", self.stuck()),
        }
    }

    fn culprits(&self) -> Vec<String> {
        let why = |(entry, progress): (&Entry, &Progress)| {
            let name = entry.scenario.display();
            if self.course.standing(entry, progress) != Standing::Rejected {
                return None;
            }
            if progress.tally.failed > entry.plan.failures {
                let (failed, runs) = (progress.tally.failed, progress.tally.runs());
                return Some(format!(
                    "{name} failed {failed} of {runs} times, {} would be let pass",
                    entry.plan.failures
                ));
            }
            let bounds = progress.bounds(entry, self.course.file().confidence);
            let over: Vec<_> = bounds.iter().filter(|bound| !bound.holds()).map(limit).collect();
            Some(format!("{name}: {}", over.join(", ")))
        };
        self.course.progress().filter_map(why).collect()
    }

    fn missing(&self) -> Vec<String> {
        let more =
            |(entry, progress): (&Entry, &Progress)| match self.course.standing(entry, progress) {
                Standing::Open { more } => {
                    Some(format!("{} needs {more} more", entry.scenario.display()))
                }
                Standing::Accepted | Standing::Rejected => None,
            };
        self.course.progress().filter_map(more).collect()
    }

    fn stuck(&self) -> String {
        let stuck = self.course.progress().find_map(|(entry, progress)| {
            Some(format!("{} {}", entry.scenario.display(), progress.stuck.as_ref()?))
        });
        stuck.unwrap_or_else(|| {
            "more runs said nothing than passed or failed; this tested the machine".to_owned()
        })
    }

    /// The page, in Markdown.
    pub fn markdown(&self) -> String {
        let file = self.course.file();
        let mut page =
            format!("# Gate: {}\n\n**{}**\n\n", name(self.asked), cell(&self.sentence()));
        if let Some(description) = &file.description {
            let _ = writeln!(page, "{}\n", cell(description));
        }
        page += "| scenario | asked | runs | passed | failed | said nothing | what remains possible | so |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for (entry, progress) in self.course.progress() {
            let interval = progress.tally.interval(file.confidence);
            let _ = writeln!(
                page,
                "| {} | {} % of runs pass, {} let fail | {} of {} | {} | {} | {} | {} % to {} % | {} |",
                cell(&entry.scenario.display().to_string()),
                round(entry.plan.share * 100.0),
                entry.plan.failures,
                progress.tally.runs(),
                entry.runs(),
                progress.tally.passed,
                progress.tally.failed,
                progress.nothing,
                percent(interval.low, f64::floor),
                percent(interval.high, f64::ceil),
                standing(self.course.standing(entry, progress), progress),
            );
        }
        self.limits(&mut page);
        self.failures(&mut page);
        let _ = writeln!(
            page,
            "\nBegun {}, seed {}. Every statement holds with {} confidence by itself. Runs that said nothing (2, 3) are neither passes nor failures; they were tried again, at most {} times in a row. How often a plan accepts what is not good enough is exact (binomial), and no matter of when one looks.",
            self.asked.started, self.asked.seed, file.confidence, file.retries,
        );
        page
    }

    fn limits(&self, page: &mut String) {
        let file = self.course.file();
        let mut lines = String::new();
        for (entry, progress) in self.course.progress() {
            for bound in progress.bounds(entry, file.confidence) {
                let so = match bound.at_most {
                    None => "open",
                    Some(_) if bound.holds() => "holds",
                    Some(_) => "does not hold",
                };
                let _ = writeln!(
                    lines,
                    "| {} | {} | {so} |",
                    cell(&entry.scenario.display().to_string()),
                    limit(&bound)
                );
            }
        }
        if !lines.is_empty() {
            *page += "\n| scenario | limit | so |\n| --- | --- | --- |\n";
            *page += &lines;
        }
    }

    fn failures(&self, page: &mut String) {
        let mut bad = self.ran.iter().filter(|ran| ran.reason.is_some()).peekable();
        if bad.peek().is_none() {
            return;
        }
        *page += "\n| run | came to | why | evidence |\n| --- | --- | --- | --- |\n";
        for ran in bad.by_ref().take(MOST_FAILURES) {
            let outcome = serde_json::to_value(ran.outcome).unwrap_or_default();
            let _ = writeln!(
                page,
                "| {} {} | {} | {} | {} |",
                cell(&self.scenario(ran)),
                ran.ticket.run + 1,
                outcome.as_str().unwrap_or_default(),
                cell(ran.reason.as_deref().unwrap_or_default()),
                cell(ran.bundle.as_deref().unwrap_or("not kept")),
            );
        }
        let more = bad.count();
        if more > 0 {
            let _ = writeln!(page, "\n… and {more} more.");
        }
    }

    fn scenario(&self, ran: &Ran) -> String {
        let entry = self.course.file().entries.get(ran.ticket.entry);
        entry.map_or_else(String::new, |entry| entry.scenario.display().to_string())
    }

    /// The same page as HTML: one file, nothing from elsewhere.
    pub fn html(&self) -> String {
        let title = format!("{} · {}", self.course.decision_now().word(), name(self.asked));
        document(&title, &self.markdown())
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let file = self.course.file();
        let scenarios: Vec<Value> = self
            .course
            .progress()
            .map(|(entry, progress)| {
                let interval = progress.tally.interval(file.confidence);
                let limits: Vec<Value> = progress
                    .bounds(entry, file.confidence)
                    .iter()
                    .map(|bound| json!({ "figure": bound.limit.figure.to_string(), "quantile": bound.limit.quantile, "asked_seconds": bound.limit.at_most.as_secs_f64(), "at_most_seconds": bound.at_most.filter(|seconds| seconds.is_finite()), "holds": bound.holds() }))
                    .collect();
                json!({
                    "scenario": entry.scenario, "share": entry.plan.share, "failures_let_pass": entry.plan.failures,
                    "runs_needed": entry.runs(), "passed": progress.tally.passed, "failed": progress.tally.failed,
                    "said_nothing": progress.nothing, "possible": [interval.low, interval.high], "limits": limits,
                    "stuck": progress.stuck,
                })
            })
            .collect();
        let decision = self.course.decision_now();
        json!({
            "decision": decision, "exit_code": decision.exit().code(), "sentence": self.sentence(),
            "confidence": file.confidence.probability(), "runs": self.ran.len(), "seed": self.asked.seed,
            "started": self.asked.started, "scenarios": scenarios,
        })
    }

    /// The same for CI systems: a scenario is a case.
    ///
    /// # Errors
    ///
    /// None that a gate can cause.
    pub fn junit(&self) -> io::Result<Vec<u8>> {
        let mut report = Report::new("gate");
        let mut suite = TestSuite::new(name(self.asked));
        for (entry, progress) in self.course.progress() {
            let status = match self.course.standing(entry, progress) {
                Standing::Accepted => TestCaseStatus::success(),
                Standing::Rejected => TestCaseStatus::non_success(NonSuccessKind::Failure),
                Standing::Open { .. } => TestCaseStatus::non_success(NonSuccessKind::Error),
            };
            let mut case = TestCase::new(plain(&entry.scenario.display().to_string()), status);
            case.status.set_message(plain(&self.sentence()));
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
        let mut bytes = Vec::new();
        report.serialize(&mut bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }
}

fn name(asked: &Asked) -> String {
    let file = asked.path.rsplit('/').next().unwrap_or_default();
    cell(file.trim_end_matches(".toml"))
}

/// Rounded away from what it excludes.
fn percent(share: f64, towards: fn(f64) -> f64) -> f64 {
    towards(share * 1000.0) / 10.0
}

fn standing(standing: Standing, progress: &Progress) -> String {
    match (standing, &progress.stuck) {
        (Standing::Accepted, _) => "good enough".to_owned(),
        (Standing::Rejected, _) => "not good enough".to_owned(),
        (Standing::Open { .. }, Some(why)) => format!("cannot run: {}", cell(why)),
        (Standing::Open { more }, None) => format!("{more} more runs"),
    }
}

fn limit(bound: &Bound) -> String {
    let (figure, share) = (bound.limit.figure, round(bound.limit.quantile * 100.0));
    let asked = short(bound.limit.at_most);
    match bound.at_most {
        Some(seconds) if seconds.is_finite() => format!(
            "{share} % of runs have a {figure} of at most {} s, asked {asked}",
            round(seconds)
        ),
        Some(_) => format!("too many runs had no {figure}, asked {asked} in {share} % of them"),
        None => format!("{figure} of at most {asked} in {share} % of runs: too few runs to say"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{GateFile, Outcome, Ticket, ledger::VERSION};

    const TEXT: &str = "[gate]\ndescription = \"before <b>release</b>\"\nshare = \"90%\"\n[[scenarios]]\nscenario = \"three-node\"\n[[scenarios.limits]]\nfigure = \"recovery\"\nquantile = \"90%\"\nat_most = \"2s\"\n";

    fn page(
        until: usize,
        outcome: impl Fn(Ticket) -> (Outcome, f64),
    ) -> (String, Value, String, String) {
        let asked = Asked {
            version: VERSION,
            started: "2026-11-27T00:00:00Z".into(),
            path: "ci/release.toml".into(),
            text: TEXT.into(),
            seed: 7,
            arguments: vec![],
        };
        let (file, _) = GateFile::parse("release.toml".into(), TEXT);
        let mut course = Course::new(file.unwrap());
        let mut ran = Vec::new();
        while let Some(ticket) = course.begin() {
            if ran.len() == until {
                break;
            }
            let (outcome, recovery) = outcome(ticket);
            let bad = outcome != Outcome::Pass;
            let run = Ran {
                ticket,
                outcome,
                reason: bad.then(|| "peers of <node> | *: `1` of 2\nmore".to_owned()),
                convergence: None,
                recovery: Some(recovery),
                build: None,
                digest: None,
                seconds: 20.0,
                bundle: bad.then(|| "runs/3".to_owned()),
            };
            assert!(course.ended(&run));
            ran.push(run);
        }
        let page = Page { asked: &asked, course: &course, ran: &ran };
        (
            page.markdown(),
            page.json(),
            String::from_utf8(page.junit().unwrap()).unwrap(),
            page.html(),
        )
    }

    #[test]
    fn what_people_read() {
        insta::assert_snapshot!("accepted", page(99, |_| (Outcome::Pass, 1.25)).0);
        insta::assert_snapshot!("slow", page(99, |_| (Outcome::Pass, 2.5)).0);
        insta::assert_snapshot!("undecided", page(9, |_| (Outcome::Pass, 1.0)).0);
        let nothing = |_: Ticket| (Outcome::Nothing, 1.0);
        insta::assert_snapshot!("environment", page(99, nothing).0);
        let failing =
            |ticket: Ticket| (if ticket.run == 3 { Outcome::Fail } else { Outcome::Pass }, 1.0);
        let (markdown, json, junit, html) = page(99, failing);
        insta::assert_snapshot!("rejected", markdown);
        assert_eq!(
            (json["decision"].as_str(), json["exit_code"].as_u64()),
            (Some("rejected"), Some(1))
        );
        assert!(junit.contains("failures=\"1\""), "{junit}");
        assert!(
            html.contains("<table>")
                && html.contains("&lt;b&gt;release")
                && !html.contains("<b>")
                && !html.contains("<node>"),
            "{html}"
        );
    }
}
