//! What is said of each figure and share. All statements of a comparison hold together with the stated confidence: each is
//! made with that of one among so many (Bonferroni's correction), so more scenarios take more runs.
//!
//! Figures are of runs that passed: what fails never recovered, and counts in the share of passes, which stands beside.

use super::{
    course::{Course, Decision, Side},
    measure::Figure,
};
use crate::{
    gate::Outcome,
    statistics::{
        Confidence, middle,
        versus::{FEWEST, Finding, Ratio, Shares},
    },
};

/// How sure a comparison is of all that it says.
pub const CONFIDENCE: Confidence = Confidence::USUAL;

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// In which scenario, from 0.
    pub scenario: usize,
    /// Of what.
    pub what: What,
}

/// Of what, and what was found.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Of the share of passes; `None`: no run of one.
    Passes(Option<Shares>),
    /// Of a figure.
    Figure {
        /// Which.
        figure: Figure,
        /// Middle values of A's and B's runs.
        middles: [Option<f64>; 2],
        /// `None`: too few runs.
        ratio: Option<Ratio>,
    },
}

impl Statement {
    /// What follows; `None`: nothing can be said, not even how large a difference could have been missed.
    pub fn finding(&self) -> Option<Finding> {
        match &self.what {
            What::Passes(shares) => shares
                .map(|shares| (shares.finding(), shares.detectable))
                .filter(|found| *found != (Finding::NoDifference, None))
                .map(|(finding, _)| finding),
            What::Figure { ratio, .. } => ratio.map(|ratio| ratio.finding()),
        }
    }

    /// The same in words, never a bare number.
    pub fn words(&self) -> String {
        match &self.what {
            What::Passes(shares) => shares.map_or_else(too_few, |shares| passes(&shares)),
            What::Figure { ratio, .. } => ratio.map_or_else(too_few, |ratio| times(&ratio)),
        }
    }

    /// The smallest difference that so many runs would have seen in four of five comparisons.
    pub fn detectable(&self) -> Option<String> {
        match &self.what {
            What::Passes(shares) => {
                Some(format!("{} points fewer", percent((*shares)?.detectable?)))
            }
            What::Figure { ratio, .. } => {
                Some(format!("{} % more", percent((*ratio)?.detectable - 1.0)))
            }
        }
    }
}

/// Everything that can be said of these runs.
pub fn statements(course: &Course) -> Vec<Statement> {
    let scenarios = 0..course.asked().scenarios.len();
    // What no run measured is no question: a scenario without a fault has no recovery.
    let asked: Vec<(usize, Option<Figure>)> = scenarios
        .flat_map(|scenario| {
            let measured = move |figure: &Figure| {
                [Side::A, Side::B]
                    .iter()
                    .any(|side| !values(course, scenario, *side, *figure).is_empty())
            };
            let figures = Figure::ALL.into_iter().filter(measured).map(Some);
            [None].into_iter().chain(figures.collect::<Vec<_>>()).map(move |what| (scenario, what))
        })
        .collect();
    let each = CONFIDENCE.among(asked.len());
    let say = |(scenario, figure): (usize, Option<Figure>)| {
        let what = match figure {
            None => {
                let [a, b] = [Side::A, Side::B].map(|side| course.tally(scenario, side));
                What::Passes(Shares::of(a, b, each))
            }
            Some(figure) => {
                let [a, b] = [Side::A, Side::B].map(|side| values(course, scenario, side, figure));
                let middles = [middle(&a), middle(&b)];
                What::Figure { figure, middles, ratio: Ratio::of(&a, &b, each) }
            }
        };
        Statement { scenario, what }
    };
    asked.into_iter().map(say).collect()
}

/// What follows from all of them.
pub fn decision(course: &Course, statements: &[Statement]) -> Decision {
    if course.stuck().is_some() || course.is_of_the_machine() {
        return Decision::Environment;
    }
    let findings: Vec<Option<Finding>> = statements.iter().map(Statement::finding).collect();
    // Who hardly ever passed leaves no times to be worse than.
    let passes_more = |scenario: usize| {
        let of_it =
            |one: &&Statement| one.scenario == scenario && matches!(one.what, What::Passes(_));
        statements.iter().find(of_it).and_then(Statement::finding) == Some(Finding::Better)
    };
    let unsaid = |one: &Statement| one.finding().is_none() && !passes_more(one.scenario);
    if course.next().is_some() || findings.is_empty() {
        Decision::Nothing
    } else if findings.contains(&Some(Finding::Worse)) {
        Decision::Worse
    } else if statements.iter().any(unsaid) {
        // What could not be said may be worse.
        Decision::Nothing
    } else {
        Decision::NotWorse
    }
}

/// In order.
fn values(course: &Course, scenario: usize, side: Side, figure: Figure) -> Vec<f64> {
    let passed = course.of(scenario, side).filter(|ran| ran.outcome == Outcome::Pass);
    let mut values: Vec<f64> = passed.filter_map(|ran| ran.measured.of(figure)).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn too_few() -> String {
    format!("too few runs to say anything: {FEWEST} of each at least, more for more statements")
}

fn passes(shares: &Shares) -> String {
    let (low, high) = (signed(shares.interval.low), signed(shares.interval.high));
    match shares.finding() {
        Finding::Worse => format!("worse: {low} to {high} points of passes"),
        Finding::Better => format!("better: {low} to {high} points of passes"),
        Finding::NoDifference => format!(
            "no difference larger than {} points ({low} to {high})",
            percent(shares.at_most())
        ),
    }
}

fn times(ratio: &Ratio) -> String {
    let [low, high] = [ratio.interval.low, ratio.interval.high].map(|end| signed(end - 1.0));
    match ratio.finding() {
        Finding::Worse => format!("worse: {low} % to {high} %"),
        Finding::Better => format!("better: {low} % to {high} %"),
        Finding::NoDifference => format!(
            "no difference larger than {} % ({low} % to {high} %)",
            percent(ratio.at_most())
        ),
    }
}

/// One digit after the point, and no zero below zero.
fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0 + 0.0
}

fn signed(share: f64) -> String {
    let percent = percent(share);
    if percent > 0.0 { format!("+{percent}") } else { percent.to_string() }
}
