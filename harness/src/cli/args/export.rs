//! Flags of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::common::LibraryArgs;

pub(super) const CODES: &str = "\
Exit codes:
  0   printed
  4   it would be another network there: adversaries, nodes that are no images
  64  usage: flag, unknown scenario, bad file";

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// For what
    pub(crate) tool: Tool,

    /// A shipped scenario's name, or the path of a scenario file or of its folder
    #[arg(value_name = "NAME|PATH")]
    pub(crate) scenario: PathBuf,

    #[command(flatten)]
    pub(crate) library: LibraryArgs,

    /// The image of nodes whose group names none
    #[arg(long, visible_alias = "image", value_name = "REF", default_value = "hegemon-node")]
    pub(crate) node_image: String,

    /// What kind of node it is, and so what it may be given: ours, core, hegemon-0.10,
    /// hegemon-substrate, or the path of a profile
    #[arg(long, value_name = "NAME|FILE", default_value = "ours")]
    pub(crate) node_profile: String,

    /// Number of non-seed nodes, if the scenario has one group of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) nodes: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    /// A file for docker-compose 1.28 or later
    Compose,
    /// StatefulSets, Services and a NetworkPolicy, for kubectl
    K8s,
}
