//! The record layer: AES-256-GCM, one key and one counter per direction, never rekeyed.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes that sealing adds.
pub const TAG_LEN: usize = 16;

/// Why a frame could not be sealed or opened. Either ends the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Changed, replayed, reordered, or not meant for this session.
    #[error("a frame does not decrypt")]
    Forged,
    /// 2⁶⁴ frames in one direction.
    #[error("the session's frame counter is used up")]
    Exhausted,
}

/// Encrypts what we send.
pub struct Sealer(Channel);

/// Decrypts what we receive.
pub struct Opener(Channel);

struct Channel {
    key: LessSafeKey,
    aad: Zeroizing<[u8; 32]>,
    counter: Option<u64>,
}

impl Sealer {
    /// A direction at its first frame.
    #[must_use]
    pub fn new(key: &[u8; 32], aad: &[u8; 32]) -> Self {
        Self(Channel::new(key, aad))
    }

    /// Encrypts in place and appends the tag.
    ///
    /// # Errors
    ///
    /// [`RecordError::Exhausted`].
    pub fn seal(&mut self, frame: &mut Vec<u8>) -> Result<(), RecordError> {
        let nonce = self.0.next_nonce()?;
        self.0
            .key
            .seal_in_place_append_tag(nonce, Aad::from(*self.0.aad), frame)
            .map_err(|_| RecordError::Exhausted)
    }
}

impl Opener {
    /// A direction at its first frame.
    #[must_use]
    pub fn new(key: &[u8; 32], aad: &[u8; 32]) -> Self {
        Self(Channel::new(key, aad))
    }

    /// Decrypts in place; returns the plaintext's length.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn open(&mut self, frame: &mut [u8]) -> Result<usize, RecordError> {
        let nonce = self.0.next_nonce()?;
        let plaintext = self
            .0
            .key
            .open_in_place(nonce, Aad::from(*self.0.aad), frame)
            .map_err(|_| RecordError::Forged)?;
        Ok(plaintext.len())
    }
}

impl Channel {
    fn new(key: &[u8; 32], aad: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key");
        Self { key: LessSafeKey::new(key), aad: Zeroizing::new(*aad), counter: Some(0) }
    }

    /// Four zero bytes and the counter, big-endian. A nonce is never used twice: the counter ends
    /// instead of wrapping.
    fn next_nonce(&mut self) -> Result<Nonce, RecordError> {
        let counter = self.counter.ok_or(RecordError::Exhausted)?;
        self.counter = counter.checked_add(1);
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&counter.to_be_bytes());
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}
