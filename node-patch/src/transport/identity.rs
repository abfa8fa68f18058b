//! Who we are: an ML-DSA-65 key pair from a seed, and the peer ID that others know us by.

use aws_lc_rs::{
    digest,
    signature::{KeyPair, ML_DSA_65, ML_DSA_65_SIGNING, PqdsaKeyPair, UnparsedPublicKey},
};
use hegemon_discovery::PeerId;
use zeroize::Zeroizing;

/// ML-DSA-65 verification key, in bytes (FIPS 204, table 2).
pub const IDENTITY_KEY_LEN: usize = 1_952;
/// ML-DSA-65 signature, in bytes (FIPS 204, table 2).
pub const SIGNATURE_LEN: usize = 3_309;

/// A node's long-lived key pair.
#[derive(Debug)]
pub struct Identity {
    keys: PqdsaKeyPair,
    peer_id: PeerId,
}

impl Identity {
    /// The identity that a node derives from its 32-byte identity seed.
    #[must_use]
    pub fn from_identity_seed(seed: &[u8; 32]) -> Self {
        let transport_seed = Zeroizing::new(sha256(&[b"pq-noise-identity", seed]));
        Self::from_transport_seed(transport_seed.as_slice())
    }

    /// The identity of a transport seed of any length.
    #[must_use]
    pub fn from_transport_seed(seed: &[u8]) -> Self {
        let xi = Zeroizing::new(sha256(&[b"ml-dsa-65-xi", seed]));
        let keys = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, xi.as_slice())
            .expect("every 32 bytes are an ML-DSA-65 seed");
        let peer_id = peer_id(keys.public_key().as_ref());
        Self { keys, peer_id }
    }

    /// SHA-256 of the verification key.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The verification key, [`IDENTITY_KEY_LEN`] bytes.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.keys.public_key().as_ref()
    }

    /// Signs a digest, with an empty context; [`SIGNATURE_LEN`] bytes. Hedged: two signatures of
    /// one digest differ.
    #[must_use]
    pub fn sign(&self, digest: &[u8; 32]) -> Vec<u8> {
        let mut signature = vec![0; SIGNATURE_LEN];
        let written = self
            .keys
            .sign(digest, &mut signature)
            .expect("ML-DSA-65 signs any message into 3,309 bytes");
        debug_assert_eq!(written, SIGNATURE_LEN);
        signature
    }
}

/// The peer ID of a verification key.
#[must_use]
pub fn peer_id(public_key: &[u8]) -> PeerId {
    PeerId(sha256(&[public_key]))
}

/// Whether `signature` over `digest` was made by the holder of `public_key`.
#[must_use]
pub fn verify(public_key: &[u8], digest: &[u8; 32], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ML_DSA_65, public_key).verify(digest, signature).is_ok()
}

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().expect("SHA-256 is 32 bytes")
}
