//! Where a run's processes live: in network namespaces of their own, or on this host's loopback.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, OnceLock},
};

use futures_util::future::{BoxFuture, FutureExt, join_all};
use harness_core::{
    fault::Capability,
    subnet::{Ipv4Subnet, Range},
};
use tokio::net::TcpStream;

use crate::{
    netns::{
        Join,
        client::Client,
        handle::{Descriptors, Keeper},
        wire::Verb,
    },
    provider::{Dial, Direct, NetworkChoice, ProviderError, ProviderOptions},
};

/// Where the processes of a run live.
#[derive(Debug)]
pub(super) enum Network {
    /// On 127.0.0.1, each with ports of its own.
    Loopback {
        /// Why not elsewhere.
        why: String,
    },
    /// Each in its own.
    Namespaces(Box<Namespaces>),
}

/// Namespaces of one run.
#[derive(Debug)]
pub(super) struct Namespaces {
    open: OnceLock<Open>,
    /// Why they are not used, if they are not.
    unused: OnceLock<String>,
    keeper: Keeper,
}

/// Once they are made.
#[derive(Debug)]
pub(super) struct Open {
    subnet: Ipv4Subnet,
    pub(super) client: Arc<Client>,
    descriptors: Descriptors,
}

impl Network {
    /// What there is to be had, and what is wanted.
    ///
    /// # Errors
    ///
    /// Namespaces are insisted on, and there are none.
    pub(super) fn take(options: &ProviderOptions) -> Result<Self, ProviderError> {
        if options.network == NetworkChoice::Loopback {
            return Ok(Self::Loopback { why: "as was asked for".to_owned() });
        }
        match Keeper::start(&options.program, &options.scratch, options.keep) {
            Ok(keeper) => Ok(Self::Namespaces(Box::new(Namespaces {
                open: OnceLock::new(),
                unused: OnceLock::new(),
                keeper,
            }))),
            Err(why) if options.network == NetworkChoice::Auto => Ok(Self::Loopback { why }),
            Err(why) => Err(ProviderError::Unavailable {
                what: format!("processes were to have network namespaces of their own: {why}"),
                remedy: "let users have them (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns; in a container, --privileged), be root, or leave out --network".to_owned(),
            }),
        }
    }

    /// For the evidence.
    pub(super) fn facts(&self) -> serde_json::Value {
        match self {
            Self::Loopback { why } => serde_json::json!({ "kind": "loopback", "why": why }),
            Self::Namespaces(namespaces) => match namespaces.unused.get() {
                Some(why) => serde_json::json!({ "kind": "loopback", "why": why }),
                None => serde_json::json!({
                    "kind": "namespaces",
                    "subnet": namespaces.open.get().map(|open| open.subnet.to_string()),
                    "unprivileged": namespaces.keeper.is_unprivileged(),
                }),
            },
        }
    }

    /// What can be done to a network.
    pub(super) fn capabilities(&self) -> &'static [Capability] {
        match self {
            Self::Loopback { .. } => &[],
            Self::Namespaces(namespaces) => match namespaces.keeper.hosts() {
                Some(_) => &[
                    Capability::Lines,
                    Capability::BadLines,
                    Capability::Occupy,
                    Capability::Names,
                    Capability::Dials,
                ],
                None => &[
                    Capability::Lines,
                    Capability::BadLines,
                    Capability::Occupy,
                    Capability::Dials,
                ],
            },
        }
    }

    /// Them, once they are made.
    pub(super) fn open(&self) -> Option<&Open> {
        match self {
            Self::Loopback { .. } => None,
            Self::Namespaces(namespaces) => namespaces.open.get(),
        }
    }

    /// The process that holds them, for whoever keeps a network.
    pub(super) fn keeper(&self) -> Option<u32> {
        match self {
            Self::Loopback { .. } => None,
            Self::Namespaces(namespaces) => Some(namespaces.keeper.pid()),
        }
    }

    /// What names of nodes mean from now on, for all of them.
    pub(super) fn say_names(&self, names: &BTreeMap<String, Ipv4Addr>) -> io::Result<()> {
        let Self::Namespaces(namespaces) = self else { return Ok(()) };
        let Some(hosts) = namespaces.keeper.hosts() else { return Ok(()) };
        let names = names.iter().map(|(name, address)| format!("{address} {name}\n"));
        let text = format!("127.0.0.1 localhost\n{}", names.collect::<String>());
        // The same file as before: whoever sees it in another place sees this one, not its name.
        let mut file = OpenOptions::new().write(true).open(hosts)?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }

    /// The beginning of a command that is executed in the run's own namespace.
    pub(super) fn way_in(&self) -> Option<String> {
        let (Self::Namespaces(namespaces), Some(_)) = (self, self.open()) else {
            return None;
        };
        let user =
            if namespaces.keeper.is_unprivileged() { " --user --preserve-credentials" } else { "" };
        Some(format!("nsenter --target {}{user} --net", namespaces.keeper.pid()))
    }

    /// Whoever holds the namespaces has ended, though nobody of ours ended them.
    pub(super) fn is_broken(&self) -> bool {
        self.open().is_some_and(|open| !open.client.is_open())
    }

    /// The file that is its own, in the run's directory.
    pub(super) fn hosts(&self) -> Option<&Path> {
        match self {
            Self::Loopback { .. } => None,
            Self::Namespaces(namespaces) => namespaces.keeper.hosts(),
        }
    }

    /// Nothing is left of it afterwards, unless it is kept.
    pub(super) fn close(&self) {
        if let Self::Namespaces(namespaces) = self {
            namespaces.keeper.end();
        }
    }
}

impl Namespaces {
    /// They are not used after all.
    pub(super) fn leave(&self, why: &str) {
        let _ = self.unused.set(why.to_owned());
    }

    /// Makes a namespace for each of so many nodes. Says where each is, and how to join it.
    pub(super) async fn make(
        &self,
        nodes: usize,
        range: Range,
        wished: Option<Ipv4Subnet>,
    ) -> Result<Vec<(Ipv4Addr, Arc<Join>)>, ProviderError> {
        let failed = |why: String| ProviderError::failed("making the nodes' network", why);
        let subnet = subnet(nodes, range, wished)?;
        let addresses: Vec<Ipv4Addr> = (0..nodes).filter_map(|index| subnet.node(index)).collect();
        let (client, descriptors) = self.keeper.open().map_err(|why| failed(why.to_string()))?;
        let (prefix, bridge) = (subnet.prefix(), subnet.gateway());
        let verb = Verb::Make { prefix, bridge, nodes: addresses.clone() };
        client.order(0, verb).await.map_err(failed)?;
        let joins = join_all((0..nodes).map(|at| descriptors.join(at))).await;
        let joins: io::Result<Vec<Join>> = joins.into_iter().collect();
        let joins = joins.map_err(|why| failed(why.to_string()))?.into_iter().map(Arc::new);
        self.open
            .set(Open { subnet, client: Arc::new(client), descriptors })
            .map_err(|_| failed("it is there already".to_owned()))?;
        Ok(addresses.into_iter().zip(joins).collect())
    }
}

/// Nobody else is on it, so it may always be the same one.
fn subnet(
    nodes: usize,
    range: Range,
    wished: Option<Ipv4Subnet>,
) -> Result<Ipv4Subnet, ProviderError> {
    const LARGEST: u8 = 16;
    const USUAL: u8 = 24;
    let roomy = |subnet: &Ipv4Subnet| subnet.has_room_for(nodes);
    if let Some(wished) = wished {
        return Some(wished).filter(roomy).ok_or_else(|| {
            ProviderError::Subnet(format!("the subnet {wished} has no room for {nodes} nodes"))
        });
    }
    let base = range.whole().base();
    let mut candidates = (LARGEST..=USUAL).rev();
    candidates
        .find_map(|prefix| format!("{base}/{prefix}").parse().ok().filter(roomy))
        .ok_or_else(|| ProviderError::Subnet(format!("no network has room for {nodes} nodes")))
}

/// Gets to nodes wherever they live.
pub(super) struct Dialler(pub(super) Arc<Network>);

impl Dial for Dialler {
    fn dial(&self, to: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        async move {
            let is_inside = |open: &&Open| match to.ip() {
                IpAddr::V4(address) => open.subnet.contains(address),
                IpAddr::V6(_) => false,
            };
            match self.0.open().filter(is_inside) {
                Some(open) => open.descriptors.connect(to).await,
                None => Direct.dial(to).await,
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_as_large_as_its_nodes_need_and_no_other_than_was_wished() {
        let subnet = |nodes, wished| subnet(nodes, Range::Benchmark, wished);
        assert_eq!(subnet(3, None).unwrap().to_string(), "198.18.0.0/24");
        assert_eq!(subnet(253, None).unwrap().to_string(), "198.18.0.0/24");
        assert_eq!(subnet(254, None).unwrap().to_string(), "198.18.0.0/23");
        let wished = "198.18.7.0/29".parse().ok();
        assert_eq!(subnet(5, wished).ok(), wished);
        let refused = subnet(6, wished).unwrap_err().to_string();
        assert_eq!(refused, "the subnet 198.18.7.0/29 has no room for 6 nodes");
    }
}
