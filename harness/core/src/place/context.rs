//! What the Docker command line has written down: its contexts, and which of them is current.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::address::Tls;

/// The context that is not written down: `DOCKER_HOST`, or the usual socket.
const DEFAULT: &str = "default";

/// Reads a file.
pub(super) type Read<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: Option<String>,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// What a context says of its engine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context {
    /// Nothing is the usual socket.
    pub(super) host: Option<String>,
    pub(super) tls: Option<Tls>,
    /// Whoever answers is believed to be the engine.
    pub(super) unverified: bool,
}

/// Whether it is one that is written down.
pub(super) fn is_named(name: &str) -> bool {
    !name.is_empty() && name != DEFAULT
}

/// The current one, with the file that says so. A file that cannot be read says nothing, to the
/// Docker command line neither.
pub(super) fn current(dir: &Path, read: Read<'_>) -> Option<(String, PathBuf)> {
    let file = dir.join("config.json");
    let config: Config = serde_json::from_slice(&read(&file).ok()?).ok()?;
    config.current_context.filter(|name| is_named(name)).map(|name| (name, file))
}

/// Reads a context.
///
/// # Errors
///
/// Its file cannot be read or says something else: which, and why.
pub(super) fn load(
    dir: &Path,
    name: &str,
    read: Read<'_>,
) -> Result<Context, (PathBuf, io::Error)> {
    let (dir, id) = (dir.join("contexts"), hex(&Sha256::digest(name)));
    let file = dir.join("meta").join(&id).join("meta.json");
    let endpoint = read(&file)
        .and_then(|text| Ok(serde_json::from_slice::<Meta>(&text)?.endpoints.docker))
        .map_err(|why| (file, why))?;
    let tls = Tls::of_directory(&dir.join("tls").join(&id).join("docker"));
    Ok(Context {
        host: endpoint.host.filter(|host| !host.is_empty()),
        tls: read(&tls.ca).is_ok().then_some(tls),
        unverified: endpoint.skip_tls_verify,
    })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;

    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
