//! `gate.jsonl`: what was asked for, then a line for each run that ended. A gate that was killed goes on from it, and
//! comes to the decision that it would have had.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    course::{Course, Ran, Ticket},
    file::GateFile,
};
use crate::{bundle::Sha256Hex, document::Problems};

/// The format that this harness writes.
pub const VERSION: u32 = 1;

/// A line is a few hundred bytes; a reason may be longer.
const LONGEST: usize = 64 * 1024;

/// The first line: all that the runs follow from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// [`VERSION`].
    pub version: u32,
    /// Wall clock, RFC 3339.
    pub started: String,
    /// Where the file was.
    pub path: String,
    /// The file's text.
    pub text: String,
    /// What every run's seed follows from.
    pub seed: u64,
    /// What the command line said about each run, as `harness scenario` takes it.
    pub arguments: Vec<String>,
}

impl Asked {
    /// What the runs of a ticket draw from; an attempt of it has the same.
    pub fn seed_of(&self, ticket: Ticket) -> u64 {
        seed_of(self.seed, ticket.entry, ticket.run)
    }
}

/// What a run of a scenario draws from, in a campaign with this seed.
pub fn seed_of(seed: u64, scenario: usize, run: u64) -> u64 {
    let parts = [seed, scenario as u64, run].map(u64::to_le_bytes);
    let hash = Sha256Hex::of(&[&parts[0], &parts[1], &parts[2]]).0;
    // 48 bits, which every reader of JSON can hold.
    hash[..6].iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The first.
    Gate(Asked),
    /// Every other.
    Ran(Ran),
}

/// Why a ledger cannot be gone on from.
#[derive(Debug)]
pub enum Refused {
    /// Its first line is none of ours.
    NoGate(String),
    /// Its file is refused by this harness.
    File(Problems),
    /// A line in the middle is none of ours.
    Line(usize, String),
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGate(why) => write!(formatter, "its first line is not that of a gate: {why}"),
            Self::File(problems) => {
                write!(formatter, "its gate is refused by this harness:\n{problems}")
            }
            Self::Line(number, why) => {
                write!(formatter, "line {number} is no run of this gate: {why}")
            }
        }
    }
}

/// A ledger that was read.
#[derive(Debug)]
pub struct Resumed {
    /// What was asked for.
    pub asked: Asked,
    /// Where the gate is.
    pub course: Course,
    /// Every run that ended, in order.
    pub ran: Vec<Ran>,
    /// How many bytes of the text are whole lines: what follows was cut off by the kill.
    pub whole: usize,
}

/// Reads a ledger.
///
/// # Errors
///
/// It is not one, or was changed.
pub fn resume(text: &str) -> Result<Resumed, Refused> {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines().enumerate();
    let first = lines.next().ok_or_else(|| Refused::NoGate("it is empty".to_owned()))?.1;
    let asked = match parse(first) {
        Ok(Line::Gate(asked)) if asked.version == VERSION => asked,
        Ok(Line::Gate(asked)) => {
            return Err(Refused::NoGate(format!(
                "it has version {}, this harness knows {VERSION}",
                asked.version
            )));
        }
        Ok(Line::Ran(_)) => return Err(Refused::NoGate("it is a run".to_owned())),
        Err(why) => return Err(Refused::NoGate(why)),
    };
    let (file, problems) = GateFile::parse(asked.path.clone().into(), &asked.text);
    let Some(file) = file else { return Err(Refused::File(problems)) };
    let mut course = Course::new(file);
    let mut all = Vec::new();
    for (index, line) in lines {
        let refused = |why: &str| Refused::Line(index + 1, why.to_owned());
        match parse(line) {
            Ok(Line::Ran(ran)) => {
                if !course.again(&ran) {
                    return Err(refused("it was not begun, or ended before"));
                }
                all.push(ran);
            }
            Ok(Line::Gate(_)) => return Err(refused("another gate begins in it")),
            Err(why) => return Err(refused(&why)),
        }
    }
    Ok(Resumed { asked, course, ran: all, whole })
}

pub(crate) fn parse<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    if line.len() > LONGEST {
        return Err("it is too long".to_owned());
    }
    serde_json::from_str(line).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Decision, Outcome};

    fn asked(text: &str) -> Asked {
        Asked {
            version: VERSION,
            started: "2026-11-27T00:00:00Z".to_owned(),
            path: "release.toml".to_owned(),
            text: text.to_owned(),
            seed: 7,
            arguments: Vec::new(),
        }
    }

    fn line(line: &Line) -> String {
        serde_json::to_string(line).unwrap() + "\n"
    }

    fn outcome(ticket: Ticket) -> Ran {
        let outcome = match (ticket.entry, ticket.run, ticket.attempt) {
            (1, 20, _) => Outcome::Fail,
            (_, 7, 0) => Outcome::Nothing,
            _ => Outcome::Pass,
        };
        Ran {
            ticket,
            outcome,
            reason: None,
            convergence: Some(1.0),
            recovery: None,
            build: None,
            digest: None,
            seconds: 1.5,
            bundle: None,
        }
    }

    const TEXT: &str = "[gate]\nshare = \"90%\"\n[[scenarios]]\nscenario = \"a\"\n[[scenarios]]\nscenario = \"b\"\nfailures = 1\n";

    /// Three runs beside each other, killed after every line: it goes on with the same seeds, and comes to the
    /// same end.
    #[test]
    fn killed_anywhere_it_comes_to_the_same_end() {
        let (file, _) = GateFile::parse("release.toml".into(), TEXT);
        let mut course = Course::new(file.unwrap());
        let mut text = line(&Line::Gate(asked(TEXT)));
        let mut under_way = Vec::new();
        loop {
            while under_way.len() < 3 {
                let Some(ticket) = course.begin() else { break };
                under_way.push(ticket);
            }
            // The one that was begun last ends first.
            let Some(ticket) = under_way.pop() else { break };
            let ran = outcome(ticket);
            assert!(course.ended(&ran));
            text += &line(&Line::Ran(ran));
        }
        assert_eq!(course.decision_now(), Decision::Accepted);
        for end in (line(&Line::Gate(asked(TEXT))).len()..=text.len()).step_by(41) {
            let mut resumed = resume(&text[..end]).unwrap_or_else(|why| panic!("{why}"));
            assert!(text[..end].starts_with(&text[..resumed.whole]) && end - resumed.whole < 400);
            while let Some(ticket) = resumed.course.begin() {
                assert!(resumed.course.ended(&outcome(ticket)));
            }
            assert_eq!(resumed.course.decision_now(), Decision::Accepted);
            let tallies: Vec<_> =
                resumed.course.progress().map(|(_, progress)| progress.tally).collect();
            assert_eq!(
                tallies,
                course.progress().map(|(_, progress)| progress.tally).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn what_is_no_ledger_is_refused_with_the_reason() {
        let gate = line(&Line::Gate(asked(TEXT)));
        let run = line(&Line::Ran(outcome(Ticket { entry: 0, run: 0, attempt: 0 })));
        let other = line(&Line::Ran(outcome(Ticket { entry: 9, run: 0, attempt: 0 })));
        let far = line(&Line::Ran(outcome(Ticket { entry: 0, run: u64::MAX, attempt: 0 })));
        let newer = gate.replacen("\"version\":1", "\"version\":2", 1);
        let broken = line(&Line::Gate(asked("[[scenarios]]")));
        for (text, why) in [
            (String::new(), "it is empty"),
            ("{}\n".to_owned(), "first line"),
            (run.clone(), "it is a run"),
            (newer, "version 2"),
            (broken, "missing"),
            (gate.clone() + &run + &run, "line 3"),
            (gate.clone() + &other, "line 2"),
            (gate.clone() + &far, "line 2"),
            (gate.clone() + &gate, "another gate"),
            (gate.clone() + "junk\n", "line 2"),
        ] {
            let refused = resume(&text).expect_err(why).to_string();
            assert!(refused.contains(why), "{refused} has no {why}");
        }
    }

    #[test]
    fn an_attempt_has_its_runs_seed_and_no_two_runs_share_one() {
        let asked = asked(TEXT);
        let seed = |entry, run, attempt| asked.seed_of(Ticket { entry, run, attempt });
        assert_eq!(seed(0, 3, 0), seed(0, 3, 2));
        let mut seeds: Vec<_> =
            (0..20).flat_map(|run| [seed(0, run, 0), seed(1, run, 0)]).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 40);
    }
}
