//! Which run is next. One after another: what runs beside another is measured with it.

use serde::{Deserialize, Serialize};

use super::{asked::Asked, measure::Measured};
use crate::{bundle::Sha256Hex, exit::ExitCode, gate::Outcome, statistics::share::Tally};

/// How often in a row a run that said nothing is tried again.
pub const RETRIES: u32 = 3;

/// Which build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first, which the other is held against.
    A,
    /// The second, of which everything is said.
    B,
}

/// A run to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Which scenario, from 0.
    pub scenario: usize,
    /// Which run of it, from 0; A and B have the same seed in it.
    pub run: u64,
    /// Of which build.
    pub side: Side,
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
    /// Its figures.
    pub measured: Measured,
    /// What ran, by hashes and image IDs, and which scenario: all runs of a side in a scenario are of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Of its bundle.
    pub digest: Option<Sha256Hex>,
    /// All of it.
    pub seconds: f64,
    /// Where its bundle is, relative to the comparison's directory, if it was kept.
    pub bundle: Option<String>,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// B is worse in something.
    Worse,
    /// In nothing.
    NotWorse,
    /// Too few runs, or not all that were asked for.
    Nothing,
    /// It could not run.
    Environment,
}

impl Decision {
    /// What the process exits with.
    pub fn exit(self) -> ExitCode {
        match self {
            Self::NotWorse => ExitCode::Pass,
            Self::Worse => ExitCode::Fail,
            Self::Nothing => ExitCode::Inconclusive,
            Self::Environment => ExitCode::Environment,
        }
    }

    /// In capitals, as a last line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Worse => "WORSE",
            Self::NotWorse => "NOT WORSE",
            Self::Nothing => "NOTHING CAN BE SAID",
            Self::Environment => "ENVIRONMENT",
        }
    }
}

/// A comparison that is under way.
#[derive(Debug)]
pub struct Course {
    asked: Asked,
    ran: Vec<Ran>,
    /// Runs that were judged.
    judged: u64,
    attempt: u32,
    stuck: Option<String>,
}

impl Course {
    /// Before its first run.
    pub fn new(asked: Asked) -> Self {
        Self { asked, ran: Vec::new(), judged: 0, attempt: 0, stuck: None }
    }

    /// What was asked for.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Every run that ended.
    pub fn ran(&self) -> &[Ran] {
        &self.ran
    }

    /// How many runs were judged, and how many are to be.
    pub fn progress(&self) -> (u64, u64) {
        (self.judged, 2 * self.asked.runs * self.asked.scenarios.len() as u64)
    }

    /// Why it does not go on, if it cannot.
    pub fn stuck(&self) -> Option<&str> {
        self.stuck.as_deref()
    }

    /// The next run. `None`: there is none.
    pub fn next(&self) -> Option<Ticket> {
        let (judged, all) = self.progress();
        if self.stuck.is_some() || judged == all {
            return None;
        }
        let (pair, second) = (judged / 2, judged % 2 == 1);
        let scenarios = self.asked.scenarios.len() as u64;
        let run = pair / scenarios;
        // A B, then B A: what drifts slowly meets both alike.
        let side = if second == run.is_multiple_of(2) { Side::B } else { Side::A };
        Some(Ticket {
            scenario: usize::try_from(pair % scenarios).ok()?,
            run,
            side,
            attempt: self.attempt,
        })
    }

    /// A run ended. False: it was not the next.
    pub fn ended(&mut self, ran: Ran) -> bool {
        if self.next() != Some(ran.ticket) {
            return false;
        }
        let why = || ran.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
        match ran.outcome {
            Outcome::Pass | Outcome::Fail => (self.judged, self.attempt) = (self.judged + 1, 0),
            Outcome::Nothing if self.attempt < RETRIES => self.attempt += 1,
            Outcome::Nothing => {
                self.stuck =
                    Some(format!("said nothing {} times in a row: {}", self.attempt + 1, why()));
            }
            Outcome::Impossible => self.stuck = Some(why()),
        }
        let same = |other: &&Ran| {
            (other.ticket.scenario, other.ticket.side) == (ran.ticket.scenario, ran.ticket.side)
        };
        let first = self.ran.iter().filter(same).find_map(|other| other.build.as_ref());
        if let (Some(first), Some(build)) = (first, &ran.build)
            && first != build
        {
            self.stuck =
                Some(format!("runs another build or scenario now: it was {first}, and is {build}"));
        }
        self.ran.push(ran);
        true
    }

    /// Runs of one build in one scenario that were judged.
    pub fn of(&self, scenario: usize, side: Side) -> impl Iterator<Item = &Ran> {
        self.ran.iter().filter(move |ran| {
            (ran.ticket.scenario, ran.ticket.side) == (scenario, side)
                && matches!(ran.outcome, Outcome::Pass | Outcome::Fail)
        })
    }

    /// How many of them passed and failed.
    pub fn tally(&self, scenario: usize, side: Side) -> Tally {
        let passed =
            self.of(scenario, side).filter(|ran| ran.outcome == Outcome::Pass).count() as u64;
        Tally { passed, failed: self.of(scenario, side).count() as u64 - passed }
    }

    /// Whether more runs said nothing than were judged: that compared a machine with itself.
    pub fn is_of_the_machine(&self) -> bool {
        self.ran.len() as u64 > 2 * self.judged
    }
}
