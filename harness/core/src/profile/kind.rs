//! What is known of a kind of node, and what follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use crate::subnet::Ipv4Subnet;

/// Where a node that keeps the contract serves JSON-RPC.
pub const RPC_PORT: u16 = 9944;

/// Where a node that has all ports to itself listens to others.
pub const P2P_PORT: u16 = 30333;

/// Where a container has its node's state: a name that no foreign image has, so it starts empty.
pub const DATA_DIR: &str = "/hegemon-data";

/// Where a node that has all ports to itself is told to serve its metrics.
pub const METRICS_PORT: u16 = 9615;

/// What a kind of node takes and promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeProfile {
    /// A shipped one's name, or the file's.
    pub name: String,
    /// In one sentence.
    pub about: String,
    /// SIGTERM ends it with code 0 in time: any other end is its failure.
    pub ends_cleanly: bool,
    /// From an execution to its first answer.
    pub start_within: Duration,
    /// What its chain aims at, where that is known.
    pub block_time: Option<Duration>,
    /// Where it serves JSON-RPC in a container.
    pub rpc_port: u16,
    /// Checks that cannot hold, and why.
    pub cannot: BTreeMap<String, String>,
    pub(super) dials: Vec<Ipv4Subnet>,
    pub(super) promises: BTreeSet<String>,
    pub(super) methods: Option<BTreeSet<String>>,
    pub(super) flags: BTreeMap<Flag, String>,
    pub(super) variables: BTreeMap<Variable, String>,
    pub(super) state: BTreeMap<StatePart, Vec<String>>,
    pub(super) args: Vec<String>,
    pub(super) args_external: Vec<String>,
    /// As it was written.
    pub(super) text: String,
}

impl NodeProfile {
    /// It dials loopback addresses, so that several nodes can live on one host's.
    pub fn dials_loopback(&self) -> bool {
        self.dials(Ipv4Addr::LOCALHOST)
    }

    /// It dials this address.
    pub fn dials(&self, address: Ipv4Addr) -> bool {
        self.dials.iter().any(|range| range.contains(address))
    }

    /// The files of a part of its state, relative to its base path, where they are known.
    pub fn state(&self, part: StatePart) -> &[String] {
        self.state.get(&part).map_or(&[], Vec::as_slice)
    }

    /// The variable that shifts its wall clock by so many milliseconds, where it has one.
    pub fn clock_variable(&self) -> Option<&str> {
        self.variables.get(&Variable::Clock).map(String::as_str)
    }

    /// What its chain aims at with this environment, where that is known.
    pub fn aims_at(&self, env: &BTreeMap<String, String>) -> Option<Duration> {
        let told = self.variables.get(&Variable::BlockTime).and_then(|name| env.get(name));
        let told = told.and_then(|ms| ms.parse().ok()).filter(|ms| *ms > 0);
        told.map(Duration::from_millis).or(self.block_time)
    }

    /// It can be told on which port to serve RPC.
    pub fn takes_rpc_port(&self) -> bool {
        self.flags.contains_key(&Flag::RpcPort)
    }

    /// It can be told to serve a page of metrics.
    pub fn serves_metrics(&self) -> bool {
        self.flags.contains_key(&Flag::MetricsPort)
    }

    /// These arguments tell it to.
    pub fn is_told_to_serve_metrics(&self, args: &[String]) -> bool {
        self.flags.get(&Flag::MetricsPort).is_some_and(|flag| args.contains(flag))
    }

    /// It is written that it offers a method: it need not be asked.
    pub fn is_known_to_offer(&self, method: &str) -> bool {
        self.promises.contains(method) || self.offers(method) == Some(true)
    }

    /// Whether it offers a method: `None` if only asking it tells.
    pub fn offers(&self, method: &str) -> Option<bool> {
        self.methods.as_ref().map(|methods| methods.contains(method))
    }
}

/// A part of a node's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatePart {
    /// The addresses that it knows.
    PeerStore,
    /// Its blocks.
    Chain,
    /// Its secret.
    Identity,
}

impl StatePart {
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::PeerStore, "peer_store"), (Self::Chain, "chain"), (Self::Identity, "identity")];
}

/// What the harness has to tell a node by a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flag {
    Dev,
    BasePath,
    Name,
    Port,
    ListenAddr,
    RpcPort,
    RpcExternal,
    MetricsPort,
    MetricsExternal,
}

/// What the harness has to tell a node by a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variable {
    Seeds,
    Mine,
    Loopback,
    Clock,
    BlockTime,
}

impl Flag {
    /// In the order in which they are given.
    pub(super) const ALL: [(Self, &'static str); 9] = [
        (Self::Dev, "dev"),
        (Self::BasePath, "base_path"),
        (Self::Name, "name"),
        (Self::Port, "port"),
        (Self::ListenAddr, "listen_addr"),
        (Self::RpcPort, "rpc_port"),
        (Self::RpcExternal, "rpc_external"),
        (Self::MetricsPort, "metrics_port"),
        (Self::MetricsExternal, "metrics_external"),
    ];
}

impl Variable {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Seeds, "seeds"),
        (Self::Mine, "mine"),
        (Self::Loopback, "loopback"),
        (Self::Clock, "clock"),
        (Self::BlockTime, "block_time"),
    ];
}
