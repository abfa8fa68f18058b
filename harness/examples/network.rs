//! A network in a Rust program: two nodes and a seed find each other, and outlive a restart.
//!
//!     cargo run -p harness --example network
//!
//! The same lines make a test, under `#[tokio::test]` or any other runtime.

use std::time::Duration;

use harness::network::{Error, Network, Provider, peers, recovers};
use serde_json::json;

/// Far more than it takes.
const SOON: Duration = Duration::from_secs(60);

/// Three nodes find each other, again after one of them was away.
///
/// # Errors
///
/// They do not.
pub(crate) async fn outlives_a_restart(provider: Provider) -> Result<(), Error> {
    let network = Network::builder().seed().nodes(2).provider(provider).start().await?;
    network.until(peers(2), SOON).await?;

    network.node("node-1").restart().await?;
    network.until(recovers(2).of("node-1"), SOON).await?;

    let health = network.node("node-1").rpc("system_health", json!([])).await?;
    assert_eq!(health["peers"], 2, "{health}");
    network.end().await
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows that it went well")]
async fn main() -> Result<(), Error> {
    outlives_a_restart(Provider::Auto).await?;
    println!("they found each other again");
    Ok(())
}
