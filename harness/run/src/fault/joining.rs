//! Nodes that are started for the first time while the others run.

use futures_util::future::try_join_all;
use harness_core::event::Moment;

use super::scene::{FaultError, Scene};
use crate::watch;

/// Executes all of them.
pub(super) async fn start(scene: Scene<'_>) -> Result<Moment, FaultError> {
    let since = scene.bed.journal.now();
    try_join_all(scene.nodes.iter().map(|node| scene.bed.start(node))).await?;
    Ok(since)
}

/// The engine's or operating system's word on them.
pub(super) async fn look(scene: Scene<'_>) -> Result<String, FaultError> {
    for node in scene.nodes {
        watch::see(node, scene.bed).await?;
    }
    Ok(format!(
        "{} started, and answer",
        harness_core::document::listed(scene.nodes.iter().map(String::as_str))
    ))
}
