//! Paths that are tried from inside a node's network: a connect to another's transport, and
//! datagrams that the other's end counts and sends back.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket as StdUdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use harness_core::line::Connect;
use tokio::{
    net::{TcpSocket, UdpSocket},
    task::AbortHandle,
};

use super::wire::{Answer, Trial};

/// From then on a path that says nothing is silent.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// Between two datagrams: far apart for a network in memory, so that none is lost in a queue of ours.
const BETWEEN: Duration = Duration::from_millis(5);
/// After the last datagram, for what is on its way; and so much longer for each, where losses are counted
/// on a line that may be slow.
const ON_THE_WAY: Duration = Duration::from_secs(1);
const ON_THE_WAY_EACH: Duration = Duration::from_millis(10);
/// Paths of which one port counts datagrams, and datagrams of each: what is more is somebody else's.
const MOST: usize = 4096;
/// A token and a number.
const LENGTH: usize = 12;

/// Sockets of the node's namespace.
pub(super) struct Sockets {
    connecting: TcpSocket,
    datagrams: StdUdpSocket,
}

impl Sockets {
    /// In the namespace in which this thread is.
    pub(super) fn here() -> io::Result<Self> {
        let datagrams = StdUdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        datagrams.set_nonblocking(true)?;
        Ok(Self { connecting: TcpSocket::new_v4()?, datagrams })
    }

    /// Tries both ways of sending at once. Takes seconds at most.
    pub(super) async fn attempt(self, trial: Trial) -> io::Result<Answer> {
        let datagrams = UdpSocket::from_std(self.datagrams)?;
        let (connect, echoes) = tokio::join!(
            connect(self.connecting, SocketAddr::V4(trial.to)),
            exchange(&datagrams, &trial)
        );
        let mut round_trips: Vec<Duration> = echoes.into_values().collect();
        round_trips.sort();
        let median = round_trips.get(round_trips.len() / 2);
        Ok(Answer::Tried {
            connect,
            sent: trial.datagrams,
            echoed: u32::try_from(round_trips.len()).unwrap_or(u32::MAX),
            round_trip_us: median.map(|trip| u64::try_from(trip.as_micros()).unwrap_or(u64::MAX)),
        })
    }
}

async fn connect(socket: TcpSocket, to: SocketAddr) -> Connect {
    match tokio::time::timeout(CONNECT_LIMIT, socket.connect(to)).await {
        Ok(Ok(_)) => Connect::Accepted,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Connect::Refused,
        Ok(Err(error)) => Connect::Failed(error.to_string()),
        Err(_) => Connect::Silent,
    }
}

/// Round trips, by the number of the datagram.
async fn exchange(socket: &UdpSocket, trial: &Trial) -> BTreeMap<u32, Duration> {
    let to = SocketAddr::from((*trial.to.ip(), trial.echo));
    let sent: Mutex<BTreeMap<u32, Instant>> = Mutex::default();
    let mut echoed = BTreeMap::new();
    let sending = async {
        for number in 0..trial.datagrams {
            sent.lock().unwrap_or_else(PoisonError::into_inner).insert(number, Instant::now());
            // One that does not leave is one that does not arrive.
            let _ = socket.send_to(&datagram(trial.token, number), to).await;
            tokio::time::sleep(BETWEEN).await;
        }
        tokio::time::sleep(ON_THE_WAY + ON_THE_WAY_EACH * trial.datagrams).await;
    };
    let receiving = async {
        let mut bytes = [0; LENGTH + 1];
        while echoed.len() < trial.datagrams as usize {
            // An error is one that a datagram of ours met.
            let Ok((length, _)) = socket.recv_from(&mut bytes).await else { continue };
            let arrived = Instant::now();
            let Some((token, number)) = parse(&bytes[..length]) else { continue };
            let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            if let (true, Some(sent)) = (token == trial.token, sent.get(&number)) {
                echoed.entry(number).or_insert(arrived - *sent);
            }
        }
    };
    tokio::select! {
        () = sending => {}
        () = receiving => {}
    }
    echoed
}

fn datagram(token: u64, number: u32) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..8].copy_from_slice(&token.to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn parse(bytes: &[u8]) -> Option<(u64, u32)> {
    let (token, number) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*token), u32::from_be_bytes(number.try_into().ok()?)))
}

type Counted = Arc<Mutex<BTreeMap<u64, BTreeSet<u32>>>>;

/// A port on which datagrams are counted and sent back.
pub(super) struct Echo {
    counted: Counted,
    task: AbortHandle,
}

impl Echo {
    /// In the namespace in which this thread is; the port is the kernel's choice.
    pub(super) fn here() -> io::Result<(u16, Self)> {
        let socket = StdUdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        let (socket, counted) = (UdpSocket::from_std(socket)?, Counted::default());
        let task = tokio::spawn(serve(socket, Arc::clone(&counted))).abort_handle();
        Ok((port, Self { counted, task }))
    }

    /// What it has counted.
    pub(super) fn heard(&self) -> Vec<(u64, u32)> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted
            .iter()
            .map(|(token, numbers)| (*token, u32::try_from(numbers.len()).unwrap_or(u32::MAX)))
            .collect()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, counted: Counted) {
    let mut bytes = [0; LENGTH + 1];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut bytes).await else { continue };
        let Some((token, number)) = parse(&bytes[..length]) else { continue };
        {
            let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
            if counted.len() < MOST || counted.contains_key(&token) {
                let numbers = counted.entry(token).or_default();
                if numbers.len() < MOST {
                    numbers.insert(number);
                }
            }
        }
        let _ = socket.send_to(&bytes[..length], from).await;
    }
}
