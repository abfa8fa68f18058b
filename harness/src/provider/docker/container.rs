//! One node's container: created with a fixed address and its writable state, started,
//! ended, and described.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    time::{Duration, Instant, SystemTime},
};

use bollard::{
    Docker, body_full,
    errors::Error as EngineError,
    models::{
        ContainerCreateBody, ContainerInspectResponse, ContainerState, ContainerStateStatusEnum,
        ContainerStatsResponse, EndpointIpamConfig, EndpointSettings, HostConfig,
        HostConfigLogConfig, NetworkingConfig, RestartPolicy, RestartPolicyNameEnum,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
        RemoveContainerOptionsBuilder, StartContainerOptions, StatsOptionsBuilder,
        StopContainerOptionsBuilder, UploadToContainerOptionsBuilder,
    },
};
use futures_util::StreamExt;
use harness_core::{
    limits::out_of_memory,
    node::{Incarnation, NodeState, Resources},
    profile::METRICS_PORT,
    state::Limits,
};

use super::{
    engine::{failed, is_absent},
    image::Image,
    labels::{NODE_LABEL, RPC_LABEL},
    limits,
    network::Network,
    publish::{self, Published},
    reach::Reach,
    volume,
};
use crate::{
    binary::{self, DATA_DIR},
    provider::{NodeLaunch, ProviderError},
};

/// Seconds that a node has to end after SIGTERM.
const STOP_SECONDS: i32 = 10;
/// Time that the engine has to report the end of a killed container.
const KILL_LIMIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The engine hears of a kill for memory on another way than of the end.
const OOM_LATE: Duration = Duration::from_millis(300);
const PROCESSES: i64 = 4096;

/// Everything that a container is made from.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    /// The run.
    pub(super) run: String,
    /// What says that the container is the run's.
    pub(super) labels: HashMap<String, String>,
    /// What it is made from.
    pub(super) image: Image,
    /// The run's network.
    pub(super) network: Network,
    /// The node's own address in it.
    pub(super) address: Ipv4Addr,
    /// Arguments and environment.
    pub(super) launch: NodeLaunch,
    /// What the node's state is in.
    pub(super) volume: String,
    /// Who it runs as, if not as its image says.
    pub(super) user: Option<String>,
    /// What it may use, beside what every node may.
    pub(super) limits: Limits,
}

/// Where a container is on the run's network.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    /// The network's name.
    pub(super) network: String,
    /// The container's own address in it.
    pub(super) address: Ipv4Addr,
}

/// The container's name: the node's, and the run's so that runs do not meet.
pub(super) fn name(run: &str, node: &str) -> String {
    format!("hegemon-{run}-{node}")
}

/// Makes a node's volume and container, and starts it. Returns the container's ID.
pub(super) async fn launch(
    docker: &Docker,
    recipe: &Recipe,
) -> Result<(String, Incarnation), ProviderError> {
    volume::create(docker, &recipe.volume, &recipe.labels).await?;
    let (id, name) = create(docker, recipe).await?;
    // An image of ours has one. An engine takes as long for this as for a quarter of a start, and
    // does one after the other.
    if recipe.image.made.is_none() {
        make_state_directory(docker, &id, &name).await?;
    }
    let incarnation = start(docker, &id, &name).await?;
    Ok((id, incarnation))
}

/// The same on a volume that is there.
pub(super) async fn relaunch(
    docker: &Docker,
    recipe: &Recipe,
) -> Result<(String, Incarnation), ProviderError> {
    let (id, name) = create(docker, recipe).await?;
    let incarnation = start(docker, &id, &name).await?;
    Ok((id, incarnation))
}

/// Returns its ID and name.
async fn create(docker: &Docker, recipe: &Recipe) -> Result<(String, String), ProviderError> {
    let name = name(&recipe.run, &recipe.launch.name);
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let created = docker
        .create_container(Some(options), body(recipe))
        .await
        .map_err(failed(format!("creating the container {name}")))?;
    Ok((created.id, name))
}

/// Makes a container that is never started: it mounts a volume, so that files get into that. Returns
/// its ID.
pub(super) async fn shelf(docker: &Docker, recipe: &Recipe) -> Result<String, ProviderError> {
    let mut labels = recipe.labels.clone();
    labels.insert(NODE_LABEL.to_owned(), recipe.launch.name.clone());
    let body = ContainerCreateBody {
        image: Some(recipe.image.id.clone()),
        // An image may have nothing to execute, and an engine wants something said.
        cmd: Some(vec!["never".to_owned()]),
        labels: Some(labels),
        host_config: Some(HostConfig {
            mounts: Some(vec![volume::mount(&recipe.volume)]),
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&recipe.volume).build();
    let created = docker.create_container(Some(options), body).await;
    let what = || format!("creating the container {}", recipe.volume);
    created.map(|created| created.id).map_err(failed(what()))
}

/// Removes one that has ended, with what the engine has made for it alone.
pub(super) async fn remove(docker: &Docker, id: &str, name: &str) -> Result<(), ProviderError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let removed = docker.remove_container(id, Some(options)).await;
    removed.map_err(failed(format!("removing the container of {name}")))
}

async fn make_state_directory(docker: &Docker, id: &str, name: &str) -> Result<(), ProviderError> {
    let root = UploadToContainerOptionsBuilder::new().path("/").build();
    let directory = binary::empty_directory(DATA_DIR).await?;
    docker
        .upload_to_container(id, Some(root), body_full(directory.into()))
        .await
        .map_err(failed(format!("making {DATA_DIR} in {name}")))
}

/// Starts a container that exists: for the first time or again.
pub(super) async fn start(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<Incarnation, ProviderError> {
    docker
        .start_container(id, None::<StartContainerOptions>)
        .await
        .map_err(|error| start_failure(name, error))?;
    let state = inspect(docker, id, name).await?;
    incarnation(id, &state)
}

/// SIGTERM, SIGKILL after the limit. A container that has ended already is no error; the engine thaws
/// a frozen one when it has the signal.
pub(super) async fn stop(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<NodeState, ProviderError> {
    let options = StopContainerOptionsBuilder::new().t(STOP_SECONDS).build();
    docker.stop_container(id, Some(options)).await.map_err(failed(format!("stopping {name}")))?;
    ended(docker, id, name).await
}

/// What the engine says now.
pub(super) async fn state(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<NodeState, ProviderError> {
    state_and_port(docker, id, name).await.map(|(state, _)| state)
}

/// The same, and where its RPC is published, if it ever is.
pub(super) async fn state_and_port(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<(NodeState, Option<Published>), ProviderError> {
    let whole = inspect_whole(docker, id, name).await?;
    let state = state_of(&whole, name)?;
    let state = if state.running == Some(true) { up(id, &state)? } else { exit_of(&state) };
    Ok((state, Published::by_inspection(&whole)))
}

/// The same, and that it is where the run has put it.
pub(super) async fn state_at(
    docker: &Docker,
    id: &str,
    name: &str,
    seat: &Seat,
) -> Result<NodeState, ProviderError> {
    let whole = inspect_whole(docker, id, name).await?;
    let state = state_of(&whole, name)?;
    if is_being_removed(&state) {
        return Err(removed(name));
    }
    if state.running != Some(true) {
        return Ok(exit_of(&state));
    }
    let at = whole
        .network_settings
        .and_then(|settings| settings.networks?.remove(&seat.network)?.ip_address)
        .unwrap_or_default();
    if at == seat.address.to_string() {
        return up(id, &state);
    }
    let Seat { network, address } = seat;
    Err(ProviderError::Disturbed(if at.is_empty() {
        format!("somebody took {name} ({address}) off the run's network {network}")
    } else {
        format!(
            "somebody gave {name} another address in the run's network {network}: {at} instead of {address}"
        )
    }))
}

/// That the kernel ended it for want of memory, by the engine's word, which may come a moment after
/// the end itself.
pub(super) async fn why_ended(docker: &Docker, id: &str, name: &str) -> Option<String> {
    let deadline = Instant::now() + OOM_LATE;
    loop {
        let whole = inspect_whole(docker, id, name).await.ok()?;
        let state = whole.state.unwrap_or_default();
        if state.oom_killed == Some(true) {
            let limit = whole.host_config.and_then(|config| config.memory).unwrap_or_default();
            return Some(out_of_memory(u64::try_from(limit).ok().filter(|it| *it > 0)));
        }
        let killed = matches!(exit_of(&state), NodeState::Exited { signal: Some(9), .. });
        if !killed || Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the engine's accounting says; `None` of a container that does not run.
pub(super) async fn resources(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<Option<Resources>, ProviderError> {
    // One reading and no second one a second later to compare it with: that is ours to do.
    let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
    let answer = std::pin::pin!(docker.stats(id, Some(options))).next().await;
    let stats = answer.transpose().map_err(failed(format!("measuring {name}")))?;
    Ok(stats.and_then(|stats| used(&stats)))
}

/// As `docker stats` counts memory: without the file contents that the kernel keeps only because
/// there is room (cgroup v2 and v1 name them differently).
fn used(stats: &ContainerStatsResponse) -> Option<Resources> {
    const NANOSECONDS_IN_MS: u64 = 1_000_000;
    let memory = stats.memory_stats.as_ref()?;
    let idle = memory
        .stats
        .as_ref()
        .and_then(|stats| stats.get("total_inactive_file").or_else(|| stats.get("inactive_file")))
        .copied()
        .unwrap_or(0);
    let (usage, nanoseconds) =
        (memory.usage?, stats.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage?);
    // A container that does not run has zeros.
    (usage > 0 && nanoseconds > 0).then(|| Resources {
        memory_bytes: usage.saturating_sub(idle),
        cpu_ms: nanoseconds / NANOSECONDS_IN_MS,
    })
}

async fn inspect(docker: &Docker, id: &str, name: &str) -> Result<ContainerState, ProviderError> {
    state_of(&inspect_whole(docker, id, name).await?, name)
}

async fn inspect_whole(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<ContainerInspectResponse, ProviderError> {
    docker.inspect_container(id, None::<InspectContainerOptions>).await.map_err(|error| {
        if is_absent(&error) { removed(name) } else { failed(format!("looking at {name}"))(error) }
    })
}

fn removed(name: &str) -> ProviderError {
    ProviderError::Disturbed(format!("looking at {name}: somebody removed its container"))
}

/// Whoever removes a container kills it first, and that is no end of the node's own.
fn is_being_removed(state: &ContainerState) -> bool {
    use ContainerStateStatusEnum::{DEAD, REMOVING};

    matches!(state.status, Some(REMOVING | DEAD))
}

fn state_of(
    inspect: &ContainerInspectResponse,
    name: &str,
) -> Result<ContainerState, ProviderError> {
    inspect.state.clone().ok_or_else(|| {
        ProviderError::failed(format!("looking at {name}"), "the engine gives no state")
    })
}

/// Kills it.
pub(super) async fn kill(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<NodeState, ProviderError> {
    let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
    docker.kill_container(id, Some(options)).await.map_err(failed(format!("killing {name}")))?;
    ended(docker, id, name).await
}

/// Waits until the engine has seen the end: a stop or kill returns a moment before.
async fn ended(docker: &Docker, id: &str, name: &str) -> Result<NodeState, ProviderError> {
    let deadline = Instant::now() + KILL_LIMIT;
    loop {
        match state(docker, id, name).await? {
            NodeState::Running(_) | NodeState::Frozen(_) if Instant::now() < deadline => {
                tokio::time::sleep(LOOK_EVERY).await
            }
            NodeState::Running(_) | NodeState::Frozen(_) => {
                return Err(ProviderError::failed(
                    format!("ending {name}"),
                    "the engine does not report its end",
                ));
            }
            exited @ NodeState::Exited { .. } => return Ok(exited),
        }
    }
}

/// Of one that has not ended.
fn up(id: &str, state: &ContainerState) -> Result<NodeState, ProviderError> {
    let incarnation = incarnation(id, state)?;
    Ok(if state.paused == Some(true) {
        NodeState::Frozen(incarnation)
    } else {
        NodeState::Running(incarnation)
    })
}

fn incarnation(id: &str, state: &ContainerState) -> Result<Incarnation, ProviderError> {
    let text = state.started_at.as_deref().unwrap_or_default();
    let started: SystemTime = humantime::parse_rfc3339(text).map_err(|error| {
        ProviderError::failed(format!("reading the start time `{text}`"), error)
    })?;
    Ok(Incarnation {
        pid: state.pid.unwrap_or(0),
        started,
        id: format!("container {}", id.get(..12).unwrap_or(id)),
    })
}

/// A runtime reports the end by signal `n` as code 128 + `n`, as a shell does.
fn exit_of(state: &ContainerState) -> NodeState {
    match state.exit_code {
        Some(code @ 129..=192) => NodeState::Exited { code: None, signal: Some(code - 128) },
        code => NodeState::Exited { code, signal: None },
    }
}

/// The runtime's refusal to execute is the binary's fault, not the engine's.
fn start_failure(name: &str, error: EngineError) -> ProviderError {
    if let EngineError::DockerResponseServerError { message, .. } = &error
        && message.contains("OCI runtime")
    {
        return ProviderError::Binary(format!("the node of {name} cannot be executed: {message}"));
    }
    failed(format!("starting {name}"))(error)
}

fn body(recipe: &Recipe) -> ContainerCreateBody {
    let mut labels = recipe.labels.clone();
    labels.insert(NODE_LABEL.to_owned(), recipe.launch.name.clone());
    if recipe.network.reach != Reach::Container {
        labels.insert(RPC_LABEL.to_owned(), recipe.image.profile.rpc_port.to_string());
    }
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(recipe.address.to_string()),
            ..EndpointIpamConfig::default()
        }),
        aliases: Some(vec![recipe.launch.name.clone()]),
        ..EndpointSettings::default()
    };
    ContainerCreateBody {
        hostname: Some(recipe.launch.name.clone()),
        image: Some(recipe.image.id.clone()),
        cmd: Some(recipe.launch.args.clone()),
        env: Some(
            recipe.launch.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        ),
        labels: Some(labels),
        user: recipe.user.clone(),
        // The node contract's signal, whatever the image says.
        stop_signal: Some("SIGTERM".to_owned()),
        tty: Some(false),
        exposed_ports: publish::exposed(recipe.network.reach, &recipe.ports()),
        host_config: Some(HostConfig {
            mounts: Some(vec![volume::mount(&recipe.volume)]),
            ..limits::on(&recipe.limits, host_config(recipe))
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(recipe.network.name.clone(), endpoint)])),
        }),
        ..ContainerCreateBody::default()
    }
}

impl Recipe {
    /// What the harness wants to reach.
    fn ports(&self) -> Vec<u16> {
        let profile = &self.image.profile;
        let metrics = profile.is_told_to_serve_metrics(&self.launch.args).then_some(METRICS_PORT);
        std::iter::once(profile.rpc_port).chain(metrics).collect()
    }
}

fn host_config(recipe: &Recipe) -> HostConfig {
    HostConfig {
        network_mode: Some(recipe.network.name.clone()),
        port_bindings: publish::bindings(recipe.network.reach, &recipe.ports()),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        // The engine's own server answers for the run's nodes. Any other name ends at the
        // container's own loopback, at once and without a packet leaving the host.
        dns: Some(vec![Ipv4Addr::LOCALHOST.to_string()]),
        dns_options: Some(vec!["timeout:1".to_owned(), "attempts:1".to_owned()]),
        dns_search: Some(vec![".".to_owned()]),
        // Whatever the engine's default is: this one keeps lines for us to read, all of them.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::new()),
        }),
        pids_limit: Some(PROCESSES),
        ..HostConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_code_or_a_signal() {
        let end =
            |code| exit_of(&ContainerState { exit_code: Some(code), ..ContainerState::default() });
        assert_eq!(end(0), NodeState::Exited { code: Some(0), signal: None });
        assert_eq!(end(101), NodeState::Exited { code: Some(101), signal: None });
        assert_eq!(end(137), NodeState::Exited { code: None, signal: Some(9) });
        assert_eq!(end(255), NodeState::Exited { code: Some(255), signal: None });
    }
}
