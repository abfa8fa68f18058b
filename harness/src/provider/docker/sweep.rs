//! Removes what carries the labels of a run, and nothing else. Asks the engine what there is instead of trusting memory: a start that failed half-way, or whose answer was
//! lost, leaves objects that nobody remembers.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt, join_all};
use testcontainers::bollard::{
    Docker,
    errors::Error as EngineError,
    query_parameters::{
        KillContainerOptionsBuilder, ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};

use super::{
    engine::{is_absent, whole},
    labels::filter,
};
use crate::provider::ProviderError;

/// Time for everything. Dozens of containers take seconds.
pub(super) const SWEEP_LIMIT: Duration = Duration::from_secs(60);
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// An object of the engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Object {
    Container { id: String, name: String },
    Network { id: String, name: String },
    Volume(String),
    Image { id: String, name: String },
}

impl Object {
    fn describe(&self) -> String {
        match self {
            Self::Container { name, .. } => format!("container {name}"),
            Self::Network { name, .. } => format!("network {name}"),
            Self::Volume(name) => format!("volume {name}"),
            Self::Image { name, .. } => format!("image {name}"),
        }
    }
}

/// Ends every container of the run at once, so that its log is complete before it is removed.
pub(super) async fn kill_all(docker: &Docker, run: &str) {
    let Ok(containers) = containers(docker, run).await else {
        return;
    };
    let kill = |object: Object| async move {
        if let Object::Container { id, .. } = object {
            let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
            // One that is not running cannot be killed; what can go wrong otherwise, the removal will say.
            let _ = docker.kill_container(&id, Some(options)).await;
        }
    };
    join_all(containers.into_iter().map(kill)).await;
}

/// Removes everything of the run and looks again until nothing is left.
///
/// # Errors
/// What is left when the time is over, each with the engine's last word about it.
pub(super) async fn remove_all(docker: &Docker, run: &str) -> Result<(), ProviderError> {
    let deadline = Instant::now() + SWEEP_LIMIT;
    let mut refusals: BTreeMap<Object, String> = BTreeMap::new();
    loop {
        let left = match tokio::time::timeout_at(deadline.into(), round(docker, run, &mut refusals)).await {
            Ok(Ok(left)) if left.is_empty() => return Ok(()),
            Ok(Ok(left)) => left.iter().map(|object| describe(object, &refusals)).collect::<Vec<_>>().join(", "),
            Ok(Err(error)) => format!("unknown, the engine does not list it ({})", whole(&error)),
            Err(_) => "unknown, the engine does not answer".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(ProviderError::failed(format!("cleaning up the run {run}"), format!("left behind: {left}")));
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

fn describe(object: &Object, refusals: &BTreeMap<Object, String>) -> String {
    refusals.get(object).map_or_else(|| object.describe(), |why| format!("{} ({why})", object.describe()))
}

/// One attempt at everything, containers first: the rest is in use as long as they are there. Returns what is still listed.
async fn round(docker: &Docker, run: &str, refusals: &mut BTreeMap<Object, String>) -> Result<Vec<Object>, EngineError> {
    remove_each(docker, containers(docker, run).await?, refusals).await;
    remove_each(docker, others(docker, run).await?, refusals).await;
    let mut left = containers(docker, run).await?;
    left.extend(others(docker, run).await?);
    Ok(left)
}

async fn remove_each(docker: &Docker, objects: Vec<Object>, refusals: &mut BTreeMap<Object, String>) {
    let removals = objects.into_iter().map(|object| async move {
        let outcome = remove(docker, &object).await;
        (object, outcome)
    });
    for (object, outcome) in join_all(removals).await {
        match outcome {
            Err(error) if !is_absent(&error) => refusals.insert(object, whole(&error)),
            Ok(()) | Err(_) => refusals.remove(&object),
        };
    }
}

fn remove<'a>(docker: &'a Docker, object: &'a Object) -> BoxFuture<'a, Result<(), EngineError>> {
    async move {
        match object {
            Object::Container { id, .. } => {
                // With the volumes that the engine made for it without a name.
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                docker.remove_container(id, Some(options)).await
            }
            Object::Network { id, .. } => docker.remove_network(id).await,
            Object::Volume(name) => docker.remove_volume(name, Some(RemoveVolumeOptionsBuilder::new().force(true).build())).await,
            Object::Image { id, .. } => docker.remove_image(id, Some(RemoveImageOptionsBuilder::new().force(true).build()), None).await.map(drop),
        }
    }
    .boxed()
}

async fn containers(docker: &Docker, run: &str) -> Result<Vec<Object>, EngineError> {
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filter(run)).build();
    let containers = docker.list_containers(Some(options)).await?;
    Ok(containers
        .into_iter()
        .filter_map(|container| {
            let id = container.id?;
            let name = container.names.and_then(|names| names.into_iter().next()).unwrap_or_else(|| id.clone());
            Some(Object::Container { name: name.trim_start_matches('/').to_owned(), id })
        })
        .collect())
}

async fn others(docker: &Docker, run: &str) -> Result<Vec<Object>, EngineError> {
    let filter = filter(run);
    let (networks, volumes, images) = tokio::try_join!(
        docker.list_networks(Some(ListNetworksOptionsBuilder::new().filters(&filter).build())),
        docker.list_volumes(Some(ListVolumesOptionsBuilder::new().filters(&filter).build())),
        docker.list_images(Some(ListImagesOptionsBuilder::new().all(true).filters(&filter).build())),
    )?;
    let networks = networks.into_iter().filter_map(|network| Some(Object::Network { id: network.id?, name: network.name.unwrap_or_default() }));
    let volumes = volumes.volumes.unwrap_or_default().into_iter().map(|volume| Object::Volume(volume.name));
    let images = images.into_iter().map(|image| Object::Image { name: image.repo_tags.first().cloned().unwrap_or_else(|| image.id.clone()), id: image.id });
    Ok(networks.chain(volumes).chain(images).collect())
}
