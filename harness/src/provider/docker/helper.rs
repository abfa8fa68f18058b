//! Helpers: containers of ours in the network namespaces of nodes' containers, which do there what
//! cannot be done from outside, so that a node's container, which may be anybody's and as good as empty,
//! is never touched inside. One is started when something is first to be done in its node's network.
//!
//! Its orders come over its standard input: when the harness is gone, that ends, the helper ends by
//! itself, and the engine removes it. A container that is started again has another network namespace:
//! it gets another helper.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bollard::{
    Docker, body_full,
    container::{AttachContainerResults, LogOutput},
    models::{ContainerCreateBody, HostConfig, HostConfigLogConfig},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, CreateImageOptionsBuilder,
        InspectContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions,
    },
};
use futures_util::{TryStreamExt, future::join_all};
use harness_core::{
    line::{Line, LineChange},
    node::{Incarnation, NodeState},
    profile::P2P_PORT,
};
use tokio_util::io::StreamReader;

use super::{
    container,
    engine::{Engine, failed},
    labels::{NODE_LABEL, RUN_LABEL, labels, plain_labels},
    state::Nodes,
};
use crate::{
    binary::{self, Executable, LIBRARY_DIR, NODE_PATH},
    netns::{PART, agent::VERB, client::Client, wire::Mac},
    provider::{
        ProviderError, ProviderOptions,
        paths::{self, Changed, Site, Target},
    },
};

const REPOSITORY: &str = "hegemon-testbed/helper";
/// Far above what one needs.
const MEMORY_BYTES: i64 = 512 << 20;
const PROCESSES: i64 = 64;

/// Those of a run.
#[derive(Debug)]
pub(super) struct Helpers {
    engine: Engine,
    options: ProviderOptions,
    nodes: Arc<Nodes>,
    /// What they are made from, once it is there.
    image: tokio::sync::Mutex<Option<String>>,
    by_node: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Slot>>>>,
    /// What was done to lines.
    changed: Changed,
}

/// A node's helper, if there is one, and how many there were.
#[derive(Debug, Default)]
struct Slot {
    helper: Option<Helper>,
    number: u32,
}

#[derive(Debug)]
struct Helper {
    container: String,
    /// The start of the node in whose network it is.
    of: Incarnation,
    client: Arc<Client>,
}

impl Helpers {
    /// None yet.
    pub(super) fn new(engine: Engine, options: ProviderOptions, nodes: Arc<Nodes>) -> Self {
        Self {
            engine,
            options,
            nodes,
            image: tokio::sync::Mutex::default(),
            by_node: Mutex::default(),
            changed: Changed::default(),
        }
    }

    /// Somebody in each of these nodes' networks.
    pub(super) async fn sites(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Site>, ProviderError> {
        let sites = join_all(names.iter().map(|name| async move {
            let site = self.site(name).await?;
            Ok((name.clone(), site))
        }));
        sites.await.into_iter().collect()
    }

    /// Changes lines, all of them or none.
    pub(super) async fn change(&self, changes: &[LineChange]) -> Result<(), ProviderError> {
        // Known, all of them, before anything is done.
        for LineChange { from, to, .. } in changes {
            self.nodes.seat(from)?;
            self.nodes.seat(to)?;
        }
        if let Err(why) = self.apply(changes).await {
            // What fails here as well is said by the first failure.
            let _ = self.apply(&self.changed.before(changes)).await;
            return Err(why);
        }
        self.changed.remember(changes);
        Ok(())
    }

    /// A node was started again: its network is another one, and so may be its hardware address.
    pub(super) async fn started_again(&self, name: &str) -> Result<(), ProviderError> {
        let is_of_it = |change: &LineChange| {
            change.from == name || (change.to == name && matches!(change.line, Line::Bad(_)))
        };
        let changes: Vec<LineChange> = self.changed.all().into_iter().filter(is_of_it).collect();
        self.apply(&changes).await
    }

    async fn apply(&self, changes: &[LineChange]) -> Result<(), ProviderError> {
        let (mut from, mut targets) = (Vec::new(), BTreeMap::new());
        for change in changes {
            if !from.contains(&change.from) {
                from.push(change.from.clone());
            }
            let mac = match change.line {
                Line::Bad(_) => Some(self.mac(&change.to).await?),
                Line::Cut | Line::Open => None,
            };
            let address = self.nodes.seat(&change.to)?.address;
            let target = targets.entry(change.to.clone()).or_insert(Target { address, mac });
            target.mac = target.mac.or(mac);
        }
        let sites = self.sites(&from).await?;
        paths::change(&sites, &targets, changes).await
    }

    /// The one that a node has, or a new one.
    async fn site(&self, name: &str) -> Result<Site, ProviderError> {
        let docker = &self.engine.docker;
        let node = self.nodes.container(name)?;
        let NodeState::Running(running) = container::state(docker, &node, name).await? else {
            let what = format!("doing anything in the network of {name}");
            return Err(ProviderError::failed(what, "it is down"));
        };
        let transport = SocketAddrV4::new(self.nodes.seat(name)?.address, P2P_PORT);
        let slot = {
            let mut by_node = self.by_node.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(by_node.entry(name.to_owned()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(helper) = &slot.helper
            && helper.of == running
            && helper.client.is_open()
        {
            return Ok(Site { client: Arc::clone(&helper.client), at: 0, transport });
        }
        if let Some(old) = slot.helper.take() {
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            // It may be gone, and teardown looks for whatever is left.
            let _ = docker.remove_container(&old.container, Some(options)).await;
        }
        slot.number += 1;
        let image = self.image().await?;
        let recipe = Recipe { image, node: &node, name, number: slot.number };
        let (container, client) = self.start(recipe).await?;
        let client = Arc::new(client);
        slot.helper = Some(Helper { container, of: running, client: Arc::clone(&client) });
        Ok(Site { client, at: 0, transport })
    }

    async fn start(&self, recipe: Recipe<'_>) -> Result<(String, Client), ProviderError> {
        let docker = &self.engine.docker;
        let name = format!(
            "{}.helper-{}",
            container::name(&self.options.run_id, recipe.name),
            recipe.number
        );
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let created = docker
            .create_container(Some(options), body(&self.options, recipe))
            .await
            .map_err(failed(format!("creating the container {name}")))?;
        // Before it is started: nothing that it says is lost.
        let client = attach(docker, &created.id, &name).await?;
        docker
            .start_container(&created.id, None::<StartContainerOptions>)
            .await
            .map_err(failed(format!("starting {name}")))?;
        Ok((created.id, client))
    }

    /// The hardware address that a container has now.
    async fn mac(&self, name: &str) -> Result<Mac, ProviderError> {
        let what = format!("looking up the hardware address of {name}");
        let (id, seat) = (self.nodes.container(name)?, self.nodes.seat(name)?);
        let inspected = self.engine.docker.inspect_container(&id, None::<InspectContainerOptions>);
        let inspected = inspected.await.map_err(failed(&what))?;
        let networks = inspected.network_settings.and_then(|settings| settings.networks);
        let text = networks
            .and_then(|mut networks| networks.remove(&seat.network)?.mac_address)
            .unwrap_or_default();
        parse_mac(&text).ok_or_else(|| ProviderError::failed(what, "it has none: is it down?"))
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

/// What one helper is made from.
struct Recipe<'a> {
    image: String,
    /// The node's container.
    node: &'a str,
    name: &'a str,
    number: u32,
}

fn body(options: &ProviderOptions, recipe: Recipe<'_>) -> ContainerCreateBody {
    let mut labels: HashMap<String, String> = labels(options);
    labels.insert(NODE_LABEL.to_owned(), recipe.name.to_owned());
    ContainerCreateBody {
        image: Some(recipe.image),
        labels: Some(labels),
        // Not the node's user: of another one's network only its owner may change anything.
        user: Some("0:0".to_owned()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        open_stdin: Some(true),
        // When nobody holds the other end any more, it is closed.
        stdin_once: Some(true),
        host_config: Some(HostConfig {
            network_mode: Some(format!("container:{}", recipe.node)),
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

fn parse_mac(text: &str) -> Option<Mac> {
    let bytes: Option<Vec<u8>> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_has_six_bytes() {
        assert_eq!(parse_mac("02:42:c6:12:07:02"), Some([2, 0x42, 0xc6, 0x12, 7, 2]));
        for none in ["", "02:42", "02:42:c6:12:07:0g", "02:42:c6:12:07:02:03"] {
            assert_eq!(parse_mac(none), None, "{none}");
        }
    }
}
