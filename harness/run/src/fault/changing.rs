//! Nodes that come back as something else than they were: on other files, as another build, with another
//! clock.

use futures_util::future::try_join_all;
use harness_core::{
    event::{EventKind, Look, LookedAt, Moment},
    fault::files::What,
    state::StateChange,
};

use super::scene::{FaultError, Scene};
use crate::{
    provider::{Changes, ProviderError},
    watch,
};

/// Changes files of nodes that are down; what there was before and is after is recorded.
pub(super) async fn files(
    scene: Scene<'_>,
    what: What,
    change: impl Fn(Vec<String>) -> StateChange,
) -> Result<(), FaultError> {
    for node in scene.nodes {
        let paths = look_at_files(scene, node, what).await?;
        if !paths.is_empty() {
            scene.bed.provider.injector().change_state(node, &change(paths)).await?;
        }
        look_at_files(scene, node, what).await?;
    }
    Ok(())
}

async fn look_at_files(
    scene: Scene<'_>,
    node: &str,
    what: What,
) -> Result<Vec<String>, ProviderError> {
    let Some(profile) = scene.bed.profile(node) else { return Ok(Vec::new()) };
    let sent = scene.bed.journal.now();
    let mut files = scene.bed.provider.injector().state_files(node).await?;
    let paths = what.of(&files, profile);
    files.retain(|file| paths.contains(&file.path));
    record(scene, node, sent, LookedAt::Files(files));
    Ok(paths)
}

/// What nodes execute.
pub(super) async fn look_at_executables(scene: Scene<'_>) -> Result<String, FaultError> {
    let one = |node: &'_ String| {
        let node = node.clone();
        async move {
            watch::see(&node, scene.bed).await?;
            let sent = scene.bed.journal.now();
            let executable = scene.bed.provider.injector().executable(&node).await?;
            let words = format!("{node} executes {}", executable.id);
            record(scene, &node, sent, LookedAt::Executable(executable));
            Ok::<_, ProviderError>(words)
        }
    };
    Ok(try_join_all(scene.nodes.iter().map(one)).await?.join(", "))
}

/// How far the newest blocks of nodes are ahead of the harness's clock.
pub(super) async fn look_at_clocks(scene: Scene<'_>) -> Result<String, FaultError> {
    let mut words = Vec::new();
    for node in scene.nodes {
        watch::see(node, scene.bed).await?;
        let sent = scene.bed.journal.now();
        let Some(time) = scene.bed.block_time(node).await else { continue };
        let ahead = time - scene.bed.journal.clock().unix_ms();
        words.push(format!("the newest block of {node} is {ahead} ms ahead of ours"));
        record(scene, node, sent, LookedAt::Ahead(ahead));
    }
    Ok(words.join(", "))
}

/// What is to be other than before, for a node whose clock is to be off.
pub(super) fn clock(scene: Scene<'_>, node: &str, by_ms: i64) -> Changes {
    let variable = scene.bed.profile(node).and_then(|profile| profile.clock_variable());
    let env = variable.map(|name| (name.to_owned(), by_ms.to_string()));
    Changes { env: env.into_iter().collect(), ..Changes::default() }
}

pub(super) fn record(scene: Scene<'_>, node: &str, sent: Moment, seen: LookedAt) {
    let answered = scene.bed.journal.now();
    scene.bed.journal.emit(EventKind::Look(Look { node: node.to_owned(), sent, answered, seen }));
}
