//! Two drivers with real databases and real miners, joined by channels instead of sockets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use hegemon_node::{
    chain::{Chain, ChainParams},
    clock::Clock,
    host::Tasks,
    miner::{Miner, Pace},
    net::handle::{ChainEvent, ChainNetwork, ChainProtocol, PeerId, SessionId},
    sync::{SyncDriver, SyncHandles},
};
use tokio::{sync::mpsc, time::timeout};

const SESSION: SessionId = SessionId(1);

/// How long anything here may take on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Hands every frame to the other node. A full queue is a closed session, as in the real network.
struct Wire {
    other: Mutex<Option<mpsc::Sender<ChainEvent>>>,
}

impl ChainNetwork for Wire {
    fn send(&self, session: SessionId, protocol: ChainProtocol, data: Vec<u8>) {
        let mut other = self.other.lock().unwrap();
        let event = ChainEvent::Frame { session, protocol, data: data.into() };
        if other.as_ref().is_some_and(|other| other.try_send(event).is_err()) {
            *other = None;
        }
    }

    fn punish(&self, _: SessionId, reason: &'static str, _: u32) {
        panic!("{reason}");
    }
}

struct Node {
    chain: Arc<Chain>,
    wire: Arc<Wire>,
    events: mpsc::Sender<ChainEvent>,
    handles: SyncHandles,
    miner: Miner,
    directory: tempfile::TempDir,
}

fn params() -> ChainParams {
    ChainParams::dev(100).unwrap()
}

fn node(author: u8) -> Node {
    let directory = tempfile::tempdir().unwrap();
    let chain = Arc::new(Chain::open(&directory.path().join("chain.redb"), params()).unwrap());
    let wire = Arc::new(Wire { other: Mutex::new(None) });
    let (events, receiver) = mpsc::channel(64);
    let handles =
        SyncDriver::spawn(chain.clone(), wire.clone(), receiver, Clock::start(), &Tasks::tokio());
    let miner =
        Miner::new(chain.clone(), handles.mined.clone(), [author; 32], Pace::Dev, Clock::start());
    Node { chain, wire, events, handles, miner, directory }
}

async fn connect(a: &Node, b: &Node) {
    for (from, to, id) in [(a, b, 1), (b, a, 2)] {
        *from.wire.other.lock().unwrap() = Some(to.events.clone());
        to.events
            .send(ChainEvent::Opened { session: SESSION, peer: PeerId([id; 32]) })
            .await
            .unwrap();
    }
}

impl Node {
    async fn reaches(&mut self, height: u32) {
        let best = self.handles.best.wait_for(|best| best.number >= height);
        timeout(DEADLINE, best).await.expect("in time").unwrap();
    }

    /// Stops as main does: miner, then network (all senders of events), then driver. Returns where
    /// the database is.
    async fn shut_down(self) -> tempfile::TempDir {
        self.miner.stop();
        drop(self.events);
        timeout(Duration::from_secs(5), self.handles.task)
            .await
            .expect("in time")
            .unwrap()
            .unwrap();
        self.directory
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_miners_agree_and_keep_what_they_have() {
    let (mut a, mut b) = (node(1), node(2));
    // One is ahead when the other comes.
    a.miner.start(1).unwrap();
    a.reaches(10).await;
    connect(&a, &b).await;
    b.miner.start(1).unwrap();
    let ahead = a.chain.best().number;
    b.reaches(ahead + 10).await;
    a.reaches(ahead + 10).await;

    // A miner stops; within a block of the other's both have the same chain.
    a.miner.stop();
    let height = a.chain.best().number.max(b.chain.best().number) + 3;
    a.reaches(height).await;
    b.reaches(height).await;
    assert_eq!(a.chain.hash_at(height - 1).unwrap(), b.chain.hash_at(height - 1).unwrap());
    assert!(a.handles.status.borrow().claims.contains_key(&PeerId([2; 32])));

    for node in [&a, &b] {
        *node.wire.other.lock().unwrap() = None;
    }
    for node in [a, b] {
        let chain = Arc::clone(&node.chain);
        let directory = node.shut_down().await;
        let best = chain.best();
        drop(chain);
        let reopened = Chain::open(&directory.path().join("chain.redb"), params()).unwrap();
        assert_eq!(reopened.best(), best);
    }
}
