//! More connections than there are places, or descriptors.

use std::{
    fs,
    io::ErrorKind::WouldBlock,
    mem::MaybeUninit,
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use hegemon_node::rpc::{Patience, RpcConfig};
use socket2::SockRef;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    process::{Node, PATIENCE, eventually},
    served::{LOCAL, Served},
};

const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Whether there is an answer in time.
async fn answers(addr: SocketAddr, patience: Duration) -> bool {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut first = [0; 12];
    let read = timeout(patience, stream.read_exact(&mut first)).await;
    matches!(read, Ok(Ok(_))) && &first == b"HTTP/1.1 200"
}

/// Whether the other side has ended it, by the kernel's word: tokio learns of that later.
fn has_ended(stream: &TcpStream) -> bool {
    let peeked = SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
    peeked.map_or_else(|error| error.kind() != WouldBlock, |bytes| bytes == 0)
}

#[tokio::test]
async fn connections_that_ask_nothing_give_their_places_up() {
    let patience = Patience { request: Duration::from_secs(2), ..LOCAL.patience };
    let served = Served::with(RpcConfig { patience, ..LOCAL }).await;
    let mut held = Vec::new();
    for number in 0..128 {
        let mut stream = TcpStream::connect(served.addr).await.unwrap();
        // Half of them have asked once, and keep the connection.
        if number % 2 == 0 {
            stream.write_all(REQUEST).await.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        }
        held.push(stream);
    }
    assert!(answers(served.addr, PATIENCE).await, "the places stay taken");
    // A connection ends before its place is free.
    assert!(held.iter().any(has_ended), "one more was answered while all places were taken");
    for stream in &mut held {
        let mut rest = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_client_that_takes_no_answers_loses_its_connection() {
    let patience = Patience { answer: Duration::from_secs(1), ..LOCAL.patience };
    let served = Served::with(RpcConfig { patience, ..LOCAL }).await;
    served.extend(Some(vec![7; 200_000]));
    let request = request_of(BLOCK);
    let mut stream = TcpStream::connect(served.addr).await.unwrap();
    // 400 KB each: more than the kernel keeps for it.
    let asked = 200;
    for _ in 0..asked {
        if stream.write_all(request.as_bytes()).await.is_err() {
            break;
        }
    }
    let gone = async || stream.try_write(b" ").is_err_and(|error| error.kind() != WouldBlock);
    eventually("its connection is ended", gone).await;
}

#[tokio::test]
async fn answers_that_nobody_takes_have_an_end_over_all_clients() {
    let served = Served::with(LOCAL).await;
    served.extend(Some(vec![7; 250_000]));
    let two = format!("[{BLOCK},{BLOCK}]");
    let ask = async || {
        let head = ["POST / HTTP/1.1", "Host: localhost", "Content-Type: application/json"];
        served.raw(&head, &two).await.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    assert_eq!(ask().await, 200);
    // Each lets the node keep an answer of 1 MB, beyond those that the kernel takes.
    let requests = request_of(&two).repeat(20);
    let mut held = Vec::new();
    for _ in 0..24 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        let mut stream = socket.connect(served.addr).await.unwrap();
        // The last ones are turned away while they still ask.
        let _ = stream.write_all(requests.as_bytes()).await;
        held.push(stream);
    }
    eventually("there is no room for one more", async || ask().await == 503).await;
    assert!(answers(served.addr, PATIENCE).await, "short answers need none");
    drop(held);
    eventually("there is room when those are gone", async || ask().await == 200).await;
}

const BLOCK: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"chain_getBlock\"}";

fn request_of(body: &str) -> String {
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_node_without_descriptors_waits_and_says_so_once() {
    let (node, _directory) = with_descriptors(48);
    let addr = node.rpc_addr;
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(addr).await.unwrap());
    }
    let complaints = || node.said().matches("cannot accept RPC connections").count();
    eventually("it says that it is out of descriptors", async || complaints() > 0).await;
    let (before, begin) = (cpu_ticks(node.child.id()), Instant::now());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = cpu_ticks(node.child.id()) - before;
    let all = begin.elapsed().as_secs() * TICKS;
    assert!(used < all / 4, "{used} of {all} ticks of a core");
    assert_eq!(complaints(), 1);
    drop(held);
    eventually("it answers again", async || answers(addr, Duration::from_secs(2)).await).await;
}

/// A node that may have so many, and its state.
fn with_descriptors(descriptors: u32) -> (Node, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let limit = format!("ulimit -n {descriptors} && exec \"$@\"");
    let node = Node::run(
        Command::new("sh")
            .args(["-c", &limit, "sh", env!("CARGO_BIN_EXE_hegemon-node")])
            .args(["--listen-addr", "127.0.0.1:0"])
            .env_clear(),
        &directory.path().join("node"),
    );
    (node, directory)
}

/// Of a second: the same on every Linux.
const TICKS: u64 = 100;

/// What a process has used of a processor.
fn cpu_ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<_> = after_name.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
