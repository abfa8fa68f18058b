//! A provider whose restart does nothing: the negative control of every check that rests on a fault.

use std::{net::SocketAddr, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt};
use harness::provider::{Incarnation, LogLine, NodeLaunch, NodeRequest, NodeState, Provider, ProviderError, Slot};
use tokio::sync::mpsc;

/// Everything is the inner provider's, but nobody is ever stopped.
pub(crate) struct NoRestart(pub(crate) Arc<dyn Provider>);

impl Provider for NoRestart {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn facts(&self) -> serde_json::Value {
        self.0.facts()
    }

    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        subnet: Option<&'a str>,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>> {
        self.0.reserve(nodes, subnet, progress)
    }

    fn start<'a>(&'a self, node: &'a NodeLaunch) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        self.0.start(node)
    }

    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.0.state(name)
    }

    fn start_again<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        async move {
            match self.0.state(name).await? {
                NodeState::Running(incarnation) => Ok(incarnation),
                NodeState::Exited { .. } => self.0.start_again(name).await,
            }
        }
        .boxed()
    }

    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.0.state(name)
    }

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        self.0.rpc(name)
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        self.0.logs()
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.0.teardown()
    }
}
