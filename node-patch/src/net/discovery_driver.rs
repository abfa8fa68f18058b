//! What discovery asks of the world beside connections: names looked up, peers stored; at the start
//! what was stored, and entropy.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use hegemon_discovery::{Config, Exchange, Now, PeerId, SeedIndex, snapshot::Stored};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{
    net::{event::HubEvent, link, peering::Peering, table::Limits},
    peer_store::PeerStore,
};

/// A lookup that takes longer has failed. A resolver whose first name server is dead asks the
/// second after five seconds; nobody but this seed waits for it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(15);

/// One entry of `HEGEMON_SEEDS`. Its name is resolved at every attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// A name or an IP.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// See the module.
#[derive(Debug)]
pub struct DiscoveryDriver {
    seeds: Arc<[Seed]>,
    store: PeerStore,
    hub: mpsc::Sender<HubEvent>,
    /// The write that is under way; the next one waits for it, so that an older snapshot never
    /// replaces a newer one.
    saving: Option<JoinHandle<()>>,
    /// No seed was found yet: with the first one the node makes itself known on its link.
    unheard: Arc<AtomicBool>,
}

impl DiscoveryDriver {
    /// Answers go to `hub`.
    #[must_use]
    pub fn new(seeds: Arc<[Seed]>, store: PeerStore, hub: mpsc::Sender<HubEvent>) -> Self {
        Self { seeds, store, hub, saving: None, unheard: Arc::new(AtomicBool::new(true)) }
    }

    /// The node `own` with what the store remembers and 32 bytes of the operating system's entropy.
    ///
    /// # Errors
    ///
    /// If the operating system has no entropy.
    pub fn peering(
        &self,
        own: PeerId,
        limits: Limits,
        config: Config,
        now: Now,
    ) -> anyhow::Result<Peering> {
        let mut entropy = [0; 32];
        aws_lc_rs::rand::fill(&mut entropy)
            .map_err(|_| anyhow::anyhow!("the operating system gave no randomness"))?;
        let stored = match config.exchange {
            Exchange::On => self.store.load(now),
            Exchange::Off => Stored::default(),
        };
        Ok(Peering::new(own, limits, config, entropy, stored, now))
    }

    /// Waits for what is being written.
    pub async fn finish(mut self) {
        if let Some(saving) = self.saving.take() {
            let _ = saving.await;
        }
    }

    /// Looks a seed up; the hub is told.
    pub fn resolve(&self, seed: SeedIndex) {
        let (hub, seeds, unheard) = (self.hub.clone(), self.seeds.clone(), self.unheard.clone());
        tokio::spawn(async move {
            let addrs = lookup(&seeds[seed.0]).await;
            if !addrs.is_empty() && unheard.swap(false, Relaxed) {
                link::announce(&addrs);
            }
            let _ = hub.send(HubEvent::Resolved { seed, addrs }).await;
        });
    }

    /// Writes a snapshot.
    pub fn persist(&mut self, snapshot: Vec<u8>) {
        let (store, before) = (self.store.clone(), self.saving.take());
        self.saving = Some(tokio::spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let saved = tokio::task::spawn_blocking(move || store.save(&snapshot)).await;
            if let Ok(Err(error)) = saved {
                tracing::warn!(%error, "cannot write the peer store; it is a cache, the node goes on");
            }
        }));
    }
}

/// All addresses of a seed now; none if its name is unknown or the resolver silent.
async fn lookup(seed: &Seed) -> Vec<SocketAddr> {
    match timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((seed.host.as_str(), seed.port))).await {
        Ok(Ok(addrs)) => addrs.collect(),
        Ok(Err(error)) => {
            tracing::debug!(%seed, %error, "seed does not resolve");
            Vec::new()
        }
        Err(_) => {
            tracing::debug!(%seed, "seed does not resolve in {} s", LOOKUP_TIMEOUT.as_secs());
            Vec::new()
        }
    }
}
