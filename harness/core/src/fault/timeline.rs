//! Where every fault of a run is in its course: which step may follow, whether the record proves it,
//! and who is down. The executor asks before it records a step, `verify` asks again when it reads
//! one: both get the same answer from the same record.

use std::collections::BTreeMap;

use super::{Course, FaultKind, entry::Record};
use crate::{
    event::{FaultId, Moment},
    history::History,
};

/// A fault as a check may look back at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultSpan {
    /// Whom it hit.
    pub nodes: Vec<String>,
    /// From when it was in effect.
    pub effective: Moment,
    /// When it was undone; `None` while it lasts.
    pub healed: Option<Moment>,
    /// When that was proven: heights are compared with everything seen before.
    pub proven: Option<Moment>,
}

/// A fault that is planned.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What is done.
    pub kind: FaultKind,
    /// To whom.
    pub nodes: Vec<String>,
}

/// All faults of a run.
#[derive(Debug)]
pub struct Timeline {
    /// By phase, in order.
    planned: Vec<Vec<Planned>>,
    steps: BTreeMap<FaultId, Step>,
    begun: BTreeMap<FaultId, Moment>,
    /// Who is hit by a fault that has not healed, and since when.
    hit: BTreeMap<String, (FaultId, Moment)>,
    last: Option<FaultSpan>,
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
    pub fn new(planned: Vec<Vec<Planned>>) -> Self {
        Self {
            planned,
            steps: BTreeMap::new(),
            begun: BTreeMap::new(),
            hit: BTreeMap::new(),
            last: None,
        }
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
        let before = (0..id.fault).map(|fault| FaultId { phase: id.phase, fault });
        must(before.into_iter().all(|fault| self.is_done(fault)), || {
            "a fault starts before the one before it has healed".to_owned()
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
        self.goes_on(id, &[Step::Started], Step::Effective, since, at)?;
        let Planned { kind, nodes } = self.planned(id)?.clone();
        let hit: Vec<(String, Moment)> = nodes.iter().map(|node| (node.clone(), since)).collect();
        kind.took_effect(&self.record(id, &hit, at, history)).map_err(Refused::Proof)?;
        self.hit.extend(nodes.iter().map(|node| (node.clone(), (id, since))));
        self.last = Some(FaultSpan { nodes, effective: since, healed: None, proven: None });
        Ok(())
    }

    /// A fault was undone at `since`, as the record by `at` shows.
    ///
    /// # Errors
    ///
    /// If it could not, or what the record lacks.
    pub fn healed(&mut self, id: FaultId, since: Moment, at: Moment, history: &History) -> Proof {
        let Planned { kind, nodes } = self.planned(id)?.clone();
        let from = match kind.course() {
            Course::Heals(_) => [Step::Effective],
            Course::Ends => [Step::Started],
            Course::Stays => {
                let why = format!("`{}` does not heal by itself", kind.name());
                return Err(Refused::Step(why));
            }
        };
        self.goes_on(id, &from, Step::Healed, since, at)?;
        let hit: Vec<(String, Moment)> =
            nodes.iter().filter_map(|node| Some((node.clone(), self.hit.get(node)?.1))).collect();
        must(hit.len() == nodes.len(), || {
            format!("`{}` heals nodes that no fault has hit", kind.name())
        })?;
        kind.has_healed(&self.record(id, &hit, at, history)).map_err(Refused::Proof)?;
        self.hit.retain(|node, _| !nodes.contains(node));
        let effective = hit.iter().map(|(_, since)| *since).min().unwrap_or(since);
        self.last = Some(FaultSpan { nodes, effective, healed: Some(since), proven: Some(at) });
        Ok(())
    }

    /// There is no proof for a fault.
    ///
    /// # Errors
    ///
    /// If it was not under way.
    pub fn unproven(&mut self, id: FaultId, at: Moment) -> Proof {
        self.goes_on(id, &[Step::Started, Step::Effective], Step::Unproven, at, at)
    }

    /// What stays in effect over phases has done so by now.
    ///
    /// # Errors
    ///
    /// The first fault that has not, and what shows it.
    pub fn what_stays_holds(&self, at: Moment, history: &History) -> Result<(), (FaultId, String)> {
        let stay = self.that_stay();
        self.hold(|id, _| stay.contains(id), at, history)
    }

    /// Whatever hits these nodes holds by now: asked right before it is ended.
    ///
    /// # Errors
    ///
    /// The first fault that does not, and what shows it.
    pub fn still_hit(
        &self,
        nodes: &[String],
        at: Moment,
        history: &History,
    ) -> Result<(), (FaultId, String)> {
        self.hold(|_, node| nodes.iter().any(|name| name == node), at, history)
    }

    fn hold(
        &self,
        asked: impl Fn(&FaultId, &str) -> bool,
        at: Moment,
        history: &History,
    ) -> Result<(), (FaultId, String)> {
        for (id, _) in self.steps.iter().filter(|(_, step)| **step == Step::Effective) {
            let Ok(Planned { kind, .. }) = self.planned(*id) else { continue };
            let by_it = |(node, (by, since)): (&String, &(FaultId, Moment))| {
                (by == id && asked(id, node)).then(|| (node.clone(), *since))
            };
            let hit: Vec<(String, Moment)> = self.hit.iter().filter_map(by_it).collect();
            let holds = kind.still_holds(&self.record(*id, &hit, at, history));
            holds.map_err(|why| (*id, why))?;
        }
        Ok(())
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
        let hit = self.hit.iter().filter(|(_, (by, _))| *by == id);
        hit.map(|(node, _)| node.clone()).collect()
    }

    /// All faults of a phase are done: they have healed, or stay.
    pub fn all_done(&self, phase: usize) -> bool {
        let faults = self.planned.get(phase).map_or(0, Vec::len);
        (0..faults).all(|fault| self.is_done(FaultId { phase, fault }))
    }

    /// The last fault of a phase is in effect.
    pub fn is_in_effect(&self, phase: usize) -> bool {
        let last = self.planned.get(phase).and_then(|faults| faults.len().checked_sub(1));
        last.and_then(|fault| self.steps.get(&FaultId { phase, fault })) == Some(&Step::Effective)
    }

    fn is_done(&self, id: FaultId) -> bool {
        let Ok(Planned { kind, .. }) = self.planned(id) else { return false };
        let last = match kind.course() {
            Course::Heals(_) | Course::Ends => Step::Healed,
            Course::Stays => Step::Effective,
        };
        self.steps.get(&id) == Some(&last)
    }

    fn planned(&self, id: FaultId) -> Result<&Planned, Refused> {
        let planned = self.planned.get(id.phase).and_then(|faults| faults.get(id.fault));
        planned.ok_or_else(|| {
            Refused::Step(format!("the plan has no fault {} in phase {}", id.fault, id.phase))
        })
    }

    fn record<'a>(
        &self,
        id: FaultId,
        hit: &'a [(String, Moment)],
        to: Moment,
        history: &'a History,
    ) -> Record<'a> {
        Record { history, hit, asked: self.begun.get(&id).copied().unwrap_or_default(), to }
    }

    fn goes_on(
        &mut self,
        id: FaultId,
        from: &[Step],
        to: Step,
        since: Moment,
        at: Moment,
    ) -> Proof {
        self.planned(id)?;
        must(since <= at, || "a fault in effect, or healed, in the future".to_owned())?;
        let before = self.steps.get(&id).copied();
        must(before.is_some_and(|before| from.contains(&before)), || {
            format!("a fault cannot become {to:?} that was {before:?}")
        })?;
        self.steps.insert(id, to);
        Ok(())
    }
}

fn must(holds: bool, else_wrong: impl FnOnce() -> String) -> Proof {
    if holds { Ok(()) } else { Err(Refused::Step(else_wrong())) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        check::testing::{Seen, incarnation, names, unreachable},
        fault::stop::Stop,
    };

    pub(in crate::fault) const STOPPED: FaultId = FaultId { phase: 0, fault: 0 };

    pub(in crate::fault) fn planned(kind: impl Into<FaultKind>, nodes: &[&str]) -> Planned {
        Planned { kind: kind.into(), nodes: names(nodes) }
    }

    /// The seed and a node are stopped at 1 s and silent from then on; the seed is started again at
    /// 5 s and answers.
    pub(in crate::fault) fn seen() -> Seen {
        let mut seen = Seen::default();
        for (node, pid) in [("seed", 7), ("node-1", 8)] {
            seen.started(node, 0, 0, incarnation(pid));
        }
        for node in ["seed", "node-1"] {
            seen.state(node, 1_500, false);
            seen = seen.poll(node, 1_000, 5_000, |_, sample| {
                (sample.peers, sample.distinct, sample.height) =
                    (unreachable(), None, unreachable());
            });
            seen.state(node, 4_900, false);
        }
        seen.started("seed", 5_000, 1, incarnation(9));
        seen = seen.poll("seed", 5_000, 6_000, |_, sample| sample.start = 1);
        seen.said("seed", 5_500, crate::node::NodeState::Running(incarnation(9)));
        seen
    }

    fn timeline() -> Timeline {
        Timeline::new(vec![vec![planned(Stop, &["seed", "node-1"])]])
    }

    #[test]
    fn a_sign_of_life_of_what_stays_down_is_held_against_its_own_fault() {
        let (mut seen, mut timeline) = (seen(), timeline());
        seen.state("node-1", 5_500, true);
        timeline.started(STOPPED, Moment(1_000)).unwrap();
        timeline.effective(STOPPED, Moment(1_200), Moment(2_000), &seen.history).unwrap();
        assert_eq!(timeline.what_stays_holds(Moment(5_000), &seen.history), Ok(()));
        let held = timeline.what_stays_holds(Moment(5_600), &seen.history);
        let why = "node-1 runs although it should have been down all the time".to_owned();
        assert_eq!(held, Err((STOPPED, why.clone())));
        let hit = |node| timeline.still_hit(&names(&[node]), Moment(5_600), &seen.history);
        assert_eq!(hit("node-1"), Err((STOPPED, why)));
        assert_eq!(hit("node-2"), Ok(()), "nobody has hit it");
        assert_eq!(timeline.unproven(STOPPED, Moment(5_600)), Ok(()));
        assert_eq!(timeline.what_stays_holds(Moment(5_600), &seen.history), Ok(()), "said once");
    }

    #[test]
    fn steps_have_an_order() {
        let (seen, mut timeline) = (seen(), timeline());
        let wrong = |said: Proof| said.unwrap_err().to_string();
        assert!(wrong(timeline.started(FaultId { phase: 2, fault: 0 }, Moment(0))).contains("no"));
        let early = timeline.effective(STOPPED, Moment(0), Moment(0), &seen.history);
        assert_eq!(wrong(early), "a fault cannot become Effective that was None");
        timeline.started(STOPPED, Moment(1_000)).unwrap();
        assert!(wrong(timeline.started(STOPPED, Moment(1_000))).contains("a second time"));
        let future = timeline.effective(STOPPED, Moment(9), Moment(8), &seen.history);
        assert!(wrong(future).contains("in the future"));
        let heals = timeline.healed(STOPPED, Moment(5_000), Moment(5_900), &seen.history);
        assert_eq!(wrong(heals), "`stop` does not heal by itself");
    }
}
