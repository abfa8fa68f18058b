//! Names that mean another address.

use harness_core::{
    event::{LookedAt, Moment},
    fault::rename::Rename,
};

use super::{
    changing::record,
    scene::{FaultError, Scene},
};

pub(super) async fn rename(scene: Scene<'_>, fault: &Rename) -> Result<Moment, FaultError> {
    look(scene, fault).await?;
    let since = scene.bed.journal.now();
    scene.bed.provider.injector().rename(&fault.seed, &fault.to).await?;
    Ok(since)
}

/// What both names mean in the network of the node whose address it is to be.
pub(super) async fn look(scene: Scene<'_>, fault: &Rename) -> Result<String, FaultError> {
    let mut words = Vec::new();
    for name in [&fault.seed, &fault.to] {
        let sent = scene.bed.journal.now();
        let addresses = scene.bed.provider.injector().lookup(&fault.to, name).await?;
        words.push(format!("{name} means {addresses:?}"));
        record(scene, &fault.to, sent, LookedAt::Names { name: name.clone(), addresses });
    }
    Ok(words.join(", "))
}
