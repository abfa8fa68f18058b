//! A block: a header with its body and its hash.

use parity_scale_codec::{Encode, Error as CodecError};

use super::{
    hash::Hash,
    header::{BlockNumber, Header},
};

/// Extrinsics of one block. This chain carries them and executes none.
pub type Body = Vec<Vec<u8>>;

/// Encoded header and body of one block. A miner of ours makes blocks of some 200 bytes; a block
/// must fit well into a 16 MiB frame together with others.
pub const MAX_BLOCK_BYTES: usize = 256 * 1024;

/// A header, its body, and the header's hash, computed once. Not yet validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    header: Header,
    body: Body,
    hash: Hash,
}

impl Block {
    /// Joins a header and a body.
    #[must_use]
    pub fn new(header: Header, body: Body) -> Self {
        let hash = header.hash();
        Self { header, body, hash }
    }

    /// Joins a header as it came over the wire and a body.
    ///
    /// # Errors
    /// If the bytes are not exactly one header.
    pub fn from_wire(header: &[u8], body: Body) -> Result<Self, CodecError> {
        // The encoding is canonical, so the bytes that came are the bytes that are hashed.
        Ok(Self { header: Header::from_bytes(header)?, body, hash: Hash::of(header) })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The extrinsics.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// blake2b-256 of the encoded header.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The height.
    #[must_use]
    pub fn number(&self) -> BlockNumber {
        self.header.number
    }

    /// Hash of the parent's header.
    #[must_use]
    pub fn parent_hash(&self) -> Hash {
        self.header.parent_hash
    }

    /// Bytes of header and body when encoded.
    #[must_use]
    pub fn size(&self) -> usize {
        self.header.encoded_size() + self.body.encoded_size()
    }

    /// Takes the block apart.
    #[must_use]
    pub fn into_parts(self) -> (Header, Body) {
        (self.header, self.body)
    }
}

/// The root that a header states for `body`: blake2b-256 of the SCALE-encoded list. (Substrate has
/// a trie root here; nobody proves single extrinsics of this chain.)
#[must_use]
pub fn extrinsics_root(body: &Body) -> Hash {
    Hash::of(&body.encode())
}
