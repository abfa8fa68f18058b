//! Whole nodes as processes on loopback: how long three of them take from their start to two peers
//! each, what RPC answers to fifty connections, how long 10,000 blocks take from one peer, and how
//! long a block from its miner to all of thirty nodes.
//!
//! `cargo bench -p hegemon-node --bench network` measures the node of this source; with
//! `HEGEMON_BENCH_OTHER=/path/to/hegemon-node` another one too, in turn. `-- start`, `-- rpc`, `--
//! catch-up` and `-- propagation` do one of the four.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use hegemon_node::chain::{Block, Chain, ChainParams, Template};

const BLOCKS: u32 = 10_000;
const BLOCK_TIME_MS: u64 = 1_000;
const ROUNDS: usize = 3;
const NODES: usize = 30;
/// Blocks measured, after as many as the network takes to settle.
const SETTLED: usize = 10;
const MEASURED: usize = 40;
const PATIENCE: Duration = Duration::from_secs(300);
/// Connections that ask at once, each as fast as it is answered.
const CLIENTS: usize = 50;
const ASKING: Duration = Duration::from_secs(10);
const QUESTION: &str = r#"{"jsonrpc":"2.0","id":1,"method":"system_health"}"#;
/// Starts of three nodes.
const STARTS: usize = 40;
/// Between two questions to all of them.
const ASK_EVERY: Duration = Duration::from_millis(2);

fn main() {
    let asked: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    let mut binaries = vec![PathBuf::from(env!("CARGO_BIN_EXE_hegemon-node"))];
    binaries.extend(std::env::var_os("HEGEMON_BENCH_OTHER").map(PathBuf::from));
    if wanted("start") {
        binaries.iter().for_each(|binary| start(binary));
    }
    if wanted("catch-up") {
        catch_up(&binaries);
    }
    if wanted("propagation") {
        binaries.iter().for_each(|binary| propagation(binary));
    }
    // The last one: it keeps to one core from then on.
    if wanted("rpc") {
        binaries.iter().for_each(|binary| rpc(binary));
    }
}

/// A node, and its log line by line.
struct Node {
    child: Child,
    listen: String,
    rpc: String,
    log: Receiver<String>,
}

impl Node {
    fn start(binary: &Path, base: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary)
            .args(["--dev", "--rpc-port", "0", "--listen-addr", "127.0.0.1:0"])
            .args(["--log", "info,hegemon_node::sync=debug", "--base-path"])
            .arg(base)
            .env_clear()
            .env("HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK", "1")
            .env("HEGEMON_BLOCK_TIME_MS", BLOCK_TIME_MS.to_string())
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a node");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut node = Self { child, listen: String::new(), rpc: String::new(), log };
        let both = |line: &str| {
            Some((field(line, "listen=")?.to_owned(), field(line, "rpc=")?.to_owned()))
        };
        (node.listen, node.rpc) = node.until(both);
        node
    }

    fn until<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("not within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the node ended"),
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|word| word.strip_prefix(name))
}

/// Height and hash, when a line tells of a new best block.
fn new_best(line: &str) -> Option<(u32, String)> {
    if !line.contains("new best block") {
        return None;
    }
    Some((field(line, "number=")?.parse().ok()?, field(line, "hash=")?.to_owned()))
}

/// Milliseconds of the day.
fn stamp(line: &str) -> Option<f64> {
    let time = line.split_whitespace().next()?.split_once('T')?.1.trim_end_matches('Z');
    let mut parts = time.split(':').map(str::parse::<f64>);
    let mut part = || parts.next()?.ok();
    Some(((part()? * 60.0 + part()?) * 60.0 + part()?) * 1_000.0)
}

fn start(binary: &Path) {
    let took = (0..STARTS).map(|_| {
        let bases: Vec<_> = (0..3).map(|_| tempfile::tempdir().expect("a directory")).collect();
        // All three start at once, so where they listen has to be known before.
        let [seed, rpcs @ ..] = free_addresses::<4>();
        let began = Instant::now();
        let nodes: Vec<_> = (0..3)
            .map(|index| {
                let listen = if index == 0 { seed.to_string() } else { "127.0.0.1:0".to_owned() };
                let child = Command::new(binary)
                    .args(["--dev", "--listen-addr", &listen])
                    .args(["--rpc-port", &rpcs[index].port().to_string(), "--base-path"])
                    .arg(bases[index].path())
                    .env_clear()
                    .env("HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK", "1")
                    .env("HEGEMON_SEEDS", if index == 0 { String::new() } else { seed.to_string() })
                    .stderr(Stdio::null())
                    .spawn();
                Node { child: child.expect("a node"), listen, rpc: String::new(), log: channel().1 }
            })
            .collect();
        while !rpcs.iter().all(|rpc| peers(*rpc) == Some(2)) {
            assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}");
            std::thread::sleep(ASK_EVERY);
        }
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        drop(nodes);
        took
    });
    let took = took.collect();
    println!(
        "start: {STARTS} times three nodes to two peers each: {}: {}",
        spread(took),
        binary.display()
    );
}

fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address"))
}

/// As `system_health` counts them; `None` while nobody answers.
fn peers(rpc: SocketAddr) -> Option<u64> {
    let mut stream = BufReader::new(TcpStream::connect(rpc).ok()?);
    let answer = ask(&mut stream, rpc).ok()?;
    serde_json::from_slice::<serde_json::Value>(&answer).ok()?["result"]["peers"].as_u64()
}

/// One question over a connection that stays open; the body of its answer.
fn ask(stream: &mut BufReader<TcpStream>, rpc: SocketAddr) -> std::io::Result<Vec<u8>> {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {rpc}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{QUESTION}",
        QUESTION.len()
    );
    stream.get_mut().write_all(head.as_bytes())?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().map_err(std::io::Error::other)?;
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// The node has the first core to itself, and the clients the second.
fn rpc(binary: &Path) {
    let base = tempfile::tempdir().expect("a directory");
    let node = Node::start(binary, base.path(), &[]);
    pin(&node.child.id().to_string(), "0");
    pin(&std::process::id().to_string(), "1");
    let rpc: SocketAddr = node.rpc.parse().expect("an address");
    let until = Instant::now() + ASKING;
    let clients = [(); CLIENTS].map(|()| {
        std::thread::spawn(move || {
            let stream = TcpStream::connect(rpc).expect("a place");
            stream.set_nodelay(true).expect("a socket");
            let (mut stream, mut took) = (BufReader::new(stream), Vec::new());
            while Instant::now() < until {
                let asked = Instant::now();
                assert!(!ask(&mut stream, rpc).expect("an answer").is_empty());
                took.push(asked.elapsed().as_secs_f64() * 1_000.0);
            }
            took
        })
    });
    let mut took: Vec<f64> =
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
    took.sort_by(f64::total_cmp);
    println!(
        "rpc: {CLIENTS} connections: {:.0} requests a second, p50 {:.2} ms, p99 {:.2} ms: {}",
        took.len() as f64 / ASKING.as_secs_f64(),
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        binary.display()
    );
}

/// All threads of a process to one core.
fn pin(process: &str, core: &str) {
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", core, process])
        .stdout(Stdio::null())
        .status();
    assert!(pinned.is_ok_and(|status| status.success()), "taskset (util-linux) is needed");
}

/// Milliseconds in the middle, at the end of the nineteenth twentieth, and the most.
fn spread(mut took: Vec<f64>) -> String {
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took[(took.len() * share).div_ceil(100).max(1) - 1];
    format!("p50 {:.0} ms, p95 {:.0} ms, worst {:.0} ms", at(50), at(95), at(100))
}

fn catch_up(binaries: &[PathBuf]) {
    let source = tempfile::tempdir().expect("a directory");
    {
        let params = ChainParams::dev(BLOCK_TIME_MS).expect("a good block time");
        let path = source.path().join("chain.redb");
        let chain = Chain::open(&path, params.clone()).expect("a database");
        let mut blocks: Vec<Block> = vec![params.genesis()];
        let first = 1_767_225_600_000;
        for number in 1..=u64::from(BLOCKS) {
            let parent = blocks[blocks.len() - 1].header();
            // So slow that difficulty stays at its least.
            let time = first + number * 9 * BLOCK_TIME_MS;
            blocks.push(Template::on(&params, parent, [1; 32], time, Vec::new()).mine(0));
        }
        for batch in blocks[1..].chunks(1_000) {
            chain.import_batch(batch, u64::MAX / 2).expect("a disk");
        }
        assert_eq!(chain.best().number, BLOCKS);
    }
    for round in 1..=ROUNDS {
        for binary in binaries {
            // Each with its own copy: layouts may differ.
            let (ahead, behind) = (copy(source.path()), tempfile::tempdir().expect("a directory"));
            let server = Node::start(&binaries[0], ahead.path(), &[]);
            let began = Instant::now();
            let node = Node::start(binary, behind.path(), &[("HEGEMON_SEEDS", &server.listen)]);
            let started = began.elapsed();
            node.until(|line| new_best(line).filter(|(number, _)| *number == BLOCKS));
            println!(
                "catch-up {round}: {BLOCKS} blocks in {:.2} s ({:.2} s of them its start): {}",
                began.elapsed().as_secs_f64(),
                started.as_secs_f64(),
                binary.display()
            );
        }
    }
}

fn copy(from: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(from.join("chain.redb"), directory.path().join("chain.redb")).expect("a copy");
    directory
}

fn propagation(binary: &Path) {
    let bases: Vec<_> = (0..NODES).map(|_| tempfile::tempdir().expect("a directory")).collect();
    let miner = Node::start(binary, bases[0].path(), &[("HEGEMON_MINE", "1")]);
    let others: Vec<_> = bases[1..]
        .iter()
        .map(|base| Node::start(binary, base.path(), &[("HEGEMON_SEEDS", &miner.listen)]))
        .collect();
    let mut found = Vec::new();
    while found.len() < SETTLED + MEASURED {
        found.push(miner.until(|line| Some((new_best(line)?, stamp(line)?))));
    }
    let ((last, _), _) = found[found.len() - 1];
    let mut seen: BTreeMap<String, f64> = BTreeMap::new();
    for node in &others {
        loop {
            let ((number, hash), at) = node.until(|line| Some((new_best(line)?, stamp(line)?)));
            let latest = seen.entry(hash).or_insert(at);
            *latest = latest.max(at);
            if number >= last {
                break;
            }
        }
    }
    let took: Vec<f64> =
        found[SETTLED..].iter().filter_map(|((_, hash), at)| Some(seen.get(hash)? - at)).collect();
    println!(
        "propagation: {} blocks to all of {NODES} nodes: {}: {}",
        took.len(),
        spread(took),
        binary.display()
    );
}
