//! The order in which places are looked for: the Docker command line's, and after that the sockets
//! of engines that it needs to be told of.

use std::{io, path::PathBuf};

use super::{
    address::{Address, Tls, Unfit},
    context::{self, Read},
    environment::Environment,
};

/// A place where an engine may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The way to it.
    pub address: Address,
    /// What says so: `DOCKER_HOST`, `the context \`x\``.
    pub by: String,
}

/// What was said of the engine's place is of no use.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// It is reached by SSH.
    #[error("no Docker engine: {by} is {address}, and the harness does not speak SSH")]
    Ssh {
        /// What says so.
        by: String,
        /// As written.
        address: String,
    },
    /// It is no address at all, or one of another system.
    #[error("no Docker engine: {by} is `{address}`, which is no address of one")]
    Form {
        /// What says so.
        by: String,
        /// As written.
        address: String,
    },
    /// Whoever answers would have to be believed.
    #[error("no Docker engine: {by} wants TLS without a check of who answers")]
    Unverified {
        /// What says so.
        by: String,
    },
    /// TLS is asked for, and nobody vouches for the engine.
    #[error("no Docker engine: {by} wants TLS, and {} cannot be read: {why}", file.display())]
    NoAuthority {
        /// What says so.
        by: String,
        /// The file.
        file: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A context that is not there, or that cannot be read.
    #[error("no Docker engine: {by} cannot be read: {}: {why}", file.display())]
    Context {
        /// What says so.
        by: String,
        /// The file.
        file: PathBuf,
        /// Why.
        why: io::Error,
    },
}

impl NoPlace {
    /// What to do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Ssh { .. } => {
                "run the harness on the engine's own host, where its nodes can be reached too, or use --provider process"
            }
            Self::Form { .. } => {
                "write it as unix:///path or tcp://host:port, or use --provider process"
            }
            Self::Unverified { .. } => {
                "say who vouches for it: DOCKER_TLS_VERIFY=1 with ca.pem in DOCKER_CERT_PATH, or a context without skip-tls-verify"
            }
            Self::NoAuthority { .. } => {
                "set DOCKER_CERT_PATH to the directory with ca.pem, cert.pem and key.pem"
            }
            Self::Context { .. } => "`docker context ls` lists what there is",
        }
    }
}

/// Where an engine may be, in the order of preference. Who names a place gets that one; without a
/// word from anybody there are several, and the first at which there is an engine counts.
///
/// # Errors
///
/// What somebody has said cannot be used.
pub fn find(environment: &Environment, read: Read<'_>) -> Result<Vec<Place>, NoPlace> {
    let from_variables = || tls(environment, read);
    if let Some(host) = environment.text("DOCKER_HOST") {
        return place("DOCKER_HOST".to_owned(), &host, from_variables()?).map(|place| vec![place]);
    }
    let dir = environment.config_dir();
    let chosen = match environment.text("DOCKER_CONTEXT") {
        Some(name) => Some((name, "DOCKER_CONTEXT".to_owned())),
        None => dir.as_ref().and_then(|dir| {
            context::current(dir, read)
                .map(|(name, file)| (name, format!("current in {}", file.display())))
        }),
    };
    if let (Some((name, why)), Some(dir)) =
        (chosen.filter(|(name, _)| context::is_named(name)), &dir)
    {
        let by = format!("the context `{name}` ({why})");
        let context = context::load(dir, &name, read).map_err(|(file, why)| NoPlace::Context {
            by: by.clone(),
            file,
            why,
        })?;
        if context.unverified {
            return Err(NoPlace::Unverified { by });
        }
        if let Some(host) = &context.host {
            return place(by, host, context.tls).map(|place| vec![place]);
        }
    }
    Ok(usual(environment))
}

/// The files of `DOCKER_CERT_PATH`, if TLS is asked for.
fn tls(environment: &Environment, read: Read<'_>) -> Result<Option<Tls>, NoPlace> {
    if !environment.is_set("DOCKER_TLS_VERIFY") {
        return if environment.is_set("DOCKER_TLS") {
            Err(NoPlace::Unverified { by: "DOCKER_TLS".to_owned() })
        } else {
            Ok(None)
        };
    }
    let dir = environment.path("DOCKER_CERT_PATH").or_else(|| environment.config_dir());
    let tls = Tls::of_directory(&dir.unwrap_or_default());
    match read(&tls.ca) {
        Ok(_) => Ok(Some(tls)),
        Err(why) => {
            Err(NoPlace::NoAuthority { by: "DOCKER_TLS_VERIFY".to_owned(), file: tls.ca, why })
        }
    }
}

fn place(by: String, host: &str, tls: Option<Tls>) -> Result<Place, NoPlace> {
    match Address::parse(host, tls) {
        Ok(address) => Ok(Place { address, by }),
        Err(Unfit::Ssh) => Err(NoPlace::Ssh { by, address: host.to_owned() }),
        Err(Unfit::Form | Unfit::Scheme) => Err(NoPlace::Form { by, address: host.to_owned() }),
    }
}

/// Sockets that engines have by custom.
fn usual(environment: &Environment) -> Vec<Place> {
    let place = |path: PathBuf, by: &str| Place { address: Address::Unix(path), by: by.to_owned() };
    let runtime = environment.path("XDG_RUNTIME_DIR");
    let of_user = |name: &str| runtime.as_ref().map(|dir| dir.join(name));
    let of_home = environment.path("HOME").map(|home| home.join(".docker/run/docker.sock"));
    [
        (Some("/var/run/docker.sock".into()), "the usual socket"),
        (of_user("docker.sock"), "the rootless engine's socket"),
        (of_home, "Docker Desktop's socket"),
        (of_user("podman/podman.sock"), "Podman's socket"),
        (Some("/run/podman/podman.sock".into()), "Podman's socket"),
    ]
    .into_iter()
    .filter_map(|(path, by)| Some(place(path?, by)))
    .collect()
}

#[cfg(test)]
mod tests;
