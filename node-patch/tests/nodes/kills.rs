//! SIGKILL of a whole node, while it mines and while it catches up: what its RPC had shown as the
//! best block is on its chain after the next start. And a disk that is full ends it with the reason.
//!
//! `HEGEMON_TEST_KILLS=100 cargo test -p hegemon-node --test nodes kills` kills each of the two a
//! hundred times.

use std::{path::Path, process::Command, time::Instant};

use hegemon_node::chain::{Chain, ChainParams, Hash};
use jsonrpsee_core::rpc_params;
use serde_json::Value;

use crate::process::{Node, PATIENCE, eventually};

/// Short, so that every kill comes between many blocks.
const BLOCK_TIME_MS: u64 = 100;
const BLOCK_TIME: (&str, &str) = ("HEGEMON_BLOCK_TIME_MS", "100");

fn kills() -> u32 {
    std::env::var("HEGEMON_TEST_KILLS").map_or(10, |count| count.parse().unwrap())
}

/// The best block as RPC shows it.
async fn shown(node: &Node) -> (u64, Value) {
    let header = node.call("chain_getHeader").await;
    let number = header["number"].as_str().unwrap().trim_start_matches("0x");
    (u64::from_str_radix(number, 16).unwrap(), header["parentHash"].clone())
}

/// Asks until the node has made `blocks` more, and then kills it. What it showed last.
async fn kill_after(mut node: Node, blocks: u64, source: Option<&Node>) -> (u64, Value) {
    let (first, _) = shown(&node).await;
    let begin = Instant::now();
    let last = loop {
        let last = shown(&node).await;
        if last.0 >= first + blocks {
            break last;
        }
        if begin.elapsed() > PATIENCE {
            let health = node.call("system_health").await;
            let said = source.map(Node::said).unwrap_or_default();
            let said: Vec<_> = said.lines().rev().take(20).collect();
            panic!("{last:?} after {first}, {health}\n{}\nthe other:\n{said:#?}", node.said());
        }
    };
    node.child.kill().unwrap();
    node.child.wait().unwrap();
    last
}

/// The next start is sound and has what was shown: on its best chain, unless a heavier rival came
/// after it was shown.
fn check(base: &Path, (number, parent): &(u64, Value), kill: u32) {
    let chain =
        Chain::open(&base.join("chain.redb"), ChainParams::dev(BLOCK_TIME_MS).unwrap()).unwrap();
    let audit = chain.audit().unwrap_or_else(|unsound| panic!("kill {kill}: {unsound}"));
    let Some(below) = number.checked_sub(1) else { return };
    let hex = parent.as_str().unwrap().trim_start_matches("0x");
    let parent = Hash(hex::decode(hex).unwrap().try_into().unwrap());
    let on_best = chain.hash_at(u32::try_from(below).unwrap()).unwrap() == Some(parent);
    let work = chain.total_work(&parent).unwrap();
    assert!(
        work.is_some_and(|work| work < audit.best.total_work || on_best),
        "kill {kill}: block {number} on {parent} was shown, and {audit:?} is left"
    );
    assert!(on_best || audit.side_blocks > 0, "kill {kill}: {audit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miner_that_is_killed_keeps_what_it_had_shown() {
    let directory = tempfile::tempdir().unwrap();
    for kill in 0..kills() {
        let environment = [BLOCK_TIME, ("HEGEMON_MINE", "1"), ("HEGEMON_MINE_THREADS", "2")];
        let node = Node::start(directory.path(), "127.0.0.1:0", &environment);
        let last = kill_after(node, 1 + u64::from(kill % 4), None).await;
        check(directory.path(), &last, kill);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_while_it_catches_up_keeps_what_it_had_shown() {
    let (ahead, behind) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // It mines on while the other one catches up.
    let environment = [BLOCK_TIME, ("HEGEMON_MINE", "1")];
    let source = Node::start(ahead.path(), "127.0.0.1:0", &environment);
    eventually("some blocks", async || source.height().await >= 20).await;
    let seeds = source.listen.to_string();
    for kill in 0..kills() {
        let environment = [BLOCK_TIME, ("HEGEMON_SEEDS", seeds.as_str())];
        let node = Node::start(behind.path(), "127.0.0.1:0", &environment);
        let last = kill_after(node, 1 + u64::from(kill % 4), Some(&source)).await;
        check(behind.path(), &last, kill);
    }
    let environment = [BLOCK_TIME, ("HEGEMON_SEEDS", seeds.as_str())];
    let node = Node::start(behind.path(), "127.0.0.1:0", &environment);
    eventually("a peer", async || node.peers().await > 0).await;
    let agreed = async || {
        let height = node.height().await.saturating_sub(5);
        let [ours, theirs] = [&node, &source]
            .map(async |node| node.call_with("chain_getBlockHash", rpc_params![height]).await);
        height > 20 && ours.await == theirs.await
    };
    eventually("it has the other's chain in the end", agreed).await;
}

/// A disk of its own (a tmpfs in a mount namespace), that somebody else fills while the node mines,
/// and frees again. Its database is copied out both times. Nothing in it can take more than some
/// minutes, and what the node said of a failure is shown.
const FULL_DISK: &str = r#"
mount -t tmpfs -o size=16m tmpfs "$DISK" || exit 99
set -- "$NODE" --dev --rpc-port 0 --listen-addr 127.0.0.1:0 --base-path "$DISK"
timeout --signal=KILL 100 "$@" &
TRIES=0
until [ -e "$DISK/chain.redb" ] && [ -s "$DISK/pq-identity.seed" ]; do
    TRIES=$((TRIES + 1))
    if [ "$TRIES" -gt 300 ] || ! kill -0 $! 2>/dev/null; then
        echo "no database or identity: the node ended, or made none in 30 s" >&2
        kill $! 2>/dev/null
        exit 97
    fi
    sleep 0.1
done
cat /dev/zero >"$DISK/filler" 2>/dev/null
wait $!
CODE=$?
cp "$DISK/chain.redb" "$OUT/full.redb"
rm "$DISK/filler"
timeout --signal=TERM --kill-after=30 --preserve-status 8 "$@" 2>"$OUT/again" || { cat "$OUT/again" >&2; exit 98; }
cp "$DISK/chain.redb" "$OUT/after.redb"
exit $CODE
"#;

#[test]
fn a_full_disk_ends_the_node_with_its_reason_and_it_starts_again() {
    let [disk, out] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let ended = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", FULL_DISK])
        .env("DISK", disk.path())
        .env("OUT", out.path())
        .env("NODE", env!("CARGO_BIN_EXE_hegemon-node"))
        .envs([BLOCK_TIME, ("HEGEMON_MINE", "1"), ("HEGEMON_MINE_THREADS", "4")])
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.contains("No space left") && last.contains("free some space"), "{said}");

    let height = |name: &str| {
        let params = ChainParams::dev(BLOCK_TIME_MS).unwrap();
        let chain = Chain::open(&out.path().join(name), params).unwrap();
        chain.audit().unwrap().best.number
    };
    assert!(height("after.redb") > height("full.redb"), "{said}");
}
