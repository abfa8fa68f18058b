//! The way from a network that is there to its last check, whoever started the network.

use std::{ops::ControlFlow, time::Duration};

use harness_core::{
    event::{EventKind, Moment},
    scenario::Plan,
};
use tokio::time::Instant;

use super::{
    logs::Logs,
    phase::{PhaseEnd, Phases},
    poll::INTERVAL,
    testbed::Testbed,
    watch,
};
use crate::provider::ProviderError;

/// At the end a node that no check names has so long to answer, if it was not asked before; more
/// than an answer and a silence take together.
const UNSEEN: Duration = Duration::from_secs(30);

/// What is gone through.
pub(super) struct Course<'a> {
    pub(super) plan: &'a Plan,
    pub(super) bed: &'a Testbed,
    pub(super) logs: &'a Logs,
    /// How much longer than usual a silence may be.
    pub(super) patience: f64,
}

impl Course<'_> {
    /// A phase builds on the ones before: after one that did not pass there is nothing to be
    /// learnt, and much to be waited for.
    pub(super) async fn phases(&self) -> Result<(), ProviderError> {
        let mut phases = Phases::new(self.bed, self.logs, self.plan);
        for index in 0..self.plan.phases.len() {
            if self.phase(&mut phases, index).await?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// One of them, and whether another may follow it.
    pub(super) async fn phase(
        &self,
        phases: &mut Phases<'_>,
        index: usize,
    ) -> Result<ControlFlow<()>, ProviderError> {
        let journal = &self.bed.journal;
        let began = journal.now();
        let end = phases.run(index, &self.plan.phases[index]).await?;
        if journal.is_good_so_far() {
            for name in self.bed.should_run() {
                if let watch::Rpc::Silent(reason) = self.rpc(name, began) {
                    self.silent(name, reason).await;
                }
            }
        }
        if end == PhaseEnd::CutShort || !journal.is_good_so_far() {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A node that no check names must answer all the same, and now: one that has hung since it was
    /// last looked at is no pass.
    pub(super) async fn all_answer(&self) {
        let journal = &self.bed.journal;
        let from = journal.now();
        let deadline = Instant::now() + UNSEEN.mul_f64(self.patience);
        for name in self.bed.should_run() {
            while journal.is_good_so_far() {
                match self.rpc(name, from) {
                    watch::Rpc::Answers => break,
                    watch::Rpc::NotYet if Instant::now() < deadline => {
                        tokio::time::sleep(INTERVAL).await
                    }
                    watch::Rpc::NotYet => {
                        journal.emit(EventKind::NodeUnseen { node: name.clone() });
                        break;
                    }
                    watch::Rpc::Silent(reason) => self.silent(name, reason).await,
                }
            }
        }
    }

    fn rpc(&self, name: &str, from: Moment) -> watch::Rpc {
        watch::rpc(name, self.bed, from, self.patience)
    }

    async fn silent(&self, name: &str, reason: String) {
        let last_lines = self.logs.last_lines(name).await;
        let node = name.to_owned();
        self.bed.journal.emit(EventKind::NodeBroken { node, reason, last_lines });
    }
}
