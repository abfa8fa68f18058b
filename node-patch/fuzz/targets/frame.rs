//! The frame codec, fed in pieces. First byte: which phase and how long the pieces are.
#![no_main]

use bytes::BytesMut;
use hegemon_node::transport::{
    frame::{FrameCodec, MAX_HANDSHAKE_FRAME, MAX_SESSION_FRAME},
    pool::FramePool,
};
use libfuzzer_sys::fuzz_target;
use tokio_util::codec::Decoder;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let pool = FramePool::default();
    let (mut codec, limit) = match choice % 3 {
        0 => (FrameCodec::handshake(), MAX_HANDSHAKE_FRAME),
        1 => (FrameCodec::session(None), MAX_SESSION_FRAME),
        _ => (FrameCodec::session(Some(pool.clone())), MAX_SESSION_FRAME),
    };
    let mut buffer = BytesMut::new();
    let mut out = 0;
    'feed: for piece in bytes.chunks(usize::from(choice / 3) + 1) {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => {
                    assert!(frame.len() <= limit);
                    out += 4 + frame.len();
                }
                Ok(None) => break,
                Err(_) => break 'feed,
            }
        }
    }
    assert!(out <= bytes.len(), "a frame has no byte that did not come");
    drop(codec);
    assert_eq!(pool.taken(), 0, "a share goes back with its frame");
});
