//! What travels over a session, and what it costs on the wire.

use std::sync::Arc;

use hegemon_discovery::Message;

/// Length prefix and authentication tag of every frame, in bytes.
pub const FRAME_BYTES: usize = 4 + 16;

/// What the envelope adds to a discovery message: two lengths of eight bytes, and the protocol's
/// name.
pub const ENVELOPE_BYTES: usize = 8 + hegemon_discovery::message::PROTOCOL.len() + 8;

/// The three messages of a handshake with their prefixes: two times an ML-KEM-1024 key, two
/// ciphertexts, two ML-DSA-65 keys, three signatures.
pub const HANDSHAKE_BYTES: usize = 2 * 1_568 + 2 * 1_568 + 2 * 1_952 + 3 * 3_309 + 3 * (4 + 9);

/// One frame's plaintext.
#[derive(Debug, Clone)]
pub enum Frame {
    /// A sign of life.
    Empty,
    /// A discovery message of an honest node.
    Message(Message),
    /// Bytes that claim to be one: decoded where they arrive.
    Bytes(Arc<[u8]>),
}

impl Frame {
    /// Its bytes on the wire, without those of TCP and IP.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        FRAME_BYTES
            + match self {
                Self::Empty => 0,
                Self::Message(message) => ENVELOPE_BYTES + message.encoded_len(),
                Self::Bytes(bytes) => ENVELOPE_BYTES + bytes.len(),
            }
    }
}
