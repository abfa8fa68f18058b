//! What a provider is created with. Read once at the edge; nothing here is looked up later.

use std::{io, path::PathBuf, sync::Arc};

use harness_core::{node::NodeSource, profile::NodeProfile};

use super::ProviderError;
use crate::binary::BuildKind;

/// Everything that a provider needs to know of its run.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// Unique on this host and short enough for names: letters, digits, `-`, `_` and `.`, at most
    /// 40 of them, a small letter or digit first.
    pub run_id: String,
    /// An existing directory of this run, for binaries, node states and logs. The provider makes
    /// and removes its own directories in it, never itself.
    pub scratch: PathBuf,
    /// Overrides what a binary or image says that it is.
    pub profile: Option<Arc<NodeProfile>>,
    /// Leave the nodes running at teardown, and when the harness ends.
    pub keep: bool,
    /// Where processes live.
    pub network: NetworkChoice,
    /// How the workspace's own programs are built.
    pub build: BuildKind,
    /// The harness's own program, which has hidden modes for work in nodes' networks: see
    /// [`own_program`].
    pub program: PathBuf,
}

/// Where processes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NetworkChoice {
    /// In namespaces of their own where there are any, else on loopback.
    #[default]
    Auto,
    /// In namespaces of their own, or nowhere.
    Namespace,
    /// On this host's loopback addresses.
    Loopback,
}

/// The program that runs, even if its file was replaced meanwhile.
///
/// # Errors
///
/// The system does not say which that is.
pub fn own_program() -> io::Result<PathBuf> {
    let own = PathBuf::from("/proc/self/exe");
    if own.exists() { Ok(own) } else { std::env::current_exe() }
}

impl ProviderOptions {
    /// Refuses a run ID that would not do as part of a container's, network's or image's name.
    pub(super) fn check(&self) -> Result<(), ProviderError> {
        let id = &self.run_id;
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = id.len() <= 40
            && id.bytes().next().is_some_and(lower)
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if fits {
            Ok(())
        } else {
            Err(ProviderError::failed(
                "naming the run",
                format!("`{id}` cannot be part of a container's name"),
            ))
        }
    }
}

/// A node is to be started as something that was not made ready for it.
pub(super) fn not_prepared(name: &str, wanted: &NodeSource) -> ProviderError {
    ProviderError::failed(
        format!("starting {name} as {wanted}"),
        "it is none of the sources that the run was reserved with",
    )
}

/// Refuses a node name that would not do as a host name and directory.
pub(super) fn check_node_name(name: &str) -> Result<(), ProviderError> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits {
        Ok(())
    } else {
        Err(ProviderError::failed(
            "naming a node",
            format!("`{name}` is no host name (a-z, 0-9 and -)"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_escape_or_break_are_refused() {
        for bad in ["", "-a", "a-", "../x", "a/b", "A", "a_b", &"a".repeat(64)] {
            assert!(check_node_name(bad).is_err(), "{bad}");
        }
        assert!(check_node_name("node-1").is_ok());
        let options = |id: &str| ProviderOptions {
            run_id: id.to_owned(),
            scratch: PathBuf::new(),
            profile: None,
            keep: false,
            network: NetworkChoice::Auto,
            build: BuildKind::Quick,
            program: PathBuf::new(),
        };
        for bad in ["", "-a", "a b", "a/b", &"a".repeat(41)] {
            assert!(options(bad).check().is_err(), "{bad}");
        }
        assert!(options("20261122t134700-3f9a").check().is_ok());
    }
}
