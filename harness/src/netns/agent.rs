//! Does what it is ordered to, inside the namespaces of its process. What takes a moment is done in
//! order; what takes longer, beside the rest.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddrV4, ToSocketAddrs},
    os::fd::AsFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use harness_core::event::Dialled;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::unix::pipe::{Receiver, Sender},
    sync::mpsc,
};

use super::{
    cuts,
    dials::dialled,
    ports::{self, Occupied},
    relay::Relay,
    spaces::Spaces,
    tries::{Echo, Sockets},
    wire::{self, Answer, Order, Reply, Verb},
    wiring,
};

/// The hidden verb of this program that is an agent of the network in which it is.
pub const VERB: &str = "help-in-network";
/// Answers that wait for their reader.
const QUEUE: usize = 64;

/// The whole life of an agent of the network in which this process is, ordered by its standard input,
/// which engines and shells give as pipes.
///
/// # Errors
///
/// They are none, or break.
pub async fn help() -> io::Result<()> {
    let orders = Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let replies = Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    Agent::of(Spaces::only_this()).serve(orders, replies).await
}

/// What one process knows of its namespaces.
pub(super) struct Agent {
    spaces: Mutex<Spaces>,
    relays: Mutex<BTreeMap<usize, Option<Relay>>>,
    echoes: Mutex<BTreeMap<(usize, u16), Echo>>,
    occupied: Mutex<BTreeMap<(usize, SocketAddrV4), Occupied>>,
    /// Connections that we tried ourselves.
    dialled: Mutex<BTreeMap<usize, u64>>,
}

impl Agent {
    pub(super) fn of(spaces: Spaces) -> Arc<Self> {
        Arc::new(Self {
            spaces: Mutex::new(spaces),
            relays: Mutex::default(),
            echoes: Mutex::default(),
            occupied: Mutex::default(),
            dialled: Mutex::default(),
        })
    }

    pub(super) fn spaces(&self) -> MutexGuard<'_, Spaces> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until there are no more orders.
    ///
    /// # Errors
    ///
    /// A stream breaks.
    pub(super) async fn serve(
        self: Arc<Self>,
        mut orders: impl AsyncRead + Unpin,
        mut replies: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (answered, mut queue) = mpsc::channel::<Reply>(QUEUE);
        let reading = async {
            while let Some(order) = wire::read::<Order>(&mut orders).await? {
                self.obey(order, &answered).await;
            }
            Ok(())
        };
        let writing = async {
            while let Some(reply) = queue.recv().await {
                wire::write(&mut replies, &reply).await?;
            }
            Ok(())
        };
        tokio::select! {
            ended = reading => ended,
            broken = writing => broken,
        }
    }

    async fn obey(self: &Arc<Self>, order: Order, answered: &mpsc::Sender<Reply>) {
        let Order { id, at, verb } = order;
        let reply = move |outcome: io::Result<Answer>| Reply {
            id,
            outcome: outcome.map_err(|error| error.to_string()),
        };
        match verb {
            Verb::Try(trial) => {
                self.dials(at);
                let sockets = self.spaces().within(at, Sockets::here);
                let answered = answered.clone();
                tokio::spawn(async move {
                    let outcome = match sockets {
                        Ok(sockets) => sockets.attempt(trial).await,
                        Err(error) => Err(error),
                    };
                    let _ = answered.send(reply(outcome)).await;
                });
            }
            Verb::Greeting { at: port } => {
                self.dials(at);
                let socket = self.spaces().within(at, ports::socket);
                let answered = answered.clone();
                tokio::spawn(async move {
                    let outcome = match socket {
                        Ok(socket) => ports::greeting(socket, port).await.map(Answer::Bytes),
                        Err(error) => Err(error),
                    };
                    let _ = answered.send(reply(outcome)).await;
                });
            }
            Verb::Release { at: port } => {
                let held = self.occupied().remove(&(at, port));
                if let Some(held) = held {
                    held.release().await;
                }
                let _ = answered.send(reply(Ok(Answer::Done))).await;
            }
            moment @ (Verb::Make { .. }
            | Verb::Lines(_)
            | Verb::Cuts
            | Verb::Echo
            | Verb::Heard { .. }
            | Verb::Occupy { .. }
            | Verb::Dials
            | Verb::Lookup { .. }) => {
                let outcome = self.at_once(at, moment);
                let _ = answered.send(reply(outcome)).await;
            }
        }
    }

    fn at_once(&self, at: usize, verb: Verb) -> io::Result<Answer> {
        match verb {
            Verb::Make { prefix, bridge, nodes } => {
                wiring::make(&mut self.spaces(), prefix, bridge, &nodes)?;
                Ok(Answer::Done)
            }
            Verb::Lines(lines) => {
                let mut relays = self.relays.lock().unwrap_or_else(PoisonError::into_inner);
                let relay = relays.entry(at).or_default();
                self.spaces().within(at, || cuts::change(&lines, relay))?;
                Ok(Answer::Done)
            }
            Verb::Cuts => self.spaces().within(at, cuts::here).map(Answer::Cuts),
            Verb::Echo => {
                let (port, echo) = self.spaces().within(at, Echo::here)?;
                self.echoes.lock().unwrap_or_else(PoisonError::into_inner).insert((at, port), echo);
                Ok(Answer::Port(port))
            }
            Verb::Heard { port } => {
                let echo =
                    self.echoes.lock().unwrap_or_else(PoisonError::into_inner).remove(&(at, port));
                let echo = echo.ok_or_else(|| io::Error::other("nobody counts there"))?;
                Ok(Answer::Heard(echo.heard()))
            }
            Verb::Occupy { at: port } => {
                let held = self.spaces().within(at, || Occupied::here(port))?;
                self.occupied().insert((at, port), held);
                Ok(Answer::Done)
            }
            Verb::Dials => {
                let own = self.dialled().get(&at).copied().unwrap_or_default();
                let all = self.spaces().within(at, dialled)?;
                let attempts = all.attempts.saturating_sub(own);
                Ok(Answer::Dialled(Dialled { attempts, ..all }))
            }
            Verb::Lookup { name } => {
                // From a file, and where that does not say there is no way out: it takes no time.
                let found = self.spaces().within(at, || (name.as_str(), 0).to_socket_addrs())?;
                let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
                addresses.sort();
                addresses.dedup();
                Ok(Answer::Addresses(addresses))
            }
            Verb::Try(_) | Verb::Greeting { .. } | Verb::Release { .. } => {
                Err(io::Error::from(io::ErrorKind::Unsupported))
            }
        }
    }

    /// The kernel counts what we try there as well.
    fn dials(&self, at: usize) {
        *self.dialled().entry(at).or_default() += 1;
    }

    fn dialled(&self) -> MutexGuard<'_, BTreeMap<usize, u64>> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn occupied(&self) -> MutexGuard<'_, BTreeMap<(usize, SocketAddrV4), Occupied>> {
        self.occupied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
