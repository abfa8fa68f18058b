//! Flags that verbs share: what is run, where scenarios are, how patient a run is.

use std::path::PathBuf;

use clap::Args;
use harness_core::{
    node::NodeSource,
    scenario::{TIMEOUT_FACTOR, is_timeout_factor},
};

use super::choice::NetworkArg;
use crate::{binary::BuildKind, library::Library};

/// What a folder of scenarios is called.
const FOLDER: &str = "scenarios";

#[derive(Debug, Args)]
pub(crate) struct LibraryArgs {
    /// Folder with the shipped scenarios [default: ./scenarios, then one beside this program, then
    /// those that are built in]
    #[arg(long = "scenarios", value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

impl LibraryArgs {
    pub(crate) fn library(&self) -> Library {
        if let Some(folder) = &self.folder {
            return Library::only(folder.clone());
        }
        let own = std::env::current_exe().ok();
        let beside = own.and_then(|program| Some(program.parent()?.join(FOLDER)));
        Library::beside([PathBuf::from(FOLDER)].into_iter().chain(beside))
    }
}

/// What is run.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct NodeArgs {
    /// Run this image, with its own entrypoint, instead of this workspace's node
    #[arg(long, value_name = "REF", conflicts_with = "node_bin")]
    pub(crate) node_image: Option<String>,

    /// Run this binary instead of this workspace's node
    #[arg(long, value_name = "PATH")]
    pub(crate) node_bin: Option<PathBuf>,

    /// Build this workspace's node as it is released, optimised: it takes longer. `gate` and
    /// `soak` always do [default: as this harness was built itself]
    #[arg(long, conflicts_with_all = ["node_bin", "node_image"])]
    pub(crate) release: bool,

    /// What kind of node it is, and so what it may be given: ours, core, hegemon-0.10,
    /// hegemon-substrate, or the path of a profile [default: what the node says that it is, ours or
    /// core]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) node_profile: Option<String>,

    /// Where processes live: each in a network namespace of its own, or on this host's loopback
    /// [default: in namespaces if this user may have them, else on loopback]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) network: Option<NetworkArg>,
}

impl NodeArgs {
    /// What is run; `None` if that was left open.
    pub(crate) fn source(&self) -> Option<NodeSource> {
        let binary = |path: &PathBuf| {
            NodeSource::Binary(std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        };
        let image = self.node_image.clone().map(NodeSource::Image);
        image.or_else(|| self.node_bin.as_ref().map(binary))
    }

    /// How our own is built.
    pub(crate) fn build(&self) -> BuildKind {
        if self.release { BuildKind::Release } else { BuildKind::default() }
    }
}

/// A factor that keeps durations sane: above zero, and not more than a thousand.
pub(crate) fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if is_timeout_factor(factor) => Ok(factor),
        Ok(_) | Err(_) => Err(TIMEOUT_FACTOR.to_owned()),
    }
}
