//! Faults: how each is done. What it is, and what proves it, is in `harness_core::fault`; here is
//! the IO.
//!
//! | module | what it is |
//! | --- | --- |
//! | `scene` | what a driver has to do with |
//! | `ending`, `returning`, `joining` | nodes that go down, come back, or come for the first time |
//! | `freezing` | nodes that are frozen, and thawed |
//! | `changing` | nodes that come back as something else than they were |
//! | `limiting` | nodes that may use less |
//! | `occupying`, `renaming` | ports that somebody else holds, and names that mean another address |
//! | `attacking` | adversaries |
//! | `line` | lines between them |
//!
//! A driver does a step; then whoever drives it looks, with [`look`], until the record proves it. A run
//! that ends while a fault lasts heals nothing by itself: its nodes are removed, or, if they are kept,
//! `Testbed::heal` undoes what was done.

mod attacking;
mod changing;
mod ending;
mod freezing;
mod joining;
mod limiting;
mod line;
mod occupying;
mod renaming;
mod returning;
mod scene;

use std::{collections::BTreeMap, time::Duration};

use ending::Ending;
use harness_core::{event::Moment, fault::FaultKind, state::StateChange};

use crate::provider::Changes;

pub(crate) use scene::{FaultError, Proven, Scene};

/// For the proof of what nodes need not take part in.
const PROVE: Duration = Duration::from_secs(10);

/// Does it. Returns with the proof, or with how long to look for one.
pub(crate) async fn take_effect(kind: &FaultKind, scene: Scene<'_>) -> Result<Proven, FaultError> {
    let ends = |kind: &FaultKind| {
        let why = format!("`{}` only ends another fault", kind.name());
        Err(FaultError::Unproven(why))
    };
    let since = match kind {
        FaultKind::Restart(_) | FaultKind::Stop(_) | FaultKind::Leave(_) => {
            return ending::all(scene, Ending::Ask).await;
        }
        FaultKind::Kill(_) => return ending::all(scene, Ending::Kill).await,
        FaultKind::Clock(_) => return ending::all(scene, Ending::Ask).await,
        FaultKind::Upgrade(_) => {
            changing::look_at_executables(scene).await?;
            return ending::all(scene, Ending::Ask).await;
        }
        FaultKind::Wipe(wipe) => {
            let down = ending::all(scene, Ending::Ask).await?;
            changing::files(scene, wipe.what, StateChange::Remove).await?;
            return Ok(down);
        }
        FaultKind::Corrupt(corrupt) => {
            let down = ending::all(scene, Ending::Ask).await?;
            let (how, seed) = (corrupt.how, scene.seed);
            let damage = |paths| StateChange::Damage { paths, how, seed };
            changing::files(scene, corrupt.what, damage).await?;
            return Ok(down);
        }
        FaultKind::Limit(limit) => limiting::limit(scene, &limit.to).await?,
        FaultKind::OccupyPort(fault) => occupying::occupy(scene, *fault).await?,
        FaultKind::Rename(fault) => renaming::rename(scene, fault).await?,
        FaultKind::Hostile(_) => attacking::start(scene).await?,
        FaultKind::Pause(_) => freezing::freeze(scene).await?,
        FaultKind::Isolate(_) | FaultKind::Partition(_) | FaultKind::OneWay(_) => {
            line::change(scene).await?
        }
        FaultKind::Degrade(_) => {
            // What it is like without it is what it is measured against.
            line::look(kind, scene).await?;
            line::change(scene).await?
        }
        FaultKind::Start(_)
        | FaultKind::Resume(_)
        | FaultKind::Rejoin(_)
        | FaultKind::Heal(_)
        | FaultKind::Join(_) => return ends(kind),
    };
    Ok(to_be_proven(since, scene.patience(PROVE)))
}

/// Undoes it. Returns with the proof, or with how long to look for one.
pub(crate) async fn heal(kind: &FaultKind, scene: Scene<'_>) -> Result<Proven, FaultError> {
    let since = match kind {
        FaultKind::Restart(_)
        | FaultKind::Start(_)
        | FaultKind::Kill(_)
        | FaultKind::Wipe(_)
        | FaultKind::Corrupt(_) => {
            return returning::all(scene, &|_| Changes::default()).await;
        }
        FaultKind::Upgrade(upgrade) => {
            let mut to = BTreeMap::new();
            for node in scene.nodes {
                to.insert(node.as_str(), scene.bed.changes_to(node, upgrade.to.as_ref())?);
            }
            let to = |node: &str| to.get(node).cloned().unwrap_or_default();
            return Ok(then_look(returning::all(scene, &to).await?, scene));
        }
        FaultKind::Clock(clock) => {
            let off = |node: &str| changing::clock(scene, node, clock.by_ms);
            return Ok(then_look(returning::all(scene, &off).await?, scene));
        }
        FaultKind::OccupyPort(fault) => {
            occupying::release(scene, fault.port).await?;
            return returning::all(scene, &|_| Changes::default()).await;
        }
        FaultKind::Hostile(_) => attacking::end(scene).await?,
        FaultKind::Limit(_) => limiting::restore(scene).await?,
        FaultKind::Pause(_) | FaultKind::Resume(_) => {
            let since = freezing::thaw(scene).await?;
            return Ok(to_be_proven(since, scene.prove_back));
        }
        FaultKind::Join(_) => {
            let since = joining::start(scene).await?;
            return Ok(to_be_proven(since, scene.prove_back));
        }
        FaultKind::Isolate(_)
        | FaultKind::Rejoin(_)
        | FaultKind::Partition(_)
        | FaultKind::OneWay(_)
        | FaultKind::Degrade(_)
        | FaultKind::Heal(_) => line::change(scene).await?,
        FaultKind::Stop(_) | FaultKind::Leave(_) | FaultKind::Rename(_) => {
            let why = format!("`{}` does not heal by itself", kind.name());
            return Err(FaultError::Unproven(why));
        }
    };
    Ok(to_be_proven(since, scene.patience(PROVE)))
}

/// Looks at what shows whether it holds, or has healed, and records that. Says it in words.
pub(crate) async fn look(kind: &FaultKind, scene: Scene<'_>) -> Result<String, FaultError> {
    match kind {
        FaultKind::Restart(_)
        | FaultKind::Stop(_)
        | FaultKind::Start(_)
        | FaultKind::Kill(_)
        | FaultKind::Leave(_) => ending::look(scene).await,
        FaultKind::Join(_) => joining::look(scene).await,
        FaultKind::Hostile(_) => attacking::look(scene).await,
        FaultKind::Upgrade(_) if scene.is_up() => changing::look_at_executables(scene).await,
        FaultKind::Clock(_) if scene.is_up() => changing::look_at_clocks(scene).await,
        FaultKind::Wipe(_)
        | FaultKind::Upgrade(_)
        | FaultKind::Clock(_)
        | FaultKind::Corrupt(_) => ending::look(scene).await,
        FaultKind::Limit(_) => limiting::look(scene).await,
        FaultKind::OccupyPort(fault) => occupying::look(scene, fault.port).await,
        FaultKind::Rename(fault) => renaming::look(scene, fault).await,
        FaultKind::Pause(_) | FaultKind::Resume(_) => freezing::look(scene).await,
        FaultKind::Isolate(_)
        | FaultKind::Rejoin(_)
        | FaultKind::Partition(_)
        | FaultKind::OneWay(_)
        | FaultKind::Degrade(_)
        | FaultKind::Heal(_) => line::look(kind, scene).await,
    }
}

/// The node's failure, if a fault that was undone is not proven in time because of it.
pub(crate) fn blame(kind: &FaultKind, scene: Scene<'_>, patience: Duration) -> Option<FaultError> {
    match kind {
        FaultKind::Join(_) | FaultKind::Pause(_) | FaultKind::Resume(_) => {
            scene.silent("its fault was over", patience)
        }
        FaultKind::Restart(_)
        | FaultKind::Stop(_)
        | FaultKind::Start(_)
        | FaultKind::Kill(_)
        | FaultKind::Leave(_)
        | FaultKind::Wipe(_)
        | FaultKind::Corrupt(_)
        | FaultKind::Upgrade(_)
        | FaultKind::Clock(_)
        | FaultKind::Limit(_)
        | FaultKind::OccupyPort(_)
        | FaultKind::Rename(_)
        | FaultKind::Hostile(_)
        | FaultKind::Isolate(_)
        | FaultKind::Rejoin(_)
        | FaultKind::Partition(_)
        | FaultKind::OneWay(_)
        | FaultKind::Degrade(_)
        | FaultKind::Heal(_) => None,
    }
}

/// A step that is proven in part: the rest is looked for.
fn then_look(done: Proven, scene: Scene<'_>) -> Proven {
    Proven { patience: scene.prove_back, ..done }
}

fn to_be_proven(since: Moment, patience: Duration) -> Proven {
    Proven { since, proof: String::new(), patience }
}
