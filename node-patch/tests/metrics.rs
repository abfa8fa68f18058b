//! The metrics as a scraper sees them: the page of a fixed node, what a hostile client may do to
//! it, and two real nodes. The document and the dashboard name what the page has.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

mod fixed_page;
mod openmetrics;
mod process;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fixed_page::serve_fixed;
use openmetrics::{Family, parse};
use process::{Node, PATIENCE, eventually};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const BEGIN: &str =
    "<!-- from here on written by `UPDATE=1 cargo test -p hegemon-node --test metrics` -->\n";
const END: &str = "<!-- /metrics -->\n";

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
    let answer =
        ask(served.server.addr(), "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
    let (head, body) = page(&answer);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.lines().any(|line| line == kind), "{head}");
    parse(body).unwrap();
    insta::assert_snapshot!(body);
}

/// What is 0 or 1 on the fixed node's page: switches, and the miner, which stands still. What the
/// miner shows when it works is looked at on real nodes.
const FEW: [&str; 8] = [
    "hegemon_node_info",
    "hegemon_chain_syncing",
    "hegemon_discovery_saturated",
    "hegemon_discovery_alarm{alarm=\"isolated\"}",
    "hegemon_discovery_alarm{alarm=\"eclipse\"}",
    "hegemon_mining_threads",
    "hegemon_mining_rate_hashes_per_second",
    "hegemon_mining_blocks_found_total",
];

#[tokio::test]
async fn no_two_numbers_of_the_fixed_page_are_the_same() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    let families = parse(&scrape(served.server.addr()).await).unwrap();
    let samples = families.iter().flat_map(|family| &family.samples);
    // A histogram's count is its last bucket.
    let samples = samples.filter(|(name, _)| !name.ends_with("_count"));
    let mut seen = BTreeMap::new();
    for (name, value) in samples {
        if FEW.iter().any(|few| name.starts_with(few)) {
            assert!([0.0, 1.0].contains(value), "{name} has a number: take it out of FEW");
        } else {
            assert!(*value > 1.0, "{name} has none: a swap would not be seen");
            let twin = seen.insert(value.to_bits(), name);
            assert_eq!(twin, None, "{name} has the same: a swap would not be seen");
        }
    }
}

#[tokio::test]
async fn other_requests_are_told_what_to_ask_for() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405"),
        ("HEAD /metrics HTTP/1.1\r\nHost: [::1]:9615\r\n\r\n", "200"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = ask(served.server.addr(), request).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request}: {answer}");
    }
}

#[tokio::test]
async fn who_may_ask_is_who_may_ask_by_rpc() {
    let local = serve_fixed([127, 0, 0, 1]).await;
    let external = serve_fixed([0, 0, 0, 0]).await;
    for (host, on_loopback, from_outside) in [
        ("Host: localhost:9615", 200, 200),
        ("Host: 198.18.0.1", 403, 200),
        ("Host: node-1:9615", 403, 200),
        ("Host: rebound.example", 403, 403),
        ("Host: rebound.example@localhost", 403, 403),
        ("Host: localhost\r\nHost: localhost", 403, 403),
        ("Accept: */*", 403, 403),
        ("Host: localhost\r\nOrigin: https://page.example", 403, 403),
        ("Host: localhost\r\nOrigin: http://localhost:3000", 200, 200),
    ] {
        for (served, status) in [(&local, on_loopback), (&external, from_outside)] {
            let addr = SocketAddr::from(([127, 0, 0, 1], served.server.addr().port()));
            let answer = ask(addr, &format!("GET /metrics HTTP/1.1\r\n{host}\r\n\r\n")).await;
            let got = answer.split(' ').nth(1).unwrap();
            assert_eq!(got, status.to_string(), "{host} of {}: {answer}", served.server.addr());
        }
    }
    let answer = ask(local.server.addr(), "GET /metrics HTTP/1.1\r\nHost: node-1\r\n\r\n").await;
    assert!(answer.contains("--prometheus-external"), "{answer}");
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
    let completed = served.tally.handshakes.completed.get() as f64;
    eventually("the values of now", async || {
        value(&scrape(served.server.addr()).await, sample) == completed
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

/// Whole names of metrics in queries.
fn named<'a>(queries: &[&'a str]) -> BTreeSet<&'a str> {
    queries
        .iter()
        .flat_map(|query| query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        .filter(|word| word.starts_with("hegemon_"))
        .collect()
}

/// Whole names of a family's samples, without labels.
fn names(family: &Family) -> impl Iterator<Item = &str> {
    family.samples.iter().map(|(sample, _)| sample.split('{').next().unwrap())
}

/// Families of which no query shows anything.
fn hidden<'a>(families: &'a [Family], queries: &[&str]) -> Vec<&'a str> {
    let named = named(queries);
    let hidden = families.iter().filter(|family| !names(family).any(|name| named.contains(name)));
    hidden.map(|family| family.name.as_str()).collect()
}

#[tokio::test]
async fn the_dashboard_shows_what_the_page_has_and_all_that_it_has() {
    let served = serve_fixed([127, 0, 0, 1]).await;
    let families = parse(&scrape(served.server.addr()).await).unwrap();
    let dashboard = fs::read_to_string(beside_the_code("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut queries = Vec::new();
    texts(&dashboard, "expr", &mut queries);
    let samples: BTreeSet<&str> = families.iter().flat_map(names).collect();
    let unknown: Vec<_> =
        named(&queries).into_iter().filter(|name| !samples.contains(name)).collect();
    assert!(unknown.is_empty(), "the dashboard asks for what no page has: {unknown:?}");
    assert_eq!(hidden(&families, &queries), [""; 0], "no panel shows these");
    // A longer name that begins the same shows nothing of a shorter one.
    for alone in ["hegemon_peers", "hegemon_orphans"] {
        let mut others = queries.clone();
        others.retain(|query| !query.starts_with(&format!("{alone}{{")));
        assert_eq!(hidden(&families, &others), [alone]);
    }
}
