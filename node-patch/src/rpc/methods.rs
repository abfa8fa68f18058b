//! The table of methods. None of them waits for anything but a read of the database.

use jsonrpsee_types::{ErrorObjectOwned, Params, error::INTERNAL_ERROR_CODE};
use serde_json::{Value, json};

use super::{
    call::Answer,
    context::RpcContext,
    health::Health,
    json,
    limits::MAX_TIMESTAMPS,
    params::{self, invalid},
    subscriptions,
};
use crate::chain::{BlockNumber, Hash, StoreError};

/// Who may call a method, and what a client may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    /// Anyone who reaches the server.
    Safe,
    /// Those whom the operator trusts with the node.
    Unsafe,
}

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

/// The method that lists those that the caller may call.
pub(super) const LIST: &str = "rpc_methods";

/// The method of a name, if a client with this access may call it.
pub(super) fn find(name: &str, access: Access) -> Option<&'static Method> {
    let found = METHODS.binary_search_by(|method| method.name.cmp(name)).ok()?;
    Some(&METHODS[found]).filter(|method| method.access <= access)
}

/// The answer to [`LIST`].
pub(super) fn list(access: Access, params: &Params<'_>) -> Answer {
    params::none(params)?;
    let allowed = METHODS.iter().filter(|method| method.access <= access);
    let mut names: Vec<_> =
        allowed.map(|method| method.name).chain(subscriptions::names()).chain([LIST]).collect();
    names.sort_unstable();
    Ok(json!({ "methods": names }))
}

/// By name. Subscriptions have their own.
const METHODS: &[Method] = &[
    safe("chain_getBlock", chain_get_block),
    safe("chain_getBlockHash", chain_get_block_hash),
    safe("chain_getFinalizedHead", chain_get_finalized_head),
    safe("chain_getHeader", chain_get_header),
    safe("hegemon_blockTimestamps", hegemon_block_timestamps),
    safe("hegemon_consensusStatus", hegemon_consensus_status),
    safe("hegemon_discoveryStatus", hegemon_discovery_status),
    safe("hegemon_miningStatus", hegemon_mining_status),
    safe("hegemon_peerList", hegemon_peer_list),
    trusted("hegemon_startMining", hegemon_start_mining),
    trusted("hegemon_stopMining", hegemon_stop_mining),
    safe("state_getRuntimeVersion", state_get_runtime_version),
    safe("system_chain", system_chain),
    safe("system_health", system_health),
    safe("system_healthStatus", system_health_status),
    safe("system_localListenAddresses", system_local_listen_addresses),
    safe("system_localPeerId", system_local_peer_id),
    safe("system_name", system_name),
    safe("system_nodeRoles", system_node_roles),
    trusted("system_peers", system_peers),
    safe("system_properties", system_properties),
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

/// Proof of work makes no block final but the one that all begin with.
fn chain_get_finalized_head(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    let genesis = context.chain.hash_at(0).map_err(internal)?;
    Ok(genesis.map_or(Value::Null, |hash| hash.to_string().into()))
}

fn chain_get_header(context: &RpcContext, params: &Params<'_>) -> Answer {
    let hash = hash_or_best(context, params)?;
    let header = context.chain.header(&hash).map_err(internal)?;
    Ok(header.as_ref().map_or(Value::Null, json::header))
}

/// Blocks of the best chain only: heights that it has not are left out.
fn hegemon_block_timestamps(context: &RpcContext, params: &Params<'_>) -> Answer {
    let (start, end) = params::heights(params, MAX_TIMESTAMPS)?;
    let mut rows = Vec::new();
    for height in start..=end.min(context.chain.best().number) {
        let Some(hash) = context.chain.hash_at(height).map_err(internal)? else { break };
        let header = context.chain.header(&hash).map_err(internal)?;
        let time = header.and_then(|header| header.pow_claim()).map(|claim| claim.timestamp_ms);
        rows.push(json!({ "height": height, "timestamp_ms": time }));
    }
    Ok(rows.into())
}

/// With the field names that released nodes use, as far as this chain has what they name.
fn hegemon_consensus_status(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    let best = context.chain.best();
    let header = context.chain.header(&best.hash).map_err(internal)?;
    let sync = context.sync.borrow();
    Ok(json!({
        "height": best.number,
        "best_hash": best.hash.to_string(),
        "state_root": header.map(|header| header.state_root.to_string()),
        "syncing": sync.is_syncing,
        "sync_target_height": sync.highest.max(best.number.into()),
        "peers": context.node.peer_count(),
    }))
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

/// This chain has no runtime. What client libraries want to know of one stands for its rules.
fn state_get_runtime_version(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::hash(params)?;
    Ok(json!({
        "specName": "hegemon-testbed",
        "implName": "hegemon-node",
        "authoringVersion": 1,
        "specVersion": context.chain.params().rules(),
        "implVersion": 1,
        "apis": [],
        "transactionVersion": 1,
        "stateVersion": 1,
    }))
}

fn system_chain(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(context.chain.params().name().into())
}

fn system_health(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(Health::of(context).json())
}

fn system_health_status(context: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(Health::of(context).status_json(context))
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

/// No token, so no symbol, decimals or address format.
fn system_properties(_: &RpcContext, params: &Params<'_>) -> Answer {
    params::none(params)?;
    Ok(json!({}))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_method_is_found_by_whom_it_is_for() {
        assert!(METHODS.is_sorted_by(|one, next| one.name < next.name));
        for method in METHODS {
            assert!(find(method.name, Access::Unsafe).is_some(), "{}", method.name);
            assert_eq!(find(method.name, Access::Safe).is_some(), method.access == Access::Safe);
        }
    }
}
