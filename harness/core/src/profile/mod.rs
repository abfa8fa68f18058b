//! What a kind of node takes and promises: flags and variables by name, RPC, time. Shipped ones are
//! files in `profiles/`; `--node-profile` names one of them or a file of the user's.
//!
//! | module | what it is |
//! | --- | --- |
//! | `file` | a profile's text, read strictly |
//! | `flags` | arguments by flag: what a scenario replaces, and what it cannot |
//! | `launch` | the arguments and environment of one node |

mod file;
mod flags;
mod launch;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{document::Problems, subnet::Ipv4Subnet};

pub use file::{FLAGS, PROFILE, RPC, VARIABLES};
use file::{Flag, Variable};
pub(crate) use flags::Groups;
pub use launch::{Launched, Place, Wanted};

/// The shipped profiles: name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("ours", include_str!("../../profiles/ours.toml")),
    ("core", include_str!("../../profiles/core.toml")),
    ("hegemon-0.10", include_str!("../../profiles/hegemon-0.10.toml")),
    ("hegemon-substrate", include_str!("../../profiles/hegemon-substrate.toml")),
];

/// Where a node of ours, or any that keeps the contract, serves JSON-RPC.
pub const RPC_PORT: u16 = 9944;

/// What a kind of node takes and promises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Recorded", try_from = "Recorded")]
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
    dials: Vec<Ipv4Subnet>,
    promises: BTreeSet<String>,
    methods: Option<BTreeSet<String>>,
    flags: BTreeMap<Flag, String>,
    variables: BTreeMap<Variable, String>,
    args: Vec<String>,
    args_external: Vec<String>,
    text: String,
}

/// A profile in the evidence: as it was written.
#[derive(Serialize, Deserialize)]
struct Recorded {
    name: String,
    text: String,
}

impl From<NodeProfile> for Recorded {
    fn from(profile: NodeProfile) -> Self {
        Self { name: profile.name, text: profile.text }
    }
}

impl TryFrom<Recorded> for NodeProfile {
    type Error = String;

    fn try_from(recorded: Recorded) -> Result<Self, String> {
        let Recorded { name, text } = recorded;
        let (profile, problems) = Self::read(&name, Path::new(&name), text);
        profile.ok_or_else(|| format!("the profile `{name}` is refused: {problems}"))
    }
}

impl NodeProfile {
    /// A shipped profile; `None` if none has that name.
    pub fn shipped(name: &str) -> Option<Arc<Self>> {
        let (name, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        let (profile, problems) = Self::read(name, Path::new(name), (*text).to_owned());
        Some(Arc::new(profile.unwrap_or_else(|| panic!("a shipped profile is good: {problems}"))))
    }

    /// This workspace's node.
    pub fn ours() -> Arc<Self> {
        Self::shipped("ours").expect("it is shipped")
    }

    /// Any node of which nothing else is known.
    pub fn core() -> Arc<Self> {
        Self::shipped("core").expect("it is shipped")
    }

    /// A profile's text, or everything that is wrong with it.
    pub fn read(name: &str, path: &Path, text: String) -> (Option<Self>, Problems) {
        file::read(name, path, text)
    }

    /// It dials loopback addresses, so that several nodes can live on one host's.
    pub fn dials_loopback(&self) -> bool {
        self.dials(Ipv4Addr::LOCALHOST)
    }

    /// It dials this address.
    pub fn dials(&self, address: Ipv4Addr) -> bool {
        self.dials.iter().any(|range| range.contains(address))
    }

    /// Ranges of addresses that it dials, loopback excepted, the first preferred.
    pub fn ranges(&self) -> impl Iterator<Item = Ipv4Subnet> + '_ {
        self.dials.iter().copied().filter(|range| !range.contains(Ipv4Addr::LOCALHOST))
    }

    /// It can be told on which port to serve RPC.
    pub fn takes_rpc_port(&self) -> bool {
        self.flags.contains_key(&Flag::RpcPort)
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

#[cfg(test)]
mod tests;
