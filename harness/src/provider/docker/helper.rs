//! Helpers: containers of ours in the network namespaces of nodes' containers, which do there what
//! cannot be done from outside, so that a node's container, which may be anybody's and as good as empty,
//! is never touched inside. One is started when something is first to be done in its node's network.
//!
//! Its orders come over its standard input: when the harness is gone, that ends, the helper ends by
//! itself, and the engine removes it. A container that is started again has another network namespace:
//! it gets another helper.

use std::{
    collections::BTreeMap,
    net::SocketAddrV4,
    sync::{Arc, Mutex, PoisonError},
};

use bollard::{Docker, query_parameters::InspectContainerOptions};
use futures_util::future::join_all;
use harness_core::{
    line::{Line, LineChange},
    node::{Incarnation, NodeState},
    profile::P2P_PORT,
};

use super::{
    container,
    engine::{Engine, failed},
    maker::Maker,
    state::Nodes,
};
use crate::{
    netns::{client::Client, wire::Mac},
    provider::{
        ProviderError, ProviderOptions,
        paths::{self, Changed, Site, Target},
    },
};

/// Those of a run.
#[derive(Debug)]
pub(super) struct Helpers {
    docker: Docker,
    nodes: Arc<Nodes>,
    maker: Maker,
    by_node: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Slot>>>>,
    /// What was done to lines.
    changed: Changed,
}

/// A node's helper, if there is one, and how many there were.
#[derive(Debug, Default)]
struct Slot {
    helper: Option<Helper>,
    number: u32,
}

#[derive(Debug)]
struct Helper {
    container: String,
    /// The start of the node in whose network it is.
    of: Incarnation,
    client: Arc<Client>,
}

impl Helpers {
    /// None yet.
    pub(super) fn new(engine: Engine, options: ProviderOptions, nodes: Arc<Nodes>) -> Self {
        Self {
            docker: engine.docker.clone(),
            nodes,
            maker: Maker::new(engine, options),
            by_node: Mutex::default(),
            changed: Changed::default(),
        }
    }

    /// Somebody in each of these nodes' networks.
    pub(super) async fn sites(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Site>, ProviderError> {
        let sites = join_all(names.iter().map(|name| async move {
            let site = self.site(name).await?;
            Ok((name.clone(), site))
        }));
        sites.await.into_iter().collect()
    }

    /// Changes lines, all of them or none.
    pub(super) async fn change(&self, changes: &[LineChange]) -> Result<(), ProviderError> {
        // Known, all of them, before anything is done.
        for LineChange { from, to, .. } in changes {
            self.nodes.seat(from)?;
            self.nodes.seat(to)?;
        }
        if let Err(why) = self.apply(changes).await {
            // What fails here as well is said by the first failure.
            let _ = self.apply(&self.changed.before(changes)).await;
            return Err(why);
        }
        self.changed.remember(changes);
        Ok(())
    }

    /// A node was started again: its network is another one, and so may be its hardware address.
    pub(super) async fn started_again(&self, name: &str) -> Result<(), ProviderError> {
        let is_of_it = |change: &LineChange| {
            change.from == name || (change.to == name && matches!(change.line, Line::Bad(_)))
        };
        let changes: Vec<LineChange> = self.changed.all().into_iter().filter(is_of_it).collect();
        self.apply(&changes).await
    }

    async fn apply(&self, changes: &[LineChange]) -> Result<(), ProviderError> {
        let (mut from, mut targets) = (Vec::new(), BTreeMap::new());
        for change in changes {
            if !from.contains(&change.from) {
                from.push(change.from.clone());
            }
            let mac = match change.line {
                Line::Bad(_) => Some(self.mac(&change.to).await?),
                Line::Cut | Line::Open => None,
            };
            let address = self.nodes.seat(&change.to)?.address;
            let target = targets.entry(change.to.clone()).or_insert(Target { address, mac });
            target.mac = target.mac.or(mac);
        }
        let sites = self.sites(&from).await?;
        paths::change(&sites, &targets, changes).await
    }

    /// The one that a node has, or a new one.
    async fn site(&self, name: &str) -> Result<Site, ProviderError> {
        let node = self.nodes.container(name)?;
        let NodeState::Running(running) = container::state(&self.docker, &node, name).await? else {
            let what = format!("doing anything in the network of {name}");
            return Err(ProviderError::failed(what, "it is down"));
        };
        let transport = SocketAddrV4::new(self.nodes.seat(name)?.address, P2P_PORT);
        let slot = {
            let mut by_node = self.by_node.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(by_node.entry(name.to_owned()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(helper) = &slot.helper
            && helper.of == running
            && helper.client.is_open()
        {
            return Ok(Site { client: Arc::clone(&helper.client), at: 0, transport });
        }
        if let Some(old) = slot.helper.take() {
            self.maker.end(&old.container).await;
        }
        slot.number += 1;
        let (container, client) = self.maker.start(&node, name, slot.number).await?;
        let client = Arc::new(client);
        slot.helper = Some(Helper { container, of: running, client: Arc::clone(&client) });
        Ok(Site { client, at: 0, transport })
    }

    /// The hardware address that a container has now.
    async fn mac(&self, name: &str) -> Result<Mac, ProviderError> {
        let what = format!("looking up the hardware address of {name}");
        let (id, seat) = (self.nodes.container(name)?, self.nodes.seat(name)?);
        let inspected = self.docker.inspect_container(&id, None::<InspectContainerOptions>);
        let inspected = inspected.await.map_err(failed(&what))?;
        let networks = inspected.network_settings.and_then(|settings| settings.networks);
        let text = networks
            .and_then(|mut networks| networks.remove(&seat.network)?.mac_address)
            .unwrap_or_default();
        parse_mac(&text).ok_or_else(|| ProviderError::failed(what, "it has none: is it down?"))
    }
}

fn parse_mac(text: &str) -> Option<Mac> {
    let bytes: Option<Vec<u8>> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_has_six_bytes() {
        assert_eq!(parse_mac("02:42:c6:12:07:02"), Some([2, 0x42, 0xc6, 0x12, 7, 2]));
        for none in ["", "02:42", "02:42:c6:12:07:0g", "02:42:c6:12:07:02:03"] {
            assert_eq!(parse_mac(none), None, "{none}");
        }
    }
}
