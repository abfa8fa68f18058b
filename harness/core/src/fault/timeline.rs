//! Where every fault of a run is in its course: which step may follow, whether the record proves it,
//! and who is down. The executor asks before it records a step, `verify` asks again when it reads
//! one: both get the same answer from the same record.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{Condition, Course, FaultKind, entry::Record, lines::Lines};
use crate::{
    event::{FaultId, Moment},
    history::{FaultSpan, History},
};

/// A fault that is planned.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What is done.
    pub kind: FaultKind,
    /// To whom.
    pub nodes: Vec<String>,
    /// It begins when the fault before it is in effect, and is over before that is.
    pub with_previous: bool,
}

/// All faults of a run.
#[derive(Debug)]
pub struct Timeline {
    /// By phase, in order.
    planned: Vec<Vec<Planned>>,
    network: Vec<String>,
    steps: BTreeMap<FaultId, Step>,
    begun: BTreeMap<FaultId, Moment>,
    /// In the order in which they took effect.
    hits: Vec<Hit>,
    last: Option<FaultSpan>,
}

/// A node that is in the condition that a fault left it in.
#[derive(Debug, Clone)]
struct Hit {
    node: String,
    /// `None`: it is as the plan began with it.
    by: Option<FaultId>,
    since: Moment,
    condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Started,
    Effective,
    Healed,
    Unproven,
}

/// Why a step of a fault does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be its turn.
    #[error("{0}")]
    Step(String),
    /// The record does not show it.
    #[error("{0}")]
    Proof(String),
}

/// Whether a step counts.
type Proof = Result<(), Refused>;

impl Timeline {
    /// Before the first fault.
    pub fn new(planned: Vec<Vec<Planned>>, network: Vec<String>, absent: &[String]) -> Self {
        let hit = |node: &String| Hit {
            node: node.clone(),
            by: None,
            since: Moment(0),
            condition: Condition::Absent,
        };
        Self {
            planned,
            network,
            steps: BTreeMap::new(),
            begun: BTreeMap::new(),
            hits: absent.iter().map(hit).collect(),
            last: None,
        }
    }

    /// One more phase's faults.
    pub fn then(&mut self, phase: Vec<Planned>) {
        self.planned.push(phase);
    }

    /// The last fault that took effect or healed.
    pub fn last(&self) -> Option<&FaultSpan> {
        self.last.as_ref()
    }

    /// The plan has such a fault.
    ///
    /// # Errors
    ///
    /// If it has not.
    pub fn knows(&self, id: FaultId) -> Proof {
        self.planned(id).map(|_| ())
    }

    /// A fault is being done.
    ///
    /// # Errors
    ///
    /// If it is not its turn.
    pub fn started(&mut self, id: FaultId, at: Moment) -> Proof {
        self.planned(id)?;
        let group = self.group_of(id);
        let before = (0..group.start).map(|fault| FaultId { phase: id.phase, fault });
        must(before.into_iter().all(|fault| self.is_done(fault)), || {
            "a fault starts before the one before it has healed".to_owned()
        })?;
        let with = (group.start..id.fault).map(|fault| FaultId { phase: id.phase, fault });
        must(with.into_iter().all(|fault| self.holds_or_is_done(fault)), || {
            "a fault starts before the one that it is with is in effect".to_owned()
        })?;
        must(self.steps.insert(id, Step::Started).is_none(), || {
            "a fault starts a second time".to_owned()
        })?;
        self.begun.insert(id, at);
        Ok(())
    }

    /// A fault took effect at `since`, as the record by `at` shows.
    ///
    /// # Errors
    ///
    /// If it could not, or what the record lacks.
    pub fn effective(
        &mut self,
        id: FaultId,
        since: Moment,
        at: Moment,
        history: &History,
    ) -> Proof {
        self.may_go_on(id, &[Step::Started], Step::Effective, (since, at))?;
        let Planned { kind, nodes, .. } = self.planned(id)?.clone();
        let hit: Vec<(String, Moment)> = nodes.iter().map(|node| (node.clone(), since)).collect();
        let lines = self.lines_with(id);
        kind.took_effect(&self.record(id, &hit, (at, at), history, &lines))
            .map_err(Refused::Proof)?;
        self.steps.insert(id, Step::Effective);
        let (healed, proven) = match kind.course() {
            Course::Once => (Some(since), Some(at)),
            Course::Heals(_) | Course::Stays | Course::Ends => {
                let condition = kind.condition();
                let hit =
                    |node: &String| Hit { node: node.clone(), by: Some(id), since, condition };
                self.hits.extend(nodes.iter().map(hit));
                (None, None)
            }
        };
        self.last = Some(FaultSpan { nodes, effective: since, healed, proven });
        Ok(())
    }

    /// A fault was undone at `since`, as the record by `at` shows.
    ///
    /// # Errors
    ///
    /// If it could not, or what the record lacks.
    pub fn healed(&mut self, id: FaultId, since: Moment, at: Moment, history: &History) -> Proof {
        let Planned { kind, nodes, .. } = self.planned(id)?.clone();
        let from = match kind.course() {
            Course::Heals(_) => [Step::Effective],
            Course::Ends => [Step::Started],
            Course::Stays | Course::Once => {
                let why = format!("`{}` does not heal by itself", kind.name());
                return Err(Refused::Step(why));
            }
        };
        let later =
            (id.fault + 1..self.group_of(id).end).map(|fault| FaultId { phase: id.phase, fault });
        must(later.into_iter().all(|fault| self.is_done(fault)), || {
            "a fault heals before the one that is with it".to_owned()
        })?;
        self.may_go_on(id, &from, Step::Healed, (since, at))?;
        let ended = self.ended_by(id);
        must(nodes.iter().all(|node| ended.iter().any(|hit| hit.node == *node)), || {
            format!("`{}` heals nodes that no fault has hit", kind.name())
        })?;
        let hit: Vec<(String, Moment)> =
            ended.iter().map(|hit| (hit.node.clone(), hit.since)).collect();
        self.held_until(&ended, (since, at), history).map_err(Refused::Proof)?;
        let lines = self.lines_after(id);
        let record = self.record(id, &hit, (since, at), history, &lines);
        kind.has_healed(&record).map_err(Refused::Proof)?;
        self.steps.insert(id, Step::Healed);
        let began = ended.iter().filter(|hit| hit.by.is_some()).map(|hit| hit.since).min();
        let left = self.hits.iter().filter(|hit| !self.planned_ends(id, hit)).cloned().collect();
        self.hits = left;
        self.last = Some(FaultSpan {
            nodes,
            effective: began.unwrap_or(since),
            healed: Some(since),
            proven: Some(at),
        });
        Ok(())
    }

    /// There is no proof for a fault.
    ///
    /// # Errors
    ///
    /// If it was not under way.
    pub fn unproven(&mut self, id: FaultId, at: Moment) -> Proof {
        self.may_go_on(id, &[Step::Started, Step::Effective], Step::Unproven, (at, at))?;
        self.steps.insert(id, Step::Unproven);
        Ok(())
    }

    /// What stays in effect over phases has done so by now.
    ///
    /// # Errors
    ///
    /// The first fault that has not, and what shows it.
    pub fn what_stays_holds(&self, at: Moment, history: &History) -> Result<(), (FaultId, String)> {
        let stay = self.that_stay();
        self.hold(|hit| hit.by.is_some_and(|by| stay.contains(&by)), at, history)
    }

    /// What a fault is about to end holds by now: asked right before it does.
    ///
    /// # Errors
    ///
    /// The first fault that does not, and what shows it.
    pub fn still_hit(
        &self,
        id: FaultId,
        at: Moment,
        history: &History,
    ) -> Result<(), (FaultId, String)> {
        self.hold(|hit| self.planned_ends(id, hit), at, history)
    }

    fn hold(
        &self,
        asked: impl Fn(&Hit) -> bool,
        at: Moment,
        history: &History,
    ) -> Result<(), (FaultId, String)> {
        let lines = self.lines();
        for (id, _) in self.steps.iter().filter(|(_, step)| **step == Step::Effective) {
            let Ok(Planned { kind, .. }) = self.planned(*id) else { continue };
            let hits = self.hits.iter().filter(|hit| hit.by == Some(*id) && asked(hit));
            let hit: Vec<_> = hits.map(|hit| (hit.node.clone(), hit.since)).collect();
            if hit.is_empty() {
                continue;
            }
            let holds = kind.still_holds(&self.record(*id, &hit, (at, at), history, &lines));
            holds.map_err(|why| (*id, why))?;
        }
        Ok(())
    }

    /// Everything that is ended here held until then.
    fn held_until(
        &self,
        ended: &[Hit],
        times: (Moment, Moment),
        history: &History,
    ) -> Result<(), String> {
        let lines = self.lines();
        let by: BTreeSet<FaultId> = ended.iter().filter_map(|hit| hit.by).collect();
        by.into_iter().try_for_each(|id| {
            let Ok(Planned { kind, .. }) = self.planned(id) else { return Ok(()) };
            let of = ended.iter().filter(|hit| hit.by == Some(id));
            let hit: Vec<_> = of.map(|hit| (hit.node.clone(), hit.since)).collect();
            kind.held(&self.record(id, &hit, times, history, &lines))?;
            kind.undone(&self.record(id, &hit, times, history, &lines))
        })
    }

    /// Faults in effect that stay over phases.
    pub fn that_stay(&self) -> Vec<FaultId> {
        let stays = |id: &FaultId| {
            self.planned(*id).is_ok_and(|planned| planned.kind.course() == Course::Stays)
        };
        let effective = self.steps.iter().filter(|(_, step)| **step == Step::Effective);
        effective.map(|(id, _)| *id).filter(stays).collect()
    }

    /// Whom a fault still hits.
    pub fn hit_by(&self, id: FaultId) -> Vec<String> {
        let hit = self.hits.iter().filter(|hit| hit.by == Some(id));
        hit.map(|hit| hit.node.clone()).collect()
    }

    /// The faults whose effect this one is about to end, its own included, and whom each still hits.
    pub fn to_be_ended(&self, id: FaultId) -> Vec<(FaultId, Vec<String>)> {
        let mut ended: Vec<FaultId> = self.ended_by(id).iter().filter_map(|hit| hit.by).collect();
        ended.dedup();
        ended.into_iter().map(|id| (id, self.hit_by(id))).collect()
    }

    /// What is done by a fault, if the plan has it.
    pub fn kind(&self, id: FaultId) -> Option<&FaultKind> {
        self.planned(id).ok().map(|planned| &planned.kind)
    }

    /// Every line that is not open now.
    pub fn lines(&self) -> Lines {
        self.lines_of(|_| true)
    }

    /// Every line that is not open once this fault is in effect.
    pub fn lines_with(&self, id: FaultId) -> Lines {
        let mut lines = self.lines();
        if let Ok(Planned { kind, nodes, .. }) = self.planned(id) {
            lines.join(kind.lines(nodes, &self.network));
        }
        lines
    }

    /// Every line that is not open once this fault has healed.
    pub fn lines_after(&self, id: FaultId) -> Lines {
        self.lines_of(|hit| !self.planned_ends(id, hit))
    }

    fn lines_of(&self, which: impl Fn(&Hit) -> bool) -> Lines {
        let mut lines = Lines::default();
        for id in self.steps.keys() {
            let hits = self.hits.iter().filter(|hit| hit.by == Some(*id) && which(hit));
            let nodes: Vec<String> = hits.map(|hit| hit.node.clone()).collect();
            if let (false, Ok(Planned { kind, .. })) = (nodes.is_empty(), self.planned(*id)) {
                lines.join(kind.lines(&nodes, &self.network));
            }
        }
        lines
    }

    /// All faults of a phase are done: they have healed, or stay.
    pub fn all_done(&self, phase: usize) -> bool {
        let faults = self.planned.get(phase).map_or(0, Vec::len);
        (0..faults).all(|fault| self.is_done(FaultId { phase, fault }))
    }

    /// The last faults of a phase that go together are in effect.
    pub fn is_in_effect(&self, phase: usize) -> bool {
        let last = self.planned.get(phase).and_then(|faults| faults.len().checked_sub(1));
        last.is_some_and(|fault| {
            let mut group = self.group_of(FaultId { phase, fault });
            group.all(|fault| self.steps.get(&FaultId { phase, fault }) == Some(&Step::Effective))
        })
    }

    /// The faults of its phase that overlap with it, itself included.
    pub fn group_of(&self, id: FaultId) -> Range<usize> {
        let faults = self.planned.get(id.phase).map_or(&[][..], Vec::as_slice);
        let with = |fault: usize| faults.get(fault).is_some_and(|fault| fault.with_previous);
        let start = (0..=id.fault).rev().find(|fault| !with(*fault)).unwrap_or(0);
        let end = (id.fault + 1..faults.len()).find(|fault| !with(*fault)).unwrap_or(faults.len());
        start..end
    }

    fn ended_by(&self, id: FaultId) -> Vec<Hit> {
        self.hits.iter().filter(|hit| self.planned_ends(id, hit)).cloned().collect()
    }

    /// This fault, when it heals, ends what was done to this node.
    fn planned_ends(&self, id: FaultId, hit: &Hit) -> bool {
        let Ok(Planned { kind, nodes, .. }) = self.planned(id) else { return false };
        match kind.course() {
            Course::Ends => kind.ends().contains(&hit.condition) && nodes.contains(&hit.node),
            Course::Heals(_) | Course::Stays | Course::Once => hit.by == Some(id),
        }
    }

    fn is_done(&self, id: FaultId) -> bool {
        let Ok(Planned { kind, .. }) = self.planned(id) else { return false };
        let last = match kind.course() {
            Course::Heals(_) | Course::Ends => Step::Healed,
            Course::Stays | Course::Once => Step::Effective,
        };
        self.steps.get(&id) == Some(&last)
    }

    fn holds_or_is_done(&self, id: FaultId) -> bool {
        self.is_done(id) || self.steps.get(&id) == Some(&Step::Effective)
    }

    fn planned(&self, id: FaultId) -> Result<&Planned, Refused> {
        let planned = self.planned.get(id.phase).and_then(|faults| faults.get(id.fault));
        planned.ok_or_else(|| {
            Refused::Step(format!("the plan has no fault {} in phase {}", id.fault, id.phase))
        })
    }

    fn record<'a>(
        &'a self,
        id: FaultId,
        hit: &'a [(String, Moment)],
        (until, to): (Moment, Moment),
        history: &'a History,
        lines: &'a Lines,
    ) -> Record<'a>
    where
        Self: 'a,
    {
        let asked = self.begun.get(&id).copied().unwrap_or_default();
        Record { history, hit, asked, lines, network: &self.network, until, to }
    }

    fn may_go_on(
        &self,
        id: FaultId,
        from: &[Step],
        to: Step,
        (since, at): (Moment, Moment),
    ) -> Proof {
        self.planned(id)?;
        must(since <= at, || "a fault in effect, or healed, in the future".to_owned())?;
        let before = self.steps.get(&id).copied();
        must(before.is_some_and(|before| from.contains(&before)), || {
            format!("a fault cannot become {to:?} that was {before:?}")
        })?;
        Ok(())
    }
}

fn must(holds: bool, else_wrong: impl FnOnce() -> String) -> Proof {
    if holds { Ok(()) } else { Err(Refused::Step(else_wrong())) }
}

#[cfg(test)]
pub(super) mod tests;
