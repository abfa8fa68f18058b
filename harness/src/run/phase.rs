//! One phase: its faults in order, its checks at their time.
//!
//! A check starts when the phase's last fault has healed and that was proven, or, with `during =
//! "fault"`, when the phase's last fault took effect. A fault lasts at least its `downtime`, and
//! until the checks that run during it are decided. Checks that run at the same time do not wait
//! for each other.

use std::{ops::ControlFlow, time::Duration};

use futures_util::future::join_all;
use harness_core::{
    check::{Judgement, View, When},
    event::{CheckId, EventKind, FaultId, Moment},
    fault::{Course, Timeline},
    scenario::{CheckPlan, FaultPlan, PhasePlan, Plan},
};
use tokio::sync::watch::{Receiver, Sender};

use super::{
    fault::{self, FaultError, Scene},
    logs::Logs,
    poll::INTERVAL,
    testbed::Testbed,
    watch,
};
use crate::provider::ProviderError;

/// Judging at every event would judge the same thing many times.
const LOOK: Duration = Duration::from_millis(50);

/// Runs phases; remembers what faults have done from one to the next.
pub(crate) struct Phases<'a> {
    bed: &'a Testbed,
    logs: &'a Logs,
    timeout_factor: f64,
    /// How old a sample may be.
    fresh: Duration,
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

/// What a step of a fault came to: the run goes on, or the phase ends.
type Step = Result<PhaseEnd, ProviderError>;

impl<'a> Phases<'a> {
    pub(crate) fn new(bed: &'a Testbed, logs: &'a Logs, plan: &Plan) -> Self {
        let timeout_factor = plan.overrides.timeout_factor;
        Self { bed, logs, timeout_factor, fresh: plan.fresh(), faults: plan.timeline() }
    }

    /// Runs one phase.
    ///
    /// # Errors
    ///
    /// If the provider failed. Everything else is in the events.
    pub(crate) async fn run(&mut self, index: usize, phase: &PhasePlan) -> Step {
        self.bed.journal.emit(EventKind::PhaseStarted { phase: index });
        let mut end = PhaseEnd::Settled;
        for (number, fault) in phase.faults.iter().enumerate() {
            let id = FaultId { phase: index, fault: number };
            let during = if number + 1 == phase.faults.len() {
                checks(index, phase, When::DuringFault)
            } else {
                Vec::new()
            };
            end = self.fault(id, fault, &during).await?;
            if end == PhaseEnd::CutShort {
                break;
            }
        }
        if end == PhaseEnd::Settled {
            self.settle(&checks(index, phase, When::AfterFaults)).await;
        }
        Ok(self.end(index, end).await)
    }

    /// A fault that stays must have stayed until here.
    async fn end(&mut self, phase: usize, end: PhaseEnd) -> PhaseEnd {
        for id in self.faults.that_stay() {
            for node in self.faults.hit_by(id) {
                // The engine may fail for a moment; whoever watches the node says so if it does not
                // come back.
                let _ = watch::see(&node, self.bed).await;
            }
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

    async fn fault(
        &mut self,
        id: FaultId,
        plan: &FaultPlan,
        during: &[(CheckId, &CheckPlan)],
    ) -> Step {
        let at = self.bed.journal.emit(EventKind::FaultStarted { fault: id });
        if let Err(why) = self.faults.started(id, at) {
            return Ok(self.emit_unproven(id, why.to_string()));
        }
        let course = plan.kind.course();
        if course != Course::Ends && self.take_effect(id, plan).await? == PhaseEnd::CutShort {
            return Ok(PhaseEnd::CutShort);
        }
        match course {
            Course::Heals(downtime) => {
                let since = self.faults.last().map_or(at, |span| span.effective);
                let rest = (since + downtime).since(self.bed.journal.now());
                tokio::join!(tokio::time::sleep(rest), self.settle(during));
                self.heal(id, plan).await
            }
            Course::Stays => {
                self.settle(during).await;
                Ok(PhaseEnd::Settled)
            }
            Course::Ends => self.heal(id, plan).await,
        }
    }

    async fn take_effect(&mut self, id: FaultId, plan: &FaultPlan) -> Step {
        let done = match fault::take_effect(&plan.kind, self.scene(plan)).await {
            Ok(done) => done,
            Err(error) => return self.unproven(id, error).await,
        };
        let faults = &mut self.faults;
        let lacking = self.bed.journal.decide(|history, now| {
            match faults.effective(id, done.since, now, history) {
                Err(why) => ControlFlow::Continue(why.to_string()),
                Ok(()) => ControlFlow::Break(EventKind::FaultEffective {
                    fault: id,
                    nodes: plan.nodes.clone(),
                    since: done.since,
                    proof: done.proof,
                }),
            }
        });
        Ok(self.proven(id, lacking))
    }

    async fn heal(&mut self, id: FaultId, plan: &FaultPlan) -> Step {
        for node in &plan.nodes {
            watch::see(node, self.bed).await?;
        }
        let now = self.bed.journal.now();
        let held =
            self.bed.journal.with_history(|seen| self.faults.still_hit(&plan.nodes, now, seen));
        if let Err((id, why)) = held {
            return Ok(self.emit_unproven(id, why));
        }
        let done = match fault::heal(&plan.kind, self.scene(plan)).await {
            Ok(done) => done,
            Err(error) => return self.unproven(id, error).await,
        };
        // A node that ended while the others came back is seen as that by whoever watches it.
        let faults = &mut self.faults;
        let lacking = self.bed.journal.decide(|history, now| {
            match faults.healed(id, done.since, now, history) {
                Err(why) => ControlFlow::Continue(why.to_string()),
                Ok(()) => ControlFlow::Break(EventKind::FaultHealed {
                    fault: id,
                    since: done.since,
                    proof: done.proof,
                }),
            }
        });
        Ok(self.proven(id, lacking))
    }

    fn scene<'s>(&self, plan: &'s FaultPlan) -> Scene<'s>
    where
        'a: 's,
    {
        Scene {
            bed: self.bed,
            nodes: &plan.nodes,
            prove_back: plan.prove_back,
            timeout_factor: self.timeout_factor,
        }
    }

    fn proven(&mut self, id: FaultId, lacking: Option<String>) -> PhaseEnd {
        match lacking {
            Some(why) => self.emit_unproven(id, why),
            None => PhaseEnd::Settled,
        }
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
            .map(|((id, plan), start)| Pending { id: *id, plan, start, want: Sender::new(None) })
            .collect();
        // Each check has its own rounds, at its own height and of its own nodes: one that waits for
        // a node that hangs does not hold up the others.
        let fetchers: Vec<_> = pending
            .iter()
            .map(|check| self.fetch_hashes(&check.plan.nodes, check.want.subscribe()))
            .collect();
        tokio::select! {
            // Once everything is decided, no hash is of interest any more.
            biased;
            () = self.judge_all(&mut pending) => {}
            _ = join_all(fetchers) => {}
        }
    }

    async fn judge_all(&self, pending: &mut Vec<Pending<'_>>) {
        let mut changes = self.bed.journal.changes();
        loop {
            pending.retain(|check| {
                let open = self.judge(check);
                if let Some(wants_hash_at) = open {
                    check.want.send_if_modified(|current| {
                        std::mem::replace(current, wants_hash_at) != wants_hash_at
                    });
                }
                open.is_some()
            });
            if pending.is_empty() {
                return;
            }
            tokio::time::sleep(LOOK).await;
            let now = self.bed.journal.now();
            let deadline = pending.iter().map(Pending::deadline).min().unwrap_or(now);
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
            let deadline = check.deadline();
            let view = View {
                history,
                nodes: &check.plan.nodes,
                network: &self.bed.names,
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
    async fn fetch_hashes(&self, nodes: &[String], mut wanted: Receiver<Option<u64>>) {
        loop {
            let height = match wanted.wait_for(Option::is_some).await {
                Ok(height) => *height,
                // The check is decided; the caller's `select` ends this too.
                Err(_) => return std::future::pending().await,
            };
            let pause = tokio::time::sleep(INTERVAL);
            if let Some(height) = height {
                // What is asked here counts where the poller asks, too.
                tokio::time::sleep(self.bed.hashes(height, nodes).await).await;
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
    /// The height at which it needs its nodes' block hashes.
    want: Sender<Option<u64>>,
}

impl Pending<'_> {
    fn deadline(&self) -> Moment {
        self.start + self.plan.within
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
