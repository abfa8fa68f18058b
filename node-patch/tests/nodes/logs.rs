//! What the real binary writes at `info`: little, and what to do where something is amiss.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::process::{Node, eventually};

/// Blocks that are mined while nothing is written.
const BLOCKS: u64 = 20;

#[tokio::test]
async fn a_network_in_which_nothing_happens_but_blocks_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let fast = ("HEGEMON_BLOCK_TIME_MS", "100");
    let first =
        Node::start(&directory.path().join("first"), "127.0.0.1:0", &[("HEGEMON_MINE", "1"), fast]);
    let seeds = first.listen.to_string();
    let second = Node::start(
        &directory.path().join("second"),
        "127.0.0.1:0",
        &[("HEGEMON_SEEDS", &seeds), fast],
    );
    let nodes = [&first, &second];
    eventually("both say that they have a peer", async || {
        nodes.iter().all(|node| node.said().contains("peer connected"))
    })
    .await;
    assert_eq!((first.peers().await, second.peers().await), (1, 1));
    let said = nodes.map(Node::said);
    for said in &said {
        assert!(said.lines().count() <= 3, "its start, its miner, its peer: {said}");
    }
    let height = second.height().await;
    eventually("blocks come", async || second.height().await >= height + BLOCKS).await;
    assert_eq!(nodes.map(Node::said), said);
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_a_warning_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "07".repeat(32)).unwrap();
    let path = ("HEGEMON_PQ_IDENTITY_SEED_PATH", secret.to_str().unwrap());
    for (mode, warns) in
        [(0o644, true), (0o640, true), (0o604, true), (0o600, false), (0o400, false)]
    {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let node = Node::start(&directory.path().join("state"), "127.0.0.1:0", &[path]);
        let said = node.said();
        let warned = said.lines().any(|line| line.contains("WARN") && line.contains("chmod 600"));
        assert_eq!(warned, warns, "mode {mode:o}: {said}");
        assert!(!said.contains(&"07".repeat(32)), "the secret itself is never written");
    }
}
