//! Nodes whose port somebody else holds when they are started again.

use std::time::Duration;

use harness_core::{
    event::{LookedAt, Moment},
    fault::occupy_port::{GREETING, OccupyPort},
    node::NodeState,
    state::Port,
    text::short,
};

use super::{
    changing::record,
    ending::{self, Ending},
    scene::{FaultError, LOOK, Scene},
};
use crate::{provider::Changes, watch};

/// A node has so long to end or to say that it cannot have its port, beside what its kind needs to start.
const SAYS: Duration = Duration::from_secs(10);

/// Words with which a log says that a port is taken.
const TAKEN: [&str; 3] = ["in use", "AddrInUse", "EADDRINUSE"];

/// Ends all of them, takes their ports, and starts them again: what each makes of that is recorded.
pub(super) async fn occupy(scene: Scene<'_>, fault: OccupyPort) -> Result<Moment, FaultError> {
    ending::all(scene, Ending::Ask).await?;
    let since = scene.bed.journal.now();
    for node in scene.nodes {
        scene.bed.provider.injector().occupy(node, fault.port).await?;
        // Who started where nobody holds its port is not to blame for saying nothing.
        if !look_at_port(scene, node, fault.port).await? {
            let why = format!("our listener does not answer at the port of {node}");
            return Err(FaultError::Unproven(why));
        }
        // What it said of a port before is not about this one.
        scene.logs.last_lines(node).await;
        let heard = scene.logs.heard(node);
        scene.bed.provider.start_again(node, &Changes::default()).await?;
        reaction(scene, node, heard).await?;
    }
    Ok(since)
}

/// Frees the ports, and ends whoever went on without.
pub(super) async fn release(scene: Scene<'_>, port: Port) -> Result<(), FaultError> {
    for node in scene.nodes {
        scene.bed.provider.injector().release(node, port).await?;
        if let NodeState::Running(_) = watch::see(node, scene.bed).await? {
            scene.bed.stop(node).await?;
        }
    }
    Ok(())
}

/// Who listens at the ports of all of them.
pub(super) async fn look(scene: Scene<'_>, port: Port) -> Result<String, FaultError> {
    for node in scene.nodes {
        watch::see(node, scene.bed).await?;
        look_at_port(scene, node, port).await?;
    }
    Ok("our listener answers at their ports, and they ended or said so".to_owned())
}

/// Our listener answers.
async fn look_at_port(scene: Scene<'_>, node: &str, port: Port) -> Result<bool, FaultError> {
    let sent = scene.bed.journal.now();
    let said = scene.bed.provider.injector().greeting(node, port).await.ok();
    let said = said.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let ours = said.as_deref() == Some(GREETING);
    record(scene, node, sent, LookedAt::Greeting(said));
    Ok(ours)
}

/// It must end or say so, after so many lines that it had logged.
async fn reaction(scene: Scene<'_>, node: &str, heard: u64) -> Result<(), FaultError> {
    let started = scene.bed.profile(node).map_or(Duration::ZERO, |profile| profile.start_within);
    let patience = scene.patience(started + SAYS);
    let began = scene.bed.journal.now();
    let deadline = began + patience;
    loop {
        if let NodeState::Exited { .. } = watch::see(node, scene.bed).await? {
            return Ok(());
        }
        let lines = scene.logs.last_lines_after(node, heard).await;
        if let Some(line) = lines.iter().find(|line| TAKEN.iter().any(|word| line.contains(word))) {
            record(scene, node, began, LookedAt::Said(line.clone()));
            return Ok(());
        }
        if scene.bed.journal.now() >= deadline {
            let reason = format!(
                "was started while somebody else held its port, and neither ended nor logged that within {}: it is alone, and says nothing",
                short(patience)
            );
            return Err(FaultError::Broken { node: node.to_owned(), reason });
        }
        tokio::time::sleep(LOOK).await;
    }
}
