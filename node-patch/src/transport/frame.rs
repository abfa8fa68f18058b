//! Length-delimited frames: four bytes big-endian, then that many. Wire-compatible with tokio-util's codec, which would reserve a frame's whole length as soon as it is declared;
//! this one lets the buffer grow with the bytes that really came, and lets long frames of all sessions share one pool.

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::codec::{Decoder, Encoder};

/// Longest frame of a handshake, in bytes.
pub const MAX_HANDSHAKE_FRAME: usize = 64 * 1024;
/// Longest frame of a session, tag included, in bytes.
pub const MAX_SESSION_FRAME: usize = 16 * 1024 * 1024;

/// Frames up to this length need no share of the pool: fifty sessions of them are 13 MiB.
pub const POOLED_FRAME: usize = 256 * 1024;
/// Bytes of longer frames that may be on their way in at once, over all sessions: two of the longest.
pub const POOL_BYTES: usize = 2 * MAX_SESSION_FRAME;

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
    /// Other sessions are receiving long frames already.
    #[error("a frame of {0} bytes was declared while the pool for long frames is used up")]
    NoRoom(usize),
    /// The socket's.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The codec of one connection. Its limit changes once, after the handshake; bytes that were read past `Finish` stay in the buffer.
#[derive(Debug)]
pub struct FrameCodec {
    limit: usize,
    pool: Option<FramePool>,
    /// The share of the frame that is coming in.
    share: Option<OwnedSemaphorePermit>,
}

/// What long frames on their way in may hold of memory, over all sessions of a node.
#[derive(Debug, Clone)]
pub struct FramePool(Arc<Semaphore>);

impl Default for FramePool {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(POOL_BYTES)))
    }
}

impl FrameCodec {
    /// For a handshake.
    #[must_use]
    pub fn handshake() -> Self {
        Self { limit: MAX_HANDSHAKE_FRAME, pool: None, share: None }
    }

    /// For a session; with a pool for a node, without one for a single peer.
    #[must_use]
    pub fn session(pool: Option<FramePool>) -> Self {
        Self { limit: MAX_SESSION_FRAME, pool, share: None }
    }

    /// Takes a long frame's share before its bytes are gathered.
    fn reserve(&mut self, len: usize) -> Result<(), FrameError> {
        let Some(pool) = self.pool.as_ref().filter(|_| len > POOLED_FRAME && self.share.is_none()) else { return Ok(()) };
        let bytes = u32::try_from(len).map_err(|_| FrameError::NoRoom(len))?;
        self.share = Some(pool.0.clone().try_acquire_many_owned(bytes).map_err(|_| FrameError::NoRoom(len))?);
        Ok(())
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
        self.reserve(len)?;
        if buffer.len() < PREFIX + len {
            return Ok(None);
        }
        self.share = None;
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
