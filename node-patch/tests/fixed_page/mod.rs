//! The metrics of a node that stands still.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use hegemon_discovery::{
    Alarm, Direction, Status, policy::Refusal, status::Counters, status::Dials,
};
use hegemon_node::{
    chain::{Chain, ChainParams, ImportError, Imported, Template},
    clock::Clock,
    metrics::{MetricsServer, Sources, serve},
    miner::{Miner, Pace},
    net::{
        handle::PeerId,
        tally::Tally,
        view::{NetworkView, SharedView},
    },
    rpc::{NodeInfo, NodeStatus, PeerInfo},
    sync::{Imports, SyncStatus},
};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

struct FixedNode;

impl NodeStatus for FixedNode {
    fn peer_count(&self) -> usize {
        43
    }

    fn peers(&self) -> Vec<PeerInfo> {
        let peer = |number: u8, direction| PeerInfo {
            peer_id: PeerId([number; 32]),
            address: SocketAddr::from(([198, 18, 0, number], 40_000)),
            direction,
            age_seconds: 60,
            bytes_in: 1_000,
            bytes_out: 2_000,
            listen_address: None,
        };
        let inbound = (1..=21).map(|number| peer(number, Direction::Inbound));
        inbound.chain((22..=43).map(|number| peer(number, Direction::Outbound))).collect()
    }

    fn discovery(&self) -> Value {
        Value::Null
    }

    fn local_peer_id(&self) -> PeerId {
        PeerId([9; 32])
    }

    fn listen_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }
}

/// Each number another one, so that a test sees it when two are confused.
fn discovery() -> Status {
    Status {
        known: 101,
        tried: 102,
        verified: 103,
        announced: 104,
        failing: 105,
        groups: 106,
        peers: 43,
        outbound: 22,
        inbound: 21,
        outbound_groups: 107,
        min_peers: 108,
        target_outbound: 109,
        max_inbound: 110,
        dialling: 225,
        feelers: 114,
        saturated: true,
        seeds_connected: 112,
        discouraged: 113,
        cut_off: Some(Duration::from_millis(1_500)),
        alarms: BTreeSet::from([Alarm::Eclipse]),
        last_refresh: Some(Duration::from_secs(30)),
        counters: Counters {
            dials: Dials {
                succeeded: 201,
                refused: 202,
                unreachable: 203,
                handshake: 204,
                local_network: 205,
                no_slot: 206,
                itself: 207,
                duplicate: 208,
            },
            refused: Refusal::ALL.into_iter().zip(221..).collect(),
            misbehaved: 211,
            evicted: 212,
            rate_limited: 213,
        },
    }
}

/// A server that shows it.
pub(crate) struct Served {
    pub(crate) server: MetricsServer,
    pub(crate) tally: Arc<Tally>,
    _directory: tempfile::TempDir,
}

/// See [`discovery`].
fn tally() -> Tally {
    let tally = Tally::default();
    tally.traffic.received.store(301, Relaxed);
    tally.traffic.sent.store(302, Relaxed);
    for (times, direction) in [(303, Direction::Inbound), (304, Direction::Outbound)] {
        (0..times).for_each(|_| tally.established(direction));
    }
    let (handshakes, drops) = (&tally.handshakes, &tally.drops);
    let counts = [
        &handshakes.completed,
        &handshakes.timed_out,
        &handshakes.hung_up,
        &handshakes.invalid,
        &handshakes.turned_away,
        &drops.session,
        &drops.sessions,
        &drops.chain,
        &drops.chain_bytes,
    ];
    for (count, times) in counts.into_iter().zip(311..) {
        (0..times).for_each(|_| count.add());
    }
    tally
}

/// See [`discovery`].
fn imports() -> Imports {
    let imports = Imports::default();
    let note = |times, outcome| (0..times).for_each(|_| imports.note(&outcome));
    // The buckets of a histogram add up: each of the deeper ones shows one more.
    for (times, reorg_depth) in [(401, 1), (1, 2), (1, 3), (1, 6), (1, 12), (1, 100), (1, 101)] {
        note(times, Ok(Imported::NewBest { reorg_depth }));
    }
    note(10, Ok(Imported::NewBest { reorg_depth: 0 }));
    note(418, Ok(Imported::Side));
    note(419, Err(ImportError::FromTheFuture));
    imports
}

/// A chain of three blocks.
fn chain(directory: &Path) -> Arc<Chain> {
    let params = ChainParams::trivial("metrics");
    let chain = Chain::open(&directory.join("chain.redb"), params.clone()).unwrap();
    for time in [1_800_000_000_300, 1_800_000_000_400, 1_800_000_000_500] {
        let parent = chain.header(&chain.best().hash).unwrap().unwrap();
        let block = Template::on(&params, &parent, [5; 32], time, vec![]).mine(0);
        chain.import(&block, time).unwrap().unwrap();
    }
    Arc::new(chain)
}

pub(crate) async fn serve_fixed(ip: [u8; 4]) -> Served {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain(directory.path());
    let view = SharedView::default();
    view.publish(NetworkView { rivalries: 305, discovery: discovery(), ..NetworkView::default() });
    let tally = Arc::new(tally());
    let status =
        SyncStatus { highest: 77, orphans: 78, orphan_bytes: 5_000, ..SyncStatus::default() };
    let miner = Miner::new(chain.clone(), mpsc::channel(1).0, [0; 32], Pace::Dev, Clock::start());
    let sources = Sources {
        info: NodeInfo {
            name: "A \"node\"".into(),
            version: "1.2.3".into(),
            should_have_peers: true,
            starting_block: 0,
            mining_threads: 1,
        },
        chain,
        miner: Arc::new(miner),
        node: Arc::new(FixedNode),
        view,
        tally: tally.clone(),
        sync: watch::channel(status).1,
        imports: Arc::new(imports()),
    };
    let server = serve(SocketAddr::from((ip, 0)), sources).await.unwrap();
    Served { server, tally, _directory: directory }
}
