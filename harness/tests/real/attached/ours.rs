//! A run of ours that was kept, behind TLS.

use std::{fs, net::SocketAddr, process::Command, sync::Arc};

use super::{
    LOOK, Look,
    proxy::{Certificates, Manner, Proxy},
};
use crate::support::HARNESS;

/// Nodes of ours that were left running on loopback, until this is dropped.
struct Kept {
    folder: tempfile::TempDir,
    rpc: Vec<SocketAddr>,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = LOOK.replace("seed = true", "seed = true\nmine = true");
        fs::write(folder.path().join("kept.toml"), scenario).unwrap();
        let ran = Command::new(HARNESS)
            .args(["scenario", "./kept.toml", "--provider", "process", "--network", "loopback"])
            .args(["--keep", "--no-progress"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&ran.stdout).into_owned();
        let mut kept = Self { folder, rpc: Vec::new() };
        assert!(ran.status.success(), "{ran:?}");
        let address = |line: &str| line.split_once("  http://")?.1.trim().parse().ok();
        kept.rpc = words.lines().filter_map(address).collect();
        assert_eq!(kept.rpc.len(), 2, "{words}");
        kept
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Their own run, by its name, and no other.
        let runs = fs::read_dir(self.folder.path().join("runs")).into_iter().flatten().flatten();
        for run in runs {
            let name = run.file_name().to_string_lossy().into_owned();
            let id = name.rsplit('-').next().unwrap_or_default().to_owned();
            let _ = Command::new(HARNESS).args(["gc", &id]).output();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_run_passes_through_tls_and_notices_nothing() {
    let kept = tokio::task::spawn_blocking(Kept::new).await.unwrap();
    let (look, folder) = (Look::new(LOOK), tempfile::tempdir().unwrap());
    let certificates = Arc::new(Certificates::new(folder.path(), "own", "IP:127.0.0.1"));
    let manner = || Manner {
        tls: Some(Arc::clone(&certificates)),
        key: Some("s3cret"),
        ..Manner::default()
    };
    let a = Proxy::before(kept.rpc[0], manner()).await;
    let b = Proxy::before(kept.rpc[1], manner()).await;
    let key = folder.path().join("key");
    fs::write(&key, "Bearer s3cret\n").unwrap();
    let header = format!("authorization:@{}", key.display());
    let (first, second) = (a.https(), b.https());
    let authority = certificates.authority();
    let said = look
        .at(&["--rpc", &first, "--rpc", &second, "--rpc-ca", &authority, "--rpc-header", &header])
        .await;
    assert_eq!(said.code, 0, "{}", said.words);
    a.assert_gentle(2.0);
    b.assert_gentle(2.0);
    assert!(
        a.seen.lock().unwrap().methods.contains("system_localPeerId"),
        "more than the core is used"
    );
    look.assert_verifies();
    assert!(!(look.evidence() + &said.words).contains("s3cret"));

    // Two ways to one node are no failure of a node.
    let look = Look::new(LOOK);
    let c = Proxy::before(kept.rpc[0], manner()).await;
    let twice = ["--rpc", &first, "--rpc", &c.https(), "--rpc-ca", &authority];
    let said = look.at(&[&twice[..], &["--rpc-header", &header]].concat()).await;
    assert_eq!(said.code, 3, "{}", said.words);
    assert!(said.words.contains("both addresses lead to one node"), "{}", said.words);
    look.assert_verifies();
}
