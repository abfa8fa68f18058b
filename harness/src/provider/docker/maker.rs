//! Makes helpers: the image that they are made from, which is this program, and a container in a node's network, which
//! takes orders.

use std::{
    collections::HashMap,
    fmt::Display,
    io,
    path::{Path, PathBuf},
};

use bollard::{
    Docker, body_full,
    container::{AttachContainerResults, LogOutput},
    models::{ContainerCreateBody, HostConfig, HostConfigLogConfig},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, StartContainerOptions,
    },
};
use futures_util::TryStreamExt;
use harness_run::spawn::PART;
use tokio_util::io::StreamReader;

use super::{
    container,
    engine::{Engine, failed},
    labels::{NODE_LABEL, RUN_LABEL, labels, plain_labels},
};
use crate::{
    binary::{self, Executable, LIBRARY_DIR, NODE_PATH},
    netns::{agent::VERB, client::Client},
    provider::{ProviderError, ProviderOptions},
};

const REPOSITORY: &str = "hegemon-testbed/helper";
/// Far above what one needs.
const MEMORY_BYTES: i64 = 512 << 20;
const PROCESSES: i64 = 64;

/// Of a run's helpers.
#[derive(Debug)]
pub(super) struct Maker {
    engine: Engine,
    options: ProviderOptions,
    /// What they are made from, once it is there.
    image: tokio::sync::Mutex<Option<String>>,
}

impl Maker {
    /// Of none yet.
    pub(super) fn new(engine: Engine, options: ProviderOptions) -> Self {
        Self { engine, options, image: tokio::sync::Mutex::default() }
    }

    /// One in the network of a node's container: its own container, and the way to give it orders.
    pub(super) async fn start(
        &self,
        node: &str,
        name: &str,
        number: impl Display,
    ) -> Result<(String, Client), ProviderError> {
        let image = self.image().await?;
        let docker = &self.engine.docker;
        let of = name;
        let name = format!("{}.helper-{number}", container::name(&self.options.run_id, of));
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let created = docker
            .create_container(Some(options), body(&self.options, image, node, of))
            .await
            .map_err(failed(format!("creating the container {name}")))?;
        let begun = async {
            // Before it is started: nothing that it says is lost.
            let client = attach(docker, &created.id, &name).await?;
            let started = docker.start_container(&created.id, None::<StartContainerOptions>).await;
            started.map_err(failed(format!("starting {name}")))?;
            Ok(client)
        };
        match begun.await {
            Ok(client) => Ok((created.id, client)),
            Err(why) => {
                // The engine removes by itself only what has run.
                self.end(&created.id).await;
                Err(why)
            }
        }
    }

    /// Ends one. It may be gone, and whoever removes the run looks for whatever is left.
    pub(super) async fn end(&self, container: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let _ = self.engine.docker.remove_container(container, Some(options)).await;
    }

    /// Removes what they were made from, when all have ended. The same is true of it.
    pub(super) async fn clear(self) {
        let Some(image) = self.image.into_inner() else { return };
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        let _ = self.engine.docker.remove_image(&image, Some(options), None).await;
    }

    /// What helpers are made from: this program, and what it needs.
    async fn image(&self) -> Result<String, ProviderError> {
        let mut image = self.image.lock().await;
        if let Some(image) = &*image {
            return Ok(image.clone());
        }
        if self.engine.architecture != std::env::consts::ARCH {
            return Err(ProviderError::Binary(format!(
                "the engine is {}, this program {}: nothing can be done in its containers' networks",
                self.engine.architecture,
                std::env::consts::ARCH
            )));
        }
        let program = lasting(&self.options.program);
        let executable = binary::inspect(&program).await?;
        let root = binary::rootfs(&program, &executable).await?;
        let labels = plain_labels(&self.options);
        let run = labels.get(RUN_LABEL).map_or("", String::as_str);
        let mut changes =
            vec![format!("ENTRYPOINT [\"{NODE_PATH}\", \"{VERB}\"]"), format!("ENV {PART}={VERB}")];
        if let Executable::Dynamic { .. } = executable {
            changes.push(format!("ENV LD_LIBRARY_PATH={LIBRARY_DIR}"));
        }
        changes.extend(labels.iter().map(|(name, value)| format!("LABEL {name}={value}")));
        let reference = format!("{REPOSITORY}:{run}");
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(REPOSITORY)
            .tag(run)
            .changes(changes)
            .build();
        let import =
            self.engine.docker.create_image(Some(options), Some(body_full(root.into())), None);
        import
            .try_collect::<Vec<_>>()
            .await
            .map_err(failed(format!("importing the image {reference}")))?;
        Ok(image.insert(reference).clone())
    }
}

fn body(options: &ProviderOptions, image: String, node: &str, name: &str) -> ContainerCreateBody {
    let mut labels: HashMap<String, String> = labels(options);
    labels.insert(NODE_LABEL.to_owned(), name.to_owned());
    ContainerCreateBody {
        image: Some(image),
        labels: Some(labels),
        // Not the node's user: of another one's network only its owner may change anything.
        user: Some("0:0".to_owned()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        open_stdin: Some(true),
        // When nobody holds the other end any more, it is closed.
        stdin_once: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some(format!("container:{node}")),
            cap_drop: Some(vec!["ALL".to_owned()]),
            cap_add: Some(vec!["NET_ADMIN".to_owned(), "NET_RAW".to_owned()]),
            readonly_rootfs: Some(true),
            auto_remove: Some(true),
            // Its output is no text, and ours alone.
            log_config: Some(HostConfigLogConfig {
                typ: Some("none".to_owned()),
                config: Some(HashMap::new()),
            }),
            memory: Some(MEMORY_BYTES),
            pids_limit: Some(PROCESSES),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

async fn attach(docker: &Docker, id: &str, name: &str) -> Result<Client, ProviderError> {
    let options =
        AttachContainerOptionsBuilder::new().stdin(true).stdout(true).stream(true).build();
    let AttachContainerResults { output, input } = docker
        .attach_container(id, Some(options))
        .await
        .map_err(failed(format!("attaching to {name}")))?;
    let output = output.map_ok(LogOutput::into_bytes).map_err(io::Error::other);
    Ok(Client::new(StreamReader::new(output), input))
}

/// A name of this program that means the same to a loader that is asked about it.
fn lasting(program: &Path) -> PathBuf {
    if program == Path::new("/proc/self/exe") {
        PathBuf::from(format!("/proc/{}/exe", std::process::id()))
    } else {
        program.to_owned()
    }
}
