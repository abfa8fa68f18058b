//! The table of methods. None of them waits for anything but a read of the database.

use jsonrpsee::types::{ErrorObjectOwned, Params, error::INTERNAL_ERROR_CODE};
use serde_json::{Value, json};

use super::{
    context::RpcContext,
    json,
    params::{self, invalid},
};
use crate::chain::{BlockNumber, Hash, StoreError};

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Anyone who reaches the server.
    Safe,
    /// Those whom the operator trusts with the node.
    Unsafe,
}

/// A method's result.
pub(super) type Answer = Result<Value, ErrorObjectOwned>;

/// One method.
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) access: Access,
    pub(super) call: fn(&RpcContext, &Params<'_>) -> Answer,
}

const fn safe(name: &'static str, call: fn(&RpcContext, &Params<'_>) -> Answer) -> Method {
    Method { name, access: Access::Safe, call }
}

const fn trusted(name: &'static str, call: fn(&RpcContext, &Params<'_>) -> Answer) -> Method {
    Method { name, access: Access::Unsafe, call }
}

/// All methods but `rpc_methods`, which lists those that are enabled.
pub(super) const METHODS: &[Method] = &[
    safe("chain_getBlock", chain_get_block),
    safe("chain_getBlockHash", chain_get_block_hash),
    safe("chain_getHeader", chain_get_header),
    safe("hegemon_discoveryStatus", hegemon_discovery_status),
    safe("hegemon_miningStatus", hegemon_mining_status),
    safe("hegemon_peerList", hegemon_peer_list),
    trusted("hegemon_startMining", hegemon_start_mining),
    trusted("hegemon_stopMining", hegemon_stop_mining),
    safe("system_chain", system_chain),
    safe("system_health", system_health),
    safe("system_localListenAddresses", system_local_listen_addresses),
    safe("system_localPeerId", system_local_peer_id),
    safe("system_name", system_name),
    safe("system_nodeRoles", system_node_roles),
    trusted("system_peers", system_peers),
    safe("system_syncState", system_sync_state),
    safe("system_version", system_version),
];

fn chain_get_block(context: &RpcContext, params: &Params<'_>) -> Answer {
    let hash = hash_or_best(context, params)?;
    let block = context.chain.block(&hash).map_err(internal)?;
    Ok(block.as_ref().map_or(Value::Null, json::block))
}

fn chain_get_block_hash(context: &RpcContext, params: &Params<'_>) -> Answer {
    let hash = match params::number(params)? {
        None => Some(context.chain.best().hash),
        // A height that no block can have has none.
        Some(number) => match BlockNumber::try_from(number) {
            Ok(number) => context.chain.hash_at(number).map_err(internal)?,
            Err(_) => None,
        },
    };
    Ok(hash.map_or(Value::Null, |hash| hash.to_string().into()))
}

fn chain_get_header(context: &RpcContext, params: &Params<'_>) -> Answer {
    let hash = hash_or_best(context, params)?;
    let header = context.chain.header(&hash).map_err(internal)?;
    Ok(header.as_ref().map_or(Value::Null, json::header))
}

fn hegemon_discovery_status(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(context.node.discovery())
}

/// With the field names that released nodes use.
fn hegemon_mining_status(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    mining_status(context)
}

fn hegemon_peer_list(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(json!(context.node.peers()))
}

fn hegemon_start_mining(context: &RpcContext, params: &Params<'_>) -> Answer {
    let threads = params::threads(params)?.unwrap_or(context.info.mining_threads);
    context.miner.start(threads).map_err(|error| invalid(error.to_string()))?;
    mining_control(context, format!("Mining started with {threads} thread(s)"))
}

fn hegemon_stop_mining(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    context.miner.stop();
    mining_control(context, "Mining stopped".into())
}

fn system_chain(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(context.chain.params().name().into())
}

fn system_health(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(json!({
        "peers": context.node.peer_count(),
        "isSyncing": context.sync.borrow().is_syncing,
        "shouldHavePeers": context.info.should_have_peers,
    }))
}

fn system_local_listen_addresses(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(json!(context.node.listen_addresses()))
}

fn system_local_peer_id(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(context.node.local_peer_id().to_string().into())
}

fn system_name(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(context.info.name.as_str().into())
}

/// A miner is no authority: every node of this chain is a full node.
fn system_node_roles(_: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(json!(["Full"]))
}

/// `bestHash` and `bestNumber` are `null` for a peer that announced no block of our chain.
fn system_peers(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    let claims = context.sync.borrow().claims.clone();
    let peers = context.node.peers().into_iter().map(|peer| {
        let claim = claims.get(&peer.peer_id);
        json!({
            "peerId": peer.peer_id.to_string(),
            "roles": "FULL",
            "bestHash": claim.map(|claim| claim.hash.to_string()),
            "bestNumber": claim.map(|claim| claim.number),
        })
    });
    Ok(peers.collect())
}

fn system_sync_state(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    let current = context.chain.best().number;
    Ok(json!({
        "startingBlock": context.info.starting_block,
        "currentBlock": current,
        "highestBlock": context.sync.borrow().highest.max(current.into()),
    }))
}

fn system_version(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(context.info.version.as_str().into())
}

fn mining_status(context: &RpcContext) -> Answer {
    let status = context.miner.status();
    let best = context.chain.best();
    let claim =
        context.chain.header(&best.hash).map_err(internal)?.and_then(|header| header.pow_claim());
    Ok(json!({
        "is_mining": status.threads > 0,
        "threads": status.threads,
        "hash_rate": status.hash_rate,
        "blocks_found": status.blocks_found,
        // JSON numbers end where no dev chain gets to.
        "difficulty": claim.map(|claim| u64::try_from(claim.difficulty).unwrap_or(u64::MAX)),
        "block_height": best.number,
    }))
}

fn mining_control(context: &RpcContext, message: String) -> Answer {
    Ok(json!({ "success": true, "message": message, "status": mining_status(context)? }))
}

fn hash_or_best(context: &RpcContext, params: &Params<'_>) -> Result<Hash, ErrorObjectOwned> {
    Ok(params::hash(params)?.unwrap_or_else(|| context.chain.best().hash))
}

fn internal(error: StoreError) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INTERNAL_ERROR_CODE, error.to_string(), None::<()>)
}
