//! The real binary, on loopback: what it does with sockets, signals, files and bad input.

use std::{
    io::Read,
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use hegemon_discovery::Message;
use hegemon_node::transport::{
    envelope::{self, Protocol},
    frame::FrameCodec,
    handshake::{self, Established, ExpectInitHello},
    identity::Identity,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::codec::{Encoder, Framed};

use crate::process::{Node, PATIENCE, command, eventually};

impl Node {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begin.elapsed() < PATIENCE, "the node does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a node refuses to start with says why.
fn refusal(environment: &[(&str, &str)], args: &[&str]) -> String {
    let mut child = command(environment)
        .args(args)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(!wait(&mut child).success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

#[tokio::test]
async fn two_nodes_of_one_identity_say_so_on_both_sides_and_one_that_dials_itself_does_not() {
    let state = tempfile::tempdir().unwrap();
    let copied = ("HEGEMON_PQ_IDENTITY_SEED", "07".repeat(32));
    let copied = (copied.0, copied.1.as_str());
    let one = Node::start(&state.path().join("one"), "127.0.0.1:0", &[copied]);
    let seeds = one.listen.to_string();
    let two =
        Node::start(&state.path().join("two"), "127.0.0.1:0", &[copied, ("HEGEMON_SEEDS", &seeds)]);
    // As a seed that is in its own list.
    let port = TcpListener::bind("0.0.0.0:0").await.unwrap().local_addr().unwrap().port();
    let (all, own) = (format!("0.0.0.0:{port}"), format!("127.0.0.1:{port}"));
    let alone = Node::start(&state.path().join("alone"), &all, &[("HEGEMON_SEEDS", &own)]);
    let says = |node: &Node| {
        node.said()
            .lines()
            .any(|line| line.contains("ERROR") && line.contains("this node's identity"))
    };
    eventually("both say it", async || says(&one) && says(&two)).await;
    for node in [&one, &two] {
        assert_eq!(node.said().matches("ERROR").count(), 1, "once: {}", node.said());
    }
    let id = one.call("system_localPeerId").await;
    assert!(two.said().contains(id.as_str().unwrap()), "with the identity: {}", two.said());
    let dialled = || async { alone.call("hegemon_discoveryStatus").await };
    eventually("it has dialled itself", async || {
        dialled().await.to_string().contains("\"itself\":1")
    })
    .await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!says(&alone), "its own identity is its own");
}

#[tokio::test]
async fn two_nodes_mine_one_chain_and_a_killed_one_catches_up() {
    let directory = tempfile::tempdir().unwrap();
    let fast = ("HEGEMON_BLOCK_TIME_MS", "200");
    let first =
        Node::start(&directory.path().join("first"), "127.0.0.1:0", &[("HEGEMON_MINE", "1"), fast]);
    let seeds = first.listen.to_string();
    let second_path = directory.path().join("second");
    let mut second = Node::start(&second_path, "127.0.0.1:0", &[("HEGEMON_SEEDS", &seeds), fast]);
    eventually("one peer each", async || first.peers().await == 1 && second.peers().await == 1)
        .await;
    eventually("blocks travel", async || second.height().await >= 3).await;

    let (id, listen) = (second.call("system_localPeerId").await, second.listen.to_string());
    second.signal("KILL");
    second.wait();
    eventually("the loss is seen", async || first.peers().await == 0).await;
    let height = first.height().await;
    let second = Node::start(&second_path, &listen, &[("HEGEMON_SEEDS", &seeds), fast]);
    assert_eq!(second.call("system_localPeerId").await, id, "the same node again");
    eventually("it catches up", async || second.height().await > height).await;
    eventually("one peer each again", async || {
        first.peers().await == 1 && second.peers().await == 1
    })
    .await;
}

#[tokio::test]
async fn a_signal_ends_it_in_order() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let mut node = Node::start(directory.path(), "127.0.0.1:0", &[("HEGEMON_MINE", "1")]);
        node.call("system_health").await;
        let begin = Instant::now();
        node.signal(signal);
        assert_eq!(node.wait().code(), Some(0));
        assert!(begin.elapsed() < Duration::from_secs(5));
        let mut left: Vec<String> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["chain.redb", "pq-identity.seed"]);
    }
}

#[test]
fn a_signal_at_any_moment_of_its_start_ends_it_in_order_too() {
    let directory = tempfile::tempdir().unwrap();
    for millis in [0, 2, 5, 10, 20, 40, 80] {
        let temporary = directory.path().join(millis.to_string());
        std::fs::create_dir(&temporary).unwrap();
        let mut child = command(&[("TMPDIR", temporary.to_str().unwrap())])
            .args(["--dev", "--tmp", "--rpc-port", "0", "--listen-addr", "127.0.0.1:0"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The state directory is the first thing that would have to be removed.
        while std::fs::read_dir(&temporary).unwrap().next().is_none() {
            assert!(child.try_wait().unwrap().is_none(), "the node ended by itself");
        }
        std::thread::sleep(Duration::from_millis(millis));
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert_eq!(
            wait(&mut child).code(),
            Some(0),
            "SIGTERM {millis} ms after its directory was made"
        );
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "its directory is gone");
    }
}

#[tokio::test]
async fn a_temporary_base_path_goes_with_a_clean_exit_and_only_then() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let start = || Node::start_with(&path, "127.0.0.1:0", &[("HEGEMON_MINE", "1")], &["--tmp"]);
    let mut killed = start();
    let id = killed.call("system_localPeerId").await;
    killed.signal("KILL");
    killed.wait();
    let mut node = start();
    assert_eq!(node.call("system_localPeerId").await, id, "a kill removes nothing");
    node.signal("TERM");
    assert_eq!(node.wait().code(), Some(0));
    assert!(!path.exists(), "{:?}", std::fs::read_dir(&path).map(Iterator::collect::<Vec<_>>));

    let mut permanent = Node::start(&path, "127.0.0.1:0", &[]);
    permanent.signal("TERM");
    permanent.wait();
    let mut node = start();
    assert!(node.said().contains("WARN") && node.said().contains("leave --tmp out"));
    node.signal("TERM");
    assert_eq!(node.wait().code(), Some(0));
    assert!(path.join("pq-identity.seed").exists(), "what a node without --tmp made stays");
}

#[tokio::test]
async fn half_a_request_does_not_hold_up_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut node = Node::start(directory.path(), "127.0.0.1:0", &[]);
    let mut client = TcpStream::connect(node.rpc_addr).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{").await.unwrap();
    node.call("system_health").await;
    let begin = Instant::now();
    node.signal("TERM");
    assert_eq!(node.wait().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[test]
fn what_it_cannot_start_with_it_names() {
    let said = refusal(&[("HEGEMON_MINE", "yes"), ("HEGEMON_SEEDS", "a,,b")], &["--dev", "--tmp"]);
    assert!(
        said.contains("HEGEMON_MINE=\"yes\": must be 1 or 0") && said.contains("HEGEMON_SEEDS"),
        "{said}"
    );
    let said =
        refusal(&[], &["--dev", "--tmp", "--port", "1000", "--listen-addr", "127.0.0.1:2000"]);
    assert!(said.contains("--port 1000 and --listen-addr 127.0.0.1:2000"), "{said}");
    let said = refusal(&[], &["--dev"]);
    assert!(said.contains("--base-path"), "{said}");
}

#[test]
fn what_stands_in_its_way_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("file"), "").unwrap();
    std::fs::create_dir_all(path("taken/chain.redb")).unwrap();
    std::fs::create_dir_all(path("secret/pq-identity.seed")).unwrap();
    let with = |environment: &[(&str, &str)], more: &[&str]| {
        let usual = ["--dev", "--rpc-port", "0", "--listen-addr"];
        refusal(environment, &[&usual, more].concat())
    };
    let here = "127.0.0.1:0";
    let missing = path("missing");
    let seed = [("HEGEMON_PQ_IDENTITY_SEED_PATH", missing.as_str())];
    for (said, what, advice) in [
        (with(&seed, &[here, "--tmp"]), missing.as_str(), "HEGEMON_PQ_IDENTITY_SEED_PATH"),
        (
            with(&[], &["198.19.255.254:0", "--tmp"]),
            "198.19.255.254:0",
            "another --port or --listen-addr",
        ),
        (with(&[], &[here, "--base-path", &path("file")]), "file", "another --base-path"),
        (with(&[], &[here, "--tmp", "--base-path", &path("file/x")]), "x", "another --base-path"),
        (with(&[], &[here, "--base-path", &path("taken")]), "chain.redb", "another --base-path"),
        (with(&[], &[here, "--base-path", &path("secret")]), "pq-identity.seed", "put the node's"),
        (with(&[("RUST_LOG", "a=b=c")], &[here, "--tmp"]), "RUST_LOG=\"a=b=c\"", "such as info"),
    ] {
        assert!(said.contains(what) && said.contains(advice), "{what}, {advice}: {said}");
        let reason = said.rsplit(": ").next().unwrap().trim();
        assert_eq!(said.matches(reason).count(), 1, "the reason stands there once: {said}");
    }
}

#[test]
fn an_empty_filter_of_the_environment_is_none() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let path = directory.path().to_str().unwrap();
    let flags = ["--dev", "--tmp", "--base-path", path, "--listen-addr", "198.19.255.254:0"];
    let said = refusal(&[("RUST_LOG", "")], &flags);
    assert!(said.contains("WARN") && said.contains("leave --tmp out"), "{said}");
}

#[tokio::test]
async fn a_second_node_on_the_same_state_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), "127.0.0.1:0", &[]);
    let path = directory.path().to_str().unwrap();
    let said = refusal(
        &[],
        &["--dev", "--rpc-port", "0", "--listen-addr", "127.0.0.1:0", "--base-path", path],
    );
    assert!(said.contains("chain.redb"), "{said}");
    assert_eq!(node.peers().await, 0, "the first goes on");
}

/// A peer of the test's own, over the same transport.
struct Peer {
    framed: Framed<TcpStream, FrameCodec>,
    session: Established,
}

impl Peer {
    async fn next(&mut self) -> Option<Vec<u8>> {
        let mut frame = self.framed.next().await?.unwrap();
        let len = self.session.opener.open(&mut frame).unwrap();
        Some(frame[..len].to_vec())
    }

    async fn send(&mut self, plaintext: Vec<u8>) {
        let mut frame = plaintext;
        self.session.sealer.seal(&mut frame).unwrap();
        self.framed.send(frame).await.unwrap();
    }

    /// The next discovery message of the kind that `pick` takes.
    async fn message<T>(&mut self, pick: impl Fn(Message) -> Option<T>) -> T {
        let next = async {
            loop {
                let plaintext = self.next().await.expect("the node hung up");
                if let Some((Protocol::Discovery, data)) = envelope::decode(&plaintext)
                    && let Some(picked) = pick(Message::decode(data).unwrap())
                {
                    return picked;
                }
            }
        };
        timeout(PATIENCE, next).await.expect("no such message came")
    }
}

fn discovery(message: &Message) -> Vec<u8> {
    envelope::encode(Protocol::Discovery, &message.encode())
}

fn addrs(message: Message) -> Option<Vec<SocketAddr>> {
    if let Message::Addrs { addrs } = message { Some(addrs) } else { None }
}

/// A connection as its dialler, all but the last message.
async fn greeted(
    node: SocketAddr,
    identity: u8,
) -> (Framed<TcpStream, FrameCodec>, Established, Vec<u8>) {
    let mut framed = Framed::new(TcpStream::connect(node).await.unwrap(), FrameCodec::handshake());
    let (state, init) =
        handshake::start(Arc::new(Identity::from_identity_seed(&[identity; 32]))).unwrap();
    framed.send(init).await.unwrap();
    let (session, finish) = state.receive(&framed.next().await.unwrap().unwrap()).unwrap();
    (framed, session, finish)
}

async fn dialled(node: SocketAddr, identity: u8) -> Peer {
    let (mut framed, session, finish) = greeted(node, identity).await;
    framed.send(finish).await.unwrap();
    *framed.codec_mut() = FrameCodec::session(None);
    Peer { framed, session }
}

#[tokio::test]
async fn a_flood_of_frames_ends_its_own_session_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), "127.0.0.1:0", &[]);
    let (mut good, mut bad) = (dialled(node.listen, 1).await, dialled(node.listen, 2).await);
    good.send(Vec::new()).await;
    eventually("both count", async || node.peers().await == 2).await;
    for _ in 0..3_000 {
        let mut frame = Vec::new();
        bad.session.sealer.seal(&mut frame).unwrap();
        if bad.framed.send(frame).await.is_err() {
            break;
        }
    }
    eventually("the flood is closed", async || node.peers().await == 1).await;
    good.send(discovery(&Message::GetAddrs { limit: 64 })).await;
    good.message(addrs).await;
}

#[tokio::test]
async fn long_frames_share_one_pool() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), "127.0.0.1:0", &[]);
    let mut peers = Vec::new();
    for identity in 1..=3 {
        let mut peer = dialled(node.listen, identity).await;
        peer.send(Vec::new()).await;
        peers.push(peer);
    }
    eventually("all count", async || node.peers().await == 3).await;
    for (declared, left) in [(16 * 1024 * 1024_u32, 3), (16 * 1024 * 1024, 3), (1024 * 1024, 2)] {
        let mut peer = peers.remove(0);
        peer.framed.get_mut().write_all(&declared.to_be_bytes()).await.unwrap();
        peer.framed.get_mut().write_all(&[0; 1024]).await.unwrap();
        peers.push(peer);
        eventually("two of the longest fit, and then no more", async || node.peers().await == left)
            .await;
    }
}

#[tokio::test]
async fn finish_and_the_first_frames_in_one_write_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(directory.path(), "127.0.0.1:0", &[]);
    let (mut framed, mut session, finish) = greeted(node.listen, 9).await;
    let mut together = bytes::BytesMut::new();
    framed.codec_mut().encode(finish, &mut together).unwrap();
    for message in [Message::Hello { listen_port: 40_000 }, Message::GetAddrs { limit: 64 }] {
        let mut frame = discovery(&message);
        session.sealer.seal(&mut frame).unwrap();
        FrameCodec::session(None).encode(frame, &mut together).unwrap();
    }
    framed.get_mut().write_all(&together).await.unwrap();
    *framed.codec_mut() = FrameCodec::session(None);
    let mut peer = Peer { framed, session };
    assert_eq!(
        peer.message(addrs).await,
        [],
        "an answer: both frames arrived, and our own address is not told to us"
    );
    eventually("it counts", async || node.peers().await == 1).await;
}

async fn accepted(listener: &TcpListener) -> Peer {
    let (stream, _) = timeout(PATIENCE, listener.accept())
        .await
        .expect("the node does not dial its seed")
        .unwrap();
    let mut framed = Framed::new(stream, FrameCodec::handshake());
    let state = ExpectInitHello::new(Arc::new(Identity::from_identity_seed(&[8; 32])));
    let (state, resp) = state.receive(&framed.next().await.unwrap().unwrap()).unwrap();
    framed.send(resp).await.unwrap();
    let session = state.receive(&framed.next().await.unwrap().unwrap()).unwrap();
    *framed.codec_mut() = FrameCodec::session(None);
    Peer { framed, session }
}

#[tokio::test]
async fn a_dialler_says_nothing_until_the_listener_did_or_a_second_passed() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let seeds = listener.local_addr().unwrap().to_string();
    let _node =
        Node::start(&directory.path().join("speaks"), "127.0.0.1:0", &[("HEGEMON_SEEDS", &seeds)]);
    let mut peer = accepted(&listener).await;
    assert!(
        timeout(Duration::from_millis(500), peer.next()).await.is_err(),
        "an older listener would have lost this"
    );
    peer.send(Vec::new()).await;
    let port = peer
        .message(|message| {
            if let Message::Hello { listen_port } = message { Some(listen_port) } else { None }
        })
        .await;
    assert_ne!(port, 0);

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let seeds = silent.local_addr().unwrap().to_string();
    let _other =
        Node::start(&directory.path().join("silent"), "127.0.0.1:0", &[("HEGEMON_SEEDS", &seeds)]);
    let mut peer = accepted(&silent).await;
    let begin = Instant::now();
    timeout(PATIENCE, peer.next()).await.expect("it speaks after a second").unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_flood_of_declared_addresses_closes_the_session_and_hurts_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let seeds = listener.local_addr().unwrap().to_string();
    let node = Node::start(directory.path(), "127.0.0.1:0", &[("HEGEMON_SEEDS", &seeds)]);
    let mut peer = accepted(&listener).await;
    let mut flood = vec![2, 0, 0, 0];
    flood.extend(1_001_u64.to_le_bytes());
    peer.send(envelope::encode(Protocol::Discovery, &flood)).await;
    let closed = async { while let Some(Ok(_)) = peer.framed.next().await {} };
    timeout(PATIENCE, closed).await.expect("the session is closed");
    assert_eq!(
        node.call("hegemon_discoveryStatus").await["book"]["known"],
        1,
        "the seed itself, and nothing of the flood"
    );
}
