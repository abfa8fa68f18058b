//! Length-delimited frames: four bytes big-endian, then that many. Wire-compatible with tokio-util's codec, which would reserve a frame's whole length as soon as it is declared;
//! this one lets the buffer grow with the bytes that really came.

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Longest frame of a handshake, in bytes.
pub const MAX_HANDSHAKE_FRAME: usize = 64 * 1024;
/// Longest frame of a session, tag included, in bytes.
pub const MAX_SESSION_FRAME: usize = 16 * 1024 * 1024;

const PREFIX: usize = 4;

/// Why a stream of frames ended.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Refused from its length prefix alone.
    #[error("a frame of {got} bytes was declared, {limit} are allowed")]
    TooLong {
        /// Declared length.
        got: usize,
        /// Allowed length.
        limit: usize,
    },
    /// The socket's.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The codec of one connection. Its limit changes once, after the handshake; bytes that were read past `Finish` stay in the buffer.
#[derive(Debug, Clone)]
pub struct FrameCodec {
    limit: usize,
}

impl FrameCodec {
    /// For a handshake.
    #[must_use]
    pub fn handshake() -> Self {
        Self { limit: MAX_HANDSHAKE_FRAME }
    }

    /// For a session.
    #[must_use]
    pub fn session() -> Self {
        Self { limit: MAX_SESSION_FRAME }
    }
}

impl Decoder for FrameCodec {
    type Item = BytesMut;
    type Error = FrameError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        let Some(prefix) = buffer.first_chunk::<PREFIX>() else { return Ok(None) };
        let declared = u32::from_be_bytes(*prefix);
        let len = usize::try_from(declared).unwrap_or(usize::MAX);
        if len > self.limit {
            return Err(FrameError::TooLong { got: len, limit: self.limit });
        }
        if buffer.len() < PREFIX + len {
            return Ok(None);
        }
        buffer.advance(PREFIX);
        Ok(Some(buffer.split_to(len)))
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: T, buffer: &mut BytesMut) -> Result<(), FrameError> {
        let frame = frame.as_ref();
        let len = u32::try_from(frame.len()).ok().filter(|_| frame.len() <= self.limit);
        let len = len.ok_or(FrameError::TooLong { got: frame.len(), limit: self.limit })?;
        buffer.reserve(PREFIX + frame.len());
        buffer.put_u32(len);
        buffer.put_slice(frame);
        Ok(())
    }
}
