//! The run again, from its recorded events: which of them could have happened in this order, what
//! every check finds when it is asked again, and what verdict follows. Pure.
//!
//! The executor records a decision with the moment of the look (`Journal::decide`), so the
//! history before a `CheckSettled` is exactly what the check saw.

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use crate::{
    check::{Judgement, View, When},
    event::{
        Asked, CheckId, Event, EventKind, FORMAT_VERSION, FaultId, Finding, HashRound, Look,
        Moment, OLDEST_VERSION, Pace, PaceBy, PathRound, ResourceSample, Sample, SessionList,
    },
    fault::{Refused, Timeline},
    history::History,
    scenario::{CheckPlan, Plan},
    verdict::{Ledger, Verdict},
};

/// A run that is being gone through again.
pub struct Rederived<'a> {
    plan: &'a Plan,
    run: &'a str,
    network: Vec<String>,
    history: History,
    ledger: Ledger,
    faults: Timeline,
    began: bool,
    next: u64,
    now: Moment,
    phase: Phase,
    checks: BTreeMap<CheckId, Step>,
    torn_down: bool,
}

/// Which phase the stream is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not in one; this one would be next.
    Before(usize),
    /// In this one.
    In(usize),
    /// Nothing more will be done.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Started(Moment),
    Settled,
}

/// What is wrong with one event, in one sentence.
type Wrong = Result<(), String>;

impl<'a> Rederived<'a> {
    /// Before the first event of a run of this plan.
    pub fn new(plan: &'a Plan, run: &'a str) -> Self {
        Self {
            plan,
            run,
            network: plan.network(),
            history: History::default(),
            ledger: Ledger::new(run.to_owned(), plan.clone()),
            faults: plan.timeline(),
            began: false,
            next: 0,
            now: Moment(0),
            phase: Phase::Before(0),
            checks: BTreeMap::new(),
            torn_down: false,
        }
    }

    /// Takes the next event. What is wrong with it does not end anything: the rest is gone through
    /// as if it had been right.
    pub fn take(&mut self, event: &Event) -> Vec<String> {
        let mut wrong = Vec::new();
        if event.seq != self.next {
            wrong.push(format!("event {} where {} should be", event.seq, self.next));
        }
        if event.at_ms < self.now {
            wrong.push(format!("time goes back, from {} ms to {} ms", self.now.0, event.at_ms.0));
        }
        self.next = event.seq.saturating_add(1);
        self.now = self.now.max(event.at_ms);
        if !self.began && !matches!(event.what, EventKind::RunStarted { .. }) {
            wrong.push("an event before the run started".to_owned());
        }
        match self.step(event) {
            Ok(()) => {
                self.history.record(event);
                self.ledger.record(event);
            }
            Err(why) => wrong.push(why),
        }
        wrong
    }

    /// What must have happened and did not.
    pub fn end(&self) -> Wrong {
        must(self.began, || "there is no beginning (run-started)".to_owned())?;
        must(self.torn_down, || {
            "there is no end (torn-down or kept): the harness was killed, or the rest is missing"
                .to_owned()
        })
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.next
    }

    /// What follows from them.
    pub fn verdict(&self) -> Verdict {
        self.ledger.verdict()
    }

    fn step(&mut self, event: &Event) -> Wrong {
        let at = event.at_ms;
        match &event.what {
            EventKind::RunStarted { version, run, scenario, seed } => {
                self.begin(*version, run, scenario, *seed)
            }
            EventKind::Pace(pace) => self.paced(pace),
            EventKind::PhaseStarted { phase } => self.phase_started(*phase),
            EventKind::PhaseEnded { phase } => self.phase_ended(*phase, at),
            EventKind::FaultStarted { fault } => self.fault_started(*fault, at),
            EventKind::FaultEffective { fault, nodes, since, .. } => {
                self.fault_effective(*fault, nodes, *since, at)
            }
            EventKind::FaultHealed { fault, since, .. } => self.fault_healed(*fault, *since, at),
            // One that stays may be found out in a later phase.
            EventKind::FaultUnproven { fault, .. } => {
                self.faults.unproven(*fault, at).map_err(said)
            }
            EventKind::CheckStarted { check } => self.check_started(*check, at),
            EventKind::CheckSettled { check, finding } => self.check_settled(*check, finding, at),
            EventKind::TeardownStarted => {
                self.phase = Phase::Over;
                Ok(())
            }
            EventKind::TornDown { .. } | EventKind::Kept => {
                self.torn_down = true;
                self.phase = Phase::Over;
                Ok(())
            }
            EventKind::Sample(Sample { sent, answered, .. })
            | EventKind::Hashes(HashRound { sent, answered, .. })
            | EventKind::Asked(Asked { sent, answered, .. })
            | EventKind::Sessions(SessionList { sent, answered, .. })
            | EventKind::Resources(ResourceSample { sent, answered, .. })
            | EventKind::Paths(PathRound { sent, answered, .. })
            | EventKind::Look(Look { sent, answered, .. }) => {
                must(sent <= answered && *answered <= at, || "an answer from the future".to_owned())
            }
            EventKind::Preparing { .. }
            | EventKind::Prepared { .. }
            | EventKind::NodeStarted { .. }
            | EventKind::AllStarted
            | EventKind::Log(_)
            | EventKind::Methods { .. }
            | EventKind::State { .. }
            | EventKind::NodeExited { .. }
            | EventKind::NodeBroken { .. }
            | EventKind::NodeUnseen { .. }
            | EventKind::ClockJumped { .. }
            | EventKind::TimedOut { .. }
            | EventKind::EnvironmentFailed { .. }
            | EventKind::Interrupted { .. }
            | EventKind::HarnessBroken { .. } => Ok(()),
        }
    }

    fn begin(&mut self, version: u32, run: &str, scenario: &str, seed: u64) -> Wrong {
        must(!self.began, || "the run starts a second time".to_owned())?;
        self.began = true;
        must((OLDEST_VERSION..=FORMAT_VERSION).contains(&version), || {
            format!(
                "the events have format {version}, this harness knows {OLDEST_VERSION} to {FORMAT_VERSION}"
            )
        })?;
        must(run == self.run, || {
            format!("the events are of run {run}, the plan is of run {}", self.run)
        })?;
        must(scenario == self.plan.scenario, || {
            format!(
                "the events are of the scenario {scenario}, the plan is of {}",
                self.plan.scenario
            )
        })?;
        must(seed == self.plan.seed, || {
            format!("the events have the seed {seed}, the plan has {}", self.plan.seed)
        })
    }

    /// What windows follow is said once, before any of them, and is what the plan says of it.
    fn paced(&self, pace: &Pace) -> Wrong {
        must(self.phase == Phase::Before(0) && self.history.pace().is_none(), || {
            "the block time is said a second time, or too late".to_owned()
        })?;
        let time = match &pace.by {
            PaceBy::Scenario => self.plan.block_time,
            PaceBy::Profile(_) if self.plan.block_time.is_some() => None,
            PaceBy::Profile(name) => match &self.plan.overrides.profile {
                Some(asked) if asked.name == *name => {
                    self.plan.nodes.iter().filter_map(|node| asked.aims_at(&node.env)).max()
                }
                Some(_) => None,
                None => Some(pace.block_time()),
            },
            PaceBy::Assumed if self.plan.block_time.is_some() => None,
            PaceBy::Assumed => Some(Pace::ASSUMED.block_time()),
        };
        must(time == Some(pace.block_time()) && pace.block_time_ms > 0, || {
            format!("{pace} is not what the plan says")
        })
    }

    fn phase_started(&mut self, phase: usize) -> Wrong {
        must(self.phase == Phase::Before(phase), || format!("phase {phase} starts out of order"))?;
        must(phase < self.plan.phases.len(), || format!("the plan has no phase {phase}"))?;
        self.phase = Phase::In(phase);
        Ok(())
    }

    fn fault_started(&mut self, fault: FaultId, at: Moment) -> Wrong {
        self.is_under_way(fault)?;
        self.faults.started(fault, at).map_err(said)
    }

    fn phase_ended(&mut self, phase: usize, at: Moment) -> Wrong {
        must(self.phase == Phase::In(phase), || {
            format!("phase {phase} ends and was not under way")
        })?;
        self.phase = Phase::Before(phase.saturating_add(1));
        let held = self.faults.what_stays_holds(at, &self.history);
        held.map_err(|(_, why)| said(Refused::Proof(why)))
    }

    fn fault_healed(&mut self, fault: FaultId, since: Moment, at: Moment) -> Wrong {
        must(!self.is_any_open(), || {
            "a fault healed before the checks during it were decided".to_owned()
        })?;
        self.is_under_way(fault)?;
        self.faults.healed(fault, since, at, &self.history).map_err(said)
    }

    fn fault_effective(
        &mut self,
        id: FaultId,
        nodes: &[String],
        since: Moment,
        at: Moment,
    ) -> Wrong {
        self.is_under_way(id)?;
        let planned = self.plan.phases.get(id.phase).and_then(|phase| phase.faults.get(id.fault));
        must(planned.is_none_or(|fault| fault.nodes == nodes), || {
            "the fault hit other nodes than the plan says".to_owned()
        })?;
        self.faults.effective(id, since, at, &self.history).map_err(said)
    }

    fn check_started(&mut self, id: CheckId, at: Moment) -> Wrong {
        let plan = self.known_check(id)?;
        let in_time = match plan.when {
            When::AfterFaults => self.faults.all_done(id.phase),
            When::DuringFault => self.faults.is_in_effect(id.phase),
        };
        must(in_time, || {
            format!("the check {} starts at another time than the plan says", name(id))
        })?;
        must(self.checks.insert(id, Step::Started(at)).is_none(), || {
            format!("the check {} starts a second time", name(id))
        })
    }

    fn check_settled(&mut self, id: CheckId, recorded: &Finding, at: Moment) -> Wrong {
        let plan = self.known_check(id)?;
        let start = match self.checks.get(&id) {
            Some(Step::Started(start)) => *start,
            Some(Step::Settled) => {
                return Err(format!("the check {} is decided a second time", name(id)));
            }
            None => return Err(format!("the check {} is decided and was never started", name(id))),
        };
        self.checks.insert(id, Step::Settled);
        let deadline = start + self.plan.window(plan, self.history.pace());
        let view = View {
            id,
            history: &self.history,
            nodes: &plan.nodes,
            network: &self.network,
            strangers: self.plan.strangers(),
            start,
            deadline,
            hold: plan.hold,
            fresh: self.plan.fresh(),
            now: at.min(deadline),
            fault: self.faults.last(),
        };
        // Checks are total; on a stream that nobody recorded even a mistake of theirs must not end
        // us.
        let judged = std::panic::catch_unwind(AssertUnwindSafe(|| plan.kind.judge(&view)));
        let found = match judged {
            Ok(Judgement::Settled(found)) if found == *recorded => return Ok(()),
            Ok(Judgement::Settled(found)) => found,
            Ok(Judgement::Pending { .. }) => {
                return Err(format!(
                    "the check {} was not decided yet by what was seen until then",
                    name(id)
                ));
            }
            Err(_) => return Err(format!("the check {} cannot judge what is recorded", name(id))),
        };
        // The verdict that follows is the one of what was seen, not of what somebody says about it.
        self.ledger.record(&Event {
            seq: self.next,
            at_ms: at,
            wall: String::new(),
            what: EventKind::CheckSettled { check: id, finding: found.clone() },
        });
        let differs = if found.verdict == recorded.verdict {
            String::new()
        } else {
            format!(" ({:?}, not {:?})", found.verdict, recorded.verdict)
        };
        Err(format!(
            "the check {} finds something else than is recorded{differs}: {} [{}]",
            name(id),
            found.reason,
            found.observed
        ))
    }

    fn is_any_open(&self) -> bool {
        self.checks.values().any(|step| matches!(step, Step::Started(_)))
    }

    fn is_under_way(&self, id: FaultId) -> Wrong {
        self.faults.knows(id).map_err(said)?;
        must(self.phase == Phase::In(id.phase), || {
            format!("a fault of phase {}, which is not under way", id.phase)
        })
    }

    fn known_check(&self, id: CheckId) -> Result<&'a CheckPlan, String> {
        let plan = self.plan.phases.get(id.phase).and_then(|phase| phase.checks.get(id.check));
        let plan = plan
            .ok_or_else(|| format!("the plan has no check {} in phase {}", id.check, id.phase))?;
        must(self.phase == Phase::In(id.phase), || {
            format!("the check {} in a phase that is not under way", name(id))
        })?;
        Ok(plan)
    }
}

fn must(holds: bool, else_wrong: impl FnOnce() -> String) -> Wrong {
    if holds { Ok(()) } else { Err(else_wrong()) }
}

/// In words, which a step that cannot be its turn needs no more of.
fn said(refused: Refused) -> String {
    match refused {
        Refused::Step(why) => why,
        Refused::Proof(why) => format!("the fault has no proof: {why}"),
    }
}

/// As people count.
fn name(id: CheckId) -> String {
    format!("{} of phase {}", id.check.saturating_add(1), id.phase.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::testing::sample,
        event::{HashRound, Reading, ResourceSample, Sample, SessionList},
        scenario::testing::three_node,
    };

    /// Only what has happened by the time of its event can be in it.
    #[test]
    fn what_was_observed_was_asked_first_and_recorded_last() {
        let plan = three_node();
        let node = || "node-1".to_owned();
        let kinds: [fn(String, Moment, Moment) -> EventKind; 4] = [
            |node, sent, answered| EventKind::Sample(Sample { sent, answered, ..sample(&node, 0) }),
            |_, sent, answered| {
                EventKind::Hashes(HashRound { height: 1, sent, answered, hashes: BTreeMap::new() })
            },
            |node, sent, answered| {
                EventKind::Sessions(SessionList {
                    node,
                    start: 0,
                    sent,
                    answered,
                    sessions: Reading::Value(Vec::new()),
                })
            },
            |node, sent, answered| {
                EventKind::Resources(ResourceSample { node, start: 0, sent, answered, used: None })
            },
        ];
        for kind in kinds {
            let wrong = |sent: u64, answered: u64, at: u64| {
                let mut rederived = Rederived::new(&plan, "run");
                let event = |seq, at: u64, what| Event {
                    seq,
                    at_ms: Moment(at),
                    wall: String::new(),
                    what,
                };
                let began = EventKind::RunStarted {
                    version: FORMAT_VERSION,
                    run: "run".to_owned(),
                    scenario: plan.scenario.clone(),
                    seed: plan.seed,
                };
                assert_eq!(
                    (rederived.take(&event(0, 0, began)), rederived.events()),
                    (Vec::new(), 1)
                );
                let wrong =
                    rederived.take(&event(1, at, kind(node(), Moment(sent), Moment(answered))));
                assert_eq!(rederived.events(), 2);
                wrong
            };
            assert_eq!(wrong(10, 20, 30), Vec::<String>::new());
            assert_eq!(wrong(10, 10, 10), Vec::<String>::new());
            for future in [wrong(20, 10, 30), wrong(10, 31, 30), wrong(31, 31, 30)] {
                assert!(future.len() == 1 && future[0].ends_with("from the future"), "{future:?}");
            }
        }
    }
}
