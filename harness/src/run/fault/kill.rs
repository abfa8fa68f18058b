//! `kill`: nodes are ended with SIGKILL, and started again.

use super::{
    ending, returning,
    scene::{FaultError, Proven, Scene},
};

pub(super) async fn take_effect(scene: Scene<'_>) -> Result<Proven, FaultError> {
    ending::all(scene, ending::Ending::Kill).await
}

pub(super) async fn heal(scene: Scene<'_>) -> Result<Proven, FaultError> {
    returning::all(scene).await
}
