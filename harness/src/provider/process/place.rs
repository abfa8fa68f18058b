//! Where each node of a run lives: addresses, ports and directories.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use harness_core::{
    node::NodeSource,
    profile::{METRICS_PORT, P2P_PORT},
    subnet::{Ipv4Subnet, Range},
};

use super::{
    network::{Namespaces, Network},
    ports,
    state::{Home, Node},
};
use crate::{
    binary::{Artefact, Progress},
    provider::{NetworkChoice, NodeRequest, ProviderError, Slot},
};

const LOOPBACK_REFUSED: &str = "a released hegemon node refuses loopback addresses, so it finds no peers as a process of one host without network namespaces. \
     Use --provider docker; or a --node-profile whose `dials` has 127.0.0.0/8, if this binary takes that (`ours` does, by HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK)";

/// What is to be placed.
pub(super) struct Wish<'a> {
    pub(super) requests: &'a [NodeRequest],
    pub(super) prepared: &'a [(NodeSource, Artefact)],
    pub(super) node_root: &'a Path,
    /// The scenario's own.
    pub(super) subnet: Option<&'a str>,
}

impl Wish<'_> {
    /// Where all of the nodes dial each other, the best of them; what the scenario says is its own risk.
    fn range(&self) -> Option<Range> {
        let dialled = |range: &Range| {
            let base = range.whole().base();
            self.prepared.iter().all(|(_, artefact)| artefact.profile.dials(base))
        };
        let mut ranges = [Range::Benchmark, Range::Private].into_iter();
        if self.subnet.is_some() { ranges.next() } else { ranges.find(dialled) }
    }

    /// They dial each other on loopback.
    fn can_be_on_loopback(&self) -> bool {
        self.prepared.iter().all(|(_, artefact)| artefact.profile.dials_loopback())
    }

    /// What a node is made of, at first and later.
    fn sources(&self, request: &NodeRequest) -> Vec<(NodeSource, Artefact)> {
        let made_of = |wanted: &NodeSource| {
            let artefact = self.prepared.iter().find(|(source, _)| source == wanted);
            artefact.cloned().expect("every source was prepared before")
        };
        request.sources().map(made_of).collect()
    }
}

/// Where this provider's network allows.
pub(super) async fn place(
    wish: &Wish<'_>,
    network: &Network,
    choice: NetworkChoice,
    progress: Progress<'_>,
) -> Result<Vec<Node>, ProviderError> {
    const NO_RANGE: &str = "by their profiles (`dials`) these nodes dial neither 198.18.0.0/15 nor 10.128.0.0/9, where networks of runs are";
    let why = match (network, wish.range()) {
        (Network::Loopback { why }, _) => why,
        (Network::Namespaces(namespaces), Some(range)) => {
            return in_namespaces(wish, namespaces, range).await;
        }
        (Network::Namespaces(namespaces), None) => {
            if choice == NetworkChoice::Namespace || !wish.can_be_on_loopback() {
                return Err(ProviderError::Unsupported(NO_RANGE.to_owned()));
            }
            namespaces.leave(NO_RANGE);
            NO_RANGE
        }
    };
    progress(format!("nodes live on this host's loopback addresses: {why}"));
    on_loopback(wish)
}

/// On 127.0.0.1, each at ports of its own.
fn on_loopback(wish: &Wish<'_>) -> Result<Vec<Node>, ProviderError> {
    if let Some(subnet) = wish.subnet {
        return Err(ProviderError::Unsupported(format!(
            "the scenario wants its nodes in {subnet}; processes have loopback addresses only where there are no network namespaces. Use --provider docker"
        )));
    }
    for (_, artefact) in wish.prepared {
        if !artefact.profile.dials_loopback() {
            return Err(ProviderError::Unsupported(LOOPBACK_REFUSED.to_owned()));
        }
        if !artefact.profile.takes_rpc_port() {
            return Err(ProviderError::Unsupported(format!(
                "a node of the profile `{}` cannot be told its RPC port, and processes share this host's; use --provider docker",
                artefact.profile.name
            )));
        }
    }
    let claims = ports::claim(wish.requests.len() * 3)
        .map_err(|error| ProviderError::failed("reserving ports on 127.0.0.1", error))?;
    let mut claims = claims.into_iter();
    let place = |request: &NodeRequest| {
        let mut claim = || claims.next().expect("three ports per node were claimed");
        let (p2p, rpc, metrics) = (claim(), claim(), claim());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, p2p.port));
        let (sources, dir) = (wish.sources(request), wish.node_root.join(&request.name));
        let profile = Arc::clone(&sources[0].1.profile);
        let slot = Slot {
            name: request.name.clone(),
            p2p: address,
            listen: address,
            rpc_port: rpc.port,
            rpc_external: false,
            metrics_port: metrics.port,
            base_path: dir.join("data"),
            profile,
            loopback: true,
        };
        Node::new(slot, sources, dir, Home::Loopback { _claims: [p2p, rpc, metrics] })
    };
    Ok(wish.requests.iter().map(place).collect())
}

/// Each in a namespace of its own, with an address and all ports, as in a container.
async fn in_namespaces(
    wish: &Wish<'_>,
    namespaces: &Namespaces,
    range: Range,
) -> Result<Vec<Node>, ProviderError> {
    let wished = wish.subnet.map(str::parse::<Ipv4Subnet>).transpose();
    let wished = wished.map_err(|error| ProviderError::Subnet(error.to_string()))?;
    let homes = namespaces.make(wish.requests.len(), range, wished).await?;
    let places = wish.requests.iter().zip(homes).enumerate();
    let place = |(at, (request, (address, join))): (usize, (&NodeRequest, _))| {
        let (sources, dir) = (wish.sources(request), wish.node_root.join(&request.name));
        let profile = Arc::clone(&sources[0].1.profile);
        let slot = Slot {
            name: request.name.clone(),
            p2p: SocketAddr::from((address, P2P_PORT)),
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, P2P_PORT)),
            rpc_port: profile.rpc_port,
            rpc_external: true,
            metrics_port: METRICS_PORT,
            base_path: dir.join("data"),
            profile,
            loopback: false,
        };
        Node::new(slot, sources, dir, Home::Namespace { at, join })
    };
    Ok(places.map(place).collect())
}
