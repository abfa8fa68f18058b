//! Whether an address is in the book: what is asked most often, of every address that anybody tells
//! us. A set of 64-bit hashes under a key that only this node knows: who does not know it can neither
//! make two addresses share one nor choose addresses that make a look-up slow. Two of a full book
//! share one by chance in one of 2^36 books, and then one of them is taken for known.

use std::fmt;

use siphasher::sip::SipHasher13;

use crate::{
    hashes::{Hash, Hashes},
    key::Key,
};

/// See the module. As many hashes as there are rows.
pub(crate) struct Index {
    key: [u8; 16],
    pub(crate) hashes: Hashes,
}

impl fmt::Debug for Index {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("len", &self.hashes.len()).finish_non_exhaustive()
    }
}

impl Index {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self { key, hashes: Hashes::default() }
    }

    /// What an address is looked up by.
    pub(crate) fn hash(&self, key: Key) -> Hash {
        Hash::new(SipHasher13::new_with_key(&self.key).hash(&key.bytes()))
    }
}
