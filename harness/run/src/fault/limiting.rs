//! Nodes that may use less than before.

use harness_core::{
    event::{LookedAt, Moment},
    state::Limits,
};

use super::{
    changing::record,
    scene::{FaultError, Scene},
};

/// Limits all of them; what limited them before is recorded.
pub(super) async fn limit(scene: Scene<'_>, to: &Limits) -> Result<Moment, FaultError> {
    look(scene).await?;
    set(scene, to).await
}

/// Lets all of them use again what they could before.
pub(super) async fn restore(scene: Scene<'_>) -> Result<Moment, FaultError> {
    set(scene, &Limits::default()).await
}

async fn set(scene: Scene<'_>, to: &Limits) -> Result<Moment, FaultError> {
    let since = scene.bed.journal.now();
    for node in scene.nodes {
        scene.bed.provider.injector().limit(node, to).await?;
    }
    Ok(since)
}

/// The kernel's or engine's word on what limits them.
pub(super) async fn look(scene: Scene<'_>) -> Result<String, FaultError> {
    let mut words = Vec::new();
    for node in scene.nodes {
        let sent = scene.bed.journal.now();
        let limits = scene.bed.provider.injector().limits(node).await?;
        words.push(format!("{node} is limited to {limits}"));
        record(scene, node, sent, LookedAt::Limits(limits));
    }
    Ok(words.join(", "))
}
