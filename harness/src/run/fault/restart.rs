//! `restart`: stop, keep down, start again; the same container or directory, name and address.
//!
//! Down is proven by the engine (it ended) and by the node's RPC (two questions in a row, asked
//! after the stop, without an answer). Back is proven by the engine (another process ID or start
//! time) and by the node's RPC (an answer to a question asked after the start).

use std::time::Duration;

use futures_util::future::try_join_all;
use harness_core::{
    event::Moment,
    fault::evidence,
    history::History,
    node::{NodeProfile, NodeState},
    text::{ending, short},
};

use super::{FaultError, Proven};
use crate::run::{
    testbed::Testbed,
    watch::{self, Seen},
};

/// For the proof that nodes are down: two questions of up to 1 s each, and some.
const PROVE_DOWN: Duration = Duration::from_secs(6);

/// Between two looks at the proof.
const LOOK: Duration = Duration::from_millis(50);

/// A restart of one or more nodes at once.
pub(crate) struct Restart<'a> {
    pub(crate) bed: &'a Testbed,
    pub(crate) nodes: &'a [String],
    /// For a node to serve RPC again. A node that replays a long chain may need a while; a silent
    /// one fails.
    pub(crate) prove_back: Duration,
    /// Stretches the time for the proof.
    pub(crate) timeout_factor: f64,
}

impl Restart<'_> {
    /// Stops the nodes and proves that they are down.
    pub(crate) async fn take_effect(&self) -> Result<Proven, FaultError> {
        let proofs = try_join_all(self.nodes.iter().map(|node| self.take_down(node))).await?;
        Ok(joined(proofs))
    }

    /// Starts the nodes again, down since `down_since`, and proves that they are back.
    pub(crate) async fn heal(&self, down_since: Moment) -> Result<Proven, FaultError> {
        let proofs =
            try_join_all(self.nodes.iter().map(|node| self.bring_back(node, down_since))).await?;
        Ok(joined(proofs))
    }

    async fn take_down(&self, node: &str) -> Result<Proven, FaultError> {
        // A stop must not make an end look planned that came before it.
        if let Seen::Ended { code, signal } = watch::look(node, self.bed).await? {
            return Err(FaultError::Ended { node: node.to_owned(), code, signal });
        }
        let asked = self.bed.controller.now();
        let stopped = self.bed.stop(node).await?;
        let remark = self.judge_end(node, &stopped)?;
        let since = self.bed.controller.now();
        let deadline = since + PROVE_DOWN.mul_f64(self.timeout_factor);
        loop {
            watch::see(node, self.bed).await?;
            let (proven, unanswered, missing) = self.bed.controller.with_history(|history| {
                let down = evidence::down(history, node, since, Moment(u64::MAX));
                (down.proven(), down.unanswered, down.missing())
            });
            if let Some((code, signal)) = proven {
                let took = short(since.since(asked));
                let proof = format!(
                    "{node} down: ended with {} after {took}{remark}, {unanswered} questions in a row unanswered",
                    ending(code, signal)
                );
                return Ok(Proven { since, proof });
            }
            if self.bed.controller.now() >= deadline {
                return Err(FaultError::Unproven(format!("{node} was stopped, but {missing}")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A node that is asked to end ends with code 0, or by the very signal; what is remarkable
    /// about another end, if it is no failure. A foreign node promises less: only a crash is one.
    fn judge_end(&self, node: &str, state: &NodeState) -> Result<&'static str, FaultError> {
        const SIGTERM: i64 = 15;
        const SIGKILL: i64 = 9;
        /// SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV.
        const CRASHES: [i64; 5] = [4, 6, 7, 8, 11];
        /// A Rust program's that panicked.
        const PANIC: i64 = 101;
        let (code, signal) = match *state {
            // Whether it still runs is seen by the proof.
            NodeState::Running(_) => return Ok(""),
            NodeState::Exited { code, signal } => (code, signal),
        };
        let broken = |reason: String| FaultError::Broken { node: node.to_owned(), reason };
        let foreign = self.bed.profile(node) == Some(NodeProfile::Core);
        // A shell that waits for the node says 128 + the signal.
        match (code, signal.or(code.and_then(|code| code.checked_sub(128)))) {
            (Some(0), _) | (_, Some(SIGTERM)) => Ok(""),
            (_, Some(SIGKILL)) if foreign => Ok(" (did not end by SIGTERM, needed SIGKILL)"),
            (_, Some(SIGKILL)) => Err(broken(
                "was asked to stop and did not end in time (SIGTERM), so it needed SIGKILL"
                    .to_owned(),
            )),
            (code, signal)
                if foreign
                    && code != Some(PANIC)
                    && !signal.is_some_and(|signal| CRASHES.contains(&signal)) =>
            {
                Ok(" (not 0)")
            }
            _ => {
                Err(broken(format!("crashed when it was asked to stop ({})", ending(code, signal))))
            }
        }
    }

    /// Whatever was checked while the node was down is worth nothing if it was not.
    async fn was_down_throughout(&self, node: &str, since: Moment) -> Result<(), FaultError> {
        watch::see(node, self.bed).await?;
        match self
            .bed
            .controller
            .with_history(|history| evidence::sign_of_life(history, node, since, Moment(u64::MAX)))
        {
            Some(what) => Err(FaultError::Unproven(format!(
                "{node} {what} although it should have been down all the time"
            ))),
            None => Ok(()),
        }
    }

    async fn bring_back(&self, node: &str, down_since: Moment) -> Result<Proven, FaultError> {
        self.was_down_throughout(node, down_since).await?;
        let before = self.bed.incarnation(node);
        let now = self.bed.start_again(node).await?;
        let since = self.bed.controller.now();
        if before.as_ref().is_none_or(|before| evidence::same_process(before, &now)) {
            return Err(FaultError::Unproven(format!(
                "{node} was started again, but it is the same process {} as before",
                now.pid
            )));
        }
        let start = self.bed.starts(node).saturating_sub(1);
        let deadline = since + self.prove_back;
        loop {
            watch::see(node, self.bed).await?;
            let back =
                |history: &History| evidence::back(history, node, start, Moment(u64::MAX)).proven();
            if let Some(answered) = self.bed.controller.with_history(back) {
                let was = before.map_or(0, |before| before.pid);
                let proof = format!(
                    "{node} back: process {was} → {}, answered after {}",
                    now.pid,
                    short(answered.since(since))
                );
                return Ok(Proven { since, proof });
            }
            if self.bed.controller.now() >= deadline {
                let reason = format!(
                    "was started again (process {}), but its RPC was silent for {}",
                    now.pid,
                    short(self.prove_back)
                );
                return Err(FaultError::Broken { node: node.to_owned(), reason });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// In effect from when the last one is.
fn joined(proofs: Vec<Proven>) -> Proven {
    let since = proofs.iter().map(|proof| proof.since).max().unwrap_or_default();
    Proven {
        since,
        proof: proofs.into_iter().map(|proof| proof.proof).collect::<Vec<_>>().join("; "),
    }
}
