//! `start`: nodes that are down are started again.

use super::{FaultError, Proven, Scene, returning};

pub(super) async fn heal(scene: Scene<'_>) -> Result<Proven, FaultError> {
    returning::all(scene).await
}
