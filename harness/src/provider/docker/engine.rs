//! The way to the engine: found as testcontainers finds it (`DOCKER_HOST`, the usual sockets),
//! asked what it is, and refused with a reason when it will not do.

use std::{
    error::Error,
    io,
    time::{Duration, Instant},
};

use testcontainers::{
    bollard::{
        Docker,
        errors::Error as EngineError,
        models::{SystemInfo, SystemVersion},
    },
    core::client::{ClientError, docker_client_instance},
};

use crate::provider::ProviderError;

/// An engine that does not answer in this time is not there: `--provider auto` waits for it.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// An engine that was there and does not say so for this long has gone.
const GONE: Duration = Duration::from_secs(4);
const ASK_EVERY: Duration = Duration::from_millis(200);
/// Engine 20.10, of 2020.
const OLDEST_API: (u32, u32) = (1, 41);

const REMEDY_START: &str =
    "start Docker, set DOCKER_HOST if the engine is elsewhere, or use --provider process";
const REMEDY_PERMISSION: &str =
    "add yourself to the `docker` group and log in again, or use --provider process";
const REMEDY_OLD: &str = "use Docker Engine 20.10 or later, or --provider process";
const REMEDY_VERSION: &str =
    "update the engine or this harness, whichever is older, or use --provider process";
const REMEDY_LINUX: &str = "switch the engine to Linux containers";

/// An engine that will do, and what it says of itself.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    /// Cheap to clone.
    pub(super) docker: Docker,
    /// For the evidence.
    pub(super) facts: serde_json::Value,
    /// As `std::env::consts::ARCH` would say it.
    pub(super) architecture: String,
    /// Containers live in a virtual machine that this host has no route into.
    pub(super) is_desktop: bool,
}

impl Engine {
    /// Its own name for itself, which outlives its restarts.
    pub(super) fn id(&self) -> Option<&str> {
        self.facts["id"].as_str()
    }
}

/// The engine that this user's other tools would use.
pub(super) async fn find() -> Result<Docker, ProviderError> {
    docker_client_instance().await.map_err(|error| {
        if let ClientError::Init(error) = error {
            unavailable(&error)
        } else {
            refusal(format!("no Docker engine: {error}"), REMEDY_START)
        }
    })
}

/// Talks to the engine for the first time. (bollard 0.21 names no version in its requests, so the
/// engine answers in its own newest; the limits below are what we know.)
pub(super) async fn probe(docker: Docker) -> Result<Engine, ProviderError> {
    let conversation = async {
        let docker = docker.negotiate_version().await?;
        let (version, info) = tokio::try_join!(docker.version(), docker.info())?;
        Ok::<_, EngineError>((docker, version, info))
    };
    match tokio::time::timeout(ANSWER_LIMIT, conversation).await {
        Ok(Ok((docker, version, info))) => accept(docker, &version, &info),
        Ok(Err(error)) => Err(unavailable(&error)),
        Err(_) => Err(refusal(
            format!("the Docker engine does not answer within {} s", ANSWER_LIMIT.as_secs()),
            "restart it, or use --provider process",
        )),
    }
}

/// Waits until the engine says that it is there.
///
/// # Errors
/// It does not for seconds: why.
pub(super) async fn answers(docker: &Docker) -> Result<(), String> {
    let deadline = Instant::now() + GONE;
    loop {
        let why = match tokio::time::timeout_at(deadline.into(), docker.ping()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => whole(&error),
            Err(_) => "it does not answer".to_owned(),
        };
        if Instant::now() + ASK_EVERY >= deadline {
            return Err(why);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn accept(
    docker: Docker,
    version: &SystemVersion,
    info: &SystemInfo,
) -> Result<Engine, ProviderError> {
    let refuse = |what, remedy| Err(refusal(what, remedy));
    let spoken = docker.client_version();
    let api = version.api_version.clone().unwrap_or_default();
    if parse_api(&api).is_none_or(|api| api < OLDEST_API) {
        return refuse(
            format!(
                "this Docker engine speaks API {api} at most; the harness needs {}.{}",
                OLDEST_API.0, OLDEST_API.1
            ),
            REMEDY_OLD,
        );
    }
    let oldest = version.min_api_version.clone().unwrap_or_default();
    if parse_api(&oldest).is_some_and(|(major, minor)| {
        (major as usize, minor as usize) > (spoken.major_version, spoken.minor_version)
    }) {
        return refuse(
            format!("this Docker engine speaks API {oldest} at least; the harness knows {spoken}"),
            REMEDY_VERSION,
        );
    }
    let os = info.os_type.as_deref().unwrap_or("linux");
    if os != "linux" {
        return refuse(format!("this Docker engine runs {os} containers"), REMEDY_LINUX);
    }
    let system = info.operating_system.clone().unwrap_or_default();
    let facts = serde_json::json!({
        "id": info.id,
        "version": version.version,
        "api": { "newest": api, "oldest": oldest },
        "operating_system": system,
        "kernel": info.kernel_version,
        "architecture": info.architecture,
        "cpus": info.ncpu,
        "memory_bytes": info.mem_total,
        "storage_driver": info.driver,
        "cgroup_version": info.cgroup_version.map(|version| version.to_string()),
    });
    let architecture = info.architecture.clone().unwrap_or_default().replace("arm64", "aarch64");
    Ok(Engine { docker, facts, architecture, is_desktop: system.contains("Docker Desktop") })
}

fn parse_api(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Why there is no engine, in a person's words.
fn unavailable(error: &EngineError) -> ProviderError {
    if let EngineError::SocketNotFoundError(path) = error {
        return refusal(format!("no Docker engine: there is no socket at {path}"), REMEDY_START);
    }
    if let EngineError::DockerResponseServerError { status_code: 400, message } = error {
        return refusal(
            format!("the Docker engine and this harness share no API version: {message}"),
            REMEDY_VERSION,
        );
    }
    match io_cause(error).map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => refusal(
            "the Docker engine's socket is not open to this user".to_owned(),
            REMEDY_PERMISSION,
        ),
        Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            refusal("no Docker engine: nobody listens on its socket".to_owned(), REMEDY_START)
        }
        Some(_) | None => {
            refusal(format!("the Docker engine cannot be used: {}", whole(error)), REMEDY_START)
        }
    }
}

fn refusal(what: String, remedy: &str) -> ProviderError {
    ProviderError::Unavailable { what, remedy: remedy.to_owned() }
}

fn causes(error: &EngineError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
}

fn io_cause(error: &EngineError) -> Option<&io::Error> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// An error with its causes: bollard's own first line often says no more than "client error".
pub(super) fn whole(error: &EngineError) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A call to the engine that failed.
pub(super) fn failed(what: impl Into<String>) -> impl FnOnce(EngineError) -> ProviderError {
    move |error| ProviderError::failed(what, whole(&error))
}

/// The engine knows nothing of the object.
pub(super) fn is_absent(error: &EngineError) -> bool {
    matches!(error, EngineError::DockerResponseServerError { status_code: 404, .. })
}
