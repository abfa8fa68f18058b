//! The server over a chain that is the same everywhere, and clients that send exactly what they are
//! told to.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use hegemon_discovery::Direction;
use hegemon_node::{
    chain::{Best, Chain, ChainParams, Hash, Template},
    clock::Clock,
    miner::{Miner, Pace},
    net::handle::PeerId,
    rpc::{
        MethodPolicy, NodeInfo, NodeStatus, Patience, PeerInfo, RpcConfig, RpcContext, RpcError,
        RpcServer, start,
    },
    sync::{Claim, SyncStatus},
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
    time::timeout,
};

use crate::process::PATIENCE;

struct FixedNode;

impl NodeStatus for FixedNode {
    fn peer_count(&self) -> usize {
        2
    }

    fn peers(&self) -> Vec<PeerInfo> {
        let peer = |number: u8, direction| PeerInfo {
            peer_id: PeerId([number; 32]),
            address: SocketAddr::from(([198, 18, 0, number], 40_000)),
            direction,
            age_seconds: 60,
            bytes_in: 1_000,
            bytes_out: 2_000,
            listen_address: (number == 1).then(|| SocketAddr::from(([198, 18, 0, number], 30_333))),
        };
        vec![peer(1, Direction::Inbound), peer(2, Direction::Outbound)]
    }

    fn discovery(&self) -> Value {
        json!({ "dials": 3 })
    }

    fn local_peer_id(&self) -> PeerId {
        PeerId([9; 32])
    }

    fn listen_addresses(&self) -> Vec<SocketAddr> {
        vec![SocketAddr::from(([0, 0, 0, 0], 30_333))]
    }
}

/// On loopback, as a node without flags.
pub(crate) const LOCAL: RpcConfig = RpcConfig {
    addr: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0),
    methods: MethodPolicy::Auto,
    // Longer than any test: what is to end does so by the limit that a test shortens.
    patience: Patience {
        request: Duration::from_secs(600),
        answer: Duration::from_secs(600),
        ping: Duration::from_secs(600),
        idle: Duration::from_secs(600),
    },
};

/// On all interfaces.
pub(crate) const EXTERNAL: RpcConfig = RpcConfig {
    addr: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0),
    ..LOCAL
};

pub(crate) struct Served {
    pub(crate) client: HttpClient,
    pub(crate) server: RpcServer,
    pub(crate) addr: SocketAddr,
    pub(crate) chain: Arc<Chain>,
    pub(crate) best: watch::Sender<Best>,
    pub(crate) sync: watch::Sender<SyncStatus>,
    pub(crate) miner: Arc<Miner>,
    _directory: tempfile::TempDir,
}

impl Served {
    /// A node with three blocks of a chain on which every hash is good enough.
    pub(crate) async fn with(config: RpcConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let params = ChainParams::trivial("rpc");
        let chain = Arc::new(Chain::open(&directory.path().join("chain.redb"), params).unwrap());
        for _ in 0..3 {
            extend(&chain, None);
        }
        let (best, heads) = watch::channel(chain.best());
        let (sync, status) = watch::channel(status());
        let miner =
            Miner::new(chain.clone(), mpsc::channel(1).0, [0; 32], Pace::Dev, Clock::start());
        let context = context(&chain, &Arc::new(miner), heads, status);
        let miner = context.miner.clone();
        let server = start(config, context).await.unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], server.addr().port()));
        let client = HttpClientBuilder::default().build(format!("http://{addr}")).unwrap();
        Self { client, server, addr, chain, best, sync, miner, _directory: directory }
    }

    /// A second server at the same address.
    pub(crate) async fn again(&self) -> Result<RpcServer, RpcError> {
        let context =
            context(&self.chain, &self.miner, self.best.subscribe(), self.sync.subscribe());
        start(RpcConfig { addr: self.addr, ..LOCAL }, context).await
    }

    /// A block more, with this body, and everybody is told.
    pub(crate) fn extend(&self, body: Option<Vec<u8>>) -> Hash {
        extend(&self.chain, body);
        self.tell()
    }

    /// A block more, of which nobody is told yet.
    pub(crate) fn extend_silently(&self) {
        extend(&self.chain, None);
    }

    /// Everybody is told of the best block.
    pub(crate) fn tell(&self) -> Hash {
        self.best.send(self.chain.best()).unwrap();
        self.chain.best().hash
    }

    /// One request with these lines for a head; the connection ends with the answer.
    pub(crate) async fn raw(&self, head: &[&str], body: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let head = head.join("\r\n");
        let request =
            format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }
}

fn extend(chain: &Chain, body: Option<Vec<u8>>) {
    let parent = chain.header(&chain.best().hash).unwrap().unwrap();
    let number = parent.number + 1;
    let time = 1_800_000_000_000 + u64::from(number) * 1_000;
    let body = body.unwrap_or_else(|| vec![number as u8; 3]);
    let block = Template::on(chain.params(), &parent, [5; 32], time, vec![body]).mine(0);
    chain.import(&block, time).unwrap().unwrap();
}

fn context(
    chain: &Arc<Chain>,
    miner: &Arc<Miner>,
    best: watch::Receiver<Best>,
    sync: watch::Receiver<SyncStatus>,
) -> RpcContext {
    RpcContext {
        chain: chain.clone(),
        miner: miner.clone(),
        node: Arc::new(FixedNode),
        best,
        sync,
        info: NodeInfo {
            name: "hegemon-node".into(),
            version: "1.2.3".into(),
            should_have_peers: true,
            starting_block: 1,
            mining_threads: 1,
        },
    }
}

fn status() -> SyncStatus {
    let claim = Claim { hash: Hash([8; 32]), number: 77 };
    SyncStatus {
        is_syncing: true,
        highest: 77,
        orphans: 3,
        orphan_bytes: 3_000,
        claims: BTreeMap::from([(PeerId([1; 32]), claim)]),
        due: None,
    }
}
