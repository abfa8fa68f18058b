//! The variables that say where an engine is.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Their names.
const NAMES: [&str; 8] = [
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "XDG_RUNTIME_DIR",
    "HOME",
];

/// What they were when somebody looked: read once, at the edge, and handed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<&'static str, OsString>);

impl Environment {
    /// Asks `read` for each. Empty is unset.
    pub fn read(read: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| Some((name, read(name).filter(|value| !value.is_empty())?));
        Self(NAMES.into_iter().filter_map(set).collect())
    }

    /// What is set, to be handed to another process that must find the same engine.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.get(name).map(PathBuf::from)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Where the Docker command line keeps its own things.
    pub(super) fn config_dir(&self) -> Option<PathBuf> {
        self.path("DOCKER_CONFIG").or_else(|| Some(self.path("HOME")?.join(Path::new(".docker"))))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        let variables = BTreeMap::from(variables);
        Self::read(|name| variables.get(name).map(OsString::from))
    }
}
