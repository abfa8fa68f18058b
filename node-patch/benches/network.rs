//! Whole nodes as processes on loopback: how long 10,000 blocks take from one peer, and how long a
//! block from its miner to all of thirty nodes.
//!
//! `cargo bench -p hegemon-node --bench network` measures the node of this source; with
//! `HEGEMON_BENCH_OTHER=/path/to/hegemon-node` another one too, in turn. `-- catch-up` and `--
//! propagation` do one of the two.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
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

fn main() {
    let asked: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    let mut binaries = vec![PathBuf::from(env!("CARGO_BIN_EXE_hegemon-node"))];
    binaries.extend(std::env::var_os("HEGEMON_BENCH_OTHER").map(PathBuf::from));
    if wanted("catch-up") {
        catch_up(&binaries);
    }
    if wanted("propagation") {
        binaries.iter().for_each(|binary| propagation(binary));
    }
}

/// A node, and its log line by line.
struct Node {
    child: Child,
    listen: String,
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
        let mut node = Self { child, listen: String::new(), log };
        node.listen = node.until(|line| field(line, "listen=").map(ToOwned::to_owned));
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
    let mut took: Vec<f64> =
        found[SETTLED..].iter().filter_map(|((_, hash), at)| Some(seen.get(hash)? - at)).collect();
    took.sort_by(f64::total_cmp);
    println!(
        "propagation: {} blocks to all of {NODES} nodes: p50 {:.0} ms, p95 {:.0} ms, worst {:.0} ms: {}",
        took.len(),
        took[took.len() / 2],
        took[took.len() * 95 / 100],
        took[took.len() - 1],
        binary.display()
    );
}
