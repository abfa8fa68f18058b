//! Peers that lie about the chain or about who is where, and the attacks that are kept up as a peer
//! of a test network keeps them up.

use std::{
    cell::Cell,
    io::{BufRead, BufReader},
    process::Stdio,
};

use jsonrpsee_core::rpc_params;

use super::{Command, Held, Network, Node, Value, count, eventually, hostile, join_all};

/// Above what a network that nobody lies to needs in these seconds, in KiB.
const LIES_KIB: u64 = 16 * 1024;

/// Every attack, as the command line calls it.
const ATTACKS: [&str; 21] = [
    "silence",
    "slow-handshake",
    "half-handshake",
    "oversized-handshake",
    "tampered-handshake",
    "connect-flood",
    "finish-with-frames",
    "oversized-frame",
    "stalled-frame",
    "large-frames",
    "replayed-frame",
    "reordered-frames",
    "tampered-frame",
    "frame-flood",
    "address-flood",
    "never-reads",
    "self-id",
    "wrong-genesis",
    "future-blocks",
    "headers-without-bodies",
    "stale-tip",
];

impl Network {
    /// Nobody but the target ever mined a block of its chain, and the good nodes have the same one.
    async fn assert_chain_is_the_target_s(&self) {
        let miner = self.target.call("system_localPeerId").await;
        let miner = miner.as_str().unwrap().trim_start_matches("0x").to_owned();
        let height = self.target.height().await - 1;
        for number in 1..=height {
            let header = header_at(&self.target, number).await;
            assert!(header.to_string().contains(&miner), "block {number} is a liar's: {header}");
        }
        let ours = header_at(&self.target, height).await;
        for node in &self.good {
            eventually("a good node has the same chain", async || {
                header_at(node, height).await == ours
            })
            .await;
        }
    }
}

/// The best chain's header at a height.
async fn header_at(node: &Node, number: u64) -> Value {
    let hash = node.call_with("chain_getBlockHash", rpc_params![number]).await;
    node.call_with("chain_getHeader", rpc_params![hash]).await
}

/// Whatever liars claim, a node neither believes it of itself nor says so.
async fn says_its_own_height(node: &Node) -> bool {
    let health = node.call("system_health").await;
    let state = node.call("system_syncState").await;
    let (current, highest) = (count(&state, "currentBlock"), count(&state, "highestBlock"));
    health["isSyncing"] == false && highest <= current + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liars_about_the_chain_change_nothing() {
    let network = Network::start().await;
    let idle = Held::by(&network.target).await;
    let lies = ["wrong-genesis", "future-blocks", "headers-without-bodies", "stale-tip"];
    let lies = lies.map(|name| [name, "--count", "4", "--for", "6", "--block-time-ms", "200"]);
    let lies = lies.each_ref().map(|lie| lie.as_slice());
    // Whoever pays for the headers of a heavier branch is believed until it is asked for the bodies.
    let (looks, misled) = (Cell::new(0), Cell::new(0));
    let watched = async {
        loop {
            looks.set(looks.get() + 1);
            misled.set(misled.get() + u32::from(!says_its_own_height(&network.target).await));
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let reports = tokio::select! {
        reports = network.attack(&lies) => reports,
        () = watched => unreachable!("it watches for ever"),
    };
    let (looks, misled) = (looks.get(), misled.get());
    assert!(looks > 20 && misled * 10 <= looks, "misled in {misled} of {looks} looks");
    for report in &reports {
        assert_eq!(count(report, "sessions"), 4, "{report}");
        // Hello, and then what the attack is about.
        assert!(count(report, "messages_sent") > 12, "{report}");
        assert_eq!(report["failed"], 0, "{report}");
        // A clock may be wrong, a chain another one, an answer lost: none of it is an offence.
        assert_eq!(count(report, "open_at_the_end"), 4, "{report}");
    }
    network.assert_chain_is_the_target_s().await;
    let peak = Held::by(&network.target).await.peak_kib;
    println!("idle {idle:?}; peak {} KiB above", peak.saturating_sub(idle.resident_kib));
    assert!(peak < idle.resident_kib + LIES_KIB, "{peak} KiB at the peak, idle {idle:?}");
}

/// Liars that were there first have a newcomer's attention, and it still gets its chain from the
/// one node that has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_among_liars_gets_its_chain() {
    let state = tempfile::tempdir().unwrap();
    let fast = ("HEGEMON_BLOCK_TIME_MS", "200");
    let old = state.path().join("old");
    let node = Node::start(&old, "127.0.0.1:0", &[("HEGEMON_MINE", "1"), fast]);
    eventually("there is a chain", async || node.height().await >= 20).await;
    let (listen, height) = (node.listen.to_string(), node.height().await);
    drop(node);

    let newcomer =
        Node::start(&state.path().join("new"), "127.0.0.1:0", &[("HEGEMON_SEEDS", &listen), fast]);
    let lies: [&[&str]; 2] = [
        &["stale-tip", "--count", "16", "--for", "20", "--block-time-ms", "200"],
        &["headers-without-bodies", "--count", "8", "--for", "20", "--block-time-ms", "200"],
    ];
    let lying = join_all(
        lies.iter()
            .zip(2..)
            .map(|(lie, last)| hostile(newcomer.listen, format!("127.0.0.{last}"), lie)),
    );
    let catching_up = async {
        eventually("the liars are there", async || newcomer.peers().await == 24).await;
        let _honest = Node::start(&old, &listen, &[fast]);
        eventually("the chain is there", async || newcomer.height().await >= height).await;
    };
    tokio::pin!(lying);
    tokio::select! {
        () = catching_up => {}
        reports = &mut lying => panic!("the liars ended first: {reports:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_led_to_itself_notices_and_stays_with_its_peers() {
    let network = Network::start().await;
    // Some of the eight claim to be the mirror themselves: who hears that first has no reason to go
    // there. The one only tells of a mirror.
    let attacks = ["1", "8"].map(|peers| ["self-id", "--count", peers, "--for", "6"]);
    let reports = network.attack(&attacks.each_ref().map(|attack| attack.as_slice())).await;
    let [one, eight] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((count(one, "sessions"), count(eight, "sessions")), (1, 8), "{reports:?}");
    // It went there, as anybody goes to a new address, found itself, and let it be.
    assert!((1..=8).contains(&count(one, "mirrored")), "{one}");
    assert!(count(eight, "mirrored") <= 8, "{eight}");
    let own = network.target.call("system_localPeerId").await;
    let peers = network.target.call("hegemon_peerList").await;
    assert!(peers.as_array().unwrap().iter().all(|peer| peer["peer_id"] != own), "{peers}");
    eventually("only the good peers are left", async || network.target.peers().await == 2).await;
    let said = network.target.said();
    assert!(!said.contains("ERROR"), "no false alarm of a twin: {said}");
}

/// One line that the program printed while it runs.
fn line(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Value {
    serde_json::from_str(&lines.next().expect("another line").unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_peer_of_a_test_network_reports_until_it_is_told_to_stop() {
    let state = tempfile::tempdir().unwrap();
    let nodes =
        ["one", "two"].map(|name| Node::start(&state.path().join(name), "127.0.0.1:0", &[]));
    let seeds = nodes.each_ref().map(|node| node.listen.to_string()).join(",");
    let file = state.path().join("report.jsonl");
    // As a harness starts a node, what the scenario says last.
    let mut child = Command::new(env!("CARGO_BIN_EXE_hegemon-hostile"))
        .env_clear()
        .env("HEGEMON_SEEDS", &seeds)
        .args(["--dev", "--name", "peer", "--rpc-port", "9944", "--port", "4000"])
        .args(["--listen-addr", "127.0.0.9:4000", "--base-path"])
        .arg(state.path())
        .args(["peer", "--attack", "address-flood", "--count", "4", "--rate", "10", "--report"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = line(&mut lines);
    assert_eq!((&first["event"], count(&first, "connected")), (&"start".into(), 0), "{first}");
    let mut seen = first;
    // They end by what they do, and come again: against each of the two.
    while count(&seen, "sessions") < 8 || count(&seen, "closed_by_target") == 0 {
        seen = line(&mut lines);
        assert_eq!(seen["event"], "progress", "{seen}");
        assert!(count(&seen, "open") <= 4 && seen["seconds"].as_f64().unwrap() < 25.0, "{seen}");
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let mut last = line(&mut lines);
    while last["event"] == "progress" {
        last = line(&mut lines);
    }
    assert_eq!((&last["event"], &last["why"]), (&"end".into(), &"SIGTERM".into()), "{last}");
    assert!(count(&last, "handshakes") >= count(&last, "sessions"), "{last}");
    assert!(count(&last, "bytes_sent") > 0 && count(&last, "messages_sent") > 0, "{last}");
    for target in last["targets"].as_array().unwrap() {
        assert!(count(target, "sessions") > 0, "every target has its share: {last}");
    }
    assert!(lines.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let written = std::fs::read_to_string(file).unwrap();
    assert_eq!(serde_json::from_str::<Value>(written.lines().last().unwrap()).unwrap(), last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_can_be_kept_up_and_ends_in_time() {
    let state = tempfile::tempdir().unwrap();
    let node = Node::start(state.path(), "127.0.0.1:0", &[]);
    let all = join_all(ATTACKS.iter().zip(10..).map(|(attack, last)| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hegemon-hostile"));
        command
            .args(["peer", "--attack", attack, "--for", "8", "--count", "1", "--rate", "2"])
            .args(["--block-time-ms", "2000"])
            .args(["--targets", &node.listen.to_string()])
            .args(["--listen-addr", &format!("127.0.0.{last}:0")])
            .kill_on_drop(true)
            .output()
    }));
    for (attack, output) in ATTACKS.iter().zip(all.await) {
        let output = output.unwrap();
        assert!(output.status.success(), "{attack}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!((&last["attack"], &last["why"]), (&(*attack).into(), &"time".into()), "{last}");
        assert!(count(&last, "connected") > 0 && count(&last, "failed") == 0, "{attack}: {last}");
        assert!(said.lines().count() >= 3, "one line a second: {said}");
    }
}
