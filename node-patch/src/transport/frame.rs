//! Length-delimited frames: four bytes big-endian, then that many. Wire-compatible with
//! tokio-util's codec, which would reserve a frame's whole length as soon as it is declared and
//! keep the longest buffer that it ever needed. Here every frame gathers its bytes in a buffer of
//! its own, which grows with what really came, is never larger than the frame, and goes with it;
//! what the socket is read into stays as small as it began. Long frames lie in pages of their own,
//! that the system gives as they are written to and takes back at once: an allocator would copy
//! them as they grow, and keep them when they are gone.

use std::ops::{Deref, DerefMut};

use bytes::{Buf, BufMut, BytesMut};
use memmap2::MmapMut;
use tokio_util::codec::{Decoder, Encoder};

pub use super::pool::MAX_SESSION_FRAME;
use super::pool::{FramePool, POOLED_FRAME, Share};

/// Longest frame of a handshake, in bytes.
pub const MAX_HANDSHAKE_FRAME: usize = 64 * 1024;
/// A frame's length prefix, in bytes.
pub const PREFIX: usize = 4;

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
    /// The socket's, or the system has no memory.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A frame's content. A long one holds its share of the pool until it is dropped.
#[derive(Debug)]
pub struct Frame {
    buffer: Buffer,
    len: usize,
}

#[derive(Debug)]
enum Buffer {
    Heap(Vec<u8>),
    /// The pages go before the share is given back.
    Pooled {
        pages: MmapMut,
        share: Share,
    },
}

impl Frame {
    /// Whether the pool for long frames accounts for it.
    #[must_use]
    pub fn is_pooled(&self) -> bool {
        matches!(self.buffer, Buffer::Pooled { .. })
    }

    /// Forgets what comes after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Takes what there is of a frame of `declared` bytes. On the heap its buffer doubles, up to
    /// that.
    fn fill(&mut self, declared: usize, bytes: &mut BytesMut) {
        let missing = declared - self.len;
        let here = missing.min(bytes.len());
        match &mut self.buffer {
            Buffer::Heap(buffer) => {
                if buffer.capacity() - buffer.len() < here {
                    buffer.reserve_exact(here.max(buffer.len()).min(missing));
                }
                buffer.extend_from_slice(&bytes[..here]);
            }
            Buffer::Pooled { pages, .. } => {
                pages[self.len..][..here].copy_from_slice(&bytes[..here])
            }
        }
        bytes.advance(here);
        self.len += here;
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.buffer {
            Buffer::Heap(bytes) => &bytes[..self.len],
            Buffer::Pooled { pages, .. } => &pages[..self.len],
        }
    }
}

impl DerefMut for Frame {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.buffer {
            Buffer::Heap(bytes) => &mut bytes[..self.len],
            Buffer::Pooled { pages, .. } => &mut pages[..self.len],
        }
    }
}

/// The prefix of a frame of `len` bytes.
///
/// # Errors
///
/// [`FrameError::TooLong`].
pub fn prefix(len: usize, limit: usize) -> Result<[u8; PREFIX], FrameError> {
    let declared = u32::try_from(len).ok().filter(|_| len <= limit);
    Ok(declared.ok_or(FrameError::TooLong { got: len, limit })?.to_be_bytes())
}

/// The codec of one connection. Its limit changes once, after the handshake; bytes that were read
/// past `Finish` stay in the buffer.
#[derive(Debug)]
pub struct FrameCodec {
    limit: usize,
    pool: Option<FramePool>,
    gathering: Option<Gathering>,
}

/// A frame that is coming in.
#[derive(Debug)]
struct Gathering {
    declared: usize,
    frame: Frame,
}

impl FrameCodec {
    /// For a handshake.
    #[must_use]
    pub fn handshake() -> Self {
        Self { limit: MAX_HANDSHAKE_FRAME, pool: None, gathering: None }
    }

    /// For a session; with a pool for a node, without one for a single peer.
    #[must_use]
    pub fn session(pool: Option<FramePool>) -> Self {
        Self { limit: MAX_SESSION_FRAME, pool, gathering: None }
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub fn is_gathering(&self) -> bool {
        self.gathering.is_some()
    }

    /// Begins a frame with its declared length; a long one takes its share of the pool before its
    /// bytes are gathered.
    fn begin(&self, declared: u32) -> Result<Gathering, FrameError> {
        let len = usize::try_from(declared).unwrap_or(usize::MAX);
        if len > self.limit {
            return Err(FrameError::TooLong { got: len, limit: self.limit });
        }
        let buffer = match &self.pool {
            Some(pool) if len > POOLED_FRAME => {
                let share = pool.take(len).ok_or(FrameError::NoRoom(len))?;
                Buffer::Pooled { pages: MmapMut::map_anon(len)?, share }
            }
            Some(_) | None => Buffer::Heap(Vec::new()),
        };
        Ok(Gathering { declared: len, frame: Frame { buffer, len: 0 } })
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let mut gathering = match self.gathering.take() {
            Some(gathering) => gathering,
            None => {
                let Some(prefix) = buffer.first_chunk::<PREFIX>() else { return Ok(None) };
                let gathering = self.begin(u32::from_be_bytes(*prefix))?;
                buffer.advance(PREFIX);
                gathering
            }
        };
        gathering.frame.fill(gathering.declared, buffer);
        if gathering.frame.len < gathering.declared {
            self.gathering = Some(gathering);
            return Ok(None);
        }
        let mut frame = gathering.frame;
        if let Buffer::Pooled { share, .. } = &mut frame.buffer {
            share.arrived();
        }
        Ok(Some(frame))
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: T, buffer: &mut BytesMut) -> Result<(), FrameError> {
        let frame = frame.as_ref();
        let prefix = prefix(frame.len(), self.limit)?;
        buffer.reserve(PREFIX + frame.len());
        buffer.put_slice(&prefix);
        buffer.put_slice(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes what arrives in pieces, as a socket gives it.
    fn arrive(codec: &mut FrameCodec, stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut buffer = BytesMut::with_capacity(8_192);
        let mut frames = Vec::new();
        for piece in stream.chunks(piece) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = codec.decode(&mut buffer).unwrap() {
                if let Buffer::Heap(bytes) = &frame.buffer {
                    assert_eq!(bytes.capacity(), frame.len(), "a frame's buffer is its own length");
                }
                frames.push(frame.to_vec());
            }
        }
        assert!(
            buffer.capacity() <= 2 * 8_192.max(piece),
            "the read buffer stays small: {}",
            buffer.capacity()
        );
        frames
    }

    #[test]
    fn frames_in_any_pieces_are_the_same_frames() {
        let frames: Vec<Vec<u8>> = [0, 1, 5, 8_191, 8_192, 100_000, 0, 3]
            .iter()
            .map(|len| vec![u8::try_from(len % 251).unwrap(); *len])
            .collect();
        let mut stream = BytesMut::new();
        for frame in &frames {
            FrameCodec::session(None).encode(frame, &mut stream).unwrap();
        }
        for piece in [1, 3, 4, 4_096, 8_192] {
            let mut codec = FrameCodec::session(Some(FramePool::default()));
            assert_eq!(arrive(&mut codec, &stream, piece), frames, "in pieces of {piece}");
            assert!(!codec.is_gathering());
        }
    }

    #[test]
    fn a_declared_length_allocates_nothing_and_one_over_the_limit_is_refused() {
        let pool = FramePool::default();
        for (mut codec, limit) in [
            (FrameCodec::handshake(), MAX_HANDSHAKE_FRAME),
            (FrameCodec::session(Some(pool.clone())), MAX_SESSION_FRAME),
        ] {
            let declared =
                |len: usize| BytesMut::from(&u32::try_from(len).unwrap().to_be_bytes()[..]);
            assert!(
                matches!(codec.decode(&mut declared(limit + 1)), Err(FrameError::TooLong { got, limit: allowed }) if got == limit + 1 && allowed == limit)
            );
            assert!(codec.decode(&mut declared(limit)).unwrap().is_none());
            match &codec.gathering.as_ref().unwrap().frame.buffer {
                Buffer::Heap(bytes) => assert_eq!(bytes.capacity(), 0),
                // Address space alone; the test of the whole node sees what becomes resident.
                Buffer::Pooled { pages, .. } => assert_eq!(pages.len(), limit),
            }
        }
    }

    #[test]
    fn a_long_frame_holds_its_share_until_it_is_dropped() {
        let pool = FramePool::default();
        let mut codec = FrameCodec::session(Some(pool.clone()));
        let len = POOLED_FRAME + 1;
        let mut buffer = BytesMut::new();
        codec.encode(vec![0; len], &mut buffer).unwrap();
        let frame = codec.decode(&mut buffer).unwrap().unwrap();
        assert!(frame.is_pooled());
        assert_eq!(pool.taken(), len);
        drop(frame);
        assert_eq!(pool.taken(), 0);
    }
}
