//! Substrate's header, and the two digest items that proof of work puts into it.
//!
//! The encoding is canonical: what decodes encodes to the same bytes again, so a header has one
//! hash. Bounds are checked before anything is allocated.

use parity_scale_codec::{Compact, Decode, DecodeAll, Encode, Error as CodecError, Input};

use super::hash::Hash;

/// The engine id of both digest items.
pub const POW_ENGINE: [u8; 4] = *b"pow_";

/// Digest items of one header. Ours have two; the rest is room for what other engines add, and
/// bounds what a peer makes us allocate.
pub const MAX_DIGEST_ITEMS: usize = 8;

/// Bytes in one digest item: ten times our own.
pub const MAX_DIGEST_ITEM_BYTES: usize = 512;

/// Height of a block; Substrate's `u32`, 272 years of two-second blocks.
pub type BlockNumber = u32;

/// One item of a header's digest, with Substrate's enum indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DigestItem {
    /// Index 6: what the author wants known before the block is executed.
    PreRuntime([u8; 4], Vec<u8>),
    /// Index 4: a message from the runtime to the engine.
    Consensus([u8; 4], Vec<u8>),
    /// Index 5: the proof that the author was allowed to make the block.
    Seal([u8; 4], Vec<u8>),
    /// Index 0.
    Other(Vec<u8>),
    /// Index 8.
    RuntimeEnvironmentUpdated,
}

impl Encode for DigestItem {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Other(data) => (0u8, data).encode(),
            Self::Consensus(engine, data) => (4u8, engine, data).encode(),
            Self::Seal(engine, data) => (5u8, engine, data).encode(),
            Self::PreRuntime(engine, data) => (6u8, engine, data).encode(),
            Self::RuntimeEnvironmentUpdated => vec![8],
        }
    }
}

impl Decode for DigestItem {
    fn decode<I: Input>(input: &mut I) -> Result<Self, CodecError> {
        match input.read_byte()? {
            0 => Ok(Self::Other(bounded_bytes(input)?)),
            4 => Ok(Self::Consensus(Decode::decode(input)?, bounded_bytes(input)?)),
            5 => Ok(Self::Seal(Decode::decode(input)?, bounded_bytes(input)?)),
            6 => Ok(Self::PreRuntime(Decode::decode(input)?, bounded_bytes(input)?)),
            8 => Ok(Self::RuntimeEnvironmentUpdated),
            _ => Err("unknown digest item".into()),
        }
    }
}

fn bounded_bytes<I: Input>(input: &mut I) -> Result<Vec<u8>, CodecError> {
    let length = Compact::<u32>::decode(input)?.0 as usize;
    if length > MAX_DIGEST_ITEM_BYTES {
        return Err("digest item too long".into());
    }
    let mut bytes = vec![0; length];
    input.read(&mut bytes)?;
    Ok(bytes)
}

/// A block's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Hash of the parent's header; zero in genesis.
    pub parent_hash: Hash,
    /// Height: the parent's plus one.
    pub number: BlockNumber,
    /// Hash of the chain parameters (this chain executes nothing): it tells chains apart from any
    /// one header.
    pub state_root: Hash,
    /// Hash of the SCALE-encoded body.
    pub extrinsics_root: Hash,
    /// `PreRuntime(pow_, …)`, and except in genesis `Seal(pow_, …)`.
    pub digest: Vec<DigestItem>,
}

impl Encode for Header {
    fn encode_to<O: parity_scale_codec::Output + ?Sized>(&self, out: &mut O) {
        self.parent_hash.encode_to(out);
        Compact(self.number).encode_to(out);
        self.state_root.encode_to(out);
        self.extrinsics_root.encode_to(out);
        self.digest.encode_to(out);
    }
}

impl Decode for Header {
    fn decode<I: Input>(input: &mut I) -> Result<Self, CodecError> {
        let parent_hash = Decode::decode(input)?;
        let number = Compact::<BlockNumber>::decode(input)?.0;
        let state_root = Decode::decode(input)?;
        let extrinsics_root = Decode::decode(input)?;
        let items = Compact::<u32>::decode(input)?.0 as usize;
        if items > MAX_DIGEST_ITEMS {
            return Err("too many digest items".into());
        }
        let digest = (0..items).map(|_| DigestItem::decode(input)).collect::<Result<_, _>>()?;
        Ok(Self { parent_hash, number, state_root, extrinsics_root, digest })
    }
}

impl Header {
    /// Decodes a header that fills `bytes` exactly.
    ///
    /// # Errors
    /// If the bytes are not a header, exceed a bound, or go on after it.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, CodecError> {
        Self::decode_all(&mut bytes)
    }

    /// The block's hash: blake2b-256 of the encoded header, seal included.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// What the work is done over: the hash of the header without its seal.
    #[must_use]
    pub fn pre_hash(&self) -> Hash {
        let unsealed = Self {
            digest: self
                .digest
                .iter()
                .filter(|item| !matches!(item, DigestItem::Seal(..)))
                .cloned()
                .collect(),
            ..self.clone()
        };
        unsealed.hash()
    }

    /// The author's claim, if the header has exactly one and it is well-formed.
    #[must_use]
    pub fn pow_claim(&self) -> Option<PowClaim> {
        match self.digest.as_slice() {
            [DigestItem::PreRuntime(POW_ENGINE, data)]
            | [DigestItem::PreRuntime(POW_ENGINE, data), DigestItem::Seal(..)] => {
                PowClaim::decode_all(&mut data.as_slice()).ok()
            }
            _ => None,
        }
    }

    /// The seal's nonce, if the header is sealed as ours are.
    #[must_use]
    pub fn nonce(&self) -> Option<u64> {
        match self.digest.as_slice() {
            [DigestItem::PreRuntime(..), DigestItem::Seal(POW_ENGINE, data)] => {
                u64::decode_all(&mut data.as_slice()).ok()
            }
            _ => None,
        }
    }
}

/// The pre-runtime digest of a block: who made it, when, and how hard it was.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PowClaim {
    /// The author's peer ID, or any other 32 bytes; it makes two miners work on different headers.
    pub author: [u8; 32],
    /// Milliseconds since 1970, by the author's clock.
    pub timestamp_ms: u64,
    /// Expected number of hashes for this block.
    pub difficulty: u128,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            parent_hash: Hash([1; 32]),
            number: 70_000,
            state_root: Hash([2; 32]),
            extrinsics_root: Hash([3; 32]),
            digest: vec![
                DigestItem::PreRuntime(
                    POW_ENGINE,
                    PowClaim { author: [4; 32], timestamp_ms: 5, difficulty: 6 }.encode(),
                ),
                DigestItem::Seal(POW_ENGINE, 7u64.encode()),
            ],
        }
    }

    /// Written by hand from Substrate's header layout.
    #[test]
    fn the_encoding_is_substrates() {
        let mut expected = vec![1; 32];
        expected.extend([0xc2, 0x45, 0x04, 0x00]); // compact(70_000): 70_000 << 2 | 0b10
        expected.extend([2; 32]);
        expected.extend([3; 32]);
        expected.push(2 << 2);
        expected.push(6);
        expected.extend(b"pow_");
        expected.push(56 << 2);
        expected.extend([4; 32]);
        expected.extend(5u64.to_le_bytes());
        expected.extend(6u128.to_le_bytes());
        expected.push(5);
        expected.extend(b"pow_");
        expected.push(8 << 2);
        expected.extend(7u64.to_le_bytes());
        assert_eq!(sample().encode(), expected);
        assert_eq!(Header::from_bytes(&expected), Ok(sample()));
    }

    #[test]
    fn trailing_bytes_and_excess_are_refused() {
        let mut trailing = sample().encode();
        trailing.push(0);
        assert!(Header::from_bytes(&trailing).is_err());

        let mut many = sample();
        many.digest = vec![DigestItem::RuntimeEnvironmentUpdated; MAX_DIGEST_ITEMS + 1];
        assert!(Header::from_bytes(&many.encode()).is_err());

        let mut long = sample();
        long.digest = vec![DigestItem::Other(vec![0; MAX_DIGEST_ITEM_BYTES + 1])];
        assert!(Header::from_bytes(&long.encode()).is_err());
    }

    #[test]
    fn the_seal_is_in_the_hash_and_not_in_the_work() {
        let mut other = sample();
        other.digest[1] = DigestItem::Seal(POW_ENGINE, 8u64.encode());
        assert_ne!(sample().hash(), other.hash());
        assert_eq!(sample().pre_hash(), other.pre_hash());
        assert_eq!(other.nonce(), Some(8));
    }
}
