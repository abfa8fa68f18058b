//! Discovery for a node that has a network already: whatever keys its connections by peer, tells who
//! is connected and what came, and can connect, send and disconnect.
//!
//! The node implements [`Network`], starts a [`Discovery`] and tells it every [`NetworkEvent`];
//! `node-patch/ADOPTING.md` goes through it line by line. Behind the seam are the engine of
//! `hegemon-discovery`, its timers, the persisted peer store, dials with their outcomes, and limits.
//!
//! # What the network may do
//!
//! Old networks forget. They look for a peer and insert it later, drop the newer of two connections
//! without a word, clean up by peer, so that the end of one connection takes the other's entry with
//! it, and lose what a dialler says together with its last handshake message. So:
//!
//! - a dialler's first word waits for the other side's, or for a second;
//! - every session is asked for a sign of life once the dust has settled, and ended if it gives
//!   none: the other side has forgotten it, and would refuse every new one;
//! - a disconnection around a duplicate is doubted until the network says that the peer is gone;
//! - messages may come before their `PeerConnected`, and events late, twice or never.
//!
//! # The map
//!
//! | module | is about |
//! | --- | --- |
//! | [`network`] | the seam: events, calls |
//! | [`discovery`] | what the node holds: tells events, asks for peers and numbers |
//! | [`roster`] | who is connected, with the engine under one owner; pure |
//! | [`settings`] | what it needs to know of the node |
//! | `driver`, `told` | the one task that owns it: queue, timers, calls carried out; what it hears |
//! | `outbox`, `parting` | messages that leave in order; peers that are being disconnected |
//! | [`seeds`], [`peer_store`], [`clock`], [`tasks`] | names looked up, peers stored, time, who runs tasks: the node of this repository uses them too |
//! | [`limits`] | numbers with their reasons |
//! | [`remark`] | what an operator should read |

pub mod clock;
pub mod discovery;
pub mod limits;
pub mod network;
pub mod peer_store;
pub mod remark;
pub mod roster;
pub mod seeds;
pub mod settings;
pub mod tasks;

mod driver;
mod outbox;
mod parting;
mod told;

pub use discovery::Discovery;
pub use hegemon_discovery::Limits;
pub use network::{Network, NetworkEvent, Unsent};
pub use peer_store::PeerStore;
pub use remark::Remark;
pub use seeds::Seed;
pub use settings::Settings;
