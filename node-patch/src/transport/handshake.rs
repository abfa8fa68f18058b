//! The handshake as states, without sockets: each is a type that a message consumes, and that
//! returns the next state and what to send. The wrong order does not compile.
//!
//! ```text
//! dialer:    start ──InitHello──►  ExpectRespHello ──Finish──► Established
//! listener:  ExpectInitHello ──RespHello──► ExpectFinish ────► Established
//! ```
//!
//! KEM keys are made anew for every handshake, and encapsulation takes its randomness from aws-lc's
//! generator, seeded from the processor's jitter and the operating system: both inside aws-lc, which
//! offers no other way. Secrets are wiped when their
//! state is dropped.

use std::sync::Arc;

use aws_lc_rs::{
    kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_1024, SharedSecret},
    rand,
};
use hegemon_discovery::PeerId;

use super::{
    identity::{self, Identity},
    keys::{self, SessionKeys, Transcript},
    message::{
        Finish, HandshakeMessage, InitHello, MessageFault, RespHello, VERSION, transcript_bytes,
    },
    record::{Opener, Sealer},
};

/// Why a handshake ended, by culprit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The peer's: not a message that is due.
    #[error("the peer's message {0}")]
    Message(#[from] MessageFault),
    /// The peer's: it does not hold the identity key that it shows, or the message was changed on
    /// the way.
    #[error("the signature of the peer's {0} does not verify")]
    Signature(&'static str),
    /// The peer's: a KEM key or ciphertext that its algorithm refuses.
    #[error("the peer's {0} is not valid ML-KEM-1024")]
    Kem(&'static str),
    /// Ours: the operating system gave no randomness.
    #[error("this machine's random generator failed")]
    Entropy,
}

/// Both sides hold the same keys, and each knows who the other is.
pub struct Established {
    /// Who is at the other end.
    pub peer: PeerId,
    /// The transcript's hash: the same at both ends and for no other session.
    pub transcript: [u8; 32],
    /// For what we send.
    pub sealer: Sealer,
    /// For what we receive.
    pub opener: Opener,
}

/// A dialer that has sent `InitHello`.
pub struct ExpectRespHello {
    identity: Arc<Identity>,
    kem: DecapsulationKey,
    transcript: Transcript,
}

/// A listener that has said nothing.
pub struct ExpectInitHello {
    identity: Arc<Identity>,
}

/// A listener that has sent `RespHello`.
pub struct ExpectFinish {
    peer_key: Vec<u8>,
    kem: DecapsulationKey,
    ss1: SharedSecret,
    transcript: Transcript,
}

/// Begins a handshake as the dialer; the second value is the `InitHello` to send.
///
/// # Errors
///
/// [`HandshakeError::Entropy`].
pub fn start(identity: Arc<Identity>) -> Result<(ExpectRespHello, Vec<u8>), HandshakeError> {
    let (kem, kem_public_key) = fresh_kem_key()?;
    let mut hello = InitHello {
        version: VERSION,
        kem_public_key,
        identity_key: identity.public_key().to_vec(),
        nonce: nonce()?,
        signature: Vec::new(),
    };
    hello.signature = identity.sign(&keys::init_hello_digest(&hello));
    let mut transcript = Transcript::default();
    transcript.add(&transcript_bytes(&hello));
    Ok((ExpectRespHello { identity, kem, transcript }, HandshakeMessage::InitHello(hello).encode()))
}

impl ExpectRespHello {
    /// Takes the listener's `RespHello`; the second value is the `Finish` to send.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]. That the listener is ourselves is none: a `Finish` proves to whoever
    /// answered, who may be another node with our identity, that it is so.
    pub fn receive(mut self, frame: &[u8]) -> Result<(Established, Vec<u8>), HandshakeError> {
        let hello = RespHello::expect(frame)?;
        let signed = keys::resp_hello_digest(&hello, &self.transcript.hash());
        if !identity::verify(&hello.identity_key, &signed, &hello.signature) {
            return Err(HandshakeError::Signature("RespHello"));
        }
        let peer = identity::peer_id(&hello.identity_key);
        let ss1 = decapsulate(&self.kem, &hello.kem_ciphertext)?;
        let (kem_ciphertext, ss2) = encapsulate(&hello.kem_public_key)?;
        self.transcript.add(&transcript_bytes(&hello));

        let mut finish = Finish { kem_ciphertext, nonce: nonce()?, signature: Vec::new() };
        finish.signature =
            self.identity.sign(&keys::finish_digest(&finish, &self.transcript.hash()));
        self.transcript.add(&transcript_bytes(&finish));
        let transcript = self.transcript.hash();
        let keys = SessionKeys::derive(ss1.as_ref(), ss2.as_ref(), &transcript);
        let sealer = Sealer::new(&keys.initiator_to_responder, &keys.aad);
        let opener = Opener::new(&keys.responder_to_initiator, &keys.aad);
        Ok((
            Established { peer, transcript, sealer, opener },
            HandshakeMessage::Finish(finish).encode(),
        ))
    }
}

impl ExpectInitHello {
    /// A listener for one connection.
    #[must_use]
    pub fn new(identity: Arc<Identity>) -> Self {
        Self { identity }
    }

    /// Takes the dialer's `InitHello`; the second value is the `RespHello` to send. Our own is
    /// answered too: only so does the dialer learn that the address is its own.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`].
    pub fn receive(self, frame: &[u8]) -> Result<(ExpectFinish, Vec<u8>), HandshakeError> {
        let hello = InitHello::expect(frame)?;
        if !identity::verify(
            &hello.identity_key,
            &keys::init_hello_digest(&hello),
            &hello.signature,
        ) {
            return Err(HandshakeError::Signature("InitHello"));
        }
        let (kem_ciphertext, ss1) = encapsulate(&hello.kem_public_key)?;
        let (kem, kem_public_key) = fresh_kem_key()?;
        let mut transcript = Transcript::default();
        transcript.add(&transcript_bytes(&hello));

        let identity_key = self.identity.public_key().to_vec();
        let mut response = RespHello {
            version: VERSION,
            kem_public_key,
            kem_ciphertext,
            identity_key,
            nonce: nonce()?,
            signature: Vec::new(),
        };
        response.signature =
            self.identity.sign(&keys::resp_hello_digest(&response, &transcript.hash()));
        transcript.add(&transcript_bytes(&response));
        let next = ExpectFinish { peer_key: hello.identity_key, kem, ss1, transcript };
        Ok((next, HandshakeMessage::RespHello(response).encode()))
    }
}

impl ExpectFinish {
    /// Takes the dialer's `Finish`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`].
    pub fn receive(mut self, frame: &[u8]) -> Result<Established, HandshakeError> {
        let finish = Finish::expect(frame)?;
        if !identity::verify(
            &self.peer_key,
            &keys::finish_digest(&finish, &self.transcript.hash()),
            &finish.signature,
        ) {
            return Err(HandshakeError::Signature("Finish"));
        }
        let ss2 = decapsulate(&self.kem, &finish.kem_ciphertext)?;
        self.transcript.add(&transcript_bytes(&finish));
        let transcript = self.transcript.hash();
        let keys = SessionKeys::derive(self.ss1.as_ref(), ss2.as_ref(), &transcript);
        let sealer = Sealer::new(&keys.responder_to_initiator, &keys.aad);
        let opener = Opener::new(&keys.initiator_to_responder, &keys.aad);
        Ok(Established { peer: identity::peer_id(&self.peer_key), transcript, sealer, opener })
    }
}

fn fresh_kem_key() -> Result<(DecapsulationKey, Vec<u8>), HandshakeError> {
    let key = DecapsulationKey::generate(&ML_KEM_1024).map_err(|_| HandshakeError::Entropy)?;
    let public = key
        .encapsulation_key()
        .and_then(|public| public.key_bytes().map(|bytes| bytes.as_ref().to_vec()));
    Ok((key, public.map_err(|_| HandshakeError::Entropy)?))
}

fn encapsulate(public_key: &[u8]) -> Result<(Vec<u8>, SharedSecret), HandshakeError> {
    let key = EncapsulationKey::new(&ML_KEM_1024, public_key)
        .map_err(|_| HandshakeError::Kem("KEM key"))?;
    let (ciphertext, secret) = key.encapsulate().map_err(|_| HandshakeError::Kem("KEM key"))?;
    Ok((ciphertext.as_ref().to_vec(), secret))
}

fn decapsulate(key: &DecapsulationKey, ciphertext: &[u8]) -> Result<SharedSecret, HandshakeError> {
    key.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| HandshakeError::Kem("KEM ciphertext"))
}

fn nonce() -> Result<u64, HandshakeError> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| HandshakeError::Entropy)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(seed: u8) -> Arc<Identity> {
        Arc::new(Identity::from_identity_seed(&[seed; 32]))
    }

    /// What a handshake says to its messages after `InitHello`, `RespHello` and `Finish` went
    /// through the hands of somebody else.
    fn outcome(change: [&dyn Fn(Vec<u8>) -> Vec<u8>; 3]) -> Result<(), HandshakeError> {
        let (dialer, init) = start(identity(1))?;
        let (listener, resp) = ExpectInitHello::new(identity(2)).receive(&change[0](init))?;
        let (_, finish) = dialer.receive(&change[1](resp))?;
        listener.receive(&change[2](finish)).map(drop)
    }

    /// The same with only the message `which` changed.
    fn with(which: usize, change: &dyn Fn(Vec<u8>) -> Vec<u8>) -> HandshakeError {
        let same = |bytes: Vec<u8>| bytes;
        let mut changes: [&dyn Fn(Vec<u8>) -> Vec<u8>; 3] = [&same; 3];
        changes[which] = change;
        outcome(changes).unwrap_err()
    }

    /// Each field of a message in its struct's order, and its name if its length is checked.
    fn fields(message: &mut HandshakeMessage) -> Vec<(&'static str, &mut Vec<u8>)> {
        match message {
            HandshakeMessage::InitHello(hello) => {
                vec![
                    ("KEM key", &mut hello.kem_public_key),
                    ("identity key", &mut hello.identity_key),
                    ("signature", &mut hello.signature),
                ]
            }
            HandshakeMessage::RespHello(hello) => vec![
                ("KEM key", &mut hello.kem_public_key),
                ("KEM ciphertext", &mut hello.kem_ciphertext),
                ("identity key", &mut hello.identity_key),
                ("signature", &mut hello.signature),
            ],
            HandshakeMessage::Finish(finish) => vec![
                ("KEM ciphertext", &mut finish.kem_ciphertext),
                ("signature", &mut finish.signature),
            ],
        }
    }

    const NAMES: [&str; 3] = ["InitHello", "RespHello", "Finish"];

    #[test]
    fn in_every_state_every_fault_of_the_peer_has_its_own_name() {
        let same = |bytes: Vec<u8>| bytes;
        assert_eq!(outcome([&same; 3]), Ok(()));
        for (which, name) in NAMES.into_iter().enumerate() {
            assert_eq!(
                with(which, &|bytes| [bytes.as_slice(), &[0]].concat()),
                MessageFault::Trailing.into(),
                "a byte after {name}"
            );
            assert_eq!(
                with(which, &|bytes| bytes[..bytes.len() - 1].to_vec()),
                MessageFault::Malformed.into(),
                "a byte less than {name}"
            );
            for (number, (field, bytes)) in fields(&mut message(which)).into_iter().enumerate() {
                let longer = with(which, &|bytes| {
                    edited(&bytes, |message| fields(message)[number].1.push(0))
                });
                assert_eq!(
                    longer,
                    MessageFault::Length { field, got: bytes.len() + 1 }.into(),
                    "{field} of {name}"
                );
                let changed = with(which, &|bytes| {
                    edited(&bytes, |message| fields(message)[number].1[7] ^= 1)
                });
                assert_eq!(changed, HandshakeError::Signature(name), "{field} of {name}");
            }
        }
    }

    #[test]
    fn in_every_state_the_messages_that_are_not_due_are_named() {
        for (which, expected) in NAMES.into_iter().enumerate() {
            for (other, got) in NAMES.into_iter().enumerate().filter(|(other, _)| *other != which) {
                assert_eq!(
                    with(which, &|_| message(other).encode()),
                    MessageFault::OutOfOrder { expected, got }.into()
                );
            }
        }
    }

    #[test]
    fn another_version_is_named_before_anything_else_is_looked_at() {
        let older = |message: &mut HandshakeMessage| match message {
            HandshakeMessage::InitHello(InitHello { version, signature, .. })
            | HandshakeMessage::RespHello(RespHello { version, signature, .. }) => {
                *version = 0;
                signature.clear();
            }
            HandshakeMessage::Finish(_) => unreachable!("it has no version"),
        };
        for which in [0, 1] {
            assert_eq!(
                with(which, &|bytes| edited(&bytes, older)),
                MessageFault::Version(0).into()
            );
        }
    }

    /// A good message of another handshake.
    fn message(which: usize) -> HandshakeMessage {
        let (dialer, init) = start(identity(1)).unwrap();
        let (_, resp) = ExpectInitHello::new(identity(2)).receive(&init).unwrap();
        let (_, finish) = dialer.receive(&resp).unwrap();
        HandshakeMessage::decode(&[init, resp, finish][which]).unwrap()
    }

    fn edited(bytes: &[u8], edit: impl Fn(&mut HandshakeMessage)) -> Vec<u8> {
        let mut message = HandshakeMessage::decode(bytes).unwrap();
        edit(&mut message);
        message.encode()
    }
}
