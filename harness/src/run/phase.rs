//! One phase: its faults in order, its checks at their time.
//!
//! A check starts when the phase's last fault has healed and that was proven, or, with `during =
//! "fault"`, when the phase's last fault took effect. A fault lasts at least its `downtime`, and
//! until the checks that run during it are decided. Checks that run at the same time do not wait
//! for each other.

use std::{ops::ControlFlow, time::Duration};

use futures_util::future::join_all;
use harness_core::{
    check::{FaultSpan, Judgement, View},
    event::{CheckId, FaultId, Moment, What},
    fault::evidence,
    scenario::{CheckPlan, FaultKind, FaultPlan, PhasePlan, When},
};
use tokio::sync::watch;

use super::{logs::Logs, testbed::Testbed};
use crate::{
    provider::ProviderError,
    run::{
        fault::{FaultError, restart::Restart},
        poll::INTERVAL,
    },
};

/// Judging at every event would judge the same thing many times.
const LOOK: Duration = Duration::from_millis(50);

/// Runs phases; remembers the last fault from one to the next.
pub(crate) struct Phases<'a> {
    bed: &'a Testbed,
    logs: &'a Logs,
    timeout_factor: f64,
    fault: Option<FaultSpan>,
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PhaseEnd {
    /// All its checks are decided.
    Settled,
    /// A fault could not be done and proven: the rest of it is not judged.
    CutShort,
}

impl<'a> Phases<'a> {
    pub(crate) fn new(bed: &'a Testbed, logs: &'a Logs, timeout_factor: f64) -> Self {
        Self { bed, logs, timeout_factor, fault: None }
    }

    /// Runs one phase.
    ///
    /// # Errors
    ///
    /// If the provider failed. Everything else is in the events.
    pub(crate) async fn run(
        &mut self,
        index: usize,
        phase: &PhasePlan,
    ) -> Result<PhaseEnd, ProviderError> {
        self.bed.controller.emit(What::PhaseStarted { phase: index });
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
        self.bed.controller.emit(What::PhaseEnded { phase: index });
        Ok(end)
    }

    async fn fault(
        &mut self,
        id: FaultId,
        plan: &FaultPlan,
        during: &[(CheckId, &CheckPlan)],
    ) -> Result<PhaseEnd, ProviderError> {
        let bed = self.bed;
        let FaultKind::Restart = plan.fault;
        let restart = Restart {
            bed,
            nodes: &plan.nodes,
            prove_back: plan.prove_back,
            timeout_factor: self.timeout_factor,
        };
        let asked = bed.controller.emit(What::FaultStarted { fault: id });
        let down = match restart.take_effect().await {
            Ok(down) => down,
            Err(error) => return self.unproven(id, error).await,
        };
        let not_down = bed.controller.decide(|history, _| {
            match evidence::not_down(history, &plan.nodes, asked) {
                Some(why) => ControlFlow::Continue(why),
                None => ControlFlow::Break(What::FaultEffective {
                    fault: id,
                    nodes: plan.nodes.clone(),
                    since: down.since,
                    proof: down.proof.clone(),
                }),
            }
        });
        if let Some(why) = not_down {
            return self.unproven(id, FaultError::Unproven(why)).await;
        }
        self.fault = Some(FaultSpan {
            nodes: plan.nodes.clone(),
            effective: down.since,
            healed: None,
            proven: None,
        });

        let downtime = tokio::time::sleep((down.since + plan.downtime).since(bed.controller.now()));
        tokio::join!(downtime, self.settle(during));

        let back = match restart.heal(down.since).await {
            Ok(back) => back,
            Err(error) => return self.unproven(id, error).await,
        };
        // A node that ended while the others came back is seen as that by whoever watches it.
        let mut proven = Moment::default();
        let not_back = bed.controller.decide(|history, now| {
            proven = now;
            match evidence::not_back(history, &plan.nodes) {
                Some(why) => ControlFlow::Continue(why),
                None => ControlFlow::Break(What::FaultHealed {
                    fault: id,
                    since: back.since,
                    proof: back.proof.clone(),
                }),
            }
        });
        if let Some(why) = not_back {
            return self.unproven(id, FaultError::Unproven(why)).await;
        }
        if let Some(fault) = &mut self.fault {
            fault.healed = Some(back.since);
            fault.proven = Some(proven);
        }
        Ok(PhaseEnd::Settled)
    }

    async fn unproven(&self, id: FaultId, error: FaultError) -> Result<PhaseEnd, ProviderError> {
        match error {
            FaultError::Environment(error) => return Err(error),
            FaultError::Unproven(reason) => {
                self.bed.controller.emit(What::FaultUnproven { fault: id, reason })
            }
            FaultError::Ended { node, code, signal } => {
                let last_lines = self.logs.last_lines(&node).await;
                self.bed.controller.emit(What::NodeExited { node, code, signal, last_lines })
            }
            FaultError::Broken { node, reason } => {
                let last_lines = self.logs.last_lines(&node).await;
                self.bed.controller.emit(What::NodeBroken { node, reason, last_lines })
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
            .map(|(id, _)| self.bed.controller.emit(What::CheckStarted { check: *id }));
        let mut pending: Vec<Pending<'_>> = checks
            .iter()
            .zip(started)
            .map(|((id, plan), start)| Pending {
                id: *id,
                plan,
                start,
                want: watch::Sender::new(None),
            })
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
        let mut changes = self.bed.controller.changes();
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
            let now = self.bed.controller.now();
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
        self.bed.controller.decide(|history, now| {
            let deadline = check.deadline();
            let view = View {
                history,
                nodes: &check.plan.nodes,
                network: &self.bed.names,
                start: check.start,
                deadline,
                hold: check.plan.hold,
                now: now.min(deadline),
                fault: self.fault.as_ref(),
            };
            match check.plan.kind.judge(&view) {
                Judgement::Pending { wants_hash_at, .. } => ControlFlow::Continue(wants_hash_at),
                Judgement::Settled(finding) => {
                    ControlFlow::Break(What::CheckSettled { check: check.id, finding })
                }
            }
        })
    }

    /// Asks a check's nodes for block hashes as long as it wants them.
    async fn fetch_hashes(&self, nodes: &[String], mut wanted: watch::Receiver<Option<u64>>) {
        loop {
            let height = match wanted.wait_for(Option::is_some).await {
                Ok(height) => *height,
                // The check is decided; the caller's `select` ends this too.
                Err(_) => return std::future::pending().await,
            };
            let pause = tokio::time::sleep(INTERVAL);
            if let Some(height) = height {
                self.bed.hashes(height, nodes).await;
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
    want: watch::Sender<Option<u64>>,
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
