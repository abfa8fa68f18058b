//! A node as a process of its own, on loopback.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jsonrpsee_core::{client::ClientT, params::ArrayParams, rpc_params};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde_json::Value;

/// Generous: these wait for conditions, and a loaded machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    pub(crate) child: Child,
    pub(crate) listen: SocketAddr,
    pub(crate) rpc_addr: SocketAddr,
    rpc: HttpClient,
    said: Arc<Mutex<String>>,
}

impl Node {
    pub(crate) fn start(base_path: &Path, listen: &str, environment: &[(&str, &str)]) -> Self {
        Self::start_with(base_path, listen, environment, &[])
    }

    pub(crate) fn start_with(
        base_path: &Path,
        listen: &str,
        environment: &[(&str, &str)],
        flags: &[&str],
    ) -> Self {
        let listens = ["--listen-addr", listen];
        Self::run(command(environment).args(listens).args(flags), base_path)
    }

    /// With what every node of a test has besides, until it says where it listens.
    pub(crate) fn run(command: &mut Command, base_path: &Path) -> Self {
        let mut child = command
            .args(["--dev", "--rpc-port", "0", "--base-path"])
            .arg(base_path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        let (listen, rpc_addr) = addresses(&mut log, &mut seen);
        // Whoever writes to a full pipe stands still.
        let said = Arc::new(Mutex::new(seen));
        let says = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                says.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        let rpc = HttpClientBuilder::default().build(format!("http://{rpc_addr}")).unwrap();
        Self { child, listen, rpc_addr, rpc, said }
    }

    /// Its log.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) async fn call(&self, method: &str) -> Value {
        self.call_with(method, rpc_params![]).await
    }

    pub(crate) async fn call_with(&self, method: &str, params: ArrayParams) -> Value {
        let answer = self.rpc.request(method, params).await;
        answer.unwrap_or_else(|error| {
            panic!("{method} at {}: {error}\n{}", self.rpc_addr, self.said())
        })
    }

    pub(crate) async fn peers(&self) -> u64 {
        self.call("system_health").await["peers"].as_u64().unwrap()
    }

    pub(crate) async fn height(&self) -> u64 {
        let header = self.call("chain_getHeader").await;
        u64::from_str_radix(header["number"].as_str().unwrap().trim_start_matches("0x"), 16)
            .unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn command(environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hegemon-node"));
    command
        .env_clear()
        .env("HEGEMON_PQ_DISCOVERY_ALLOW_LOOPBACK", "1")
        .envs(environment.iter().copied());
    command
}

/// From the node's log, up to the line that has them.
fn addresses(log: &mut impl BufRead, seen: &mut String) -> (SocketAddr, SocketAddr) {
    loop {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the node ended at its start: {seen}");
        seen.push_str(&line);
        let field = |name: &str| {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name))
                .and_then(|value| value.parse().ok())
        };
        if let (Some(listen), Some(rpc)) = (field("listen="), field("rpc=")) {
            return (listen, rpc);
        }
    }
}

pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
