//! Reads health, headers, blocks and subscriptions to heads from a node that mines alone, as anybody
//! would who writes against a Substrate chain: with `subxt-rpcs`, which knows nothing of this
//! project. What it gets must fit together, and be what such a node has to say; the first thing that
//! is not so ends it.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use blake2::{Blake2b, Digest, digest::consts::U32};
use parity_scale_codec::{Compact, Decode, Encode};
use serde::{Deserialize, Deserializer, de::Error};
use subxt_rpcs::{
    RpcClient, RpcConfig,
    client::rpc_params,
    methods::legacy::{Bytes, LegacyRpcMethods, NumberOrHex},
};
use tokio::time::timeout;

/// New heads to wait for.
const HEADS: u32 = 3;
/// For each of them: many block times of a development chain.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let url =
        std::env::args().nth(1).context("give the node's URL, such as ws://127.0.0.1:9944")?;
    let client = RpcClient::from_insecure_url(&url).await?;
    let methods = LegacyRpcMethods::<Substrate>::new(client.clone());

    introduce(&methods).await?;
    let genesis = methods.genesis_hash().await?;
    let first = methods.chain_get_header(Some(genesis)).await?.context("genesis has no header")?;
    ensure!(first.number == 0 && first.hash() == genesis, "genesis is another block: {first:?}");
    let head = follow(&methods, genesis).await?;
    // Not before there are others: while genesis is the best block, it is whatever is asked for.
    ensure!(head.number > 0, "no block above genesis was told of");
    let finalized = methods.chain_get_finalized_head().await?;
    ensure!(finalized == genesis, "{finalized:?} is final, and genesis is {genesis:?}");
    println!("genesis, and all that is final: {genesis:?}");
    let best = block(&methods, None).await?;
    ensure!(best.number >= head.number, "best is {}, after head {}", best.number, head.number);
    println!("best: {} {:?}", best.number, best.hash());
    walk(&methods, &best, genesis).await?;
    let missing = client.request::<()>("no_such_method", rpc_params![]).await;
    ensure!(missing.is_err(), "a method that does not exist was answered");
    println!("all of it fits together");
    Ok(())
}

/// What the node says of itself: one that mines alone.
async fn introduce(methods: &LegacyRpcMethods<Substrate>) -> anyhow::Result<()> {
    let name = methods.system_name().await?;
    let version = methods.system_version().await?;
    let chain = methods.system_chain().await?;
    for (what, said) in [("name", &name), ("version", &version), ("chain", &chain)] {
        ensure!(!said.is_empty(), "the node has no {what}");
    }
    println!("{name} {version}, chain {chain}");
    let health = methods.system_health().await?;
    ensure!(
        health.peers == 0 && !health.is_syncing && !health.should_have_peers,
        "a node that is alone and mines says {health:?}"
    );
    let properties = methods.system_properties().await?;
    ensure!(properties.is_empty(), "a chain without a token has properties: {properties:?}");
    let runtime = methods.state_get_runtime_version(None).await?;
    ensure!(runtime.spec_version > 0, "the rules have no version: {runtime:?}");
    println!("health: {health:?}\nruntime: {runtime:?}");
    Ok(())
}

/// Headers back from the best block, each under its own hash and at its own height.
async fn walk(
    methods: &LegacyRpcMethods<Substrate>,
    best: &Header,
    genesis: Hash,
) -> anyhow::Result<()> {
    let mut header = best.clone();
    for _ in 0..32 {
        let at =
            methods.chain_get_block_hash(Some(NumberOrHex::Number(header.number.into()))).await?;
        ensure!(
            at == Some(header.hash()),
            "height {} is {at:?}, not {:?}",
            header.number,
            header.hash()
        );
        if header.number == 0 {
            ensure!(header.hash() == genesis, "the chain begins with another block than genesis");
            break;
        }
        let parent = methods.chain_get_header(Some(header.parent_hash)).await?;
        let parent =
            parent.with_context(|| format!("the parent of {} is unknown", header.number))?;
        ensure!(parent.hash() == header.parent_hash, "a header under another hash than its own");
        ensure!(parent.number + 1 == header.number, "a parent of another height");
        header = parent;
    }
    println!("walked back to {}", header.number);
    Ok(())
}

/// New heads, each of them a block that can be had and higher than the one before, since nobody
/// else mines. The last of them.
async fn follow(methods: &LegacyRpcMethods<Substrate>, genesis: Hash) -> anyhow::Result<Header> {
    let mut heads = methods.chain_subscribe_new_heads().await?;
    let mut last: Option<Header> = None;
    let mut seen = 0;
    while seen < HEADS {
        let next = timeout(PATIENCE, heads.next()).await.context("no new head in time")?;
        let head = next.context("the subscription ended")??;
        if let Some(last) = last.as_ref().filter(|last| last.number >= head.number) {
            bail!("the head {} came after {}", head.number, last.number);
        }
        let block = block(methods, Some(head.hash())).await?;
        ensure!(
            block.hash() == head.hash(),
            "another block under the hash of head {}",
            head.number
        );
        println!("new head: {} {:?}", head.number, head.hash());
        last = Some(head);
        seen += 1;
    }
    let mut finalized = methods.chain_subscribe_finalized_heads().await?;
    let first = timeout(PATIENCE, finalized.next()).await.context("no finalized head in time")?;
    let first = first.context("the subscription ended")??;
    ensure!(first.hash() == genesis, "the finalized head is {first:?}, not genesis");
    last.context("no head was waited for")
}

/// The header of a block that comes with its body.
async fn block(
    methods: &LegacyRpcMethods<Substrate>,
    hash: Option<Hash>,
) -> anyhow::Result<Header> {
    let details = methods.chain_get_block(hash).await?.context("the block is unknown")?;
    Ok(details.block.header)
}

/// What a Substrate chain is made of, as far as these methods need it.
#[derive(Debug)]
enum Substrate {}

impl RpcConfig for Substrate {
    type Header = Header;
    type Hash = Hash;
    type AccountId = String;
}

#[derive(Clone, Copy, PartialEq, Eq, Encode, Decode)]
struct Hash([u8; 32]);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        bytes.0.try_into().map(Self).map_err(|_| D::Error::custom("a hash has 32 bytes"))
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

/// Substrate's header.
#[derive(Debug, Clone, Encode, Decode, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    parent_hash: Hash,
    #[codec(compact)]
    #[serde(deserialize_with = "number")]
    number: u32,
    state_root: Hash,
    extrinsics_root: Hash,
    digest: Digests,
}

#[derive(Debug, Clone, Deserialize)]
struct Digests {
    /// Each as it is encoded.
    logs: Vec<Bytes>,
}

impl Encode for Digests {
    fn encode_to<O: parity_scale_codec::Output + ?Sized>(&self, out: &mut O) {
        Compact(self.logs.len() as u32).encode_to(out);
        self.logs.iter().for_each(|log| out.write(log));
    }
}

impl Decode for Digests {
    fn decode<I: parity_scale_codec::Input>(_: &mut I) -> Result<Self, parity_scale_codec::Error> {
        Err("headers come as JSON here".into())
    }
}

impl Header {
    /// As every Substrate chain with blake2 does it.
    fn hash(&self) -> Hash {
        Hash(Blake2b::<U32>::digest(self.encode()).into())
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = NumberOrHex::deserialize(deserializer)?.into_u256();
    u32::try_from(number).map_err(|_| D::Error::custom("a height has 32 bits"))
}
