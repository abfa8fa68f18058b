//! The one task that owns the [`Roster`] and drives it: a queue of what happens, timers, and calls to
//! the network. It decides nothing, and waits for nobody.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use hegemon_discovery::{
    DialError, DialId, Exchange, Mono, Now, PeerId, SeedIndex, SessionId, Status, snapshot::Stored,
};
use tokio::{
    sync::mpsc,
    time::{sleep_until, timeout},
};

use crate::{
    clock::Clock,
    limits::{CONNECT_TIMEOUT, STATUS_INTERVAL},
    network::Network,
    outbox::Outbox,
    parting::Parting,
    peer_store::Writer,
    remark::Remark,
    roster::{Order, Roster},
    seeds::Seed,
    settings::Settings,
    tasks::Tasks,
    told::Told,
};

/// See the module.
pub(crate) struct Driver<N> {
    network: Arc<N>,
    roster: Roster,
    clock: Clock,
    seeds: Vec<Seed>,
    writer: Writer,
    outboxes: BTreeMap<SessionId, Outbox>,
    parting: Parting,
    queue: mpsc::Receiver<Told>,
    /// For the tasks around it: they keep nobody alive.
    tell: mpsc::WeakSender<Told>,
    status: Option<(Mono, Status)>,
}

impl<N: Network> Driver<N> {
    pub(crate) fn new(
        network: Arc<N>,
        settings: Settings,
        queue: mpsc::Receiver<Told>,
        tell: mpsc::WeakSender<Told>,
    ) -> Self {
        let Settings { own, mut discovery, limits, seeds, store, entropy } = settings;
        let clock = Clock::start();
        discovery.seeds = seeds.len();
        let stored = match discovery.exchange {
            Exchange::On => {
                let (stored, remarks) = store.load(clock.now());
                remarks.into_iter().for_each(|remark| network.remark(&Remark::Store(remark)));
                stored
            }
            Exchange::Off => Stored::default(),
        };
        let log = network.clone();
        let say = move |remark| log.remark(&Remark::Store(remark));
        let writer = Writer::spawn(Arc::new(store), Tasks::tokio(), say);
        Self {
            roster: Roster::new(own, limits, discovery, entropy, stored, clock.now()),
            parting: Parting::start(network.clone()),
            network,
            clock,
            seeds,
            writer,
            outboxes: BTreeMap::new(),
            queue,
            tell,
            status: None,
        }
    }

    /// Until somebody ends it, or nobody can tell it anything any more.
    pub(crate) async fn run(mut self) {
        self.drive(Roster::start);
        let mut done = None;
        loop {
            let due = self.roster.next_wakeup().unwrap_or(Mono(i64::MAX));
            tokio::select! {
                told = self.queue.recv() => match told {
                    None => break,
                    Some(Told::ShutDown(ended)) => {
                        done = Some(ended);
                        break;
                    }
                    Some(told) => self.hear(told),
                },
                () = sleep_until(self.clock.instant(due)) => self.drive(Roster::wakeup),
            }
        }
        self.drive(Roster::shut_down);
        self.writer.finish().await;
        done.map(|done| done.send(()));
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Connected { peer_id, addr, is_outbound } => self
                .drive(|roster, now, out| roster.connected(peer_id, addr, is_outbound, now, out)),
            Told::Disconnected { peer_id } => {
                self.drive(|roster, now, out| roster.disconnected(peer_id, now, out))
            }
            Told::Message { peer_id, message } => {
                self.drive(|roster, now, out| roster.message(peer_id, message, now, out))
            }
            Told::Frame { peer_id } => {
                self.drive(|roster, now, out| roster.frame(peer_id, now, out))
            }
            Told::Misbehaved { peer_id, points } => {
                self.drive(|roster, now, out| roster.misbehaved(peer_id, points, now, out))
            }
            Told::Chain(state) => self.drive(|roster, now, out| roster.chain(state, now, out)),
            Told::Dialled { dial, result } => {
                self.drive(|roster, now, out| roster.dialled(dial, result, now, out))
            }
            Told::Unsent { session } => {
                self.drive(|roster, now, out| roster.unsent(session, now, out))
            }
            Told::Resolved { seed, addrs } => {
                self.drive(|roster, now, out| roster.resolved(seed, addrs, now, out))
            }
            Told::Peers(answer) => {
                let _ = answer.send(self.roster.peers(self.clock.now().mono).collect());
            }
            Told::Status(answer) => {
                let _ = answer.send(self.status());
            }
            // Whoever runs the driver has heard of it.
            Told::ShutDown(_) => {}
        }
    }

    fn drive(&mut self, tell: impl FnOnce(&mut Roster, Now, &mut Vec<Order>)) {
        let (now, mut orders) = (self.clock.now(), Vec::new());
        tell(&mut self.roster, now, &mut orders);
        // A session whose queue is full ends, which may be the reason for more.
        while !orders.is_empty() {
            let unsent: Vec<SessionId> =
                orders.drain(..).filter_map(|order| self.carry_out(order, now).err()).collect();
            for session in unsent {
                self.roster.unsent(session, now, &mut orders);
            }
        }
    }

    /// # Errors
    ///
    /// The session whose peer takes no more.
    fn carry_out(&mut self, order: Order, now: Now) -> Result<(), SessionId> {
        match order {
            Order::Open { session, peer_id, direction } => {
                let (network, tell) = (self.network.clone(), self.tell.clone());
                let outbox = Outbox::open(network, (session, peer_id), direction, tell);
                self.outboxes.insert(session, outbox);
            }
            Order::Spoke { session } => {
                self.outboxes.get(&session).into_iter().for_each(Outbox::spoke)
            }
            Order::Send { session, message } => {
                let outbox = self.outboxes.get(&session);
                if outbox.is_some_and(|outbox| !outbox.send(&message)) {
                    return Err(session);
                }
            }
            Order::End { session, peer_id, why } => {
                self.outboxes.remove(&session);
                self.network.remark(&Remark::Ended { peer_id, why });
            }
            Order::Disconnect { peer_id } => self.part(peer_id, None),
            Order::Dismiss { session, peer_id } => {
                let outbox = self.outboxes.remove(&session);
                self.part(peer_id, outbox);
            }
            Order::Connect { dial, addr } => self.connect(dial, addr),
            Order::Resolve { seed } => self.resolve(seed),
            Order::Persist => self.writer.save(self.roster.snapshot(now)),
            Order::Alarm { alarm, raised } => self.network.remark(&Remark::Alarm { alarm, raised }),
        }
        Ok(())
    }

    fn part(&self, peer_id: PeerId, outbox: Option<Outbox>) {
        if !self.parting.disconnect(peer_id, outbox) {
            self.network.remark(&Remark::Overloaded { peer_id });
        }
    }

    /// A dial has an outcome, whatever the network does: answers, panics, or is never heard of
    /// again.
    fn connect(&self, dial: DialId, addr: SocketAddr) {
        let (network, tell) = (self.network.clone(), self.tell.clone());
        let mut attempt = tokio::spawn(async move { network.connect(addr).await });
        tokio::spawn(async move {
            let result = match timeout(CONNECT_TIMEOUT, &mut attempt).await {
                Ok(answer) => answer.unwrap_or(Err(DialError::LocalNetwork)),
                Err(_) => Err(DialError::Unreachable),
            };
            attempt.abort();
            if let Some(tell) = tell.upgrade() {
                let _ = tell.send(Told::Dialled { dial, result }).await;
            }
        });
    }

    fn resolve(&self, seed: SeedIndex) {
        let (network, tell) = (self.network.clone(), self.tell.clone());
        let name = self.seeds[seed.0].clone();
        tokio::spawn(async move {
            let addrs = name.resolve().await.unwrap_or_else(|error| {
                network.remark(&Remark::Unresolved { seed: name, error });
                Vec::new()
            });
            if let Some(tell) = tell.upgrade() {
                let _ = tell.send(Told::Resolved { seed, addrs }).await;
            }
        });
    }

    fn status(&mut self) -> Status {
        let now = self.clock.now();
        match &self.status {
            Some((at, status)) if now.mono.since(*at) < STATUS_INTERVAL => status.clone(),
            Some(_) | None => {
                let status = self.roster.status(now);
                self.status = Some((now.mono, status.clone()));
                status
            }
        }
    }
}
