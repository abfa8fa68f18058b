//! Which run is next, and what follows from those that ended.
//!
//! Scenarios take turns, so that whatever is wrong is met early. No more runs of a scenario are begun than its plan
//! has, also beside each other: what is judged is all of them, and not those that were quick.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::file::{Entry, Figure, GateFile, Limit};
use crate::{
    bundle::Sha256Hex,
    exit::ExitCode,
    statistics::{
        Confidence, quantile,
        share::{Standing, Tally},
    },
};

/// What a run came to, as far as a gate is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It passed.
    Pass,
    /// A check or a node failed.
    Fail,
    /// It said nothing: inconclusive, or the environment.
    Nothing,
    /// It cannot run at all, here or ever: usage, a provider that cannot do it, a bug.
    Impossible,
}

impl Outcome {
    /// By what the run's process exited with; `None`: a signal ended it, so it never was.
    pub fn of(exit: ExitCode) -> Option<Self> {
        Some(match exit {
            ExitCode::Pass => Self::Pass,
            ExitCode::Fail => Self::Fail,
            ExitCode::Inconclusive | ExitCode::Environment => Self::Nothing,
            ExitCode::NothingRan | ExitCode::Usage | ExitCode::Bug => Self::Impossible,
            ExitCode::Interrupted(_) => return None,
        })
    }
}

/// A run to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    /// Which scenario of the file, from 0.
    pub entry: usize,
    /// Which run of it, from 0.
    pub run: u64,
    /// How often it said nothing before.
    pub attempt: u32,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ran {
    /// Which.
    pub ticket: Ticket,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it did not pass.
    pub reason: Option<String>,
    /// Seconds from the last start to peers.
    pub convergence: Option<f64>,
    /// Seconds from the last heal until `recovers` held.
    pub recovery: Option<f64>,
    /// What ran, by hashes and image IDs, and which scenario: all runs of one are of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Of its bundle.
    pub digest: Option<Sha256Hex>,
    /// All of it.
    pub seconds: f64,
    /// Where its bundle is, relative to the gate's directory, if it was kept.
    pub bundle: Option<String>,
}

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Every scenario is good enough.
    Accepted,
    /// One is not.
    Rejected,
    /// Time was over, or a signal came, before that.
    Undecided,
    /// It mostly could not run.
    Environment,
}

impl Decision {
    /// What the process exits with.
    pub fn exit(self) -> ExitCode {
        match self {
            Self::Accepted => ExitCode::Pass,
            Self::Rejected => ExitCode::Fail,
            Self::Undecided => ExitCode::Inconclusive,
            Self::Environment => ExitCode::Environment,
        }
    }

    /// In capitals, as a last line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Rejected => "REJECTED",
            Self::Undecided => "UNDECIDED",
            Self::Environment => "ENVIRONMENT",
        }
    }
}

/// Where one scenario is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Runs that were judged.
    pub tally: Tally,
    /// Runs that said nothing.
    pub nothing: u64,
    /// Every judged run's figures; a run that failed never converged or recovered.
    times: Vec<(f64, f64)>,
    /// Why it does not go on, if it cannot.
    pub stuck: Option<String>,
    /// What its runs are of.
    build: Option<String>,
    begun: u64,
    again: Vec<Ticket>,
}

/// What was found about one limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// Which.
    pub limit: Limit,
    /// What the quantile is at most, in seconds, with the gate's confidence; `None`: that cannot be said yet.
    pub at_most: Option<f64>,
}

impl Bound {
    /// Whether it stays below.
    pub fn holds(&self) -> bool {
        self.at_most.is_some_and(|seconds| seconds <= self.limit.at_most.as_secs_f64())
    }
}

impl Progress {
    /// What was found about each limit.
    pub fn bounds(&self, entry: &Entry, confidence: Confidence) -> Vec<Bound> {
        let bound = |limit: &Limit| {
            let times: Vec<f64> = self
                .times
                .iter()
                .map(|(convergence, recovery)| match limit.figure {
                    Figure::Convergence => *convergence,
                    Figure::Recovery => *recovery,
                })
                .collect();
            Bound { limit: *limit, at_most: quantile::at_most(limit.quantile, &times, confidence) }
        };
        entry.limits.iter().map(bound).collect()
    }
}

/// A gate that is under way.
#[derive(Debug)]
pub struct Course {
    file: GateFile,
    progress: Vec<Progress>,
    under_way: BTreeMap<(usize, u64), Ticket>,
}

impl Course {
    /// Before its first run.
    pub fn new(file: GateFile) -> Self {
        let progress = vec![Progress::default(); file.entries.len()];
        Self { file, progress, under_way: BTreeMap::new() }
    }

    /// The file.
    pub fn file(&self) -> &GateFile {
        &self.file
    }

    /// Each scenario of the file, and where it is.
    pub fn progress(&self) -> impl Iterator<Item = (&Entry, &Progress)> {
        self.file.entries.iter().zip(&self.progress)
    }

    /// The next run. `None`: there is none to begin, now or at all.
    pub fn begin(&mut self) -> Option<Ticket> {
        if self.decision().is_some() {
            return None;
        }
        let open = |(index, entry): &(usize, &Entry)| {
            let progress = &self.progress[*index];
            progress.stuck.is_none()
                && (!progress.again.is_empty() || progress.begun < entry.runs())
        };
        let open = self.file.entries.iter().enumerate().filter(open);
        let (index, _) = open.min_by_key(|(index, _)| self.progress[*index].begun)?;
        let progress = &mut self.progress[index];
        let ticket = progress.again.pop().unwrap_or_else(|| {
            progress.begun += 1;
            Ticket { entry: index, run: progress.begun - 1, attempt: 0 }
        });
        self.under_way.insert((ticket.entry, ticket.run), ticket);
        Some(ticket)
    }

    /// A run that was begun and never ended: it will be begun again.
    pub fn lost(&mut self, ticket: Ticket) {
        self.under_way.remove(&(ticket.entry, ticket.run));
        if let Some(progress) = self.progress.get_mut(ticket.entry) {
            progress.again.push(ticket);
        }
    }

    /// A run ended. False: no such run was begun.
    pub fn ended(&mut self, ran: &Ran) -> bool {
        let ticket = ran.ticket;
        if self.under_way.get(&(ticket.entry, ticket.run)) != Some(&ticket) {
            return false;
        }
        self.under_way.remove(&(ticket.entry, ticket.run));
        let progress = &mut self.progress[ticket.entry];
        if let Some(build) = &ran.build {
            let first = progress.build.get_or_insert_with(|| build.clone());
            if first != build {
                progress.stuck = Some(format!(
                    "runs another build or scenario now: it was {first}, and is {build}"
                ));
                return true;
            }
        }
        let why = || ran.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
        match ran.outcome {
            Outcome::Pass => progress.tally.passed += 1,
            Outcome::Fail => progress.tally.failed += 1,
            Outcome::Nothing => {
                progress.nothing += 1;
                if ticket.attempt < self.file.retries {
                    progress.again.push(Ticket { attempt: ticket.attempt + 1, ..ticket });
                } else {
                    let times = ticket.attempt + 1;
                    progress.stuck =
                        Some(format!("said nothing {times} times in a row: {}", why()));
                }
            }
            Outcome::Impossible => progress.stuck = Some(why()),
        }
        if matches!(ran.outcome, Outcome::Pass | Outcome::Fail) {
            let time = |figure: Option<f64>| match ran.outcome {
                Outcome::Pass => figure.unwrap_or(f64::INFINITY),
                Outcome::Fail | Outcome::Nothing | Outcome::Impossible => f64::INFINITY,
            };
            progress.times.push((time(ran.convergence), time(ran.recovery)));
        }
        true
    }

    /// A run that ended before this gate was killed. False: it cannot have been one of it.
    pub fn again(&mut self, ran: &Ran) -> bool {
        let Ticket { entry, run, .. } = ran.ticket;
        let (Some(of), Some(progress)) =
            (self.file.entries.get(entry), self.progress.get_mut(entry))
        else {
            return false;
        };
        if run >= of.runs() {
            return false;
        }
        // What was begun before it and did not end is begun again.
        for earlier in progress.begun..=run {
            progress.again.push(Ticket { entry, run: earlier, attempt: 0 });
        }
        progress.begun = progress.begun.max(run + 1);
        let Some(place) = progress.again.iter().position(|ticket| *ticket == ran.ticket) else {
            return false;
        };
        progress.again.remove(place);
        self.under_way.insert((entry, run), ran.ticket);
        self.ended(ran)
    }

    /// What follows, once something does.
    pub fn decision(&self) -> Option<Decision> {
        let standings: Vec<_> =
            self.progress().map(|(entry, progress)| self.standing(entry, progress)).collect();
        if standings.contains(&Standing::Rejected) {
            return Some(Decision::Rejected);
        }
        if self.progress.iter().any(|progress| progress.stuck.is_some()) {
            return Some(Decision::Environment);
        }
        if !standings.iter().all(|standing| *standing == Standing::Accepted) {
            return None;
        }
        // Whoever needs more attempts than runs tested a machine, and not a build.
        let machine = self.progress.iter().any(|it| it.nothing > it.tally.runs());
        Some(if machine { Decision::Environment } else { Decision::Accepted })
    }

    /// The same when it goes no further.
    pub fn decision_now(&self) -> Decision {
        self.decision().unwrap_or(Decision::Undecided)
    }

    /// Where one scenario is, its limits included.
    pub fn standing(&self, entry: &Entry, progress: &Progress) -> Standing {
        let (runs, judged) = (entry.runs(), progress.tally.runs());
        if entry.plan.standing(progress.tally) == Standing::Rejected {
            return Standing::Rejected;
        }
        if judged < runs {
            return Standing::Open { more: runs - judged };
        }
        let bounds = progress.bounds(entry, self.file.confidence);
        if bounds.iter().all(Bound::holds) { Standing::Accepted } else { Standing::Rejected }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn gate(text: &str) -> Course {
        let (file, problems) = GateFile::parse("release.toml".into(), text);
        Course::new(file.unwrap_or_else(|| panic!("{problems}")))
    }

    const ONE: &str = "[gate]\nshare = \"90%\"\n[[scenarios]]\nscenario = \"a\"\n";
    const TWO: &str = "[gate]\nshare = \"90%\"\n[[scenarios]]\nscenario = \"a\"\n[[scenarios]]\nscenario = \"b\"\nfailures = 1\n";

    fn ran(ticket: Ticket, outcome: Outcome, recovery: f64) -> Ran {
        Ran {
            ticket,
            outcome,
            reason: None,
            convergence: None,
            recovery: Some(recovery),
            build: None,
            digest: None,
            seconds: 1.0,
            bundle: None,
        }
    }

    /// Runs it to its end.
    fn through(
        course: &mut Course,
        mut outcome: impl FnMut(Ticket) -> (Outcome, f64),
    ) -> (Decision, u64) {
        let mut runs = 0;
        while let Some(ticket) = course.begin() {
            let (outcome, recovery) = outcome(ticket);
            assert!(course.ended(&ran(ticket, outcome, recovery)));
            runs += 1;
        }
        (course.decision_now(), runs)
    }

    #[test]
    fn scenarios_take_turns_and_all_must_be_good_enough() {
        let mut course = gate(TWO);
        let mut order = Vec::new();
        let found = through(&mut course, |ticket| {
            order.push(ticket.entry);
            (Outcome::Pass, 1.0)
        });
        assert_eq!(found, (Decision::Accepted, 29 + 46));
        assert_eq!(order[..6], [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn a_failure_ends_it_unless_it_is_let_pass() {
        let fails = |entry, run| {
            move |ticket: Ticket| {
                let fails = ticket.entry == entry && ticket.run == run;
                (if fails { Outcome::Fail } else { Outcome::Pass }, 1.0)
            }
        };
        assert_eq!(through(&mut gate(TWO), fails(0, 3)), (Decision::Rejected, 7));
        assert_eq!(through(&mut gate(TWO), fails(1, 3)).0, Decision::Accepted);
    }

    #[test]
    fn what_said_nothing_is_tried_again_and_counted() {
        let once = |ticket: Ticket| {
            (
                if ticket.attempt == 0 && ticket.run == 5 {
                    Outcome::Nothing
                } else {
                    Outcome::Pass
                },
                1.0,
            )
        };
        assert_eq!(through(&mut gate(ONE), once), (Decision::Accepted, 30));
        let never = |_: Ticket| (Outcome::Nothing, 1.0);
        assert_eq!(through(&mut gate(ONE), never), (Decision::Environment, 4));
        let twice = |ticket: Ticket| {
            (if ticket.attempt < 2 { Outcome::Nothing } else { Outcome::Pass }, 1.0)
        };
        assert_eq!(
            through(&mut gate(ONE), twice),
            (Decision::Environment, 87),
            "mostly could not run"
        );
        let impossible = |_: Ticket| (Outcome::Impossible, 1.0);
        assert_eq!(through(&mut gate(ONE), impossible), (Decision::Environment, 1));
    }

    #[test]
    fn one_scenario_that_mostly_could_not_run_is_enough_and_so_is_another_build() {
        let b_twice = |ticket: Ticket| {
            let nothing = ticket.entry == 1 && ticket.attempt < 2;
            (if nothing { Outcome::Nothing } else { Outcome::Pass }, 1.0)
        };
        assert_eq!(through(&mut gate(TWO), b_twice).0, Decision::Environment);
        let mut course = gate(ONE);
        for build in ["aa", "aa", "bb"] {
            let ticket = course.begin().unwrap();
            let ran = Ran { build: Some(build.to_owned()), ..ran(ticket, Outcome::Pass, 1.0) };
            assert!(course.ended(&ran));
        }
        assert_eq!(course.decision(), Some(Decision::Environment));
        assert!(course.progress().next().unwrap().1.stuck.as_ref().unwrap().contains("bb"));
    }

    #[test]
    fn beside_each_other_no_more_runs_are_begun_than_are_judged() {
        let mut course = gate(ONE);
        let tickets: Vec<_> = std::iter::from_fn(|| course.begin()).collect();
        assert_eq!(tickets.len(), 29);
        course.lost(tickets[3]);
        assert_eq!(course.begin(), Some(tickets[3]), "what was lost is begun again");
        for ticket in &tickets[..28] {
            assert!(course.ended(&ran(*ticket, Outcome::Pass, 1.0)));
        }
        assert_eq!(course.decision(), None, "the slowest may still fail");
        assert!(course.ended(&ran(tickets[28], Outcome::Fail, 1.0)));
        assert_eq!(course.decision(), Some(Decision::Rejected));
        assert!(!course.ended(&ran(tickets[28], Outcome::Pass, 1.0)), "it ended before");
    }

    #[test]
    fn times_are_part_of_it() {
        const TIMES: &str = "[gate]\nshare = \"90%\"\n[[scenarios]]\nscenario = \"a\"\nfailures = 3\n[[scenarios.limits]]\nfigure = \"recovery\"\nquantile = \"90%\"\nat_most = \"2s\"\n";
        let slow = |often: u64| {
            move |ticket: Ticket| (Outcome::Pass, if ticket.run < often { 3.0 } else { 1.0 })
        };
        assert_eq!(through(&mut gate(TIMES), slow(0)).0, Decision::Accepted);
        assert_eq!(through(&mut gate(TIMES), slow(3)).0, Decision::Accepted);
        assert_eq!(through(&mut gate(TIMES), slow(20)).0, Decision::Rejected);
        // What failed did not recover in time either.
        let failed = |ticket: Ticket| {
            (
                if ticket.run < 3 { Outcome::Fail } else { Outcome::Pass },
                if ticket.run < 6 { 3.0 } else { 1.0 },
            )
        };
        assert_eq!(through(&mut gate(TIMES), failed).0, Decision::Rejected);
    }

    /// One thousand gates over a coin of known bias: accepted as often as the plan says, and a build that is
    /// not good enough in at most one of twenty.
    #[test]
    fn a_thousand_gates_are_right_as_often_as_they_say() {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        for truth in [0.9, 0.97, 0.8] {
            let accepted = (0..1000)
                .filter(|_| {
                    let mut course = gate(ONE);
                    let coin = |_| {
                        (if chance.random_bool(truth) { Outcome::Pass } else { Outcome::Fail }, 1.0)
                    };
                    through(&mut course, coin).0 == Decision::Accepted
                })
                .count() as f64;
            let expected = 1000.0 * truth.powi(29);
            let deviation = (expected * (1.0 - expected / 1000.0)).sqrt();
            assert!(
                (accepted - expected).abs() <= 4.0 * deviation + 1.0,
                "{accepted}, not {expected}"
            );
        }
    }
}
