//! What a session's plaintext is: a protocol's name and its data. What is not such an envelope is
//! ignored, an empty plaintext therefore is a keepalive that every node understands.

use wincode::{SchemaRead, SchemaWrite};

/// The protocols that this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Address exchange.
    Discovery,
    /// New blocks.
    BlockAnnounces,
    /// Questions for blocks, and answers.
    Sync,
}

impl Protocol {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discovery => hegemon_discovery::message::PROTOCOL,
            Self::BlockAnnounces => "/hegemon/block-announces/pq/1",
            Self::Sync => "/hegemon/sync/pq/1",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Discovery, Self::BlockAnnounces, Self::Sync]
            .into_iter()
            .find(|protocol| protocol.name() == name)
    }
}

#[derive(SchemaWrite, SchemaRead)]
struct Envelope<'a> {
    protocol: &'a str,
    data: &'a [u8],
}

/// A plaintext for a known protocol.
#[must_use]
pub fn encode(protocol: Protocol, data: &[u8]) -> Vec<u8> {
    wincode::serialize(&Envelope { protocol: protocol.name(), data })
        .expect("a name and bytes always have an encoding")
}

/// The protocol and where its data lies in the plaintext; `None` for everything that is to be
/// ignored.
#[must_use]
pub fn decode(plaintext: &[u8]) -> Option<(Protocol, &[u8])> {
    let envelope: Envelope<'_> = wincode::deserialize(plaintext).ok()?;
    Some((Protocol::from_name(envelope.protocol)?, envelope.data))
}
