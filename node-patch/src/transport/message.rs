//! The three handshake messages. On the wire: the enum, bincode's varint form, nothing after it. In
//! the transcript: the struct, fixed-width form.

use wincode::{
    ReadError, SchemaRead, SchemaWrite,
    config::{Configuration, DefaultConfig},
};

use super::identity::{IDENTITY_KEY_LEN, SIGNATURE_LEN};

/// The only protocol version there is.
pub const VERSION: u8 = 1;
/// ML-KEM-1024 encapsulation key, in bytes (FIPS 203, table 3).
pub const KEM_KEY_LEN: usize = 1_568;
/// ML-KEM-1024 ciphertext, in bytes (FIPS 203, table 3).
pub const KEM_CIPHERTEXT_LEN: usize = 1_568;

/// A handshake message; the tag is its position.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub enum HandshakeMessage {
    /// Dialer → listener.
    InitHello(InitHello),
    /// Listener → dialer.
    RespHello(RespHello),
    /// Dialer → listener.
    Finish(Finish),
}

/// The dialer introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct InitHello {
    /// [`VERSION`].
    pub version: u8,
    /// ML-KEM-1024 encapsulation key.
    pub kem_public_key: Vec<u8>,
    /// ML-DSA-65 verification key.
    pub identity_key: Vec<u8>,
    /// Random.
    pub nonce: u64,
    /// ML-DSA-65.
    pub signature: Vec<u8>,
}

/// The listener answers, with a secret for the dialer's KEM key.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct RespHello {
    /// [`VERSION`].
    pub version: u8,
    /// ML-KEM-1024 encapsulation key.
    pub kem_public_key: Vec<u8>,
    /// Encapsulated to the dialer's key.
    pub kem_ciphertext: Vec<u8>,
    /// ML-DSA-65 verification key.
    pub identity_key: Vec<u8>,
    /// Random.
    pub nonce: u64,
    /// ML-DSA-65.
    pub signature: Vec<u8>,
}

/// The dialer confirms, with a secret for the listener's KEM key.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Finish {
    /// Encapsulated to the listener's key.
    pub kem_ciphertext: Vec<u8>,
    /// Random.
    pub nonce: u64,
    /// ML-DSA-65.
    pub signature: Vec<u8>,
}

/// Why a frame is not the message that the state expects. All are the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageFault {
    /// Not a handshake message.
    #[error("is not a handshake message")]
    Malformed,
    /// Bytes after a handshake message.
    #[error("has bytes after its end")]
    Trailing,
    /// A handshake message out of order.
    #[error("is a {got}, where a {expected} is due")]
    OutOfOrder {
        /// What is due.
        expected: &'static str,
        /// What came.
        got: &'static str,
    },
    /// Another protocol version.
    #[error("has version {0}; we speak version {VERSION}")]
    Version(u8),
    /// A field of another length than its algorithm has.
    #[error("has a {field} of {got} bytes")]
    Length {
        /// Which.
        field: &'static str,
        /// How long it is.
        got: usize,
    },
}

/// What one message may make us allocate: the largest field is a signature, and a handshake frame
/// has 64 KiB at most.
const ALLOCATION: usize = 64 * 1024;

impl HandshakeMessage {
    /// The message as a frame's content.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wincode::config::serialize(self, Configuration::default().with_varint_encoding())
            .expect("a message of bytes and integers always has an encoding")
    }

    /// Reads a frame's content.
    ///
    /// # Errors
    ///
    /// [`MessageFault::Malformed`] or [`MessageFault::Trailing`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageFault> {
        let config = Configuration::default()
            .with_varint_encoding()
            .with_preallocation_size_limit::<ALLOCATION>();
        wincode::config::deserialize_exact(bytes, config).map_err(|error| {
            if matches!(error, ReadError::TrailingBytes) {
                MessageFault::Trailing
            } else {
                MessageFault::Malformed
            }
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::InitHello(_) => "InitHello",
            Self::RespHello(_) => "RespHello",
            Self::Finish(_) => "Finish",
        }
    }

    fn out_of_order(&self, expected: &'static str) -> MessageFault {
        MessageFault::OutOfOrder { expected, got: self.name() }
    }
}

impl InitHello {
    /// Reads and checks everything but the signature.
    ///
    /// # Errors
    ///
    /// [`MessageFault`].
    pub fn expect(bytes: &[u8]) -> Result<Self, MessageFault> {
        let message = match HandshakeMessage::decode(bytes)? {
            HandshakeMessage::InitHello(message) => message,
            other @ (HandshakeMessage::RespHello(_) | HandshakeMessage::Finish(_)) => {
                return Err(other.out_of_order("InitHello"));
            }
        };
        version(message.version)?;
        lengths(&[
            ("KEM key", &message.kem_public_key, KEM_KEY_LEN),
            ("identity key", &message.identity_key, IDENTITY_KEY_LEN),
            ("signature", &message.signature, SIGNATURE_LEN),
        ])?;
        Ok(message)
    }
}

impl RespHello {
    /// Reads and checks everything but the signature.
    ///
    /// # Errors
    ///
    /// [`MessageFault`].
    pub fn expect(bytes: &[u8]) -> Result<Self, MessageFault> {
        let message = match HandshakeMessage::decode(bytes)? {
            HandshakeMessage::RespHello(message) => message,
            other @ (HandshakeMessage::InitHello(_) | HandshakeMessage::Finish(_)) => {
                return Err(other.out_of_order("RespHello"));
            }
        };
        version(message.version)?;
        lengths(&[
            ("KEM key", &message.kem_public_key, KEM_KEY_LEN),
            ("KEM ciphertext", &message.kem_ciphertext, KEM_CIPHERTEXT_LEN),
            ("identity key", &message.identity_key, IDENTITY_KEY_LEN),
            ("signature", &message.signature, SIGNATURE_LEN),
        ])?;
        Ok(message)
    }
}

impl Finish {
    /// Reads and checks everything but the signature.
    ///
    /// # Errors
    ///
    /// [`MessageFault`].
    pub fn expect(bytes: &[u8]) -> Result<Self, MessageFault> {
        let message = match HandshakeMessage::decode(bytes)? {
            HandshakeMessage::Finish(message) => message,
            other @ (HandshakeMessage::InitHello(_) | HandshakeMessage::RespHello(_)) => {
                return Err(other.out_of_order("Finish"));
            }
        };
        lengths(&[
            ("KEM ciphertext", &message.kem_ciphertext, KEM_CIPHERTEXT_LEN),
            ("signature", &message.signature, SIGNATURE_LEN),
        ])?;
        Ok(message)
    }
}

/// A message's struct as it is fed to the transcript: without the enum tag, fixed-width.
#[must_use]
pub fn transcript_bytes<T: SchemaWrite<DefaultConfig, Src = T>>(message: &T) -> Vec<u8> {
    wincode::serialize(message).expect("a message of bytes and integers always has an encoding")
}

fn version(version: u8) -> Result<(), MessageFault> {
    if version == VERSION { Ok(()) } else { Err(MessageFault::Version(version)) }
}

fn lengths(fields: &[(&'static str, &Vec<u8>, usize)]) -> Result<(), MessageFault> {
    match fields.iter().find(|(_, bytes, expected)| bytes.len() != *expected) {
        Some((field, bytes, _)) => Err(MessageFault::Length { field, got: bytes.len() }),
        None => Ok(()),
    }
}
