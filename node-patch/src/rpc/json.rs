//! Substrate's JSON for headers and blocks.

use parity_scale_codec::Encode;
use serde_json::{Value, json};

use crate::chain::{Block, Header};

/// A header, with its hash and its time (milliseconds since 1970, by its miner's clock) as extra fields.
/// The genesis block has no time.
pub(super) fn header(header: &Header) -> Value {
    let logs: Vec<_> = header.digest.iter().map(|item| hex(&item.encode())).collect();
    json!({
        "hash": header.hash().to_string(),
        "parentHash": header.parent_hash.to_string(),
        "number": format!("{:#x}", header.number),
        "stateRoot": header.state_root.to_string(),
        "extrinsicsRoot": header.extrinsics_root.to_string(),
        "digest": { "logs": logs },
        "timestamp": header.pow_claim().map(|claim| claim.timestamp_ms),
    })
}

/// A block as `chain_getBlock` has it. Each extrinsic is shown as its bytes.
pub(super) fn block(block: &Block) -> Value {
    let extrinsics: Vec<_> = block.body().iter().map(|extrinsic| hex(extrinsic)).collect();
    json!({
        "block": { "header": header(block.header()), "extrinsics": extrinsics },
        "justifications": null,
    })
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
