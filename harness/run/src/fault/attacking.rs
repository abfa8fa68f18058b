//! Adversaries that come and go.

use futures_util::future::try_join_all;
use harness_core::event::{LookedAt, Moment};

use super::scene::{FaultError, Scene};
use crate::{provider::Changes, watch};

/// Executes all of them.
pub(super) async fn start(scene: Scene<'_>) -> Result<Moment, FaultError> {
    let one = async |node: &String| {
        if scene.bed.starts(node) == 0 {
            scene.bed.start(node).await
        } else {
            scene.bed.start_again(node, &Changes::default()).await.map(drop)
        }
    };
    try_join_all(scene.nodes.iter().map(one)).await?;
    Ok(scene.bed.journal.now())
}

/// Ends all of them.
pub(super) async fn end(scene: Scene<'_>) -> Result<Moment, FaultError> {
    let since = scene.bed.journal.now();
    try_join_all(scene.nodes.iter().map(|node| scene.bed.stop(node))).await?;
    Ok(since)
}

/// The engine's or operating system's word on them, and their own last one.
pub(super) async fn look(scene: Scene<'_>) -> Result<String, FaultError> {
    let mut words = Vec::new();
    for node in scene.nodes {
        watch::see(node, scene.bed).await?;
        let said = scene.bed.journal.with_history(|history| {
            let looks = history.looks(node, Moment(0), Moment(u64::MAX));
            let last = looks.last().map(|look| &look.seen);
            if let Some(LookedAt::Report(report)) = last {
                report.words()
            } else {
                "no report".to_owned()
            }
        });
        words.push(format!("{node}, {said}"));
    }
    Ok(words.join("; "))
}
