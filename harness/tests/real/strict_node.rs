//! A foreign node as strict as a released one: it refuses what it does not know, or is told twice,
//! answers few questions and some of them late, starts slowly, needs SIGKILL, and logs in colour.
//! It is a network of its own kind: nodes exchange addresses and whole chains as lines of text.
//! Compiled by the tests with rustc alone.
//!
//! How strict it is stands in variables of its own: `STRICT_RPC_PER_SECOND`, `STRICT_LATE_MS`,
//! `STRICT_START_MS`, `STRICT_BLOCK_MS`, `STRICT_STUBBORN`; `STRICT_LOOPBACK` lets it dial loopback;
//! of `STRICT_LEAK_MIB` it keeps so many in every second, for nothing.

use std::{collections::{BTreeMap, BTreeSet, hash_map::RandomState}, env, fs, hash::{BuildHasher, Hasher}, io::{self, BufRead, BufReader, Read, Write}, net::{IpAddr, SocketAddr, TcpListener, TcpStream}, process::exit, sync::{Arc, Mutex, atomic::{AtomicBool, Ordering}}, thread, time::{Duration, Instant}};

static TERM: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

extern "C" fn on_term(_: i32) {
    TERM.store(true, Ordering::SeqCst);
}

/// Flags of the core contract, and whether each takes a value.
const FLAGS: [(&str, bool); 9] = [("--dev", false), ("--tmp", false), ("--base-path", true), ("--name", true), ("--port", true), ("--listen-addr", true), ("--rpc-port", true), ("--rpc-external", false), ("--rpc-methods", true)];
/// Variables of the core contract.
const VARIABLES: [&str; 6] = ["HEGEMON_SEEDS", "HEGEMON_MINE", "HEGEMON_MINE_THREADS", "HEGEMON_MAX_PEERS", "HEGEMON_PQ_IDENTITY_SEED", "HEGEMON_PQ_IDENTITY_PATH"];
/// What may be asked from outside; `rpc_methods` is not among it.
const METHODS: [&str; 3] = ["system_health", "chain_getHeader", "chain_getBlockHash"];

struct Node {
    id: u64,
    listen: SocketAddr,
    base: String,
    /// Addresses that are worth a dial.
    book: Mutex<BTreeSet<SocketAddr>>,
    /// By ID: where it listens, and the way to it.
    peers: Mutex<BTreeMap<u64, (SocketAddr, TcpStream)>>,
    chain: Mutex<Vec<u64>>,
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

fn refuse(code: i32, why: &str) -> ! {
    eprintln!("\x1b[31merror:\x1b[0m {why}");
    exit(code);
}

fn arguments() -> BTreeMap<String, String> {
    let mut given = BTreeMap::new();
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        let (flag, joined) = arg.split_once('=').map_or((arg.as_str(), None), |(flag, value)| (flag, Some(value.to_owned())));
        let Some((_, takes)) = FLAGS.iter().find(|(known, _)| *known == flag) else { refuse(2, &format!("unexpected argument '{flag}'")) };
        let value = if *takes { joined.or_else(|| args.next()).unwrap_or_else(|| refuse(2, &format!("a value is required for '{flag}'"))) } else { String::new() };
        if given.insert(flag.to_owned(), value).is_some() {
            refuse(2, &format!("the argument '{flag}' cannot be used multiple times"));
        }
    }
    if given.contains_key("--rpc-external") && given.get("--rpc-methods").is_some_and(|methods| methods == "unsafe") {
        refuse(1, "unsafe RPC methods cannot be served externally");
    }
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("HEGEMON_")) {
        if !VARIABLES.contains(&name.as_str()) {
            refuse(2, &format!("unknown variable {name}"));
        }
    }
    given
}

fn main() {
    if env::args().any(|arg| arg == "--version") {
        println!("hegemon-node 0.10.0");
        return;
    }
    unsafe { signal(15, on_term) };
    let given = arguments();
    let base = given.get("--base-path").cloned().unwrap_or_else(|| refuse(2, "--base-path is required"));
    let listen: SocketAddr = given["--listen-addr"].parse().unwrap();
    let chain = fs::read_to_string(format!("{base}/chain")).unwrap_or_default();
    let node = Arc::new(Node { id: random(), listen, base, book: Mutex::default(), peers: Mutex::default(), chain: Mutex::new(chain.split_whitespace().map(|hash| hash.parse().unwrap()).collect()) });
    println!("\x1b[32mINFO\x1b[0m strict node {:016x} called {}", node.id, given["--name"]);
    for seed in env::var("HEGEMON_SEEDS").unwrap_or_default().split(',').filter(|seed| !seed.is_empty()) {
        learn(&node, seed.parse().unwrap());
    }
    let listener = TcpListener::bind(listen).expect("the P2P port is free");
    let accepting = Arc::clone(&node);
    thread::spawn(move || for stream in listener.incoming().flatten() {
        let node = Arc::clone(&accepting);
        thread::spawn(move || session(&node, stream, false));
    });
    let dialling = Arc::clone(&node);
    thread::spawn(move || loop { dial(&dialling); thread::sleep(Duration::from_millis(200)) });
    if env::var("HEGEMON_MINE").is_ok_and(|mine| mine == "1") {
        let mining = Arc::clone(&node);
        thread::spawn(move || mine(&mining));
    }
    let leak = number("STRICT_LEAK_MIB", 0) as usize;
    if leak > 0 {
        // Written to, or the system would not count it.
        thread::spawn(move || loop { vec![1_u8; leak << 16].leak(); thread::sleep(Duration::from_micros(62_500)) });
    }
    thread::sleep(Duration::from_millis(number("STRICT_START_MS", 0)));
    let external = given.contains_key("--rpc-external");
    let rpc = TcpListener::bind((if external { "0.0.0.0" } else { "127.0.0.1" }, given["--rpc-port"].parse().unwrap())).expect("the RPC port is free");
    println!("\x1b[32mINFO\x1b[0m RPC at {}", rpc.local_addr().unwrap());
    serve(&node, &rpc);
}

/// A private or loopback address is nobody's, as released nodes have it.
fn learn(node: &Node, addr: SocketAddr) {
    let IpAddr::V4(ip) = addr.ip() else { return };
    let dialable = !ip.is_private() && !ip.is_link_local() && !ip.is_documentation() && (!ip.is_loopback() || env::var("STRICT_LOOPBACK").is_ok());
    let mut book = node.book.lock().unwrap();
    if dialable && addr != node.listen && book.len() < 64 {
        book.insert(addr);
    }
}

fn dial(node: &Arc<Node>) {
    let known: BTreeSet<SocketAddr> = node.peers.lock().unwrap().values().map(|(addr, _)| *addr).collect();
    let book: Vec<SocketAddr> = node.book.lock().unwrap().iter().copied().collect();
    for addr in book.into_iter().filter(|addr| !known.contains(addr)) {
        if let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(500)) {
            let node = Arc::clone(node);
            thread::spawn(move || session(&node, stream, true));
        }
    }
}

fn session(node: &Node, stream: TcpStream, dialled: bool) {
    let _ = stream.set_nodelay(true);
    let Ok(mut out) = stream.try_clone() else { return };
    let Ok(remote) = stream.peer_addr() else { return };
    if writeln!(out, "hello {} {}", node.id, node.listen.port()).is_err() {
        return;
    }
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(hello) = lines.next() else { return };
    let words: Vec<u64> = hello.split(' ').skip(1).filter_map(|word| word.parse().ok()).collect();
    let [id, port] = words[..] else { return };
    let addr = SocketAddr::new(remote.ip(), port as u16);
    if id == node.id {
        // Ourselves: nobody to dial again.
        node.book.lock().unwrap().remove(&remote);
        return;
    }
    {
        let mut peers = node.peers.lock().unwrap();
        // Of two with one peer the one stays that the smaller ID dialled; a dead one is replaced.
        if peers.contains_key(&id) && dialled != (node.id < id) {
            return;
        }
        peers.insert(id, (addr, out.try_clone().unwrap()));
    }
    learn(node, addr);
    let words = gossip(node, &node.chain.lock().unwrap());
    if out.write_all(words.as_bytes()).is_ok() {
        lines.for_each(|line| hear(node, &line));
    }
    let mut peers = node.peers.lock().unwrap();
    let ours = out.local_addr().ok();
    if peers.get(&id).is_some_and(|(_, stream)| stream.local_addr().ok() == ours && stream.peer_addr().ok() == out.peer_addr().ok()) {
        peers.remove(&id);
    }
}

fn spaced(words: impl IntoIterator<Item = impl ToString>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(" ")
}

fn gossip(node: &Node, chain: &[u64]) -> String {
    format!("addrs {}\nchain {}\n", spaced(node.book.lock().unwrap().iter()), spaced(chain))
}

fn hear(node: &Node, line: &str) {
    let mut words = line.split_whitespace();
    match words.next() {
        Some("addrs") => words.filter_map(|word| word.parse().ok()).for_each(|addr| learn(node, addr)),
        Some("chain") => {
            let theirs: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
            let mut chain = node.chain.lock().unwrap();
            if (theirs.len(), chain.last()) > (chain.len(), theirs.last()) {
                *chain = theirs;
                changed(node, &chain);
            }
        }
        _ => {}
    }
}

fn changed(node: &Node, chain: &[u64]) {
    let fresh = format!("{}/chain.new", node.base);
    fs::write(&fresh, spaced(chain)).expect("the base path is writable");
    fs::rename(&fresh, format!("{}/chain", node.base)).unwrap();
    let words = gossip(node, chain);
    for (_, stream) in node.peers.lock().unwrap().values_mut() {
        let _ = stream.write_all(words.as_bytes());
    }
}

fn mine(node: &Node) {
    let pace = number("STRICT_BLOCK_MS", 1500) as f64;
    loop {
        let luck = (random() >> 11) as f64 / (1_u64 << 53) as f64;
        let wait = Duration::from_secs_f64(-(1.0 - luck).ln() * pace / 1000.0);
        let tip = node.chain.lock().unwrap().len();
        thread::sleep(wait);
        let mut chain = node.chain.lock().unwrap();
        if chain.len() == tip {
            chain.push(random() | 1);
            changed(node, &chain);
        }
    }
}

fn serve(node: &Arc<Node>, rpc: &TcpListener) {
    rpc.set_nonblocking(true).unwrap();
    let (most, late) = (number("STRICT_RPC_PER_SECOND", u64::MAX), Duration::from_millis(number("STRICT_LATE_MS", 0)));
    let (mut second, mut granted) = (Instant::now(), 0);
    loop {
        if TERM.load(Ordering::SeqCst) && env::var("STRICT_STUBBORN").is_err() {
            println!("\x1b[33mWARN\x1b[0m SIGTERM");
            exit(0);
        }
        let Ok((stream, _)) = rpc.accept() else {
            thread::sleep(Duration::from_millis(2));
            continue;
        };
        if second.elapsed() >= Duration::from_secs(1) {
            (second, granted) = (Instant::now(), 0);
        }
        granted += 1;
        let (node, busy) = (Arc::clone(node), granted > most);
        thread::spawn(move || drop(answer(&node, stream, busy, late)));
    }
}

fn answer(node: &Node, mut stream: TcpStream, busy: bool, late: Duration) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    for line in reader.by_ref().lines() {
        let line = line?.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            break;
        }
    }
    if busy {
        return stream.write_all(b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    thread::sleep(late);
    let body = String::from_utf8_lossy(&body);
    // Calls hold no braces of their own.
    let calls: Vec<String> = body.split('{').skip(1).map(|call| result(node, call)).collect();
    let text = if body.trim_start().starts_with('[') { format!("[{}]", calls.join(",")) } else { calls.concat() };
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len())
}

fn result(node: &Node, call: &str) -> String {
    let after = |key: &str| call.split_once(&format!("\"{key}\":")).map(|(_, rest)| rest);
    let id: String = after("id").unwrap_or("0").chars().take_while(char::is_ascii_digit).collect();
    let method = after("method").and_then(|rest| rest.split('"').nth(1)).unwrap_or_default();
    let chain = node.chain.lock().unwrap();
    let hash = |hash: u64| format!("\"0x{hash:064x}\"");
    let value = match method {
        _ if !METHODS.contains(&method) => return format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"Method not found"}}}}"#),
        "system_health" => format!(r#"{{"peers":{},"isSyncing":false,"shouldHavePeers":true}}"#, node.peers.lock().unwrap().len()),
        "chain_getHeader" => format!(r#"{{"number":"{:#x}","parentHash":{}}}"#, chain.len(), hash(1)),
        _ => {
            let height: String = after("params").unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
            let height: usize = height.parse().unwrap_or(0);
            height.checked_sub(1).map_or(Some(1), |at| chain.get(at).copied()).map_or("null".to_owned(), hash)
        }
    };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{value}}}"#)
}
