//! Flags of `up`, `down`, `rpc` and `logs`: a network to work with.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::{
    choice::ProviderChoice,
    common::{NodeArgs, parse_factor},
};

pub(super) const UP_CODES: &str = "\
The network stays until `harness down`. Processes are on this machine's loopback unless --network says otherwise, so
that every tool reaches their RPC.

Exit codes:
  0   every node runs and has a peer
  other ones as of `scenario`; then nothing is left";

pub(super) const DOWN_CODES: &str = "\
Exit codes:
  0   nothing of it is left
  3   something could not be removed
  64  usage: no such network, or several and none named";

pub(super) const ASK_CODES: &str = "\
Exit codes:
  0   answered
  1   the node refused, or did not answer
  3   its logs cannot be read
  64  usage: no such network or node, or several networks and none named";

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Nodes beside the seed
    #[arg(short, long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=252))]
    pub(crate) nodes: u32,

    /// All nodes mine
    #[arg(long)]
    pub(crate) mine: bool,

    /// Where nodes run
    #[arg(long, value_enum, default_value_t = ProviderChoice::Auto)]
    pub(crate) provider: ProviderChoice,

    #[command(flatten)]
    pub(crate) node: NodeArgs,

    /// Folder for the network's directory
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) out: PathBuf,

    /// Wait longer for the nodes, on slow machines
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(crate) timeout_factor: f64,
}

#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Which network, by its run; without one, the only one that is kept on this host
    #[arg(value_name = "RUN", conflicts_with = "all")]
    pub(crate) runs: Vec<String>,

    /// Every kept network
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RpcArgs {
    /// A node of the network
    pub(crate) node: String,

    /// The method
    pub(crate) method: String,

    /// Parameters: JSON, or else text
    #[arg(value_parser = parse_parameter)]
    pub(crate) params: Vec<Value>,

    /// Which network, by its run [default: the only one that is kept on this host]
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Nodes of the network [default: all]
    pub(crate) nodes: Vec<String>,

    /// Go on as they write, until a signal
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Only the last lines of each node
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,

    /// Which network, by its run [default: the only one that is kept on this host]
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
}

/// `[0]`, `true`, `"0x1"` are JSON; `0x1` is text all the same.
fn parse_parameter(text: &str) -> Result<Value, std::convert::Infallible> {
    Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
}
