//! Removes what carries the labels of a run, and nothing else. Asks the engine what there is
//! instead of trusting memory: a start that failed half-way, or whose answer was lost, leaves
//! objects that nobody remembers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    errors::Error as EngineError,
    models::NetworkDisconnectRequest,
    query_parameters::{
        InspectNetworkOptions, KillContainerOptionsBuilder, ListContainersOptionsBuilder,
        ListImagesOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use futures_util::{
    future::{BoxFuture, FutureExt, join_all},
    stream::{self, StreamExt},
};

use super::{
    engine::{answers, is_absent, whole},
    labels::{GUEST_LABEL, Origin, filter},
    publish::Published,
};

/// The end of a removal that gets nowhere: nothing was removed for so long, though the engine does
/// not say no. However many objects there are, each gives the rest more time.
const STALLED: Duration = Duration::from_secs(20);
/// The same when the engine refuses all that is left: it may be about to see that nobody is on a
/// network any more.
const REFUSED: Duration = Duration::from_secs(3);
/// Removals at once. More of them only wait for each other at the engine, each a little longer.
const AT_ONCE: usize = 16;
const RETRY_EVERY: Duration = Duration::from_millis(200);

/// An object of the engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    Container {
        id: String,
        name: String,
    },
    /// `guest`: the container of a harness that has joined it.
    Network {
        id: String,
        name: String,
        guest: Option<String>,
    },
    Volume(String),
    Image {
        id: String,
        name: String,
    },
}

impl Object {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Container { name, .. } => format!("container {name}"),
            Self::Network { name, .. } => format!("network {name}"),
            Self::Volume(name) => format!("volume {name}"),
            Self::Image { name, .. } => format!("image {name}"),
        }
    }
}

/// An object that carries our labels.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) object: Object,
    pub(super) origin: Origin,
    /// Seconds since 1970, where the engine says so.
    pub(super) created: Option<i64>,
    /// Where a container's RPC is published, if it ever is.
    pub(super) published: Option<Published>,
}

/// What could not be removed.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// These are left, each with the engine's last word about it, or with who is in the way.
    Left(Vec<String>),
    /// The engine does not answer, and why: nobody knows what is left.
    NoEngine(String),
}

/// Ends every container of the run at once, so that its log is complete before it is removed.
pub(super) async fn kill_all(docker: &Docker, run: &str) {
    let Ok(containers) = containers(docker, &filter(run)).await else {
        return;
    };
    let kill = |found: Found| async move {
        if let Object::Container { id, .. } = found.object {
            let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
            // One that is not running cannot be killed; what can go wrong otherwise, the removal
            // will say.
            let _ = docker.kill_container(&id, Some(options)).await;
        }
    };
    join_all(containers.into_iter().map(kill)).await;
}

/// Removes everything of the run and looks again until nothing is left. Says what was removed. Goes
/// on for as long as it gets on.
///
/// # Errors
/// What is left when it does not, or that the engine went away; either takes seconds.
pub(super) async fn remove_all(docker: &Docker, run: &str) -> Result<Vec<String>, Unfinished> {
    let mut sweep = Sweep::new(docker, run);
    loop {
        let moved = Arc::clone(&sweep.moved);
        let ended = tokio::select! {
            ended = sweep.round() => Some(ended),
            () = stalled(&moved) => None,
        };
        let why = match ended {
            Some(Ok(left)) if left.is_empty() => {
                return Ok(sweep.seen.iter().map(Object::describe).collect());
            }
            Some(Ok(left)) => {
                let refused = left.iter().all(|object| sweep.refusals.contains_key(object));
                if moved.rests() >= if refused { REFUSED } else { STALLED } {
                    return Err(Unfinished::Left(sweep.describe(&left).await));
                }
                None
            }
            Some(Err(error)) => Some(whole(&error)),
            None => Some("it does not get on with what it was told to remove".to_owned()),
        };
        if let Some(why) = why {
            // One failed call says little. An engine that does not even say that it is there has
            // gone.
            answers(docker).await.map_err(Unfinished::NoEngine)?;
            if moved.rests() >= STALLED {
                return Err(Unfinished::Left(vec![format!("nobody knows what ({why})")]));
            }
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// When something was last removed.
#[derive(Debug)]
struct Moved(Mutex<Instant>);

impl Moved {
    fn now(&self) {
        *self.0.lock().expect("no code panics with this lock") = Instant::now();
    }

    fn rests(&self) -> Duration {
        self.0.lock().expect("no code panics with this lock").elapsed()
    }
}

async fn stalled(moved: &Moved) {
    while let rest = STALLED.saturating_sub(moved.rests())
        && !rest.is_zero()
    {
        tokio::time::sleep(rest).await;
    }
}

/// Everything on the engine that matches, containers first.
pub(super) async fn list(
    docker: &Docker,
    filter: &HashMap<String, Vec<String>>,
) -> Result<Vec<Found>, EngineError> {
    let mut found = containers(docker, filter).await?;
    found.extend(others(docker, filter).await?);
    Ok(found)
}

struct Sweep<'a> {
    docker: &'a Docker,
    run: &'a str,
    moved: Arc<Moved>,
    seen: BTreeSet<Object>,
    refusals: BTreeMap<Object, String>,
}

impl<'a> Sweep<'a> {
    fn new(docker: &'a Docker, run: &'a str) -> Self {
        Self {
            docker,
            run,
            moved: Arc::new(Moved(Mutex::new(Instant::now()))),
            seen: BTreeSet::new(),
            refusals: BTreeMap::new(),
        }
    }

    /// One attempt at everything, containers first: the rest is in use as long as they are there.
    /// Returns what is still listed.
    async fn round(&mut self) -> Result<Vec<Object>, EngineError> {
        let filter = filter(self.run);
        let first = containers(self.docker, &filter).await?;
        self.remove_each(first).await;
        let rest = others(self.docker, &filter).await?;
        self.remove_each(rest).await;
        Ok(list(self.docker, &filter).await?.into_iter().map(|found| found.object).collect())
    }

    async fn remove_each(&mut self, found: Vec<Found>) {
        let docker = self.docker;
        let removals = found.into_iter().map(|found| async move {
            let outcome = remove(docker, &found.object).await;
            (found.object, outcome)
        });
        let mut removals = stream::iter(removals).buffer_unordered(AT_ONCE);
        while let Some((object, outcome)) = removals.next().await {
            self.seen.insert(object.clone());
            match outcome {
                // Somebody else is at it, and it will be gone.
                Err(error) if is_under_way(&error) => self.refusals.remove(&object),
                Err(error) if !is_absent(&error) => self.refusals.insert(object, whole(&error)),
                Ok(()) | Err(_) => {
                    self.moved.now();
                    self.refusals.remove(&object)
                }
            };
        }
    }

    /// What is left, and why: somebody else's container on a network is what its user must know of.
    async fn describe(&self, left: &[Object]) -> Vec<String> {
        let mut lines = Vec::new();
        for object in left {
            let strangers = match object {
                Object::Network { id, .. } => self.strangers(id).await,
                Object::Container { .. } | Object::Volume(_) | Object::Image { .. } => Vec::new(),
            };
            let why = if strangers.is_empty() {
                self.refusals.get(object).cloned()
            } else {
                let names = strangers.join("`, `");
                Some(format!("`{names}` is on it, which this run did not make and leaves alone"))
            };
            let what = object.describe();
            lines.push(why.map_or_else(|| what.clone(), |why| format!("{what} ({why})")));
        }
        lines
    }

    /// Who is on a network of the run and not of the run.
    async fn strangers(&self, network: &str) -> Vec<String> {
        let inspected = self.docker.inspect_network(network, None::<InspectNetworkOptions>).await;
        let Ok(ours) = containers(self.docker, &filter(self.run)).await else { return Vec::new() };
        let is_ours = |id: &str| {
            ours.iter().any(
                |found| matches!(&found.object, Object::Container { id: our, .. } if our == id),
            )
        };
        let there = inspected.ok().and_then(|network| network.containers).unwrap_or_default();
        there
            .into_iter()
            .filter(|(id, _)| !is_ours(id))
            .map(|(id, container)| container.name.unwrap_or(id))
            .collect()
    }
}

/// The engine has been told before, and is at it.
fn is_under_way(error: &EngineError) -> bool {
    matches!(error, EngineError::DockerResponseServerError { message, .. } if message.contains("already in progress"))
}

fn remove<'a>(docker: &'a Docker, object: &'a Object) -> BoxFuture<'a, Result<(), EngineError>> {
    async move {
        match object {
            Object::Container { id, .. } => {
                // With the volumes that the engine made for it without a name.
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                docker.remove_container(id, Some(options)).await
            }
            Object::Network { id, guest, .. } => {
                if let Some(guest) = guest {
                    let request =
                        NetworkDisconnectRequest { container: guest.clone(), force: Some(true) };
                    // It may be gone, or never have joined: the removal says what is in its way.
                    let _ = docker.disconnect_network(id, request).await;
                }
                docker.remove_network(id).await
            }
            Object::Volume(name) => {
                docker
                    .remove_volume(
                        name,
                        Some(RemoveVolumeOptionsBuilder::new().force(true).build()),
                    )
                    .await
            }
            Object::Image { id, .. } => docker
                .remove_image(id, Some(RemoveImageOptionsBuilder::new().force(true).build()), None)
                .await
                .map(drop),
        }
    }
    .boxed()
}

async fn containers(
    docker: &Docker,
    filter: &HashMap<String, Vec<String>>,
) -> Result<Vec<Found>, EngineError> {
    let options = ListContainersOptionsBuilder::new().all(true).filters(filter).build();
    let containers = docker.list_containers(Some(options)).await?;
    Ok(containers
        .into_iter()
        .filter_map(|container| {
            let published = Published::by_list(&container);
            let id = container.id?;
            let name = container
                .names
                .and_then(|names| names.into_iter().next())
                .unwrap_or_else(|| id.clone());
            let object = Object::Container { name: name.trim_start_matches('/').to_owned(), id };
            let found = found(object, container.labels.as_ref(), container.created)?;
            Some(Found { published, ..found })
        })
        // A container has its image's labels: what somebody else runs of an image of ours looks
        // like the run's, but for its node.
        .filter(|found| found.origin.node.is_some())
        .collect())
}

async fn others(
    docker: &Docker,
    filter: &HashMap<String, Vec<String>>,
) -> Result<Vec<Found>, EngineError> {
    let (networks, volumes, images) = tokio::try_join!(
        docker.list_networks(Some(ListNetworksOptionsBuilder::new().filters(filter).build())),
        docker.list_volumes(Some(ListVolumesOptionsBuilder::new().filters(filter).build())),
        docker.list_images(Some(ListImagesOptionsBuilder::new().all(true).filters(filter).build())),
    )?;
    let networks = networks.into_iter().filter_map(|network| {
        let guest = network.labels.as_ref().and_then(|labels| labels.get(GUEST_LABEL)).cloned();
        let name = network.name.unwrap_or_default();
        found(Object::Network { id: network.id?, name, guest }, network.labels.as_ref(), None)
    });
    let volumes = volumes
        .volumes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|volume| found(Object::Volume(volume.name), Some(&volume.labels), None));
    let images = images.into_iter().filter_map(|image| {
        let object = Object::Image {
            name: image.repo_tags.first().cloned().unwrap_or_else(|| image.id.clone()),
            id: image.id,
        };
        found(object, Some(&image.labels), Some(image.created))
    });
    Ok(networks.chain(volumes).chain(images).collect())
}

/// The engine has filtered by labels; they are looked at again, because a removal has no way back.
fn found(
    object: Object,
    labels: Option<&HashMap<String, String>>,
    created: Option<i64>,
) -> Option<Found> {
    Some(Found { object, origin: Origin::of(labels?)?, created, published: None })
}
