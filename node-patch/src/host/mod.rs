//! The seams: what a node needs of the world it runs in, each by a trait with one real
//! implementation here. [`Host::real`] is what the binary runs on; a simulator hands in another one,
//! and the node above is the same.
//!
//! | module | is about |
//! | --- | --- |
//! | [`net`] | connections: listened for, dialled, names looked up |
//! | [`tcp`] | the real network |
//! | [`entropy`] | randomness for choices; keys have the library's own |
//! | `link` | who waits for this host on its own link hears of it |
//!
//! Time, tasks and the peer store are the adapter's: [`Clock`], [`Tasks`], [`Snapshots`]. The chain's
//! storage is redb's `StorageBackend`: [`Chain::on`](crate::chain::Chain::on).

pub mod entropy;
mod link;
pub mod net;
pub mod tcp;

use std::{path::Path, sync::Arc};

use hegemon_adapter::PeerStore;
pub use hegemon_adapter::{
    peer_store::{Remark, Snapshots, Unused},
    tasks::{Died, Lane, Spawn, Task, Tasks},
};

use self::{
    entropy::{Entropy, System},
    net::Net,
    tcp::Tcp,
};
use crate::clock::Clock;

/// What a node runs on. Each clone is the same.
#[derive(Clone)]
pub struct Host {
    /// Its network.
    pub net: Arc<dyn Net>,
    /// Its clocks.
    pub clock: Clock,
    /// Its randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Who runs its tasks.
    pub tasks: Tasks,
    /// Where its peers survive.
    pub peers: Arc<dyn Snapshots>,
}

impl Host {
    /// This machine: TCP, the system's clocks and randomness, tokio's tasks, peers in files under
    /// `base`.
    ///
    /// # Panics
    ///
    /// Without a tokio runtime.
    #[must_use]
    pub fn real(base: &Path, clock: Clock) -> Self {
        Self {
            net: Arc::new(Tcp),
            clock,
            entropy: Arc::new(System),
            tasks: Tasks::tokio(),
            peers: Arc::new(PeerStore::under(base)),
        }
    }
}
