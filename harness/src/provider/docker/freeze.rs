//! The engine's freezer: no thread of a container gets any time.

use bollard::Docker;

use super::engine::failed;
use crate::provider::ProviderError;

pub(super) async fn freeze(docker: Docker, id: String, name: String) -> Result<(), ProviderError> {
    docker.pause_container(&id).await.map_err(failed(format!("freezing {name}")))
}

pub(super) async fn thaw(docker: Docker, id: String, name: String) -> Result<(), ProviderError> {
    docker.unpause_container(&id).await.map_err(failed(format!("thawing {name}")))
}
