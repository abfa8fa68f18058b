//! Nodes that are frozen and thawed.

use futures_util::future::try_join_all;
use harness_core::{
    event::{EventKind, Moment, ResourceSample},
    node::NodeState,
};

use super::scene::{FaultError, Scene};
use crate::{provider::ProviderError, watch};

/// Freezes all of them.
pub(super) async fn freeze(scene: Scene<'_>) -> Result<Moment, FaultError> {
    for node in scene.nodes {
        // A freeze must not make an end look planned that came before it.
        if let watch::Seen::Ended { code, signal } = watch::look(node, scene.bed).await? {
            return Err(FaultError::Ended { node: node.to_owned(), code, signal });
        }
    }
    try_join_all(scene.nodes.iter().map(|node| scene.bed.freeze(node))).await?;
    Ok(scene.bed.journal.now())
}

/// Thaws all of them.
pub(super) async fn thaw(scene: Scene<'_>) -> Result<Moment, FaultError> {
    let since = scene.bed.journal.now();
    try_join_all(scene.nodes.iter().map(|node| scene.bed.thaw(node))).await?;
    Ok(since)
}

/// The engine's or kernel's word on them, and on the processor time that they got.
pub(super) async fn look(scene: Scene<'_>) -> Result<String, FaultError> {
    let looks = try_join_all(scene.nodes.iter().map(|node| one(scene, node)));
    Ok(looks.await?.join(", "))
}

async fn one(scene: Scene<'_>, node: &str) -> Result<String, ProviderError> {
    let bed = scene.bed;
    let is = match watch::see(node, bed).await? {
        NodeState::Frozen(_) => "is frozen",
        NodeState::Running(_) => "runs",
        NodeState::Exited { .. } => "has ended",
    };
    let sent = bed.journal.now();
    let used = bed.provider.resources(node).await?;
    let got = used
        .map_or_else(String::new, |used| format!(" after {} ms of processor time", used.cpu_ms));
    bed.journal.emit(EventKind::Resources(ResourceSample {
        node: node.to_owned(),
        start: bed.starts(node).saturating_sub(1),
        sent,
        answered: bed.journal.now(),
        used,
    }));
    Ok(format!("{node} {is}{got}"))
}
