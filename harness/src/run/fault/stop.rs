//! `stop`: nodes are asked to end.

use super::{
    ending,
    scene::{FaultError, Proven, Scene},
};

pub(super) async fn take_effect(scene: Scene<'_>) -> Result<Proven, FaultError> {
    ending::all(scene, ending::Ending::Ask).await
}
