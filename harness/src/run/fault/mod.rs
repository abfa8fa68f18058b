//! Faults: how each is done. What it is, and what proves it, is in `harness_core::fault`; here is
//! the IO, one driver each.
//!
//! | module | what it is |
//! | --- | --- |
//! | `restart`, `stop`, `start`, `kill` | the drivers |
//! | `scene` | what a driver has to do with |
//! | `ending`, `returning` | what they share: nodes that go down, and nodes that come back |
//!
//! A run that ends while a fault lasts heals nothing by itself: its nodes are removed, or, if they
//! are kept, `Testbed::heal` starts what is down.

mod ending;
mod kill;
mod restart;
mod returning;
mod scene;
mod start;
mod stop;

use harness_core::fault::FaultKind;

pub(crate) use scene::{FaultError, Proven, Scene};

/// Does it, and waits until it is seen to be in effect.
pub(crate) async fn take_effect(kind: &FaultKind, scene: Scene<'_>) -> Result<Proven, FaultError> {
    match kind {
        FaultKind::Restart(_) => restart::take_effect(scene).await,
        FaultKind::Stop(_) => stop::take_effect(scene).await,
        FaultKind::Kill(_) => kill::take_effect(scene).await,
        FaultKind::Start(_) => Err(FaultError::Unproven("a start only ends a fault".to_owned())),
    }
}

/// Undoes it, and waits until that is seen.
pub(crate) async fn heal(kind: &FaultKind, scene: Scene<'_>) -> Result<Proven, FaultError> {
    match kind {
        FaultKind::Restart(_) => restart::heal(scene).await,
        FaultKind::Start(_) => start::heal(scene).await,
        FaultKind::Kill(_) => kill::heal(scene).await,
        FaultKind::Stop(_) => Err(FaultError::Unproven("a stop is ended by a start".to_owned())),
    }
}
