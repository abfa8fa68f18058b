//! Where a run is in its plan: phase, faults in force, checks that are open and until when.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    event::{CheckId, CheckVerdict, Event, EventKind, FaultId, Moment, Pace},
    scenario::Plan,
};

/// What is being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Building, checking, networks, nodes: in words.
    Preparing(String),
    /// A phase, from 0.
    Phase(usize),
    /// Everything is being removed.
    Removing,
    /// It is over.
    Over,
}

/// A run in its plan.
#[derive(Debug, Clone)]
pub struct Course {
    plan: Plan,
    pace: Option<Pace>,
    stage: Stage,
    /// Begun and not healed; since when it is in effect, if it is.
    faults: BTreeMap<FaultId, Option<Moment>>,
    /// Their deadlines.
    open: BTreeMap<CheckId, Moment>,
    begun: BTreeSet<CheckId>,
    passed: usize,
    failed: usize,
    unsure: usize,
}

impl Course {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            pace: None,
            stage: Stage::Preparing("preparing".to_owned()),
            faults: BTreeMap::new(),
            open: BTreeMap::new(),
            begun: BTreeSet::new(),
            passed: 0,
            failed: 0,
            unsure: 0,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what nodes said moves no run forward")]
    pub(super) fn record(&mut self, event: &Event) {
        let at = event.at_ms;
        match &event.what {
            EventKind::Preparing { step } => self.stage = Stage::Preparing(step.clone()),
            EventKind::NodeStarted { node, .. } if !matches!(self.stage, Stage::Phase(_)) => {
                self.stage = Stage::Preparing(format!("{node} started"));
            }
            EventKind::Pace(pace) => self.pace = Some(pace.clone()),
            EventKind::PhaseStarted { phase } => {
                self.stage = Stage::Phase(*phase);
                self.open.clear();
            }
            EventKind::FaultStarted { fault } => {
                self.faults.insert(*fault, None);
            }
            EventKind::FaultEffective { fault, since, .. } => {
                self.faults.insert(*fault, Some(*since));
            }
            EventKind::FaultHealed { fault, .. } | EventKind::FaultUnproven { fault, .. } => {
                self.faults.remove(fault);
            }
            EventKind::CheckStarted { check } => {
                self.begun.insert(*check);
                let deadline = at + self.window(*check);
                self.open.insert(*check, deadline);
            }
            EventKind::CheckSettled { check, finding } => {
                self.open.remove(check);
                *match finding.verdict {
                    CheckVerdict::Pass => &mut self.passed,
                    CheckVerdict::Fail => &mut self.failed,
                    CheckVerdict::Inconclusive | CheckVerdict::NotJudged => &mut self.unsure,
                } += 1;
            }
            EventKind::TeardownStarted => self.stage = Stage::Removing,
            EventKind::TornDown { .. } => self.stage = Stage::Over,
            _ => {}
        }
    }

    /// Where it is, in one line.
    pub fn place(&self) -> String {
        match &self.stage {
            Stage::Preparing(step) => step.lines().next().unwrap_or_default().to_owned(),
            Stage::Phase(phase) => {
                let name = self.plan.phases.get(*phase).map_or("", |it| it.name.as_str());
                format!("phase {} of {}: {name}", phase + 1, self.plan.phases.len())
            }
            Stage::Removing => "removing everything".to_owned(),
            Stage::Over => "over".to_owned(),
        }
    }

    /// The checks of its phase and the time left for them, in one line; nothing outside a phase.
    pub fn left(&self, now: Moment) -> Option<String> {
        let Stage::Phase(phase) = self.stage else { return None };
        let seconds = |span: Duration| span.as_millis().div_ceil(1000);
        let mut words = Vec::new();
        if let Some(last) = self.open.values().max() {
            let open = self.open.len();
            words.push(format!("{open} open, at most {} s left", seconds(last.since(now))));
        }
        let later = self.plan.phases.get(phase).map(|it| it.checks.iter().enumerate());
        let later = later.into_iter().flatten().filter_map(|(check, plan)| {
            let is_later = !self.begun.contains(&CheckId { phase, check });
            is_later.then(|| self.plan.window(plan, self.pace.as_ref()))
        });
        if let Some(longest) = later.max() {
            words.push(format!("then checks of up to {} s", seconds(longest)));
        }
        let counted =
            [(self.passed, "passed"), (self.failed, "failed"), (self.unsure, "undecided")];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        words.extend(counted.map(|(count, word)| format!("{count} {word}")));
        (!words.is_empty()).then(|| words.join(", "))
    }

    /// What has been begun and is not healed, one line each: what is done to whom, and since when.
    pub fn faults(&self, now: Moment) -> Vec<String> {
        let line = |(id, since): (&FaultId, &Option<Moment>)| {
            let name = self.fault(*id);
            match since {
                Some(since) => {
                    format!("{name}, for {:.1} s", now.since(*since).as_secs_f64())
                }
                None => format!("{name} is being done"),
            }
        };
        self.faults.iter().map(line).collect()
    }

    /// It failed already, whatever follows.
    pub fn has_failed(&self) -> bool {
        self.failed > 0
    }

    fn fault(&self, id: FaultId) -> String {
        let plan = self.plan.phases.get(id.phase).and_then(|phase| phase.faults.get(id.fault));
        plan.map_or_else(String::new, |plan| {
            let whom = if plan.selector.is_empty() {
                plan.nodes.join(", ")
            } else {
                plan.selector.clone()
            };
            let of = if whom.is_empty() { "" } else { " of " };
            format!("fault {}{of}{whom}", plan.kind.name())
        })
    }

    fn window(&self, id: CheckId) -> Duration {
        let plan = self.plan.phases.get(id.phase).and_then(|phase| phase.checks.get(id.check));
        plan.map_or(Duration::ZERO, |plan| self.plan.window(plan, self.pace.as_ref()))
    }
}
