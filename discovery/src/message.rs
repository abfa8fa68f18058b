//! The three messages of `/hegemon/discovery/pq/1` and their bounded codec: bincode 1 in its
//! fixed-width form, which wincode writes byte for byte.

use std::net::SocketAddr;

use wincode::{SchemaRead, SchemaWrite, config::Configuration};

use crate::limits::ADDRS_DECODED;

/// The protocol's name in a session's envelope.
pub const PROTOCOL: &str = "/hegemon/discovery/pq/1";

/// What peers say to each other about addresses.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub enum Message {
    /// The TCP port that the sender listens on; with the IP seen on its socket a dialable address.
    Hello {
        /// Zero means that it does not listen.
        listen_port: u16,
    },
    /// Asks for up to `limit` addresses.
    GetAddrs {
        /// How many.
        limit: u16,
    },
    /// Answers `GetAddrs`, or passes on news.
    Addrs {
        /// Each in the order of the sender's choice.
        addrs: Vec<SocketAddr>,
    },
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A declared list that no honest node sends; nothing was allocated for it.
    #[error("declares more than {ADDRS_DECODED} addresses")]
    TooManyAddresses,
    /// Cut short, or an unknown tag.
    #[error("is not a discovery message")]
    Malformed,
}

/// What `Addrs` may make us allocate.
const ALLOCATION: usize = ADDRS_DECODED * size_of::<SocketAddr>();

impl Message {
    /// Reads one message. Bytes after it are ignored, as recorded peers do.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], before anything is allocated for a list that is too long.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let config = Configuration::default().with_preallocation_size_limit::<ALLOCATION>();
        wincode::config::deserialize(bytes, config).map_err(|error| {
            if matches!(error, wincode::ReadError::PreallocationSizeLimit { .. }) {
                DecodeError::TooManyAddresses
            } else {
                DecodeError::Malformed
            }
        })
    }

    /// How many bytes [`Message::encode`] makes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        const TAG: usize = 4;
        TAG + match self {
            Self::Hello { .. } | Self::GetAddrs { .. } => 2,
            Self::Addrs { addrs } => {
                8 + addrs.iter().map(|addr| if addr.is_ipv4() { 10 } else { 22 }).sum::<usize>()
            }
        }
    }

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wincode::serialize(self).expect("a message of integers and addresses always has an encoding, and the engine's lists are short")
    }
}
