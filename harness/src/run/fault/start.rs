//! `start`: nodes that are down are started again.

use super::{
    returning,
    scene::{FaultError, Proven, Scene},
};

pub(super) async fn heal(scene: Scene<'_>) -> Result<Proven, FaultError> {
    returning::all(scene).await
}
