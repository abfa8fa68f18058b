//! Nodes that come back: each was down until it is started, is started, and answers as another
//! process.

use std::time::Duration;

use futures_util::future::try_join_all;
use harness_core::{event::Moment, fault::evidence, history::History, text::short};

use super::scene::{FaultError, LOOK, Proven, Scene, joined};
use crate::{provider::Changes, watch};

/// Starts all nodes again, each with what is to be other than before, and waits until they are seen to
/// be back.
pub(super) async fn all(
    scene: Scene<'_>,
    changes: &(dyn Fn(&str) -> Changes + Sync),
) -> Result<Proven, FaultError> {
    let back = |node: &'_ String| {
        let changes = changes(node);
        let node = node.clone();
        async move { one(scene, &node, &changes).await }
    };
    let proofs = try_join_all(scene.nodes.iter().map(back)).await?;
    Ok(joined(proofs))
}

async fn one(scene: Scene<'_>, node: &str, changes: &Changes) -> Result<Proven, FaultError> {
    let bed = scene.bed;
    // Whatever was checked while it was down is worth nothing if it was not: this is the last word
    // on that, and the proof of the return asks for it.
    watch::see(node, bed).await?;
    let before = bed.incarnation(node);
    let now = bed.start_again(node, changes).await?;
    let since = bed.journal.now();
    if before.as_ref().is_none_or(|before| evidence::same_process(before, &now)) {
        return Err(FaultError::Unproven(format!(
            "{node} was started again, but it is the same process {} as before",
            now.pid
        )));
    }
    let start = bed.starts(node).saturating_sub(1);
    // A kind of node may take longer than the scenario knows.
    let patience = bed
        .profile(node)
        .map_or(Duration::ZERO, |profile| profile.start_within.mul_f64(scene.timeout_factor))
        .max(scene.prove_back);
    let deadline = since + patience;
    loop {
        watch::see(node, bed).await?;
        let back =
            |history: &History| evidence::back(history, node, start, Moment(u64::MAX)).proven();
        if let Some(answered) = bed.journal.with_history(back) {
            let was = before.map_or(0, |before| before.pid);
            let proof = format!(
                "{node} back: process {was} → {}, answered after {}",
                now.pid,
                short(answered.since(since))
            );
            return Ok(Proven { since, proof, patience: Duration::ZERO });
        }
        if bed.journal.now() >= deadline {
            let reason = format!(
                "was started again ({}), but its RPC was silent for {}",
                now.words(),
                short(patience)
            );
            return Err(FaultError::Broken { node: node.to_owned(), reason });
        }
        tokio::time::sleep(LOOK).await;
    }
}
