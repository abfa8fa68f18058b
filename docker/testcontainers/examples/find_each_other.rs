//! Three nodes in containers: two know the seed alone, and find each other.
//!
//!     harness image
//!     cargo run -p hegemon-testcontainers --example find_each_other

use std::time::Duration;

use hegemon_testcontainers::{HegemonNode, p2p_address, rpc_url};
use jsonrpsee_core::{client::ClientT, rpc_params};
use jsonrpsee_http_client::HttpClient;
use serde_json::Value;

/// Far more than it takes.
const SOON: Duration = Duration::from_secs(60);

/// What may go wrong in a test.
pub(crate) type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// Two nodes know the seed alone, and have each other as peers soon after.
pub(crate) async fn find_each_other(image: HegemonNode) -> Result<(), Wrong> {
    let seed = image.clone().start().await?;
    let address = p2p_address(&seed).await?;
    let one = image.clone().with_seed(address).start().await?;
    let other = image.with_seed(address).with_mining().start().await?;
    for node in [&one, &other] {
        tokio::time::timeout(SOON, has_peers(&rpc_url(node).await?, 2)).await??;
    }
    Ok(())
}

async fn has_peers(url: &str, least: u64) -> Result<(), Wrong> {
    let client = HttpClient::builder().build(url)?;
    loop {
        let health: Value = client.request("system_health", rpc_params![]).await?;
        if health["peers"].as_u64() >= Some(least) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows that it went well")]
async fn main() -> Result<(), Wrong> {
    find_each_other(HegemonNode::default()).await?;
    println!("they found each other");
    Ok(())
}
