//! One phase: its faults in order, its checks at their time.
//!
//! A check starts when the phase's last fault has healed and that was proven, or, with `during =
//! "fault"`, when the phase's last fault took effect. A fault lasts at least its `downtime`, and
//! until the checks that run during it are decided. Checks that run at the same time do not wait
//! for each other.

use std::{
    ops::{ControlFlow, Range},
    time::Duration,
};

use futures_util::future::join_all;
use harness_core::{
    check::{Judgement, View, When},
    event::{CheckId, EventKind, FaultId, Moment},
    fault::{Course, Timeline, lines::Lines},
    scenario::{CheckPlan, FaultPlan, PhasePlan, Plan},
};
use tokio::sync::watch::{Receiver, Sender};

use super::{
    fault::{self, FaultError, Proven, Scene},
    logs::Logs,
    looks,
    poll::INTERVAL,
    testbed::Testbed,
    watch,
};
use crate::provider::ProviderError;

/// Judging at every event would judge the same thing many times.
const LOOK: Duration = Duration::from_millis(50);

/// Runs phases; remembers what faults have done from one to the next.
pub(crate) struct Phases<'a> {
    plan: &'a Plan,
    bed: &'a Testbed,
    logs: &'a Logs,
    timeout_factor: f64,
    seed: u64,
    /// How old a sample may be.
    fresh: Duration,
    /// Peers that a node may have beside the other nodes.
    strangers: usize,
    faults: Timeline,
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PhaseEnd {
    /// All its checks are decided.
    Settled,
    /// A fault could not be done and proven: the rest of it is not judged.
    CutShort,
}

/// Which step of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepOf {
    Effect,
    Heal,
}

/// What a step of a fault came to: the run goes on, or the phase ends.
type Step = Result<PhaseEnd, ProviderError>;

impl<'a> Phases<'a> {
    pub(crate) fn new(bed: &'a Testbed, logs: &'a Logs, plan: &'a Plan) -> Self {
        Self::after(bed, logs, plan, plan.timeline())
    }

    /// The same when faults of earlier phases are where `faults` says.
    pub(crate) fn after(
        bed: &'a Testbed,
        logs: &'a Logs,
        plan: &'a Plan,
        faults: Timeline,
    ) -> Self {
        let timeout_factor = plan.overrides.timeout_factor;
        let seed = plan.seed;
        let (fresh, strangers) = (plan.fresh(), plan.strangers());
        Self { plan, bed, logs, timeout_factor, seed, fresh, strangers, faults }
    }

    /// Where every fault is now.
    pub(crate) fn faults(self) -> Timeline {
        self.faults
    }

    /// Runs one phase.
    ///
    /// # Errors
    ///
    /// If the provider failed. Everything else is in the events.
    pub(crate) async fn run(&mut self, index: usize, phase: &PhasePlan) -> Step {
        self.bed.journal.emit(EventKind::PhaseStarted { phase: index });
        let began = self.bed.journal.now();
        let mut end = PhaseEnd::Settled;
        let mut next = 0;
        while next < phase.faults.len() && end == PhaseEnd::Settled {
            let group = self.faults.group_of(FaultId { phase: index, fault: next });
            next = group.end;
            let during = if next == phase.faults.len() {
                checks(index, phase, When::DuringFault)
            } else {
                Vec::new()
            };
            end = self.group(index, &phase.faults, group, (began, &during)).await?;
        }
        if end == PhaseEnd::Settled {
            self.settle(&checks(index, phase, When::AfterFaults)).await;
        }
        Ok(self.end(index, phase, end).await)
    }

    /// A fault that stays must have stayed until here.
    async fn end(&mut self, phase: usize, plan: &PhasePlan, end: PhaseEnd) -> PhaseEnd {
        for id in self.faults.that_stay() {
            // The engine may fail for a moment; whoever watches the node says so if it does not
            // come back.
            let _ = self.look_at(id, plan).await;
        }
        let faults = &self.faults;
        let broken =
            self.bed.journal.decide(|history, now| match faults.what_stays_holds(now, history) {
                Ok(()) => ControlFlow::Break(EventKind::PhaseEnded { phase }),
                Err(why) => ControlFlow::Continue(why),
            });
        let Some((id, reason)) = broken else { return end };
        self.emit_unproven(id, reason);
        self.bed.journal.emit(EventKind::PhaseEnded { phase });
        PhaseEnd::CutShort
    }

    /// Looks at whom a fault still hits.
    async fn look_at(&self, id: FaultId, plan: &PhasePlan) -> Result<(), FaultError> {
        let (Some(kind), nodes) = (self.faults.kind(id), self.faults.hit_by(id)) else {
            return Ok(());
        };
        let prove_back = plan.faults.first().map_or(Duration::ZERO, |fault| fault.prove_back);
        let lines = self.faults.lines();
        let scene = self.scene(&nodes, prove_back, (&lines, &lines));
        fault::look(kind, scene).await.map(drop)
    }

    /// Faults that overlap: they take effect one after another, last together, and heal in the
    /// opposite order.
    async fn group(
        &mut self,
        phase: usize,
        faults: &[FaultPlan],
        group: Range<usize>,
        (began, during): (Moment, &[(CheckId, &CheckPlan)]),
    ) -> Step {
        let mut until = Vec::new();
        for fault in group {
            let (id, plan) = (FaultId { phase, fault }, &faults[fault]);
            if let Some(at) = plan.at {
                tokio::time::sleep((began + at).since(self.bed.journal.now())).await;
            }
            let at = self.bed.journal.emit(EventKind::FaultStarted { fault: id });
            if let Err(why) = self.faults.started(id, at) {
                return Ok(self.emit_unproven(id, why.to_string()));
            }
            let course = plan.kind.course();
            let step = match course {
                Course::Ends => self.heal(id, plan).await?,
                Course::Heals(_) | Course::Stays | Course::Once => {
                    self.take_effect(id, plan).await?
                }
            };
            if step == PhaseEnd::CutShort {
                return Ok(step);
            }
            if let Course::Heals(downtime) = course {
                let since = self.faults.last().map_or(at, |span| span.effective);
                until.push((id, plan, since + downtime));
            }
        }
        self.settle(during).await;
        for (id, plan, until) in until.into_iter().rev() {
            tokio::time::sleep(until.since(self.bed.journal.now())).await;
            if self.heal(id, plan).await? == PhaseEnd::CutShort {
                return Ok(PhaseEnd::CutShort);
            }
        }
        Ok(PhaseEnd::Settled)
    }

    async fn take_effect(&mut self, id: FaultId, plan: &FaultPlan) -> Step {
        let lines = (self.faults.lines(), self.faults.lines_with(id));
        let scene = self.scene(&plan.nodes, plan.prove_back, (&lines.0, &lines.1));
        let done = match fault::take_effect(&plan.kind, scene).await {
            Ok(done) => done,
            Err(error) => return self.unproven(id, error).await,
        };
        let after = (&lines.1, &lines.1);
        self.prove(id, plan, done, after, StepOf::Effect).await
    }

    async fn heal(&mut self, id: FaultId, plan: &FaultPlan) -> Step {
        // Whatever was checked while it lasted is worth nothing if it did not: this is the last word
        // on that.
        for (ended, nodes) in self.faults.to_be_ended(id) {
            let Some(kind) = self.faults.kind(ended).cloned() else { continue };
            let lines = self.faults.lines();
            let scene = self.scene(&nodes, plan.prove_back, (&lines, &lines));
            if let Err(error) = fault::look(&kind, scene).await {
                return self.unproven(id, error).await;
            }
        }
        let now = self.bed.journal.now();
        let held = self.bed.journal.with_history(|seen| self.faults.still_hit(id, now, seen));
        if let Err((id, why)) = held {
            return Ok(self.emit_unproven(id, why));
        }
        let lines = (self.faults.lines(), self.faults.lines_after(id));
        let scene = self.scene(&plan.nodes, plan.prove_back, (&lines.0, &lines.1));
        let done = match fault::heal(&plan.kind, scene).await {
            Ok(done) => done,
            Err(error) => return self.unproven(id, error).await,
        };
        let after = (&lines.1, &lines.1);
        self.prove(id, plan, done, after, StepOf::Heal).await
    }

    /// Looks until the record proves a step that was done, or its time is over.
    async fn prove(
        &mut self,
        id: FaultId,
        plan: &FaultPlan,
        done: Proven,
        lines: (&Lines, &Lines),
        step: StepOf,
    ) -> Step {
        let Proven { since, mut proof, patience } = done;
        let deadline = self.bed.journal.now() + patience;
        // What is seen in the same millisecond cannot be told from what was before.
        while !patience.is_zero() && self.bed.journal.now() <= since {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        loop {
            if !patience.is_zero() {
                let scene = self.scene(&plan.nodes, plan.prove_back, lines);
                proof = match fault::look(&plan.kind, scene).await {
                    Ok(words) => words,
                    Err(error) => return self.unproven(id, error).await,
                };
            }
            // A node that ended while the others came back is seen as that by whoever watches it.
            let Some(why) = self.decide(id, plan, since, &proof, step) else {
                return Ok(PhaseEnd::Settled);
            };
            if self.bed.journal.now() >= deadline {
                let scene = self.scene(&plan.nodes, plan.prove_back, lines);
                let blame = match step {
                    StepOf::Heal => fault::blame(&plan.kind, scene, patience),
                    StepOf::Effect => None,
                };
                return match blame {
                    Some(broken) => self.unproven(id, broken).await,
                    None => Ok(self.emit_unproven(id, why)),
                };
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Records a step if the record proves it; else what it lacks.
    fn decide(
        &mut self,
        fault: FaultId,
        plan: &FaultPlan,
        since: Moment,
        proof: &str,
        step: StepOf,
    ) -> Option<String> {
        let faults = &mut self.faults;
        self.bed.journal.decide(|history, now| {
            let (proven, event) = match step {
                StepOf::Effect => (
                    faults.effective(fault, since, now, history),
                    EventKind::FaultEffective {
                        fault,
                        nodes: plan.nodes.clone(),
                        since,
                        proof: proof.to_owned(),
                    },
                ),
                StepOf::Heal => (
                    faults.healed(fault, since, now, history),
                    EventKind::FaultHealed { fault, since, proof: proof.to_owned() },
                ),
            };
            match proven {
                Err(why) => ControlFlow::Continue(why.to_string()),
                Ok(()) => ControlFlow::Break(event),
            }
        })
    }

    fn scene<'s>(
        &self,
        nodes: &'s [String],
        prove_back: Duration,
        lines: (&'s Lines, &'s Lines),
    ) -> Scene<'s>
    where
        'a: 's,
    {
        let (timeout_factor, seed) = (self.timeout_factor, self.seed);
        Scene { bed: self.bed, logs: self.logs, nodes, prove_back, timeout_factor, seed, lines }
    }

    fn emit_unproven(&mut self, id: FaultId, reason: String) -> PhaseEnd {
        let at = self.bed.journal.emit(EventKind::FaultUnproven { fault: id, reason });
        // One that never started has no step to go back on.
        let _ = self.faults.unproven(id, at);
        PhaseEnd::CutShort
    }

    async fn unproven(&mut self, id: FaultId, error: FaultError) -> Step {
        match error {
            FaultError::Environment(error) => return Err(error),
            FaultError::Unproven(reason) => return Ok(self.emit_unproven(id, reason)),
            FaultError::Ended { node, code, signal } => {
                let exited = watch::exited(&node, (code, signal), self.bed, self.logs).await;
                self.bed.journal.emit(exited)
            }
            FaultError::Broken { node, reason } => {
                let last_lines = self.logs.last_lines(&node).await;
                self.bed.journal.emit(EventKind::NodeBroken { node, reason, last_lines })
            }
        };
        Ok(PhaseEnd::CutShort)
    }

    /// Starts checks and waits until all are decided.
    async fn settle(&self, checks: &[(CheckId, &CheckPlan)]) {
        if checks.is_empty() {
            return;
        }
        let started = checks
            .iter()
            .map(|(id, _)| self.bed.journal.emit(EventKind::CheckStarted { check: *id }));
        let mut pending: Vec<Pending<'_>> = checks
            .iter()
            .zip(started)
            .map(|((id, plan), start)| {
                let window = self.bed.journal.with_history(|it| self.plan.window(plan, it.pace()));
                Pending { id: *id, plan, start, deadline: start + window, want: Sender::new(None) }
            })
            .collect();
        // Each check has its own rounds, at its own height and of its own nodes: one that waits for
        // a node that hangs does not hold up the others.
        let fetchers: Vec<_> = pending
            .iter()
            .map(|check| self.fetch_hashes(check.asked(), check.want.subscribe()))
            .collect();
        let seen = (self.bed, self.logs, self.plan);
        let looks: Vec<_> = pending
            .iter()
            .map(|check| looks::of(check.id, check.plan, seen, check.want.subscribe()))
            .collect();
        tokio::select! {
            // Once everything is decided, no hash is of interest any more.
            biased;
            () = self.judge_all(&mut pending) => {}
            _ = join_all(fetchers) => {}
            _ = join_all(looks) => {}
        }
    }

    async fn judge_all(&self, pending: &mut Vec<Pending<'_>>) {
        let mut changes = self.bed.journal.changes();
        loop {
            pending.retain(|check| {
                let open = self.judge(check);
                // What is decided wants nothing any more; a sender that is gone leaves its last word.
                let wants_hash_at = open.flatten();
                check.want.send_if_modified(|current| {
                    std::mem::replace(current, wants_hash_at) != wants_hash_at
                });
                open.is_some()
            });
            if pending.is_empty() {
                return;
            }
            tokio::time::sleep(LOOK).await;
            let now = self.bed.journal.now();
            let deadline = pending.iter().map(|check| check.deadline).min().unwrap_or(now);
            // Whatever happens first: news, or a deadline that passes without any. Both lead to the
            // same look, which sees the news.
            tokio::select! {
                biased;
                _ = changes.changed() => {}
                () = tokio::time::sleep(deadline.since(now)) => {}
            }
        }
    }

    /// The height that it wants hashes at, as long as it is not decided. A decision is recorded
    /// with the moment of the look, so that it can be made again from the events.
    fn judge(&self, check: &Pending<'_>) -> Option<Option<u64>> {
        self.bed.journal.decide(|history, now| {
            let deadline = check.deadline;
            let view = View {
                id: check.id,
                history,
                nodes: &check.plan.nodes,
                network: &self.bed.names,
                strangers: self.strangers,
                start: check.start,
                deadline,
                hold: check.plan.hold,
                fresh: self.fresh,
                now: now.min(deadline),
                fault: self.faults.last(),
            };
            match check.plan.kind.judge(&view) {
                Judgement::Pending { wants_hash_at, .. } => ControlFlow::Continue(wants_hash_at),
                Judgement::Settled(finding) => {
                    ControlFlow::Break(EventKind::CheckSettled { check: check.id, finding })
                }
            }
        })
    }

    /// Asks a check's nodes for block hashes as long as it wants them.
    async fn fetch_hashes(&self, nodes: Vec<String>, mut wanted: Receiver<Option<u64>>) {
        loop {
            let height = match wanted.wait_for(Option::is_some).await {
                Ok(height) => *height,
                // The check is decided; the caller's `select` ends this too.
                Err(_) => return std::future::pending().await,
            };
            let pause = tokio::time::sleep(self.bed.pace.unwrap_or(INTERVAL));
            if let Some(height) = height {
                // What is asked here counts where the poller asks, too.
                tokio::time::sleep(self.bed.hashes(height, &nodes).await).await;
            }
            pause.await;
        }
    }
}

/// A check that was started and not decided.
struct Pending<'a> {
    id: CheckId,
    plan: &'a CheckPlan,
    start: Moment,
    deadline: Moment,
    /// The height at which it needs its nodes' block hashes.
    want: Sender<Option<u64>>,
}

impl Pending<'_> {
    /// Whose hashes it needs.
    fn asked(&self) -> Vec<String> {
        self.plan.nodes.iter().chain(self.plan.kind.others()).cloned().collect()
    }
}

fn checks(phase: usize, plan: &PhasePlan, when: When) -> Vec<(CheckId, &CheckPlan)> {
    plan.checks
        .iter()
        .enumerate()
        .filter(|(_, check)| check.when == when)
        .map(|(check, plan)| (CheckId { phase, check }, plan))
        .collect()
}
