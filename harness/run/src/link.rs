//! How a node is asked, and nothing of what its answers mean: over HTTP (`http`), or in this very
//! process, as the tests do, whose nodes then live in the run's time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use harness_core::event::Miss;
use serde_json::Value;

/// What came back to one question: JSON of whatever kind, or why there is none.
pub type Answer = Result<Value, Miss>;

/// Asks one start of one node. Whoever asks bounds the time that it takes.
pub trait NodeLink: Send + Sync {
    /// Waits for a turn; the next one that is taken is there at once.
    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Takes a turn to send one request: waits for it, or says that the node wants none for so long.
    fn turn(&self) -> BoxFuture<'_, Result<(), Miss>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// One JSON-RPC call.
    fn ask<'a>(&'a self, method: &'a str, params: &'a [Value]) -> BoxFuture<'a, Answer>;

    /// Calls without parameters, in one request: an answer to each, in the same order, or why there
    /// is none to the request itself.
    fn batch<'a>(&'a self, methods: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Answer>, Miss>>;
}

/// Makes links.
pub trait Connect: Send + Sync {
    /// A link to what a provider says is a node's RPC. Connects to nothing yet; an answer that takes
    /// longer than `patience` is not waited for.
    fn connect(&self, node: SocketAddr, patience: Duration) -> Arc<dyn NodeLink>;
}
