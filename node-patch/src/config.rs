//! The command line and the environment, read once and strictly. A malformed value is an error that
//! names where it stands, what it says and what is accepted; it never is silently a default.

pub mod environment;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Parser;
use hegemon_discovery::{Exchange, Groups, Loopback, book::Layout};

use crate::{net::table::Limits, rpc::MethodPolicy};

pub use environment::{ENVIRONMENT_HELP, EnvError, Environment};

/// Where a seed listens if its entry does not say.
pub const DEFAULT_PORT: u16 = 30_333;

/// A small complete node of the Hegemon network: post-quantum sessions, address exchange, a
/// proof-of-work chain, JSON-RPC.
#[derive(Debug, Clone, Parser)]
#[command(name = "hegemon-node", version = VERSION, after_long_help = ENVIRONMENT_HELP)]
pub struct Flags {
    /// Development chain: low difficulty, fixed genesis, a miner that paces itself
    #[arg(long)]
    pub dev: bool,
    /// Keep the state in a temporary directory that is removed on a clean exit; with --base-path,
    /// in that one
    #[arg(long)]
    pub tmp: bool,
    /// State directory [default: hegemon-node in the platform's data directory]
    #[arg(long, value_name = "PATH")]
    pub base_path: Option<PathBuf>,
    /// Display name [default: made from the peer ID]
    #[arg(long)]
    pub name: Option<String>,
    /// P2P listen port [default: 30333]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// JSON-RPC port, HTTP and WebSocket
    #[arg(long, value_name = "N", default_value_t = 9_944)]
    pub rpc_port: u16,
    /// Serve RPC on all interfaces, not only on loopback
    #[arg(long)]
    pub rpc_external: bool,
    /// Which RPC methods are served; auto is unsafe on loopback and safe when external
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = MethodPolicy::Auto)]
    pub rpc_methods: MethodPolicy,
    /// P2P listen address [default: 0.0.0.0 and the port]
    #[arg(long, value_name = "IP:PORT")]
    pub listen_addr: Option<SocketAddr>,
    /// Serve OpenMetrics at /metrics on this port, on loopback [default: not served]
    #[arg(long, value_name = "N")]
    pub prometheus_port: Option<u16>,
    /// Serve the metrics on all interfaces, not only on loopback; ask by IP address, or by a name
    /// without a dot
    #[arg(long, requires = "prometheus_port")]
    pub prometheus_external: bool,
    /// What to log, such as info or info,hegemon_node=debug; RUST_LOG works too [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

/// What `--version` says; the harness knows our nodes by the name in brackets.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (hegemon-testbed)");

/// Everything that the node needs to know, from both sources.
#[derive(Debug, Clone)]
pub struct Config {
    /// The flags as given.
    pub flags: Flags,
    /// The environment as given.
    pub environment: Environment,
    /// Where the transport listens.
    pub listen: SocketAddr,
    /// Where RPC is served.
    pub rpc: SocketAddr,
    /// Where metrics are served, if they are.
    pub metrics: Option<SocketAddr>,
}

/// Flags that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "--port {port} and --listen-addr {listen} name different ports; give one of them, or the same port in both"
)]
pub struct FlagError {
    port: u16,
    listen: SocketAddr,
}

impl Config {
    /// Joins flags and environment.
    ///
    /// # Errors
    ///
    /// [`FlagError`].
    pub fn new(flags: Flags, environment: Environment) -> Result<Self, FlagError> {
        let listen = match (flags.listen_addr, flags.port) {
            (Some(listen), Some(port)) if listen.port() != port => {
                return Err(FlagError { port, listen });
            }
            (Some(listen), _) => listen,
            (None, port) => {
                SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port.unwrap_or(DEFAULT_PORT))
            }
        };
        let rpc = served_on(flags.rpc_external, flags.rpc_port);
        let metrics = flags.prometheus_port.map(|port| served_on(flags.prometheus_external, port));
        Ok(Self { flags, environment, listen, rpc, metrics })
    }

    /// The discovery engine's part, for the port that was really bound.
    #[must_use]
    pub fn discovery(&self, listen: SocketAddr) -> hegemon_discovery::Config {
        let environment = &self.environment;
        hegemon_discovery::Config {
            exchange: if environment.discovery { Exchange::On } else { Exchange::Off },
            loopback: if environment.allow_loopback {
                Loopback::Allowed
            } else {
                Loopback::Refused
            },
            listen,
            seeds: environment.seeds.len(),
            min_peers: environment.min_peers,
            target_outbound: environment.target_outbound,
            max_inbound: self.limits().inbound,
            groups: if environment.groups { Groups::Weighed } else { Groups::Ignored },
            layout: Layout::TABLES,
            tick: Duration::from_secs(environment.tick_secs),
        }
    }

    /// Session limits, `HEGEMON_MAX_PEERS` together.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let environment = &self.environment;
        Limits::within(environment.max_peers, environment.target_outbound, environment.seeds.len())
    }
}

fn served_on(external: bool, port: u16) -> SocketAddr {
    let ip = if external { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    SocketAddr::new(IpAddr::V4(ip), port)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn config(flags: &[&str]) -> Result<Config, String> {
        let flags = Flags::try_parse_from([&["hegemon-node"], flags].concat())
            .map_err(|error| error.to_string())?;
        let environment = Environment::read(|_| None).unwrap();
        Config::new(flags, environment).map_err(|error| error.to_string())
    }

    #[test]
    fn metrics_are_served_where_and_when_they_are_asked_for() {
        let metrics = |flags: &[&str]| config(flags).unwrap().metrics;
        assert_eq!(metrics(&[]), None);
        assert_eq!(
            metrics(&["--prometheus-port", "9615"]),
            Some(SocketAddr::from(([127, 0, 0, 1], 9_615)))
        );
        assert_eq!(
            metrics(&["--prometheus-port", "9615", "--prometheus-external"]),
            Some(SocketAddr::from(([0, 0, 0, 0], 9_615)))
        );
        let refused = config(&["--prometheus-external"]).unwrap_err();
        assert!(refused.contains("--prometheus-port"), "{refused}");
    }

    #[test]
    fn a_temporary_directory_may_be_named() {
        let flags = config(&["--tmp", "--base-path", "/named"]).unwrap().flags;
        assert!(flags.tmp && flags.base_path == Some("/named".into()));
    }

    #[test]
    fn the_document_has_every_flag() {
        let document = include_str!("../OPERATING.md");
        for flag in Flags::command().get_arguments().filter_map(clap::Arg::get_long) {
            assert!(document.contains(&format!("`--{flag}")), "OPERATING.md has no --{flag}");
        }
    }
}
