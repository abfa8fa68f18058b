//! Chain messages: what we write we read, and nothing that a peer writes can panic or bloat us.

use hegemon_node::{
    chain::Hash,
    sync::message::{
        BlockAnnounce, BlockState, MAX_DECODED_BYTES, SyncMessage, SyncRequest, SyncResponse,
        WireBlock, decode,
    },
};
use parity_scale_codec::Encode;
use proptest::{collection::vec, option, prelude::*};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..50)
}

fn body() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(bytes(), 0..5)
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

fn announce() -> impl Strategy<Value = BlockAnnounce> {
    let state =
        prop_oneof![Just(BlockState::Best), Just(BlockState::Finalized), Just(BlockState::Normal)];
    (bytes(), state, any::<u64>(), hash(), option::of(body())).prop_map(
        |(header, state, number, hash, body)| BlockAnnounce { header, state, number, hash, body },
    )
}

fn request() -> impl Strategy<Value = SyncRequest> {
    prop_oneof![
        (hash(), any::<u32>(), any::<bool>()).prop_map(|(start_hash, max_headers, ascending)| {
            SyncRequest::BlockHeaders { start_hash, max_headers, ascending }
        }),
        vec(hash(), 0..5).prop_map(|hashes| SyncRequest::BlockBodies { hashes }),
        (hash(), body())
            .prop_map(|(block_hash, keys)| SyncRequest::StateRequest { block_hash, keys }),
        (any::<u64>(), any::<u32>()).prop_map(|(start_height, max_blocks)| {
            SyncRequest::GetBlocks { start_height, max_blocks }
        }),
    ]
}

fn response() -> impl Strategy<Value = SyncResponse> {
    let block = (any::<u64>(), hash(), bytes(), body())
        .prop_map(|(number, hash, header, body)| WireBlock { number, hash, header, body });
    prop_oneof![
        (any::<u64>(), body())
            .prop_map(|(request_id, headers)| SyncResponse::BlockHeaders { request_id, headers }),
        (any::<u64>(), vec(option::of(body()), 0..5))
            .prop_map(|(request_id, bodies)| SyncResponse::BlockBodies { request_id, bodies }),
        (any::<u64>(), vec((bytes(), bytes()), 0..5)).prop_map(|(request_id, entries)| {
            SyncResponse::StateResponse { request_id, entries }
        }),
        (any::<u64>(), vec(block, 0..5))
            .prop_map(|(request_id, blocks)| SyncResponse::Blocks { request_id, blocks }),
    ]
}

fn message() -> impl Strategy<Value = SyncMessage> {
    prop_oneof![
        request().prop_map(SyncMessage::Request),
        response().prop_map(SyncMessage::Response)
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(announce in announce(), message in message(), trailing in bytes()) {
        prop_assert_eq!(decode::<BlockAnnounce>(&[announce.encode(), trailing.clone()].concat()), Ok(announce));
        prop_assert_eq!(decode::<SyncMessage>(&[message.encode(), trailing].concat()), Ok(message));
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..500)) {
        let _ = decode::<BlockAnnounce>(&bytes);
        let _ = decode::<SyncMessage>(&bytes);
    }

    #[test]
    fn mutations_never_panic(message in message(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = message.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode::<SyncMessage>(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Lists of empty lists are the worst case: one byte on the wire, 24 in memory.
    #[test]
    fn lists_end_at_the_limit(items in 0..2_000_000u32) {
        let mut bytes = vec![1, 0];
        bytes.extend([0; 8]);
        parity_scale_codec::Compact(items).encode_to(&mut bytes);
        bytes.resize(bytes.len() + items as usize, 0);
        let needed = items as usize * size_of::<Vec<u8>>();
        prop_assert_eq!(decode::<SyncMessage>(&bytes).is_ok(), needed < MAX_DECODED_BYTES);
    }
}
