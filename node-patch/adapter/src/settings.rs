//! What discovery needs to know of the node, once, at the start.

use hegemon_discovery::{Config, Limits, PeerId};

use crate::{peer_store::PeerStore, seeds::Seed};

/// See the module.
#[derive(Debug)]
pub struct Settings {
    /// Who we are.
    pub own: PeerId,
    /// What an operator may turn. The numbers of seeds and inbound peers are set from what is below.
    pub discovery: Config,
    /// How many sessions there may be; the network's own limit has to be higher ([`limits`](crate::limits)).
    pub limits: Limits,
    /// Where to begin.
    pub seeds: Vec<Seed>,
    /// Where addresses survive.
    pub store: PeerStore,
    /// From the operating system: who can guess it can fill the address book.
    pub entropy: [u8; 32],
}
