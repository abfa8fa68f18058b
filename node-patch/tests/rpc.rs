//! Every method over a real connection, against a fixed chain.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr, sync::Arc};

use hegemon_discovery::Direction;
use hegemon_node::{
    chain::{Chain, ChainParams, Hash, Template},
    clock::Clock,
    miner::{Miner, Pace},
    net::handle::PeerId,
    rpc::{MethodPolicy, NodeInfo, NodeStatus, PeerInfo, RpcConfig, RpcContext, RpcServer, start},
    sync::{Claim, SyncStatus},
};
use jsonrpsee_core::{
    client::{BatchResponse, ClientT, Error},
    params::{ArrayParams, BatchRequestBuilder},
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

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

struct Served {
    client: HttpClient,
    server: RpcServer,
    chain: Arc<Chain>,
    _directory: tempfile::TempDir,
}

/// A node with three blocks of a chain on which every hash is good enough, so that they are the
/// same everywhere.
async fn serve(methods: MethodPolicy) -> Served {
    let params = ChainParams::trivial("rpc");
    let directory = tempfile::tempdir().unwrap();
    let chain =
        Arc::new(Chain::open(&directory.path().join("chain.redb"), params.clone()).unwrap());
    for number in 1..=3u64 {
        let parent = chain.header(&chain.best().hash).unwrap().unwrap();
        let time = 1_800_000_000_000 + number * 1_000;
        let block =
            Template::on(&params, &parent, [5; 32], time, vec![vec![number as u8; 3]]).mine(0);
        chain.import(&block, time).unwrap().unwrap();
    }
    let claim = Claim { hash: Hash([8; 32]), number: 77 };
    let status = SyncStatus {
        is_syncing: true,
        highest: 77,
        orphans: 3,
        orphan_bytes: 3_000,
        claims: BTreeMap::from([(PeerId([1; 32]), claim)]),
    };
    let context = RpcContext {
        chain: chain.clone(),
        miner: Arc::new(Miner::new(
            chain.clone(),
            mpsc::channel(1).0,
            [0; 32],
            Pace::Dev,
            Clock::start(),
        )),
        node: Arc::new(FixedNode),
        sync: watch::channel(status).1,
        info: NodeInfo {
            name: "hegemon-node".into(),
            version: "1.2.3".into(),
            should_have_peers: true,
            starting_block: 1,
            mining_threads: 1,
        },
    };
    let server = start(RpcConfig { addr: SocketAddr::from(([127, 0, 0, 1], 0)), methods }, context)
        .await
        .unwrap();
    let client = HttpClientBuilder::default().build(format!("http://{}", server.addr())).unwrap();
    Served { client, server, chain, _directory: directory }
}

fn array(params: &Value) -> ArrayParams {
    let mut array = ArrayParams::new();
    for param in params.as_array().unwrap() {
        array.insert(param).unwrap();
    }
    array
}

async fn call(client: &HttpClient, method: &str, params: Value) -> Result<Value, String> {
    match client.request::<Value, _>(method, array(&params)).await {
        Ok(value) => Ok(value),
        Err(Error::Call(error)) => Err(format!("error {}: {}", error.code(), error.message())),
        Err(error) => panic!("{method}: {error}"),
    }
}

async fn transcript(client: &HttpClient, calls: &[(&str, Value)]) -> String {
    let mut text = String::new();
    for (method, params) in calls {
        let answer = match call(client, method, params.clone()).await {
            Ok(mut value) => {
                // Another crate of the workspace may turn on serde_json's `preserve_order`.
                value.sort_all_objects();
                serde_json::to_string_pretty(&value).unwrap()
            }
            Err(error) => error,
        };
        writeln!(text, "> {method} {params}\n{answer}\n").unwrap();
    }
    text
}

#[tokio::test]
async fn every_method_answers_as_the_contract_says() {
    let served = serve(MethodPolicy::Auto).await;
    let second = served.chain.hash_at(2).unwrap().unwrap().to_string();
    let calls = [
        ("chain_getBlock", json!([])),
        ("chain_getBlock", json!([second])),
        ("chain_getBlockHash", json!([])),
        ("chain_getBlockHash", json!([2])),
        ("chain_getBlockHash", json!(["0x2"])),
        ("chain_getBlockHash", json!([4])),
        ("chain_getHeader", json!([])),
        ("chain_getHeader", json!([null])),
        ("chain_getHeader", json!([Hash([1; 32]).to_string()])),
        ("hegemon_discoveryStatus", json!([])),
        ("hegemon_miningStatus", json!([])),
        ("hegemon_peerList", json!([])),
        ("hegemon_stopMining", json!([])),
        ("rpc_methods", json!([])),
        ("system_chain", json!([])),
        ("system_health", json!([])),
        ("system_localListenAddresses", json!([])),
        ("system_localPeerId", json!([])),
        ("system_name", json!([])),
        ("system_nodeRoles", json!([])),
        ("system_peers", json!([])),
        ("system_syncState", json!([])),
        ("system_version", json!([])),
    ];
    insta::assert_snapshot!("methods", transcript(&served.client, &calls).await);
    served.server.stop().await;
}

#[tokio::test]
async fn malformed_parameters_are_told_what_is_accepted() {
    let served = serve(MethodPolicy::Unsafe).await;
    let calls = [
        ("chain_getHeader", json!(["0x12"])),
        ("chain_getHeader", json!([7])),
        ("chain_getBlockHash", json!([-1])),
        ("chain_getBlockHash", json!([1.5])),
        ("chain_getBlockHash", json!(["2"])),
        ("chain_getBlockHash", json!(["0x+2"])),
        ("chain_getBlockHash", json!([1, 2])),
        ("hegemon_startMining", json!([3])),
        ("hegemon_startMining", json!([{ "threads": 0 }])),
        ("hegemon_startMining", json!([{ "threads": 65 }])),
        ("system_health", json!([1])),
        ("no_such_method", json!([])),
    ];
    insta::assert_snapshot!("malformed", transcript(&served.client, &calls).await);
}

#[tokio::test]
async fn mining_starts_and_stops() {
    let served = serve(MethodPolicy::Auto).await;
    let started =
        call(&served.client, "hegemon_startMining", json!([{ "threads": 2 }])).await.unwrap();
    assert_eq!(started["success"], true);
    assert_eq!(started["status"]["is_mining"], true);
    assert_eq!(started["status"]["threads"], 2);
    let stopped = call(&served.client, "hegemon_stopMining", json!([])).await.unwrap();
    assert_eq!(stopped["status"]["is_mining"], false);
}

#[tokio::test]
async fn a_safe_server_offers_no_unsafe_methods() {
    let served = serve(MethodPolicy::Safe).await;
    let listed = call(&served.client, "rpc_methods", json!([])).await.unwrap();
    for method in ["hegemon_startMining", "hegemon_stopMining", "system_peers"] {
        assert!(!listed["methods"].as_array().unwrap().contains(&json!(method)));
        let answer = call(&served.client, method, json!([])).await.unwrap_err();
        assert!(answer.contains("-32601"), "{answer}");
    }
}

#[tokio::test]
async fn batches_are_served_up_to_their_limit() {
    let served = serve(MethodPolicy::Auto).await;
    let batch = |calls| {
        let mut batch = BatchRequestBuilder::new();
        for _ in 0..calls {
            batch.insert("system_health", ArrayParams::new()).unwrap();
        }
        batch
    };
    let answers: BatchResponse<'_, Value> = served.client.batch_request(batch(32)).await.unwrap();
    assert_eq!(answers.num_successful_calls(), 32);
    let refused: Result<BatchResponse<'_, Value>, _> = served.client.batch_request(batch(33)).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_what_to_do() {
    let served = serve(MethodPolicy::Auto).await;
    let other = serve(MethodPolicy::Auto).await;
    let config = RpcConfig { addr: served.server.addr(), methods: MethodPolicy::Auto };
    let context = RpcContext {
        chain: other.chain.clone(),
        miner: Arc::new(Miner::new(
            other.chain.clone(),
            mpsc::channel(1).0,
            [0; 32],
            Pace::Dev,
            Clock::start(),
        )),
        node: Arc::new(FixedNode),
        sync: watch::channel(SyncStatus::default()).1,
        info: NodeInfo {
            name: String::new(),
            version: String::new(),
            should_have_peers: false,
            starting_block: 0,
            mining_threads: 1,
        },
    };
    let error = start(config, context).await.unwrap_err().to_string();
    assert!(error.contains("--rpc-port"), "{error}");
}
