//! What discovery asks of the world beside connections: names looked up, peers stored; at the start
//! what was stored, and entropy.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

pub use hegemon_adapter::Seed;
use hegemon_adapter::{
    peer_store::{Remark, Writer},
    seeds,
};
use hegemon_discovery::{Config, Exchange, Now, PeerId, SeedIndex, snapshot::Stored};
use tokio::sync::mpsc;

use crate::{
    host::Host,
    net::{event::HubEvent, peering::Peering, table::Limits},
};

/// See the module.
pub struct DiscoveryDriver {
    seeds: Arc<[Seed]>,
    host: Host,
    hub: mpsc::Sender<HubEvent>,
    writer: Writer,
    /// No seed was found yet: with the first one the node makes itself known on its link.
    unheard: Arc<AtomicBool>,
}

impl DiscoveryDriver {
    /// Answers go to `hub`.
    ///
    /// # Panics
    ///
    /// Without a tokio runtime.
    #[must_use]
    pub fn new(seeds: Arc<[Seed]>, host: Host, hub: mpsc::Sender<HubEvent>) -> Self {
        let writer = Writer::spawn(host.peers.clone(), host.tasks.clone(), |remark| log(&remark));
        Self { seeds, host, hub, writer, unheard: Arc::new(AtomicBool::new(true)) }
    }

    /// The node `own` with what the store remembers and 32 bytes of the host's entropy.
    ///
    /// # Errors
    ///
    /// If the host has no entropy.
    pub fn peering(
        &self,
        own: PeerId,
        limits: Limits,
        config: Config,
        now: Now,
    ) -> anyhow::Result<Peering> {
        let mut entropy = [0; 32];
        self.host.entropy.fill(&mut entropy)?;
        let stored = match config.exchange {
            Exchange::On => {
                let (stored, remarks) = self.host.peers.load(now);
                remarks.iter().for_each(log);
                stored
            }
            Exchange::Off => Stored::default(),
        };
        Ok(Peering::new(own, limits, config, entropy, stored, now))
    }

    /// Waits for what is being written.
    pub async fn finish(self) {
        self.writer.finish().await;
    }

    /// Looks a seed up; the hub is told, with no addresses if there is none now.
    pub fn resolve(&self, seed: SeedIndex) {
        let (hub, seeds, unheard) = (self.hub.clone(), self.seeds.clone(), self.unheard.clone());
        let net = self.host.net.clone();
        let resolving = async move {
            let name = &seeds[seed.0];
            let addrs = seeds::within_time(net.lookup(name)).await.unwrap_or_else(|error| {
                tracing::debug!(seed = %name, %error, "seed does not resolve");
                Vec::new()
            });
            if !addrs.is_empty() && unheard.swap(false, Relaxed) {
                net.announce(&addrs);
            }
            let _ = hub.send(HubEvent::Resolved { seed, addrs }).await;
        };
        self.host.tasks.spawn(resolving).detach();
    }

    /// Writes a snapshot.
    pub fn persist(&self, snapshot: Vec<u8>) {
        self.writer.save(snapshot);
    }
}

fn log(remark: &Remark) {
    match remark.is_warning() {
        true => tracing::warn!("{remark}"),
        false => tracing::info!("{remark}"),
    }
}
