//! Transcript, signed digests and session keys: pure functions of what was said. Public, so that
//! the recorded handshake can be checked step by step.

use aws_lc_rs::{digest, hkdf};
use zeroize::Zeroizing;

use super::{
    identity::sha256,
    message::{Finish, InitHello, RespHello},
};

const PROTOCOL: &[u8] = b"/hegemon/pq-noise/1.0.0";

/// The running hash over everything that was said in a handshake.
#[derive(Clone)]
pub struct Transcript(digest::Context);

impl Default for Transcript {
    fn default() -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(PROTOCOL);
        Self(context)
    }
}

impl Transcript {
    /// Adds a complete message: its struct in the fixed-width form.
    pub fn add(&mut self, transcript_bytes: &[u8]) {
        self.0.update(transcript_bytes);
    }

    /// The digest so far.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.0.clone().finish().as_ref().try_into().expect("SHA-256 is 32 bytes")
    }
}

/// What the dialer signs first.
#[must_use]
pub fn init_hello_digest(message: &InitHello) -> [u8; 32] {
    sha256(&[
        b"init-hello",
        &[message.version],
        &message.kem_public_key,
        &message.identity_key,
        &message.nonce.to_be_bytes(),
    ])
}

/// What the listener signs; `transcript` is the hash after `InitHello`.
#[must_use]
pub fn resp_hello_digest(message: &RespHello, transcript: &[u8; 32]) -> [u8; 32] {
    let nonce = message.nonce.to_be_bytes();
    sha256(&[
        b"resp-hello",
        &[message.version],
        &message.kem_public_key,
        &message.kem_ciphertext,
        &message.identity_key,
        &nonce,
        transcript,
    ])
}

/// What the dialer signs last; `transcript` is the hash after `RespHello`.
#[must_use]
pub fn finish_digest(message: &Finish, transcript: &[u8; 32]) -> [u8; 32] {
    sha256(&[b"finish", &message.kem_ciphertext, &message.nonce.to_be_bytes(), transcript])
}

/// The three secrets of a session. Wiped when dropped.
pub struct SessionKeys {
    /// Dialer → listener.
    pub initiator_to_responder: Zeroizing<[u8; 32]>,
    /// Listener → dialer.
    pub responder_to_initiator: Zeroizing<[u8; 32]>,
    /// Additional data of every frame.
    pub aad: Zeroizing<[u8; 32]>,
}

impl SessionKeys {
    /// From both shared secrets (`ss1` for the dialer's key, `ss2` for the listener's) and the hash
    /// after `Finish`.
    #[must_use]
    pub fn derive(ss1: &[u8], ss2: &[u8], transcript: &[u8; 32]) -> Self {
        let secret = Zeroizing::new([ss1, ss2].concat());
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, transcript).extract(&secret);
        let expand = |info: &[u8]| {
            let mut out = Zeroizing::new([0; 32]);
            let info = [info];
            let okm =
                key.expand(&info, hkdf::HKDF_SHA256).expect("32 bytes are within HKDF's bound");
            okm.fill(out.as_mut_slice()).expect("the buffer has the length that was asked for");
            out
        };
        Self {
            initiator_to_responder: expand(b"hegemon-pq-noise-v1-i2r"),
            responder_to_initiator: expand(b"hegemon-pq-noise-v1-r2i"),
            aad: expand(b"hegemon-pq-noise-v1-aad"),
        }
    }
}
