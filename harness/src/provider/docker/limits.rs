//! What a container may use: what every node may, and less where a fault says so.

use bollard::{
    Docker,
    models::{ContainerUpdateBody, HostConfig},
    query_parameters::InspectContainerOptions,
};
use harness_core::state::Limits;

use super::engine::failed;
use crate::provider::ProviderError;

/// Far above what a node needs (5 MiB), far below what would take the machine down with a runaway.
const MEMORY_BYTES: i64 = 4 << 30;
/// The kernel's own choice: processor time is counted over so many microseconds.
const PERIOD: i64 = 100_000;
/// To an engine, the quota of a container that has none.
const NO_QUOTA: i64 = -1;

/// A container's with these limits, `None` being what every node may use.
pub(super) fn on(limits: &Limits, config: HostConfig) -> HostConfig {
    let memory = limits.memory.map_or(MEMORY_BYTES, bytes);
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        cpu_period: limits.cpu.map(|_| PERIOD),
        cpu_quota: limits.cpu.map(quota),
        ..config
    }
}

/// Limits a running container; what is `None` stays, and nothing at all means what every node may use.
pub(super) async fn set(
    docker: &Docker,
    id: &str,
    name: &str,
    limits: Limits,
) -> Result<(), ProviderError> {
    if limits.open_files.is_some() {
        return Err(ProviderError::Unsupported(format!(
            "an engine does not change how many files a running node may open ({name})"
        )));
    }
    let restore = limits == Limits::default();
    let memory = if restore { Some(MEMORY_BYTES) } else { limits.memory.map(bytes) };
    let quota = if restore { Some(NO_QUOTA) } else { limits.cpu.map(quota) };
    let body = ContainerUpdateBody {
        memory,
        memory_swap: memory,
        cpu_period: quota.map(|_| PERIOD),
        cpu_quota: quota,
        ..ContainerUpdateBody::default()
    };
    docker.update_container(id, body).await.map_err(failed(format!("limiting {name}")))
}

/// What the engine limits a container to.
pub(super) async fn of(docker: &Docker, id: &str, name: &str) -> Result<Limits, ProviderError> {
    let inspected = docker.inspect_container(id, None::<InspectContainerOptions>).await;
    let container = inspected.map_err(failed(format!("looking at the limits of {name}")))?;
    let config = container.host_config.unwrap_or_default();
    let positive = |value: Option<i64>| value.filter(|value| *value > 0);
    let cpu = positive(config.cpu_quota)
        .map(|quota| quota.saturating_mul(1_000) / positive(config.cpu_period).unwrap_or(PERIOD))
        .and_then(|thousandths| u32::try_from(thousandths).ok());
    let memory = positive(config.memory).and_then(|bytes| u64::try_from(bytes).ok());
    Ok(Limits { memory, cpu, open_files: None })
}

fn bytes(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Of so many thousandths of a core.
fn quota(thousandths: u32) -> i64 {
    i64::from(thousandths) * (PERIOD / 1_000)
}
