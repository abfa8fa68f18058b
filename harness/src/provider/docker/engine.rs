//! The way to the engine: found as the Docker command line finds it, asked what it is, and refused
//! with a reason when it will not do.

use std::{
    error::Error,
    fs, io,
    time::{Duration, Instant},
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error as EngineError,
    models::{SystemInfo, SystemVersion},
};
use harness_core::place::{self, Address, Environment, Place};

use crate::provider::ProviderError;

/// An engine that does not answer in this time is not there: `--provider auto` waits for it. Two
/// seconds were too few on a machine at a load of 20.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// An engine that was there and does not say so for this long has gone.
const GONE: Duration = Duration::from_secs(4);
const ASK_EVERY: Duration = Duration::from_millis(200);
/// Engine 20.10, of 2020.
const OLDEST_API: (u32, u32) = (1, 41);

/// Time for one call, an import of a large image included.
const CALL_SECONDS: u64 = 120;

const REMEDY_START: &str =
    "start Docker, set DOCKER_HOST if the engine is elsewhere, or use --provider process";
const REMEDY_PERMISSION: &str =
    "add yourself to the `docker` group and log in again, or use --provider process";
const REMEDY_OLD: &str = "use Docker Engine 20.10 or later, or --provider process";
const REMEDY_VERSION: &str =
    "update the engine or this harness, whichever is older, or use --provider process";
const REMEDY_LINUX: &str = "switch the engine to Linux containers";
const REMEDY_TLS: &str = "set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory with ca.pem, cert.pem and key.pem";

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
    /// Where it is, and what says so.
    pub(super) place: Place,
}

impl Engine {
    /// In one line.
    pub(super) fn describe(&self) -> String {
        let said = |fact: &serde_json::Value| fact.as_str().unwrap_or("?").to_owned();
        format!(
            "{} (by {}): engine {}, API {} to {}",
            self.place.address,
            self.place.by,
            said(&self.facts["version"]),
            said(&self.facts["api"]["oldest"]),
            said(&self.facts["api"]["newest"])
        )
    }

    /// Its own name for itself, which outlives its restarts.
    pub(super) fn id(&self) -> Option<&str> {
        self.facts["id"].as_str()
    }
}

/// The engine that this user's other tools would use. Where nobody names one, it is the first of
/// the usual places at which there is one.
pub(super) async fn find(environment: &Environment) -> Result<Engine, ProviderError> {
    let places = place::find(environment, &|path| fs::read(path))
        .map_err(|refused| refusal(refused.to_string(), refused.remedy()))?;
    let mut first = None;
    for place in &places {
        match probe(place).await {
            Ok(engine) => return Ok(engine),
            // A socket that is there and will not do says more than one that is not.
            Err(_) if places.len() > 1 && !is_there(place) => {}
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or_else(|| {
        let tried: Vec<String> = places.iter().map(|place| place.address.to_string()).collect();
        refusal(
            format!("no Docker engine: there is no socket at {}", tried.join(", ")),
            REMEDY_START,
        )
    }))
}

fn is_there(place: &Place) -> bool {
    match &place.address {
        Address::Unix(path) => fs::symlink_metadata(path).is_ok(),
        Address::Tcp { .. } => true,
    }
}

/// Talks to the engine for the first time. (bollard 0.21 names no version in its requests, so the
/// engine answers in its own newest; the limits below are what we know.)
async fn probe(place: &Place) -> Result<Engine, ProviderError> {
    let conversation = async {
        let docker = client(&place.address)?.negotiate_version().await?;
        let (version, info) = tokio::try_join!(docker.version(), docker.info())?;
        Ok::<_, EngineError>((docker, version, info))
    };
    let accepted = match tokio::time::timeout(ANSWER_LIMIT, conversation).await {
        Ok(Ok((docker, version, info))) => accept(docker, &version, &info, place),
        Ok(Err(error)) => Err(unavailable(&error)),
        Err(_) => Err((
            format!("the Docker engine does not answer within {} s", ANSWER_LIMIT.as_secs()),
            "restart it, or use --provider process",
        )),
    };
    accepted.map_err(|(what, remedy)| {
        refusal(format!("{what} ({}, by {})", place.address, place.by), remedy)
    })
}

fn client(address: &Address) -> Result<Docker, EngineError> {
    let version = API_DEFAULT_VERSION;
    match address {
        Address::Unix(path) => {
            Docker::connect_with_unix(&path.to_string_lossy(), CALL_SECONDS, version)
        }
        Address::Tcp { tls: None, .. } => {
            Docker::connect_with_http(&address.to_string(), CALL_SECONDS, version)
        }
        Address::Tcp { tls: Some(tls), .. } => Docker::connect_with_ssl(
            &address.to_string(),
            &tls.key,
            &tls.cert,
            &tls.ca,
            CALL_SECONDS,
            version,
        ),
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
    place: &Place,
) -> Result<Engine, Refusal> {
    let refuse = |what, remedy| Err((what, remedy));
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
        "address": place.address.to_string(),
        "found_by": place.by,
        "version": version.version,
        "api": { "newest": api, "oldest": oldest },
        "operating_system": system,
        "kernel": info.kernel_version,
        "architecture": info.architecture,
        "cpus": info.ncpu,
        "memory_bytes": info.mem_total,
        "storage_driver": info.driver,
        "root": info.docker_root_dir,
        "cgroup_version": info.cgroup_version.map(|version| version.to_string()),
    });
    let architecture = info.architecture.clone().unwrap_or_default().replace("arm64", "aarch64");
    Ok(Engine {
        docker,
        facts,
        architecture,
        is_desktop: system.contains("Docker Desktop"),
        place: place.clone(),
    })
}

fn parse_api(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Why an engine will not do, in a person's words, and what to do.
type Refusal = (String, &'static str);

/// Why there is no engine.
fn unavailable(error: &EngineError) -> Refusal {
    if let EngineError::SocketNotFoundError(path) = error {
        return (format!("no Docker engine: there is no socket at {path}"), REMEDY_START);
    }
    if let EngineError::DockerResponseServerError { status_code: 400, message } = error {
        return if message.contains("HTTPS server") {
            ("the Docker engine wants TLS".to_owned(), REMEDY_TLS)
        } else {
            (
                format!("the Docker engine and this harness share no API version: {message}"),
                REMEDY_VERSION,
            )
        };
    }
    match io_cause(error).map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => {
            ("the Docker engine's socket is not open to this user".to_owned(), REMEDY_PERMISSION)
        }
        Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            ("no Docker engine: nobody listens there".to_owned(), REMEDY_START)
        }
        Some(_) | None => {
            (format!("the Docker engine cannot be used: {}", whole(error)), REMEDY_START)
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
