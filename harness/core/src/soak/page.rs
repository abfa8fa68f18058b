//! A soak's result: one page for people, in Markdown and as HTML, and the same for CI systems. Follows from the lines alone.

use std::{fmt::Write as _, io, time::Duration};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::{
    judge::{Decision, Soak, Verdict},
    seen::Window,
    trend::Trend,
};
use crate::{
    gate::Outcome,
    markup::{cell, document},
    statistics::{round, slope::Growth},
    text::{plain, short},
};

/// Windows that are listed from the end; the rest is counted.
const MOST_WINDOWS: usize = 200;

/// Reasons in one sentence; the rest is counted.
const MOST_REASONS: usize = 4;

/// Everything that a page says.
#[derive(Debug)]
pub struct Page<'a> {
    /// All that was seen.
    pub soak: &'a Soak,
    /// What follows.
    pub verdict: Verdict,
}

impl<'a> Page<'a> {
    /// The page of all that was seen.
    pub fn of(soak: &'a Soak) -> Self {
        let verdict = soak.decision().unwrap_or_else(|| soak.verdict());
        Self { soak, verdict }
    }

    /// The verdict in one sentence.
    pub fn sentence(&self) -> String {
        let (passed, windows) = (long(self.soak.passed()), self.soak.windows().len());
        let word = self.verdict.decision.word();
        let reasons = &self.verdict.reasons;
        let more = match reasons.len().saturating_sub(MOST_REASONS) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let listed: Vec<&str> = reasons.iter().take(MOST_REASONS).map(String::as_str).collect();
        let why = listed.join("; ");
        match self.verdict.decision {
            Decision::Passed => {
                let uncounted = self.uncounted();
                format!("{word}: {passed} in {windows} windows, and no leak was found{uncounted}.")
            }
            Decision::Undecided
            | Decision::Failed
            | Decision::Inconclusive
            | Decision::Environment
            | Decision::Impossible => {
                format!("{word} after {windows} windows: {why}{more}.")
            }
        }
    }

    fn uncounted(&self) -> String {
        let names: Vec<String> = self.soak.uncounted().iter().map(ToString::to_string).collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(" as far as it was measured (not here: {})", names.join(", ")),
        }
    }

    /// The page, in Markdown.
    pub fn markdown(&self) -> String {
        let asked = self.soak.asked();
        let mut page =
            format!("# Soak: {}\n\n**{}**\n", cell(&asked.scenario), cell(&self.sentence()));
        for reason in &self.verdict.reasons {
            let _ = writeln!(page, "\n- {}", cell(reason));
        }
        self.gaps(&mut page);
        self.table_of_trends(&mut page);
        self.table_of_windows(&mut page);
        let _ = writeln!(
            page,
            "\nBegun {}, seed {}; asked for {} in windows of {}. What is said of slopes is right for all nodes and windows together with 95 % confidence: the slope is that of the later half of a node's longest life, by the middle of the slopes between all pairs (Theil and Sen). It counts if its interval excludes zero and the limit is reached within a week, or within 1100 times as long as it was seen if that is less. A cache that fills looks like a leak until it is full. Bundles of windows that passed are not kept, but for the last; of the others the newest are. Memory limit {}, descriptors {}, log {}, forks {} blocks.",
            asked.started,
            asked.overrides.seed,
            long(asked.lasts),
            long(asked.window),
            mib(asked.limits.memory),
            asked.limits.descriptors,
            mib(asked.limits.log),
            asked.limits.fork,
        );
        page
    }

    /// A network that is gone took its nodes' memory with it: nobody may take several for one.
    fn gaps(&self, page: &mut String) {
        let networks = self.soak.networks();
        if networks.len() < 2 {
            return;
        }
        let _ = writeln!(
            page,
            "\n**Not one network, but {}:** the one before was gone each time (the harness was ended or killed, or a window said nothing), and a new one began with empty nodes. The time between is no part of what passed.\n\n| network | began | run |\n| --- | --- | --- |",
            networks.len()
        );
        for network in networks {
            let _ = writeln!(
                page,
                "| {} | {} | {} |",
                network.number + 1,
                cell(&network.began),
                cell(&network.run)
            );
        }
    }

    fn table_of_trends(&self, page: &mut String) {
        *page += "\n| node | what | most seen | slope a minute | interval | longest life | so |\n| --- | --- | --- | --- | --- | --- | --- |\n";
        for trend in self.soak.trends() {
            let amount = |value: f64| trend.amount(value * 60.0);
            let (slope, interval) = trend.slope.map_or_else(
                || ("–".to_owned(), "–".to_owned()),
                |slope| {
                    let interval = slope.interval;
                    let ends = format!("{} to {}", amount(interval.low), amount(interval.high));
                    (amount(slope.per_second), ends)
                },
            );
            let _ = writeln!(
                page,
                "| {} | {} | {} | {slope} | {interval} | {} min, {} samples | {} |",
                cell(&trend.node),
                trend.quantity,
                trend.amount(trend.most as f64),
                round(trend.span / 60.0),
                trend.samples,
                so(trend),
            );
        }
    }

    fn table_of_windows(&self, page: &mut String) {
        let windows = self.soak.windows();
        *page += "\n| window | network | came to | length | blocks | disagreed | deepest | fewest peers | why | evidence |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
        let hidden = windows.len().saturating_sub(MOST_WINDOWS);
        for window in &windows[hidden..] {
            let made = window.blocks.map(|blocks| blocks.to.saturating_sub(blocks.from));
            let peers = window.nodes.values().filter_map(|node| Some(node.peers?[1])).min();
            let number = |value: Option<u64>| value.map_or("–".to_owned(), |it| it.to_string());
            let forks = window.forks;
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} s | {} | {} of {} looks | {} | {} | {} | {} |",
                window.number + 1,
                window.network + 1,
                outcome(window),
                round(window.seconds),
                number(made),
                forks.split,
                forks.looks,
                forks.deepest,
                number(peers),
                cell(window.reason.as_deref().unwrap_or_default()),
                cell(window.bundle.as_deref().unwrap_or("digest only")),
            );
        }
        if hidden > 0 {
            let _ = writeln!(page, "\n… and {hidden} before them.");
        }
    }

    /// The same page as HTML: one file, nothing from elsewhere.
    pub fn html(&self) -> String {
        let title =
            format!("{} · {}", self.verdict.decision.word(), cell(&self.soak.asked().scenario));
        document(&title, &self.markdown())
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let asked = self.soak.asked();
        let trends: Vec<Value> = self.soak.trends().iter().map(|trend| {
            let after = match trend.growth {
                Some(Growth::Reaches { after }) => Some(after),
                Some(Growth::None) | None => None,
            };
            json!({
                "node": trend.node, "quantity": trend.quantity.to_string(), "most": trend.most, "limit": trend.limit,
                "per_second": trend.slope.map(|slope| slope.per_second),
                "interval": trend.slope.map(|slope| [slope.interval.low, slope.interval.high]),
                "seconds": trend.span, "samples": trend.samples, "reaches_limit_after_seconds": after,
            })
        }).collect();
        json!({
            "decision": self.verdict.decision, "exit_code": self.verdict.exit.code(), "sentence": self.sentence(),
            "reasons": self.verdict.reasons, "scenario": asked.scenario, "seed": asked.overrides.seed, "started": asked.started,
            "asked_seconds": asked.lasts.as_secs_f64(), "passed_seconds": self.soak.passed().as_secs_f64(),
            "networks": self.soak.networks(), "windows": self.soak.windows().len(), "trends": trends,
            "not_measured": self.soak.uncounted().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    /// The same for CI systems: a window is a case, and so is the whole.
    ///
    /// # Errors
    ///
    /// None that a soak can cause.
    pub fn junit(&self) -> io::Result<Vec<u8>> {
        let mut report = Report::new("soak");
        let mut suite = TestSuite::new(plain(&self.soak.asked().scenario));
        let case = |name: String, good: Option<bool>, words: &str| {
            let status = match good {
                Some(true) => TestCaseStatus::success(),
                Some(false) => TestCaseStatus::non_success(NonSuccessKind::Failure),
                None => TestCaseStatus::non_success(NonSuccessKind::Error),
            };
            let mut case = TestCase::new(name, status);
            case.status.set_message(plain(words));
            case
        };
        let good = match self.verdict.decision {
            Decision::Passed => Some(true),
            Decision::Failed => Some(false),
            Decision::Undecided
            | Decision::Inconclusive
            | Decision::Environment
            | Decision::Impossible => None,
        };
        suite.add_test_case(case("soak".to_owned(), good, &self.sentence()));
        for window in self.soak.windows() {
            let good = match window.outcome() {
                Some(Outcome::Pass) => Some(true),
                Some(Outcome::Fail) => Some(false),
                Some(Outcome::Nothing | Outcome::Impossible) | None => None,
            };
            let words = window.reason.as_deref().unwrap_or_default();
            suite.add_test_case(case(format!("window {}", window.number + 1), good, words));
        }
        report.add_test_suite(suite);
        let mut bytes = Vec::new();
        report.serialize(&mut bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }
}

fn outcome(window: &Window) -> &'static str {
    match window.outcome() {
        Some(Outcome::Pass) => "pass",
        Some(Outcome::Fail) => "fail",
        Some(Outcome::Nothing) => "said nothing",
        Some(Outcome::Impossible) => "cannot run",
        None => "cut off",
    }
}

fn so(trend: &Trend) -> &'static str {
    match trend.growth {
        _ if trend.is_above() => "above its limit",
        Some(Growth::Reaches { .. }) => "grows",
        Some(Growth::None) => "holds",
        None => "too short to say",
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / 1_048_576.0)
}

/// Of windows and more: nobody counts the seconds of a day.
pub(super) fn long(duration: Duration) -> String {
    const HOUR: f64 = 3600.0;
    match duration.as_secs_f64() {
        seconds if seconds >= 2.0 * HOUR => format!("{} h", round(seconds / HOUR)),
        seconds if seconds >= 120.0 => format!("{} min", round(seconds / 60.0)),
        _ => short(duration),
    }
}
