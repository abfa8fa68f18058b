//! Joins the discovery engine and the world: time and entropy in, lookups and persistence out.
//! Sends, dials and closes go back to the hub, which has the sessions.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hegemon_discovery::{Action, Config, Engine, Event, Mono, SeedIndex, Status, snapshot::Stored};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{clock::Clock, config::Seed, net::hub::HubEvent, peer_store::PeerStore};

/// A lookup that takes longer has failed. A resolver whose first name server is dead asks the
/// second after five seconds; nobody but this seed waits for it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(15);

/// The engine with what it is not allowed to have itself.
#[derive(Debug)]
pub struct DiscoveryDriver {
    engine: Engine,
    clock: Clock,
    seeds: Arc<[Seed]>,
    store: PeerStore,
    hub: mpsc::Sender<HubEvent>,
    /// The write that is under way; the next one waits for it, so that an older snapshot never
    /// replaces a newer one.
    saving: Option<JoinHandle<()>>,
}

impl DiscoveryDriver {
    /// An engine with what `store` remembers and 32 bytes of the operating system's entropy.
    ///
    /// # Errors
    ///
    /// If the operating system has no entropy.
    pub fn new(
        config: Config,
        seeds: Arc<[Seed]>,
        store: PeerStore,
        clock: Clock,
        hub: mpsc::Sender<HubEvent>,
    ) -> anyhow::Result<Self> {
        let mut entropy = [0; 32];
        aws_lc_rs::rand::fill(&mut entropy)
            .map_err(|_| anyhow::anyhow!("the operating system gave no randomness"))?;
        let now = clock.now();
        let stored = match config.exchange {
            hegemon_discovery::Exchange::On => store.load(now),
            hegemon_discovery::Exchange::Off => Stored::default(),
        };
        Ok(Self {
            engine: Engine::new(config, entropy, stored, now),
            clock,
            seeds,
            store,
            hub,
            saving: None,
        })
    }

    /// Tells the engine; returns what the hub has to do.
    pub fn handle(&mut self, event: Event) -> Vec<Action> {
        let mut rest = Vec::new();
        for action in self.engine.handle(event, self.clock.now()) {
            match action {
                Action::Resolve { seed } => self.resolve(seed),
                Action::Persist { snapshot } => self.persist(snapshot),
                Action::Alarm { alarm, raised: true } => tracing::warn!(?alarm, "discovery alarm"),
                Action::Alarm { alarm, raised: false } => {
                    tracing::info!(?alarm, "discovery alarm is over")
                }
                Action::Send { .. }
                | Action::KeepAlive { .. }
                | Action::Dial { .. }
                | Action::Close { .. } => rest.push(action),
            }
        }
        rest
    }

    /// When the engine wants to be woken.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        self.engine.next_wakeup()
    }

    /// The engine in numbers.
    #[must_use]
    pub fn status(&self) -> Status {
        self.engine.status(self.clock.now())
    }

    /// Writes what is not yet written, and waits for it.
    pub async fn shut_down(mut self) {
        let rest = self.handle(Event::Shutdown);
        debug_assert!(rest.is_empty());
        if let Some(saving) = self.saving.take() {
            let _ = saving.await;
        }
    }

    fn resolve(&self, seed: SeedIndex) {
        let (hub, seeds) = (self.hub.clone(), self.seeds.clone());
        tokio::spawn(async move {
            let addrs = lookup(&seeds[seed.0]).await;
            let _ = hub.send(HubEvent::Resolved { seed, addrs }).await;
        });
    }

    fn persist(&mut self, snapshot: Vec<u8>) {
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
