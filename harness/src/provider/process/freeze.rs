//! Stops all processes of a node, and lets them go on.

use std::time::{Duration, Instant};

use harness_core::node::NodeState;
use rustix::process::Signal;

use super::state::Nodes;
use crate::provider::ProviderError;

/// A thread stops when it comes out of the kernel; one that waits for a disk takes its time.
const LIMIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Returns when the kernel says that all of them are stopped.
pub(super) async fn freeze(nodes: &Nodes, name: &str) -> Result<(), ProviderError> {
    until(nodes, name, Signal::STOP, |state| matches!(state, NodeState::Frozen(_))).await
}

/// Returns when the kernel says that they are not.
pub(super) async fn thaw(nodes: &Nodes, name: &str) -> Result<(), ProviderError> {
    until(nodes, name, Signal::CONT, |state| matches!(state, NodeState::Running(_))).await
}

async fn until(
    nodes: &Nodes,
    name: &str,
    signal: Signal,
    is_done: impl Fn(&NodeState) -> bool,
) -> Result<(), ProviderError> {
    let word = if signal == Signal::STOP { "freezing" } else { "thawing" };
    let failed = |why| ProviderError::failed(format!("{word} {name}"), why);
    nodes.signal(name, signal)?;
    let deadline = Instant::now() + LIMIT;
    loop {
        match nodes.now(name)? {
            Ok(state) if is_done(&state) => return Ok(()),
            Ok(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
            Ok(_) => return Err(failed("the kernel does not say that it is")),
            Err(_) => return Err(failed("it has ended")),
        }
    }
}
