//! Chain messages as they are on the wire, in SCALE, with bounds on what decoding
//! may allocate.
//!
//! The envelopes are Hegemon's, the blocks inside our own: headers stay bytes here.

use parity_scale_codec::{
    Decode, DecodeWithMemLimit, DecodeWithMemTracking, Encode, Error as CodecError,
};

use crate::chain::{Block, Body, Hash};

/// Heap that decoding one message may use, in bytes. A list of empty lists takes 24 bytes of memory
/// for each byte on the wire: without a limit a 16 MiB frame would make 384 MiB. Room for
/// [`MAX_RESPONSE_BYTES`] several times over.
pub const MAX_DECODED_BYTES: usize = 8 * 1024 * 1024;

/// Encoded blocks in one response of ours, in bytes: a fraction of a frame, so that a session's
/// queue does not stand still behind one answer.
pub const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// Blocks or bodies in one response of ours. Older nodes give 128.
pub const MAX_RESPONSE_BLOCKS: u32 = 256;

/// Headers in one response of ours, and the most that we ask for at once: some 250 KiB. Older nodes
/// give 128.
pub const MAX_RESPONSE_HEADERS: u32 = 1_024;

const _: () =
    assert!(MAX_RESPONSE_BYTES * 4 <= MAX_DECODED_BYTES, "we must be able to read what we write");

/// What the announcer thinks of the block. On the wire one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum BlockState {
    /// The tip of its best chain.
    Best,
    /// Final by whatever its rules are.
    Finalized,
    /// Any other.
    Normal,
}

/// "I have this block."
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct BlockAnnounce {
    /// The encoded header.
    pub header: Vec<u8>,
    /// What the announcer thinks of it.
    pub state: BlockState,
    /// Its height, as the header says.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
    /// Its extrinsics, if the announcer spares us the question.
    pub body: Option<Body>,
}

impl BlockAnnounce {
    /// Announces `block`, body included, as the tip of our best chain.
    #[must_use]
    pub fn best(block: &Block) -> Self {
        Self {
            header: block.header().encode(),
            state: BlockState::Best,
            number: block.number().into(),
            hash: block.hash(),
            body: Some(block.body().clone()),
        }
    }
}

/// Everything on the sync protocol.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum SyncMessage {
    /// Somebody asks.
    Request(SyncRequest),
    /// Somebody answers.
    Response(SyncResponse),
}

/// A question. It carries no number: the answer is the next response of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum SyncRequest {
    /// Headers from a block on, the block included.
    BlockHeaders {
        /// The first one.
        start_hash: Hash,
        /// At most so many.
        max_headers: u32,
        /// Towards the tip, or towards genesis.
        ascending: bool,
    },
    /// Bodies of blocks.
    BlockBodies {
        /// Which.
        hashes: Vec<Hash>,
    },
    /// State of a block: our chain has none.
    StateRequest {
        /// Of which block.
        block_hash: Hash,
        /// Which entries.
        keys: Vec<Vec<u8>>,
    },
    /// Blocks of the best chain from a height on, ascending.
    GetBlocks {
        /// The first one's height.
        start_height: u64,
        /// At most so many.
        max_blocks: u32,
    },
}

/// An answer. `request_id` is the responder's own counter and correlates with nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum SyncResponse {
    /// To [`SyncRequest::BlockHeaders`].
    BlockHeaders {
        /// The responder's counter.
        request_id: u64,
        /// Encoded headers.
        headers: Vec<Vec<u8>>,
    },
    /// To [`SyncRequest::BlockBodies`], in the order asked.
    BlockBodies {
        /// The responder's counter.
        request_id: u64,
        /// `None` for an unknown block.
        bodies: Vec<Option<Body>>,
    },
    /// To [`SyncRequest::StateRequest`].
    StateResponse {
        /// The responder's counter.
        request_id: u64,
        /// Keys and values.
        entries: Vec<(Vec<u8>, Vec<u8>)>,
    },
    /// To [`SyncRequest::GetBlocks`].
    Blocks {
        /// The responder's counter.
        request_id: u64,
        /// Ascending.
        blocks: Vec<WireBlock>,
    },
}

/// A block inside [`SyncResponse::Blocks`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct WireBlock {
    /// Its height, as the header says.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
    /// The encoded header.
    pub header: Vec<u8>,
    /// Its extrinsics.
    pub body: Body,
}

impl From<&Block> for WireBlock {
    fn from(block: &Block) -> Self {
        Self {
            number: block.number().into(),
            hash: block.hash(),
            header: block.header().encode(),
            body: block.body().clone(),
        }
    }
}

/// Decodes a message of a session. Trailing bytes are ignored, as everywhere inside a session
/// (`node-patch/WIRE.md`, "Frames and encodings").
///
/// # Errors
/// If the bytes are no such message, or it needs more than [`MAX_DECODED_BYTES`].
pub fn decode<T: DecodeWithMemTracking>(mut data: &[u8]) -> Result<T, CodecError> {
    T::decode_with_mem_limit(&mut data, MAX_DECODED_BYTES)
}

/// Whether a sync message calls itself a response, told from its first byte.
#[must_use]
pub fn is_response(data: &[u8]) -> bool {
    data.first() == Some(&1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Encode + DecodeWithMemTracking + PartialEq + std::fmt::Debug>(
        message: &T,
        bytes: &[&[u8]],
    ) {
        let bytes = bytes.concat();
        assert_eq!(hex::encode(message.encode()), hex::encode(&bytes));
        assert_eq!(decode::<T>(&bytes).as_ref(), Ok(message));
        let trailing = [&bytes[..], &[0xff]].concat();
        assert_eq!(decode::<T>(&trailing).as_ref(), Ok(message));
        for length in 0..bytes.len() {
            assert!(decode::<T>(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
    }

    /// Every line is written by hand from the formats and the SCALE rules: compact lengths (n <<
    /// 2), little-endian integers.
    #[test]
    fn announcements_are_as_specified() {
        let announce = BlockAnnounce {
            header: vec![0xaa, 0xbb],
            state: BlockState::Best,
            number: 0x0102,
            hash: Hash([7; 32]),
            body: Some(vec![vec![1], vec![]]),
        };
        check(
            &announce,
            &[&[8, 0xaa, 0xbb], &[0], &[2, 1, 0, 0, 0, 0, 0, 0], &[7; 32], &[1, 8, 4, 1, 0]],
        );
        let bare = BlockAnnounce {
            header: vec![],
            state: BlockState::Normal,
            number: 0,
            hash: Hash([0; 32]),
            body: None,
        };
        check(&bare, &[&[0], &[2], &[0; 8], &[0; 32], &[0]]);
    }

    #[test]
    fn requests_are_as_specified() {
        let headers = SyncRequest::BlockHeaders {
            start_hash: Hash([1; 32]),
            max_headers: 5,
            ascending: true,
        };
        check(&SyncMessage::Request(headers), &[&[0, 0], &[1; 32], &[5, 0, 0, 0], &[1]]);
        let bodies = SyncRequest::BlockBodies { hashes: vec![Hash([2; 32])] };
        check(&SyncMessage::Request(bodies), &[&[0, 1, 4], &[2; 32]]);
        let state = SyncRequest::StateRequest { block_hash: Hash([3; 32]), keys: vec![vec![9]] };
        check(&SyncMessage::Request(state), &[&[0, 2], &[3; 32], &[4, 4, 9]]);
        let blocks = SyncRequest::GetBlocks { start_height: 0x0a0b, max_blocks: 128 };
        check(
            &SyncMessage::Request(blocks),
            &[&[0, 3], &[0x0b, 0x0a, 0, 0, 0, 0, 0, 0], &[128, 0, 0, 0]],
        );
    }

    #[test]
    fn responses_are_as_specified() {
        let id: &[u8] = &[4, 0, 0, 0, 0, 0, 0, 0];
        let headers = SyncResponse::BlockHeaders { request_id: 4, headers: vec![vec![1, 2]] };
        check(&SyncMessage::Response(headers), &[&[1, 0], id, &[4, 8, 1, 2]]);
        let bodies = SyncResponse::BlockBodies { request_id: 4, bodies: vec![None, Some(vec![])] };
        check(&SyncMessage::Response(bodies), &[&[1, 1], id, &[8, 0, 1, 0]]);
        let state =
            SyncResponse::StateResponse { request_id: 4, entries: vec![(vec![1], vec![2])] };
        check(&SyncMessage::Response(state), &[&[1, 2], id, &[4, 4, 1, 4, 2]]);
        let block =
            WireBlock { number: 6, hash: Hash([5; 32]), header: vec![8], body: vec![vec![7]] };
        let blocks = SyncResponse::Blocks { request_id: 4, blocks: vec![block] };
        check(
            &SyncMessage::Response(blocks),
            &[&[1, 3], id, &[4, 6, 0, 0, 0, 0, 0, 0, 0], &[5; 32], &[4, 8, 4, 4, 7]],
        );
    }

    #[test]
    fn a_small_frame_cannot_demand_much_memory() {
        // Half a million empty bodies in half a megabyte: 12 MB of lists.
        let mut bytes = vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        parity_scale_codec::Compact(500_000u32).encode_to(&mut bytes);
        bytes.extend(std::iter::repeat_n([1, 0], 500_000).flatten());
        assert!(decode::<SyncMessage>(&bytes).is_err());
        // A length of 2^30 with nothing behind it.
        assert!(decode::<BlockAnnounce>(&[0x03, 0xff, 0xff, 0xff, 0x3f]).is_err());
    }
}
