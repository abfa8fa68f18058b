//! Many generated scenarios, one for each seed of a range: which is next, and what they came to. The lines of
//! `generated.jsonl` are what it goes on from after a kill.

use std::{collections::BTreeMap, fmt::Write, ops::Range};

use serde::{Deserialize, Serialize};

use super::{Asked, asked::VERSION};
use crate::{
    bundle::Sha256Hex,
    exit::ExitCode,
    text::{plain, short},
};

/// More seeds than a year of nights has.
pub const MOST_SEEDS: u64 = 1_000_000;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightAsked {
    /// The generator's.
    pub version: u32,
    /// From this seed …
    pub from: u64,
    /// … to the one before this.
    pub to: u64,
    /// At most so many nodes.
    pub nodes: u32,
    /// At most so many faults.
    pub faults: u32,
    /// Where they run.
    pub place: super::Where,
    /// What each run is told besides.
    pub arguments: Vec<String>,
}

/// A run that ended by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightRan {
    /// Whose scenario it was.
    pub seed: u64,
    /// The harness's exit code.
    pub exit: u8,
    /// Why it is no pass.
    pub reason: Option<String>,
    /// What ran, by hashes, and the hash of the scenario's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// Of its bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256Hex>,
    /// How long it took.
    pub seconds: f64,
    /// Its bundle, from the night's folder; kept unless it passed.
    pub bundle: Option<String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The first.
    Generated(NightAsked),
    /// Every other.
    Ran(NightRan),
}

/// Where it is.
#[derive(Debug)]
pub struct Night {
    asked: NightAsked,
    next: u64,
    /// Seeds that a signal took back, and those that a kill left out.
    again: Vec<u64>,
    ran: BTreeMap<u64, NightRan>,
}

impl Night {
    /// Nothing ran yet.
    pub fn new(asked: NightAsked) -> Self {
        let next = asked.from;
        Self { asked, next, again: Vec::new(), ran: BTreeMap::new() }
    }

    /// From its lines; what follows the last whole one was cut off by a kill.
    ///
    /// # Errors
    ///
    /// They are none of this generator's, or were changed.
    pub fn resume(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().enumerate();
        let Some((_, first)) = lines.next() else { return Err("it is empty".to_owned()) };
        let asked = match serde_json::from_str(first) {
            Ok(Line::Generated(asked)) => asked,
            Ok(Line::Ran(_)) => return Err("its first line is a run".to_owned()),
            Err(why) => return Err(format!("its first line is none of ours: {why}")),
        };
        if asked.version != VERSION {
            return Err(format!(
                "its scenarios are those of generator version {}, and this is {VERSION}",
                asked.version
            ));
        }
        if !seeds(&asked).is_ok_and(|seeds| !seeds.is_empty()) {
            return Err("it asks for no seeds, or too many".to_owned());
        }
        let mut night = Self::new(asked);
        for (index, line) in lines {
            match serde_json::from_str(line) {
                Ok(Line::Ran(ran)) if night.is_open(ran.seed) => night.ended(ran),
                Ok(_) => return Err(format!("line {} does not follow", index + 1)),
                Err(why) => return Err(format!("line {} is none of ours: {why}", index + 1)),
            }
        }
        Ok(night)
    }

    /// What was asked for.
    pub fn asked(&self) -> &NightAsked {
        &self.asked
    }

    /// What is asked of a seed's scenario.
    pub fn scenario(&self, seed: u64) -> Asked {
        let NightAsked { nodes, faults, place, .. } = self.asked;
        Asked { seed, nodes, faults, place }
    }

    /// The seed that is to run next.
    pub fn begin(&mut self) -> Option<u64> {
        if let Some(seed) = self.again.pop() {
            return Some(seed);
        }
        while self.next < self.asked.to {
            let seed = self.next;
            self.next += 1;
            if !self.ran.contains_key(&seed) {
                return Some(seed);
            }
        }
        None
    }

    /// A signal took it back.
    pub fn lost(&mut self, seed: u64) {
        self.again.push(seed);
    }

    /// It ended.
    pub fn ended(&mut self, ran: NightRan) {
        self.ran.insert(ran.seed, ran);
    }

    /// How many ended, of how many.
    pub fn progress(&self) -> (usize, u64) {
        (self.ran.len(), self.asked.to - self.asked.from)
    }

    /// How long a run takes, on average.
    pub fn seconds_a_run(&self) -> f64 {
        self.ran.values().map(|ran| ran.seconds).sum::<f64>() / self.ran.len().max(1) as f64
    }

    /// What all of them are, in the order of `harness scenario all`: 1, 3, 2, 4, 0. None ended: nothing.
    pub fn exit(&self) -> Option<ExitCode> {
        let codes: Vec<ExitCode> = self
            .ran
            .values()
            .map(|ran| ExitCode::of(ran.exit).unwrap_or(ExitCode::Environment))
            .collect();
        (!codes.is_empty()).then(|| ExitCode::over(codes))
    }

    /// How many came to what, and a line for each that did not pass.
    pub fn table(&self) -> String {
        let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
        for ran in self.ran.values() {
            *counts.entry(ran.exit).or_default() += 1;
        }
        let passed = counts.get(&0).copied().unwrap_or(0);
        let mut text = format!("{passed} of {} generated scenarios passed", self.ran.len());
        for (code, count) in counts.iter().filter(|(code, _)| **code != 0) {
            let _ = write!(text, ", exit {code}: {count}");
        }
        for ran in self.ran.values().filter(|ran| ran.exit != 0) {
            let why = ran.reason.as_deref().and_then(|why| why.lines().next()).unwrap_or("");
            let took = short(std::time::Duration::from_secs_f64(ran.seconds.clamp(0.0, 1e6)));
            let (seed, exit, why) = (ran.seed, ran.exit, plain(why));
            let _ = write!(text, "\n{exit:>3}  seed {seed}  {took}  {why}");
            if let Some(bundle) = &ran.bundle {
                let _ = write!(text, "\n       {bundle}");
            }
        }
        text
    }

    fn is_open(&self, seed: u64) -> bool {
        (self.asked.from..self.asked.to).contains(&seed) && !self.ran.contains_key(&seed)
    }
}

/// The seeds that are asked for.
///
/// # Errors
///
/// Too many, or none.
pub fn seeds(asked: &NightAsked) -> Result<Range<u64>, String> {
    let count = asked.to.saturating_sub(asked.from);
    if count == 0 || count > MOST_SEEDS {
        return Err(format!("{} to {}: 1 to {MOST_SEEDS} seeds", asked.from, asked.to));
    }
    Ok(asked.from..asked.to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Where;

    fn asked() -> NightAsked {
        let arguments = vec!["--node-bin".to_owned(), "/n".to_owned()];
        let (nodes, faults, place) = (8, 4, Where::Process);
        NightAsked { version: VERSION, from: 5, to: 9, nodes, faults, place, arguments }
    }

    fn ran(seed: u64, exit: u8) -> NightRan {
        let reason = (exit != 0).then(|| "peers of *: did not hold\nmore".to_owned());
        let bundle = reason.as_ref().map(|_| format!("runs/generated-{seed}/x"));
        let build = Some("node of scenario".to_owned());
        let digest = Some(Sha256Hex::of(&[b"x"]));
        NightRan { seed, exit, reason, build, digest, seconds: 61.0, bundle }
    }

    fn lines(lines: &[Line]) -> String {
        lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
    }

    #[test]
    fn every_seed_runs_once_and_those_that_a_signal_took_back_again() {
        let mut night = Night::new(asked());
        assert_eq!((night.begin(), night.begin(), night.exit()), (Some(5), Some(6), None));
        night.ended(ran(6, 0));
        night.lost(5);
        assert_eq!(night.exit(), Some(ExitCode::Pass));
        let mut rest: Vec<u64> = std::iter::from_fn(|| night.begin()).collect();
        rest.sort_unstable();
        assert_eq!(rest, [5, 7, 8]);
    }

    #[test]
    fn it_goes_on_from_its_lines_and_refuses_others() {
        let begun = Line::Generated(asked());
        let text = lines(&[begun.clone(), Line::Ran(ran(7, 2)), Line::Ran(ran(5, 0))]);
        let mut night = Night::resume(&text).unwrap();
        assert_eq!(night.progress(), (2, 4));
        assert_eq!((night.begin(), night.begin(), night.begin()), (Some(6), Some(8), None));
        for bad in [
            String::new(),
            lines(&[Line::Ran(ran(5, 0))]),
            lines(&[begun.clone(), Line::Ran(ran(9, 0))]),
            lines(&[begun.clone(), Line::Ran(ran(5, 0)), Line::Ran(ran(5, 1))]),
            lines(&[begun.clone(), begun]),
            lines(&[Line::Generated(NightAsked { version: VERSION + 1, ..asked() })]),
            lines(&[Line::Generated(NightAsked { to: 5, ..asked() })]),
            "{}\n".to_owned(),
        ] {
            assert!(Night::resume(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_table_has_what_did_not_pass_and_the_worst_decides() {
        let mut night = Night::new(asked());
        for ran in [ran(5, 0), ran(6, 2), ran(7, 1)] {
            night.ended(ran);
        }
        assert_eq!(
            night.table(),
            "1 of 3 generated scenarios passed, exit 1: 1, exit 2: 1\n  2  seed 6  61.0 s  peers of *: did not hold\n       runs/generated-6/x\n  1  seed 7  61.0 s  peers of *: did not hold\n       runs/generated-7/x"
        );
        assert_eq!(night.exit(), Some(ExitCode::Fail));
    }
}
