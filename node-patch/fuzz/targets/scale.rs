//! The chain's envelopes and the headers inside them.
#![no_main]

use hegemon_node::{
    chain::{Block, Header},
    sync::message::{BlockAnnounce, SyncMessage, SyncResponse, decode},
};
use libfuzzer_sys::fuzz_target;
use parity_scale_codec::Encode;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::from_bytes(bytes) {
        assert_eq!(header.encode(), bytes, "one header, one encoding");
        let _ = (header.hash(), header.pre_hash(), header.pow_claim(), header.nonce());
    }
    if let Ok(announce) = decode::<BlockAnnounce>(bytes) {
        assert_eq!(decode(&announce.encode()).as_ref(), Ok(&announce));
        let _ = Block::from_wire(&announce.header, announce.body.unwrap_or_default());
    }
    if let Ok(message) = decode::<SyncMessage>(bytes) {
        assert_eq!(decode(&message.encode()).as_ref(), Ok(&message));
        if let SyncMessage::Response(SyncResponse::Blocks { blocks, .. }) = message {
            for block in blocks {
                let _ = Block::from_wire(&block.header, block.body);
            }
        }
    }
});
