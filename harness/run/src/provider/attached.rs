//! Nodes that run already: promises them a place in a run, and does nothing to them.

use futures_util::future::{BoxFuture, FutureExt, ready};
use harness_core::{
    fault::Capability,
    node::{Incarnation, NodeState},
    profile::NodeProfile,
};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::sync::mpsc;

use super::{Changes, LogLine, NodeLaunch, NodeRequest, Provider, ProviderError, Slot};

/// Nodes that nobody here starts, stops or writes to.
#[derive(Debug, Clone)]
pub struct AttachedNodes {
    /// Where they are, as far as that may be recorded, and how often they are asked.
    pub facts: Value,
}

impl AttachedNodes {
    /// A place for each. Nobody dials or binds what it says.
    pub(crate) fn slots(&self, names: &[String]) -> Vec<Slot> {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let profile = NodeProfile::core();
        let slot = |name: &String| Slot {
            name: name.clone(),
            p2p: nowhere,
            listen: nowhere,
            rpc_port: 0,
            rpc_external: false,
            metrics_port: 0,
            base_path: Default::default(),
            profile: profile.clone(),
            loopback: false,
        };
        names.iter().map(slot).collect()
    }
}

fn refused<T: Send + 'static>(what: &str) -> BoxFuture<'static, Result<T, ProviderError>> {
    let why = format!("attach does not {what} a node");
    ready(Err(ProviderError::Unsupported(why))).boxed()
}

impl Provider for AttachedNodes {
    fn name(&self) -> &'static str {
        "attached"
    }

    fn facts(&self) -> Value {
        self.facts.clone()
    }

    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        _: Option<&'a str>,
        _: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>> {
        let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
        ready(Ok(self.slots(&names))).boxed()
    }

    fn start<'a>(&'a self, _: &'a NodeLaunch) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        refused("start")
    }

    fn stop<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        refused("stop")
    }

    fn kill<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        refused("kill")
    }

    fn capabilities(&self) -> Vec<Capability> {
        Vec::new()
    }

    fn start_again<'a>(
        &'a self,
        _: &'a str,
        _: &'a Changes,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        refused("start")
    }

    fn state<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        refused("know the process of")
    }

    fn rpc<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        refused("look up")
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        None
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        ready(Ok(())).boxed()
    }
}
