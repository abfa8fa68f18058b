//! What can be done to processes beside starting and ending them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, PoisonError},
};

use futures_util::future::{BoxFuture, FutureExt};
use harness_core::{
    event::Dialled,
    line::{Datagrams, LineChange, PathSeen},
    node::NodeSource,
    state::{Executable, Limits, Port, StateChange, StateFile},
};

use super::{files, freeze, limits, provider::ProcessProvider};
use crate::{
    netns::wire::{Answer, Verb, mac_of},
    provider::{
        Done, Injector, ProviderError, Slot,
        paths::{self, ANOTHER, Site, Target},
    },
};

impl Injector for ProcessProvider {
    fn limit<'a>(&'a self, name: &'a str, limits: &'a Limits) -> Done<'a> {
        std::future::ready(limits::set(&self.nodes, name, limits)).boxed()
    }

    fn limits<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Limits, ProviderError>> {
        std::future::ready(limits::of(&self.nodes, name)).boxed()
    }

    fn slot_as(&self, name: &str, source: &NodeSource) -> Result<Slot, ProviderError> {
        self.nodes.slot(name, source)
    }

    fn executable<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Executable, ProviderError>> {
        self.hashes.of(&self.nodes, name).boxed()
    }

    fn pause<'a>(&'a self, name: &'a str) -> Done<'a> {
        freeze::freeze(&self.nodes, name).boxed()
    }

    fn resume<'a>(&'a self, name: &'a str) -> Done<'a> {
        freeze::thaw(&self.nodes, name).boxed()
    }

    fn lines<'a>(&'a self, changes: &'a [LineChange]) -> Done<'a> {
        self.change_lines(changes).boxed()
    }

    fn state_files<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Vec<StateFile>, ProviderError>> {
        files::list(&self.nodes, name).boxed()
    }

    fn change_state<'a>(&'a self, name: &'a str, change: &'a StateChange) -> Done<'a> {
        files::change(&self.nodes, name, change).boxed()
    }

    fn probe<'a>(
        &'a self,
        ways: &'a [(String, String)],
        datagrams: Datagrams,
    ) -> BoxFuture<'a, Result<Vec<PathSeen>, ProviderError>> {
        async move {
            let mut sites = BTreeMap::new();
            for name in paths::ends(ways) {
                if self.nodes.now(&name)?.is_err() {
                    let what = format!("trying paths of {name}");
                    return Err(ProviderError::failed(what, "it is down"));
                }
                sites.insert(name.clone(), self.site(&name)?);
            }
            paths::probe(&sites, ways, datagrams).await
        }
        .boxed()
    }

    fn dialled<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Dialled, ProviderError>> {
        async move { paths::dialled(&self.site(name)?, name).await }.boxed()
    }

    fn occupy<'a>(
        &'a self,
        name: &'a str,
        port: Port,
    ) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        async move {
            let (site, at) = self.port(name, port)?;
            site.order(&format!("listening on {at} of {name}"), Verb::Occupy { at }).await?;
            Ok(SocketAddr::V4(at))
        }
        .boxed()
    }

    fn greeting<'a>(
        &'a self,
        name: &'a str,
        port: Port,
    ) -> BoxFuture<'a, Result<Vec<u8>, ProviderError>> {
        async move {
            let (site, at) = self.port(name, port)?;
            let what = format!("connecting to {at} of {name}");
            let Answer::Bytes(said) = site.order(&what, Verb::Greeting { at }).await? else {
                return Err(ProviderError::failed(what, ANOTHER));
            };
            Ok(said)
        }
        .boxed()
    }

    fn release<'a>(&'a self, name: &'a str, port: Port) -> Done<'a> {
        async move {
            let (site, at) = self.port(name, port)?;
            let what = format!("listening on {at} of {name} no longer");
            site.order(&what, Verb::Release { at }).await.map(drop)
        }
        .boxed()
    }

    fn rename<'a>(&'a self, seed: &'a str, to: &'a str) -> Done<'a> {
        async move {
            self.site(seed)?;
            let address = *self.site(to)?.transport.ip();
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.insert(seed.to_owned(), address);
            self.say_names(&names)
        }
        .boxed()
    }

    fn lookup<'a>(
        &'a self,
        node: &'a str,
        seed: &'a str,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ProviderError>> {
        async move {
            let what = format!("looking up {seed} in the network of {node}");
            let verb = Verb::Lookup { name: seed.to_owned() };
            let Answer::Addresses(found) = self.site(node)?.order(&what, verb).await? else {
                return Err(ProviderError::failed(what, ANOTHER));
            };
            Ok(found)
        }
        .boxed()
    }
}

impl ProcessProvider {
    /// Every node has the name that it has in a container, too.
    pub(super) fn begin_names(&self, slots: &[Slot]) -> Result<(), ProviderError> {
        let address = |slot: &Slot| match slot.p2p {
            SocketAddr::V4(transport) => Some((slot.name.clone(), *transport.ip())),
            SocketAddr::V6(_) => None,
        };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        *names = slots.iter().filter_map(address).collect();
        self.say_names(&names)
    }

    fn say_names(&self, names: &BTreeMap<String, Ipv4Addr>) -> Result<(), ProviderError> {
        let said = self.network.say_names(names);
        said.map_err(|error| ProviderError::failed("saying what nodes' names mean", error))
    }

    async fn change_lines(&self, changes: &[LineChange]) -> Result<(), ProviderError> {
        let (mut sites, mut targets) = (BTreeMap::new(), BTreeMap::new());
        for LineChange { from, to, .. } in changes {
            sites.insert(from.clone(), self.site(from)?);
            let address = *self.site(to)?.transport.ip();
            targets.insert(to.clone(), Target { address, mac: Some(mac_of(address)) });
        }
        if let Err(why) = paths::change(&sites, &targets, changes).await {
            // All of them or none; what fails here as well is said by the first failure.
            let _ = paths::change(&sites, &targets, &self.changed.before(changes)).await;
            return Err(why);
        }
        self.changed.remember(changes);
        Ok(())
    }

    /// Somebody in a node's namespace.
    fn site(&self, name: &str) -> Result<Site, ProviderError> {
        let (at, slot) = self.nodes.place(name)?;
        match (at, self.network.open(), slot.p2p) {
            (Some(at), Some(open), SocketAddr::V4(transport)) => {
                Ok(Site { client: Arc::clone(&open.client), at, transport })
            }
            _ => Err(ProviderError::Unsupported(format!(
                "{name} has no network of its own: it lives on this host's loopback"
            ))),
        }
    }

    fn port(&self, name: &str, port: Port) -> Result<(Site, SocketAddrV4), ProviderError> {
        let site = self.site(name)?;
        let number = match port {
            Port::P2p => site.transport.port(),
            Port::Rpc => self.nodes.rpc(name)?.port(),
        };
        let at = SocketAddrV4::new(*site.transport.ip(), number);
        Ok((site, at))
    }
}
