//! The 32-byte hashes of the chain and the one way that they are written for people.

use std::fmt;

use blake2::{Blake2b, Digest, digest::consts::U32};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// A blake2b-256 hash, shown as `0x` and 64 hex digits.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Encode,
    Decode,
    DecodeWithMemTracking,
)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// blake2b-256 of `data`: what Substrate hashes headers with.
    #[must_use]
    pub fn of(data: &[u8]) -> Self {
        Self(Blake2b::<U32>::digest(data).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
