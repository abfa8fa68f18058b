//! Images of nodes that stay on an engine, for tools that start containers themselves. They are their user's: no run
//! made them, so nothing removes them.

use std::collections::HashMap;

use harness_core::place::Environment;

use super::{engine, image};
use crate::{
    binary::{self, Binary, Progress, Staging},
    provider::ProviderError,
};

/// Makes an image of a node under this name and tag, in place of what had them before. Returns its ID.
///
/// # Errors
/// There is no engine, or no such node, or they do not fit.
pub async fn put(
    binary: Binary<'_>,
    (name, tag): (&str, &str),
    environment: &Environment,
    progress: Progress<'_>,
) -> Result<String, ProviderError> {
    let engine = engine::find(environment).await?;
    let what = "making a directory for a node's program";
    let dir = tempfile::tempdir().map_err(|why| ProviderError::failed(what, why))?;
    let staging = Staging { dir: dir.path(), profile: None };
    let artefact = binary::prepare(binary, staging, progress).await?;
    let image = image::import_as(&engine, &artefact, (name, tag), name, &HashMap::new()).await?;
    Ok(image.id)
}
