//! `attach`: the real binary against nodes that run already, behind proxies that count what they are asked.
//!
//! `proxy` stands before a node; `strict` are foreign nodes, `ours` a kept run of ours, behind TLS; `wrong`
//! is whatever is not a node's fault.

mod ours;
mod proxy;
mod strict;
mod wrong;

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Fake, HARNESS, PATIENCE, fake};

/// Everything that nodes answer for, in short windows.
const LOOK: &str = r#"
[scenario]
description = "A look"
[[nodes]]
name = "node"
count = 2
seed = true
[[phases]]
name = "look"
[[phases.checks]]
check = "same-genesis"
nodes = "*"
within = "30s"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 1
within = "60s"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 2
within = "60s"
[[phases.checks]]
check = "same-chain"
nodes = "*"
within = "90s"
"#;

/// One call of `attach`, in a folder of its own.
struct Look {
    folder: tempfile::TempDir,
}

/// What it said.
struct Said {
    code: i32,
    words: String,
}

impl Look {
    fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("look.toml"), scenario).unwrap();
        Self { folder }
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(HARNESS);
        command
            .args(["attach", "./look.toml", "--no-progress"])
            .args(arguments)
            .env("ATTACH_KEY", "Bearer s3cret")
            .current_dir(self.folder.path())
            .kill_on_drop(true);
        command
    }

    async fn at(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().await.unwrap())
    }

    /// The only run's directory.
    fn run(&self) -> PathBuf {
        let runs = fs::read_dir(self.folder.path().join("runs")).unwrap();
        let runs: Vec<PathBuf> = runs.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].clone()
    }

    /// All that was written.
    fn evidence(&self) -> String {
        let files = fs::read_dir(self.run()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// The verdict follows from the bundle alone.
    fn assert_verifies(&self) {
        let verified = Command::new(HARNESS).arg("verify").arg(self.run()).output().unwrap();
        assert!(verified.status.success(), "{verified:?}");
    }
}

fn said(output: std::process::Output) -> Said {
    let words = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    Said { code: output.status.code().unwrap(), words: words.into_owned() }
}

/// Foreign nodes on loopback that mine and know each other.
struct Strict {
    nodes: Vec<Child>,
    rpc: Vec<SocketAddr>,
    _folder: tempfile::TempDir,
}

impl Strict {
    fn start(count: usize) -> Self {
        // A port that was free may be somebody else's by the time that a node asks for it.
        (0..20).find_map(|_| Self::try_start(count).answering()).expect("nodes that start")
    }

    /// Itself, once all of its nodes answer; none if one of them has ended.
    fn answering(mut self) -> Option<Self> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = |node: &mut Child| node.try_wait().unwrap().is_some();
            if self.nodes.iter_mut().any(ended) {
                return None;
            }
            if self.rpc.iter().all(|rpc| answers(*rpc).is_ok_and(|it| it)) {
                return Some(self);
            }
            assert!(Instant::now() < deadline, "a strict node does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn try_start(count: usize) -> Self {
        let (folder, node) = (tempfile::tempdir().unwrap(), fake(Fake::Strict));
        let free = || {
            // Held until all are known, so that no two are the same.
            let listeners: Vec<_> =
                (0..2 * count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
            listeners.iter().map(|listener| listener.local_addr().unwrap()).collect::<Vec<_>>()
        };
        let addresses = free();
        let (p2p, rpc) = addresses.split_at(count);
        let nodes = (0..count).map(|index| {
            let base = folder.path().join(index.to_string());
            fs::create_dir(&base).unwrap();
            Command::new(&node)
                .args(["--base-path", base.to_str().unwrap(), "--name", &format!("node-{index}")])
                .args(["--listen-addr", &p2p[index].to_string()])
                .args(["--rpc-port", &rpc[index].port().to_string()])
                .env("HEGEMON_SEEDS", p2p[0].to_string())
                .env("HEGEMON_MINE", "1")
                .env("STRICT_LOOPBACK", "1")
                .env("STRICT_BLOCK_MS", "800")
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        });
        let nodes = nodes.collect();
        Self { nodes, rpc: rpc.to_vec(), _folder: folder }
    }

    fn end(&mut self, index: usize) {
        self.nodes[index].kill().unwrap();
        self.nodes[index].wait().unwrap();
    }
}

/// That somebody takes connections at its port says little: it may be another's, or the one who asks.
fn answers(rpc: SocketAddr) -> io::Result<bool> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"system_health","params":[]}"#;
    let mut stream = TcpStream::connect(rpc)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {rpc}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"HTTP/1.1 200")
}

impl Drop for Strict {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}
