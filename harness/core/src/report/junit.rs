//! `junit.xml`: the verdict in the form that CI systems show. Follows from a [`Verdict`] alone, so
//! the same verdict gives the same bytes.
//!
//! | here | there |
//! | --- | --- |
//! | a phase | a suite |
//! | a check | a case: failed → failure, inconclusive → error, not judged → skipped |
//! | a fault | a case: without proof → error, not done → skipped |
//! | what it is called | `peers of node`: the selector as written. No flag changes it, and no two cases of a phase have the same; a second one is `peers of node (2)` |
//! | why it is red | in `message` and again as the element's text: consumers show one or the other |
//! | the run | a suite of one case, which is red whatever the reason was: an environment that failed has no check to show it |

use std::{collections::BTreeMap, io, time::Duration};

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{
    event::CheckVerdict,
    text::plain,
    verdict::{CheckResult, FaultVerdict, RunVerdict, Verdict},
};

/// The file's content.
///
/// # Errors
///
/// None that a verdict can cause.
pub fn xml(verdict: &Verdict) -> io::Result<Vec<u8>> {
    let mut report = Report::new(fit(&verdict.scenario));
    report.set_time(time(Some(verdict.seconds)));
    report.add_test_suite(run(verdict));
    let mut suites = Names::default();
    for phase in &verdict.phases {
        let name = suites.unique(fit(&phase.name));
        let class = format!("{}.{name}", fit(&verdict.scenario));
        let mut suite = TestSuite::new(name);
        suite.set_time(phase.checks.iter().map(|check| time(check.seconds)).sum());
        let mut names = Names::default();
        let cases = phase.faults.iter().map(fault).chain(phase.checks.iter().map(check));
        suite.add_test_cases(cases.map(|mut case| {
            case.name = names.unique(case.name.as_str().to_owned()).into();
            case.set_classname(class.as_str());
            case
        }));
        report.add_test_suite(suite);
    }
    let mut bytes = Vec::new();
    report.serialize(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// Names that were given.
#[derive(Default)]
struct Names(BTreeMap<String, u32>);

impl Names {
    /// The name, with its number if it was given before.
    fn unique(&mut self, name: String) -> String {
        let times = self.0.entry(name.clone()).or_default();
        *times += 1;
        match *times {
            1 => name,
            times => format!("{name} ({times})"),
        }
    }
}

fn run(verdict: &Verdict) -> TestSuite {
    let reason = verdict.reason.as_deref().unwrap_or_default();
    let status = match verdict.verdict {
        RunVerdict::Pass => TestCaseStatus::success(),
        RunVerdict::Fail => bad(NonSuccessKind::Failure, "fail", reason, reason),
        RunVerdict::Inconclusive => bad(NonSuccessKind::Error, "inconclusive", reason, reason),
        RunVerdict::Environment => bad(NonSuccessKind::Error, "environment", reason, reason),
        RunVerdict::Interrupted => bad(NonSuccessKind::Error, "interrupted", reason, reason),
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname(fit(&verdict.scenario)).set_time(time(Some(verdict.seconds)));
    let mut suite = TestSuite::new("run");
    suite.set_time(time(Some(verdict.seconds)));
    suite.add_property(Property::new("run", fit(&verdict.run)));
    suite.add_property(Property::new("exit_code", verdict.exit_code.to_string()));
    suite.add_property(Property::new("started", fit(&verdict.started)));
    suite.add_test_case(case);
    suite
}

fn fault(fault: &FaultVerdict) -> TestCase {
    let status = match (&fault.proof, &fault.reason) {
        (Some(_), None) => TestCaseStatus::success(),
        (_, Some(reason)) => bad(
            NonSuccessKind::Error,
            "unproven",
            reason,
            &format!("{reason}\nnothing can be concluded from what follows a fault without proof"),
        ),
        (None, None) => skipped("the run ended before it"),
    };
    let mut case =
        TestCase::new(fit(&format!("fault {} of {}", fault.fault, fault.selector)), status);
    if let Some(proof) = &fault.proof {
        case.set_system_out(fit(proof));
    }
    case
}

fn check(check: &CheckResult) -> TestCase {
    let details = format!(
        "{}\nof: {}\nexpected: {}\nobserved: {}",
        check.reason,
        check.nodes.join(", "),
        check.expected,
        check.observed
    );
    let status = match check.verdict {
        CheckVerdict::Pass => TestCaseStatus::success(),
        CheckVerdict::Fail => bad(NonSuccessKind::Failure, &check.check, &check.reason, &details),
        CheckVerdict::Inconclusive => {
            bad(NonSuccessKind::Error, "inconclusive", &check.reason, &details)
        }
        CheckVerdict::NotJudged => skipped(&check.reason),
    };
    let mut case = TestCase::new(fit(&format!("{} of {}", check.check, check.selector)), status);
    case.set_time(time(check.seconds));
    if check.verdict == CheckVerdict::Pass {
        case.set_system_out(fit(&details));
    }
    case
}

fn bad(kind: NonSuccessKind, ty: &str, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(fit(ty)).set_message(fit(message)).set_description(fit(description));
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(fit(message));
    status
}

/// Only what XML 1.0 allows: nodes' words are in here.
fn fit(text: &str) -> String {
    let fits = |c: &char| matches!(c, '\t' | '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    plain(text).chars().map(|c| if fits(&c) { c } else { '\u{fffd}' }).collect()
}

/// None for what never happened; nonsense that a recorded verdict cannot have is none too.
fn time(seconds: Option<f64>) -> Duration {
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}
