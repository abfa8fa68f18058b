//! The loop: a smaller scenario is tried up to so many times; the first run that fails for the same reason
//! makes it the one that is made smaller next. It ends when nothing smaller fails.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use toml::Value;

use super::{
    fair::Fair,
    reason::{Failed, Place, Reason, failed},
    smaller::{Smaller, smaller},
};
use crate::{
    exit::ExitCode,
    scenario::{Origin, Overrides, Plan, load},
    script::{Script, list},
    verdict::Verdict,
};

/// Why there is nothing to make smaller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It did not fail.
    #[error("this run did not fail ({0}): only what failed (exit code 1) can be made smaller")]
    NotFailed(String),
    /// No check says why.
    #[error("no check of this run failed, so two failures could not be compared")]
    NoReason,
    /// Nodes that nobody starts.
    #[error("this was a look at nodes that ran already, which cannot be started again")]
    Attached,
    /// This harness does not take the scenario any more.
    #[error("the recorded scenario is refused by this harness:\n{0}")]
    Scenario(String),
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Checks that failed, the verdict's own first.
    Failed(Vec<Failed>),
    /// It passed, or nothing can be said.
    Other,
    /// It cannot run at all.
    Impossible,
}

/// A scenario that is to be run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// Its text.
    pub text: String,
    /// What it is without; none: it is the one that failed.
    pub without: Option<String>,
    /// Which try of it, from 1.
    pub number: u32,
}

/// Where it is.
#[derive(Debug)]
pub struct Course {
    path: PathBuf,
    overrides: Overrides,
    nodes: Vec<String>,
    reason: Reason,
    tries: u32,
    fair: Fair,
    script: Script,
    place: Place,
    /// It failed again.
    confirmed: bool,
    /// Nothing smaller fails.
    finished: bool,
    /// The smaller ones of what there is, how far they were tried, and whether one was kept since the first.
    smaller: Vec<Smaller>,
    next: usize,
    kept: bool,
    /// What did not fail is not tried again.
    tried: BTreeSet<String>,
    tries_of_this: u32,
    runs: u32,
}

impl Course {
    /// Nothing was tried yet. `folder` is where the scenario's file was: it names binaries from there.
    ///
    /// # Errors
    ///
    /// See [`Refused`].
    pub fn new(plan: &Plan, verdict: &Verdict, folder: &Path, tries: u32) -> Result<Self, Refused> {
        if plan.overrides.attached.is_some() {
            return Err(Refused::Attached);
        }
        if verdict.exit != ExitCode::Fail {
            return Err(Refused::NotFailed(verdict.verdict.word().to_lowercase()));
        }
        let nodes: Vec<String> = plan.nodes.iter().map(|node| node.name.clone()).collect();
        let first = failed(verdict, &nodes).into_iter().next().ok_or(Refused::NoReason)?;
        let script = Script::parse(&plan.text).map_err(|why| Refused::Scenario(why.to_string()))?;
        let script = by_itself(script, plan, folder);
        let overrides = Overrides { nodes: None, ..plan.overrides.clone() };
        let path = folder.join("shrunk.toml");
        let (again, problems) = load(origin(&path), script.to_string(), &overrides);
        let again = again.ok_or_else(|| Refused::Scenario(problems.to_string()))?;
        let fair = Fair::of(&script, &again, &problems, first.place);
        Ok(Self {
            path,
            overrides,
            nodes,
            reason: first.reason,
            tries,
            fair,
            script,
            place: first.place,
            confirmed: false,
            finished: false,
            smaller: Vec::new(),
            next: 0,
            kept: false,
            tried: BTreeSet::new(),
            tries_of_this: 0,
            runs: 0,
        })
    }

    /// What is to be run now; the same until it [ended](Self::ended). None: that is all.
    pub fn next_try(&mut self) -> Option<Try> {
        if !self.confirmed {
            let number = self.tries_of_this + 1;
            let text = self.script.to_string();
            return (number <= self.tries).then_some(Try { text, without: None, number });
        }
        while !self.finished {
            let Some(candidate) = self.smaller.get(self.next) else {
                self.finished = !self.kept;
                (self.next, self.kept) = (0, false);
                continue;
            };
            let text = candidate.script.to_string();
            if !self.tried.contains(&text) && self.is_fair(candidate) {
                let number = self.tries_of_this + 1;
                return Some(Try { text, without: Some(candidate.what.clone()), number });
            }
            self.next += 1;
        }
        None
    }

    /// What it came to; whether it is the smallest now.
    pub fn ended(&mut self, outcome: &Outcome) -> bool {
        self.runs += 1;
        self.tries_of_this += 1;
        let same = match outcome {
            Outcome::Failed(failed) => self.same(failed),
            Outcome::Other => None,
            Outcome::Impossible => {
                self.tries_of_this = self.tries;
                None
            }
        };
        if let Some(same) = same {
            self.tries_of_this = 0;
            let (script, looked_for) = self.running();
            self.script = script.clone();
            self.kept = self.confirmed;
            (self.confirmed, self.place) = (true, same);
            // Something else may be had there.
            if same != looked_for {
                self.fair = self.fairness(&self.script, same).unwrap_or_else(|| self.fair.clone());
            }
            self.smaller = smaller(&self.script, self.place);
            return true;
        }
        if self.confirmed && self.tries_of_this >= self.tries {
            if let Some(candidate) = self.smaller.get(self.next) {
                self.tried.insert(candidate.script.to_string());
            }
            (self.next, self.tries_of_this) = (self.next + 1, 0);
        }
        false
    }

    /// What is run now, and where it should fail.
    fn running(&self) -> (&Script, Place) {
        let candidate = self.smaller.get(self.next).filter(|_| self.confirmed);
        candidate.map_or((&self.script, self.place), |it| (&it.script, it.place))
    }

    /// Where it failed for the same reason: the same words of another check are another failure. A node's own
    /// end is the same whenever it comes, and whatever failed before that was confirmed.
    fn same(&self, failed: &[Failed]) -> Option<Place> {
        let (script, looked_for) = self.running();
        let alike = failed.iter().filter(|one| one.reason == self.reason);
        let alike: Vec<Place> = alike.map(|one| one.place).collect();
        let counts = |place: &Place| !self.confirmed || is_own_end(script, *place);
        let there = alike.iter().find(|place| **place == looked_for);
        there.or_else(|| alike.iter().find(|place| counts(place))).copied()
    }

    /// What a verdict says, to be handed to [`Self::ended`].
    pub fn outcome(&self, exit: Option<ExitCode>, verdict: Option<&Verdict>) -> Outcome {
        match (exit, verdict) {
            (Some(ExitCode::Fail), Some(verdict)) => Outcome::Failed(failed(verdict, &self.nodes)),
            (Some(ExitCode::NothingRan | ExitCode::Usage | ExitCode::Bug), _) => {
                Outcome::Impossible
            }
            _ => Outcome::Other,
        }
    }

    /// Why it failed.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// It failed again for that reason.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// Nothing smaller fails.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The smallest so far.
    pub fn smallest(&self) -> String {
        self.script.to_string()
    }

    /// How large that is: groups, phases, faults and checks.
    pub fn size(&self) -> [usize; 4] {
        let phases = || self.script.list("phases").iter().filter_map(Value::as_table);
        let all = |kind| phases().map(|phase| list(phase, kind).len()).sum::<usize>();
        [
            self.script.list("nodes").len(),
            phases().count(),
            all("faults") + all("storm"),
            all("checks"),
        ]
    }

    /// How many runs ended.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// It is a scenario, and what it asks can be had as before.
    fn is_fair(&self, candidate: &Smaller) -> bool {
        let fair = self.fairness(&candidate.script, candidate.place);
        fair.is_some_and(|fair| self.fair.holds_for(&fair))
    }

    /// What is true of one at a place; none: it is no scenario.
    fn fairness(&self, script: &Script, place: Place) -> Option<Fair> {
        let (plan, problems) = load(origin(&self.path), script.to_string(), &self.overrides);
        plan.map(|plan| Fair::of(script, &plan, &problems, place))
    }
}

/// It is behind the phase's own checks: a node did.
fn is_own_end(script: &Script, place: Place) -> bool {
    let phase = script.list("phases").get(place.phase).and_then(Value::as_table);
    phase.is_some_and(|phase| place.check >= list(phase, "checks").len())
}

fn origin(path: &Path) -> Origin<'_> {
    Origin { name: "shrunk", path }
}

/// A script that needs no `--nodes`, and no folder that it is in.
fn by_itself(mut script: Script, plan: &Plan, folder: &Path) -> Script {
    let from_here = |bin: &mut Value| {
        if let Some(path) = bin.as_str().filter(|path| *path != "workspace") {
            *bin = folder.join(path).display().to_string().into();
        }
    };
    for group in script.list_mut("nodes").iter_mut().filter_map(Value::as_table_mut) {
        if let Some(bin) = group.get_mut("bin") {
            from_here(bin);
        }
        let is_other = group.get("seed").and_then(Value::as_bool) != Some(true)
            && group.get("kind").and_then(Value::as_str) != Some("hostile");
        if let Some(count) = plan.overrides.nodes.filter(|_| is_other) {
            group.insert("count".to_owned(), i64::from(count).into());
        }
    }
    for phase in script.list_mut("phases").iter_mut().filter_map(Value::as_table_mut) {
        let faults = phase.get_mut("faults").and_then(Value::as_array_mut);
        for fault in faults.into_iter().flatten() {
            if let Some(bin) = fault.get_mut("bin") {
                from_here(bin);
            }
        }
    }
    script
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
