//! Flags of `attach`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{
    ShowArgs,
    common::{LibraryArgs, parse_factor},
};

pub(super) const CODES: &str = "\
Exit codes:
  0   every check passed
  1   a check failed, or a node that had answered did not any more
  2   inconclusive: a node grants too few answers, or this machine asked too few
  3   environment: a node that never answered (address, certificate, firewall, no JSON-RPC)
  4   nothing ran: the scenario has faults, or checks that need a node's engine or process
  64  usage: flag, URL, header, bad file
  70  a bug of the harness
  130, 143  interrupted
Only these are ever called: system_health, chain_getHeader, chain_getBlockHash, rpc_methods,
system_localPeerId, hegemon_peerList.";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["rpc", "nodes_file"]).required(true).multiple(true))]
pub(crate) struct AttachArgs {
    /// What is looked for, a shipped scenario's name or a path: one without faults
    #[arg(value_name = "SCENARIO", default_value = "live")]
    pub(crate) scenario: PathBuf,

    /// A node's JSON-RPC, http:// or https://; again for another node. They are called node-1,
    /// node-2, … What stands after host and port is never shown or recorded
    #[arg(long, value_name = "URL")]
    pub(crate) rpc: Vec<String>,

    /// A TOML file with names and URLs: [[nodes]], each with name = "alice" and rpc = "https://…"
    #[arg(long, value_name = "FILE")]
    pub(crate) nodes_file: Option<PathBuf>,

    /// Requests (a batch is one) that each node gets in a second, at most. Fewer make answers older
    /// that count as fresh, and need longer windows
    #[arg(long, value_name = "N", default_value = "2", value_parser = parse_rate)]
    pub(crate) rate: f64,

    /// Trust the authorities in this PEM file too, beside the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) rpc_ca: Vec<PathBuf>,

    /// Send this header with every request to every node: NAME:@FILE or NAME:$VARIABLE (in single
    /// quotes, so that the shell leaves it). Its value is never shown or recorded
    #[arg(long, value_name = "HEADER")]
    pub(crate) rpc_header: Vec<String>,

    /// Write names in place of addresses, into the evidence and everything that is shown
    #[arg(long)]
    pub(crate) redact: bool,

    /// Look again and again, until something fails or a signal comes. The evidence of the latest
    /// round is kept
    #[arg(long)]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) library: LibraryArgs,

    /// Folder in which a new directory is made for the evidence
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(crate) out: PathBuf,

    /// Multiply every `within`, the scenario's timeout, and the age at which an answer is stale
    #[arg(long, value_name = "F", default_value = "1", value_parser = parse_factor)]
    pub(crate) timeout_factor: f64,

    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    let fair = rate.filter(|rate| (0.05..=50.0).contains(rate));
    fair.ok_or_else(|| "a number from 0.05 to 50".to_owned())
}
