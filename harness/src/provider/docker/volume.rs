//! The volume that a node's state is in: it outlives the node's containers, and goes with the run.

use std::collections::HashMap;

use bollard::{
    Docker,
    models::{Mount, MountType, VolumeCreateRequest},
    query_parameters::RemoveVolumeOptions,
};

use super::engine::{failed, is_absent};
use crate::{binary::DATA_DIR, provider::ProviderError};

/// A node's volume's name. A node's own name has no dot, so no two nodes' meet; `generation` counts
/// those that took the place of another.
pub(super) fn name(run: &str, node: &str, generation: u32) -> String {
    match generation {
        0 => format!("hegemon-{run}-{node}"),
        later => format!("hegemon-{run}-{node}.{later}"),
    }
}

/// Makes it, with what says whose it is.
pub(super) async fn create(
    docker: &Docker,
    name: &str,
    labels: &HashMap<String, String>,
) -> Result<(), ProviderError> {
    let request = VolumeCreateRequest {
        name: Some(name.to_owned()),
        labels: Some(labels.clone()),
        ..VolumeCreateRequest::default()
    };
    let made = docker.create_volume(request).await;
    made.map(drop).map_err(failed(format!("making the volume {name}")))
}

/// Removes it. One that is not there is left at that.
pub(super) async fn remove(docker: &Docker, name: &str) -> Result<(), ProviderError> {
    match docker.remove_volume(name, None::<RemoveVolumeOptions>).await {
        Err(why) if !is_absent(&why) => Err(failed(format!("removing the volume {name}"))(why)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Where it is in a container. An image that has this directory lends it owner and mode.
pub(super) fn mount(name: &str) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_owned()),
        target: Some(DATA_DIR.to_owned()),
        ..Mount::default()
    }
}
