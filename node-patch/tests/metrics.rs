//! The metrics as a scraper sees them: the page of a fixed node, what a hostile client may do to
//! it, and two real nodes. The document and the dashboard name what the page has.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

mod openmetrics;
mod process;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use hegemon_discovery::{
    Alarm, Direction, Status, policy::Refusal, status::Counters, status::Dials,
};
use hegemon_node::{
    chain::{Chain, ChainParams, Template},
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
use openmetrics::{Family, parse};
use process::{Node, PATIENCE, eventually};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
    time::timeout,
};

const BEGIN: &str =
    "<!-- from here on written by `UPDATE=1 cargo test -p hegemon-node --test metrics` -->\n";
const END: &str = "<!-- /metrics -->\n";

struct FixedNode;

impl NodeStatus for FixedNode {
    fn peer_count(&self) -> usize {
        3
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
        [Direction::Inbound, Direction::Outbound, Direction::Outbound]
            .into_iter()
            .zip(1..)
            .map(|(direction, number)| peer(number, direction))
            .collect()
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

/// Every number another one, so that no two can be confused.
fn discovery() -> Status {
    Status {
        known: 101,
        tried: 102,
        verified: 103,
        announced: 104,
        failing: 105,
        groups: 106,
        peers: 3,
        outbound: 2,
        inbound: 1,
        outbound_groups: 107,
        min_peers: 108,
        target_outbound: 109,
        max_inbound: 110,
        dialling: 114,
        feelers: 3,
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
            refused: BTreeMap::from([(Refusal::Scope, 209), (Refusal::GroupShare, 210)]),
            misbehaved: 211,
            evicted: 212,
            rate_limited: 213,
        },
    }
}

struct Served {
    server: MetricsServer,
    tally: Arc<Tally>,
    _directory: tempfile::TempDir,
}

impl Served {
    async fn get(&self, request: &str) -> String {
        ask(self.server.addr(), request).await
    }
}

async fn serve_fixed(ip: [u8; 4]) -> Served {
    let params = ChainParams::trivial("metrics");
    let directory = tempfile::tempdir().unwrap();
    let chain =
        Arc::new(Chain::open(&directory.path().join("chain.redb"), params.clone()).unwrap());
    let parent = chain.header(&chain.best().hash).unwrap().unwrap();
    let time = 1_800_000_000_500;
    chain
        .import(&Template::on(&params, &parent, [5; 32], time, vec![]).mine(0), time)
        .unwrap()
        .unwrap();
    let view = SharedView::default();
    view.publish(NetworkView { rivalries: 4, discovery: discovery(), ..NetworkView::default() });
    let tally = Arc::new(Tally::default());
    tally.traffic.received.store(301, Relaxed);
    tally.traffic.sent.store(302, Relaxed);
    tally.established(Direction::Inbound);
    tally.handshakes.turned_away.add();
    tally.drops.chain.add();
    let status =
        SyncStatus { highest: 77, orphans: 5, orphan_bytes: 5_000, ..SyncStatus::default() };
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
        imports: Arc::new(Imports::default()),
    };
    let server = serve(SocketAddr::from((ip, 0)), sources).await.unwrap();
    Served { server, tally, _directory: directory }
}

/// Sends a request and reads until the server hangs up.
async fn ask(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read(&mut stream).await
}

async fn read(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end").unwrap();
    answer
}

/// Head and body of an answer that is 200.
fn page(answer: &str) -> (&str, &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    (head, body)
}

async fn scrape(addr: SocketAddr) -> String {
    let answer = ask(addr, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    page(&answer).1.to_owned()
}

/// One sample's value.
fn value(page: &str, sample: &str) -> f64 {
    let families = parse(page).unwrap();
    let mut samples = families.iter().flat_map(|family| &family.samples);
    let found = samples.find(|(name, _)| name == sample);
    found.unwrap_or_else(|| panic!("no {sample} in\n{page}")).1
}

#[tokio::test]
async fn the_page_is_openmetrics_and_every_value_has_its_place() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    let answer = served.get("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    let (head, body) = page(&answer);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.lines().any(|line| line == kind), "{head}");
    parse(body).unwrap();
    insta::assert_snapshot!(body);
}

#[tokio::test]
async fn other_requests_are_told_what_to_ask_for() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405"),
        ("HEAD /metrics HTTP/1.1\r\nHost: [::1]:9615\r\n\r\n", "200"),
        ("GET /metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n", "403"),
        ("GET /metrics HTTP/1.1\r\nHost: 198.18.0.1\r\n\r\n", "403"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = served.get(request).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request}: {answer}");
    }
    let external = serve_fixed([0, 0, 0, 0]).await;
    let answer = external.get("GET /metrics HTTP/1.1\r\nHost: node-1:9615\r\n\r\n").await;
    page(&answer);
}

#[tokio::test]
async fn clients_that_hold_on_keep_nobody_out_and_one_that_sends_on_is_hung_up_on() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    let addr = served.server.addr();
    let (begin, mut held) = (Instant::now(), Vec::new());
    for _ in 0..100 {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
        held.push(stream);
    }
    scrape(addr).await;
    let mut byte = [0];
    let first = timeout(PATIENCE, held[0].read(&mut byte)).await.expect("its place was taken");
    assert!(matches!(first, Ok(0) | Err(_)));
    // Each would end by itself ten seconds after it began.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());

    // A head without an end.
    let mut flood = TcpStream::connect(addr).await.unwrap();
    let begin = Instant::now();
    while flood.write_all(&[b'a'; 1024]).await.is_ok() {
        assert!(begin.elapsed() < PATIENCE, "it takes everything");
    }
    scrape(addr).await;
}

#[tokio::test]
async fn however_often_it_is_asked_for_a_page_is_made_once_a_second() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    let begin = Instant::now();
    let mut pages = BTreeSet::new();
    for _ in 0..200 {
        served.tally.handshakes.completed.add();
        pages.insert(scrape(served.server.addr()).await);
    }
    let most = begin.elapsed().as_secs() + 1;
    assert!(pages.len() as u64 <= most, "{} pages in {most} s", pages.len());
    let sample = "hegemon_inbound_handshakes_total{outcome=\"completed\"}";
    eventually("the values of now", async || {
        value(&scrape(served.server.addr()).await, sample) == 200.0
    })
    .await;
}

#[tokio::test]
async fn two_nodes_show_peers_height_and_dials_as_they_move() {
    let directory = tempfile::tempdir().unwrap();
    let start = |name: &str, environment: &[(&str, &str)]| {
        let flags = ["--prometheus-port", "0"];
        Node::start_with(&directory.path().join(name), "127.0.0.1:0", environment, &flags)
    };
    let fast = ("HEGEMON_BLOCK_TIME_MS", "200");
    let first = start("first", &[("HEGEMON_MINE", "1"), fast]);
    let alone = scrape(metrics_of(&first)).await;
    assert_eq!(value(&alone, "hegemon_peers{direction=\"inbound\"}"), 0.0);
    let seeds = first.listen.to_string();
    let second = start("second", &[("HEGEMON_SEEDS", &seeds), fast]);
    let shows = async |node: &Node, sample: &str, least: f64| {
        let page = scrape(metrics_of(node)).await;
        value(&page, sample) >= least
    };
    eventually("a peer on both sides, a dial, blocks", async || {
        shows(&first, "hegemon_peers{direction=\"inbound\"}", 1.0).await
            && shows(&second, "hegemon_peers{direction=\"outbound\"}", 1.0).await
            && shows(&second, "hegemon_dials_total{outcome=\"succeeded\"}", 1.0).await
            && shows(&first, "hegemon_inbound_handshakes_total{outcome=\"completed\"}", 1.0).await
            && shows(&second, "hegemon_chain_height", 3.0).await
            && shows(&second, "hegemon_chain_blocks_total{outcome=\"best\"}", 3.0).await
            && shows(&first, "hegemon_mining_blocks_found_total", 3.0).await
            && shows(&second, "hegemon_network_received_bytes_total", 1.0).await
    })
    .await;
    let (page, height) = (scrape(metrics_of(&second)).await, second.height().await as f64);
    let shown = value(&page, "hegemon_chain_height");
    assert!(shown <= height, "{shown} after {height}");
    let peers = value(&page, "hegemon_peers{direction=\"outbound\"}");
    assert_eq!(peers, second.peers().await as f64, "as system_health says");
    assert_eq!(value(&scrape(metrics_of(&first)).await, "hegemon_mining_threads"), 1.0);
}

#[tokio::test]
async fn a_node_that_was_not_asked_to_serves_none() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), "127.0.0.1:0", &[]);
    assert!(!node.said().contains("metrics="), "{}", node.said());
}

fn metrics_of(node: &Node) -> SocketAddr {
    let said = node.said();
    let field = said.split_whitespace().find_map(|word| word.strip_prefix("metrics="));
    field.unwrap_or_else(|| panic!("no address in {said}")).parse().unwrap()
}

fn beside_the_code(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn table(families: &[Family]) -> String {
    let mut table = String::from("| metric | type | labels | says |\n| --- | --- | --- | --- |\n");
    for Family { name, kind, help, samples } in families {
        let mut labels: Vec<&str> =
            samples.iter().filter_map(|(sample, _)| Some(sample.split_once('{')?.1)).collect();
        labels.retain(|_| kind == "gauge" || kind == "counter");
        let label = labels.first().and_then(|label| label.split_once('=')).map(|(key, _)| key);
        let values: Vec<&str> = labels.iter().filter_map(|label| label.split('"').nth(1)).collect();
        let labels = label.map_or(String::new(), |key| format!("`{key}`: {}", values.join(", ")));
        let suffix = match kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        table.push_str(&format!("| `{name}{suffix}` | {kind} | {labels} | {help} |\n"));
    }
    table
}

#[tokio::test]
async fn the_document_is_what_the_page_has() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    let expected = table(&parse(&scrape(served.server.addr()).await).unwrap());
    let path = beside_the_code("METRICS.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the document has the first marker");
    let (shown, after) = rest.split_once(END).expect("the document has the last marker");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, [before, BEGIN, &expected, END, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        shown, expected,
        "METRICS.md is older than the code: UPDATE=1 cargo test -p hegemon-node --test metrics"
    );
}

/// Every string under a key, however deep.
fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if name == key => found.push(text),
                    Some(_) | None => texts(value, key, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_dashboard_shows_what_the_page_has_and_all_that_it_has() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    let families = parse(&scrape(served.server.addr()).await).unwrap();
    let dashboard = fs::read_to_string(beside_the_code("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    let named: BTreeSet<&str> = queries
        .iter()
        .flat_map(|query| query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        .filter(|word| word.starts_with("hegemon_"))
        .collect();
    let samples: BTreeSet<&str> = families
        .iter()
        .flat_map(|family| &family.samples)
        .map(|(sample, _)| sample.split('{').next().unwrap())
        .collect();
    let unknown: Vec<_> = named.difference(&samples).collect();
    assert!(unknown.is_empty(), "the dashboard asks for what no page has: {unknown:?}");
    for family in &families {
        let shown = named.iter().any(|name| name.starts_with(&family.name));
        assert!(shown, "no panel shows {}", family.name);
    }
}
