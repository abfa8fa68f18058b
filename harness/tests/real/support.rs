//! What the provider tests stand on: fake nodes, a run with its provider, and an independent look
//! at what is left of it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use harness::{
    binary::{BuildKind, Program, our_program},
    provider::{
        Dial, LogLine, NetworkChoice, NodeLaunch, NodeRequest, Provider, ProviderError,
        ProviderOptions, Slot,
        docker::{DockerProvider, Reach},
        process::ProcessProvider,
    },
};
use harness_core::{
    node::{NodeSource, NodeState},
    place::Environment,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
};

/// The harness's own program.
pub(crate) const HARNESS: &str = env!("CARGO_BIN_EXE_harness");

/// How long anything may take here that usually takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// This workspace's node, as a scenario takes it.
pub(crate) async fn our_node() -> PathBuf {
    our_program((Program::Node, BuildKind::default()), &|_| ()).await.unwrap()
}

/// Lines of the ledger of the campaign in a folder; none as long as it has not begun.
pub(crate) fn lines(folder: &Path, ledger: &str) -> usize {
    let campaign = fs::read_dir(folder).into_iter().flatten().flatten().next();
    let text = campaign.and_then(|it| fs::read_to_string(it.path().join(ledger)).ok());
    text.map_or(0, |text| text.lines().count())
}

/// Which provider a test runs against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Processes in namespaces of their own.
    Process,
    /// Processes on loopback.
    Loopback,
    Docker,
    /// Docker as on a host that has no route to containers.
    DockerPublished,
    /// Docker as on another host, which here has this host's address.
    DockerRemote,
}

impl Kind {
    pub(crate) fn is_process(self) -> bool {
        matches!(self, Self::Process | Self::Loopback)
    }
}

/// Which fake node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fake {
    StaticOurs,
    /// Another version of it.
    StaticOursNext,
    DynamicOurs,
    StaticForeign,
    /// `strict_node.rs`.
    Strict,
}

/// A fake node's binary: compiled once for its source, flags and version, whoever asks for it.
pub(crate) fn fake(which: Fake) -> PathBuf {
    static BUILT: [OnceLock<PathBuf>; 5] = [const { OnceLock::new() }; 5];
    let (slot, name, flag, version) = match which {
        Fake::StaticOurs => (
            0,
            "fake-static-ours",
            "-Ctarget-feature=+crt-static",
            "hegemon-node 9.9.9 (hegemon-testbed)",
        ),
        Fake::StaticOursNext => (
            4,
            "fake-static-ours-next",
            "-Ctarget-feature=+crt-static",
            "hegemon-node 9.9.10 (hegemon-testbed)",
        ),
        Fake::DynamicOurs => {
            (1, "fake-dynamic-ours", "-Cprefer-dynamic=no", "hegemon-node 9.9.9 (hegemon-testbed)")
        }
        Fake::StaticForeign => {
            (2, "fake-static-foreign", "-Ctarget-feature=+crt-static", "hegemon-node 0.10.0")
        }
        Fake::Strict => (3, "strict", "-Ctarget-feature=+crt-static", "hegemon-node 0.10.0"),
    };
    BUILT[slot].get_or_init(|| compile(name, flag, version)).clone()
}

/// One compiler at a time, over all test processes of this target directory; a binary that is there
/// under its name is complete, because it was renamed into place.
fn compile(name: &str, flag: &str, version: &str) -> PathBuf {
    let (source, file) = match name {
        "strict" => (include_str!("strict_node.rs"), "strict_node.rs"),
        _ => (include_str!("fake_node.rs"), "fake_node.rs"),
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let output = folder.join(format!("{name}-{:016x}", fingerprint(&[source, flag, version])));
    // Before the lock, which another user may not take.
    if output.exists() {
        return output;
    }
    let lock = fs::File::create(folder.join("fakes.lock")).expect("a lock file");
    lock.lock().expect("the lock is free sooner or later");
    if output.exists() {
        return output;
    }
    // rustc and the linker name what they leave on the way after their output: nobody else's is in
    // this folder.
    let own = tempfile::tempdir_in(folder).expect("a temporary directory");
    let fresh = own.path().join(name);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let run = Command::new(rustc)
        .args(["--edition=2024", "-Copt-level=1", flag, "-o"])
        .arg(&fresh)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real").join(file))
        .env("FAKE_VERSION", version)
        .env("TMPDIR", own.path())
        .output()
        .expect("rustc runs");
    assert!(
        run.status.success(),
        "{name} does not compile ({}):\n{}",
        run.status,
        String::from_utf8_lossy(&run.stderr)
    );
    fs::rename(&fresh, &output).expect("a file can be renamed in its directory");
    output
}

/// The same for the same parts, in every process.
fn fingerprint(parts: &[&str]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// A provider with its run's directory. Asserts at the end that nothing is left; a test that panics
/// is cleaned up by the provider's own `Drop`.
pub(crate) struct Bed {
    kind: Kind,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) run: String,
    pub(crate) scratch: tempfile::TempDir,
    lines: mpsc::Receiver<LogLine>,
    seen: Vec<LogLine>,
}

impl Bed {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::with(kind, |_| ()).await
    }

    pub(crate) async fn with(kind: Kind, change: impl FnOnce(&mut ProviderOptions)) -> Self {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        let run = unique_run();
        let mut options = ProviderOptions {
            run_id: run.clone(),
            scratch: scratch.path().to_owned(),
            profile: None,
            keep: false,
            network: if kind == Kind::Loopback {
                NetworkChoice::Loopback
            } else {
                NetworkChoice::Namespace
            },
            build: Default::default(),
            program: HARNESS.into(),
        };
        change(&mut options);
        let provider: Arc<dyn Provider> = match kind {
            Kind::Process | Kind::Loopback => {
                Arc::new(ProcessProvider::create(options).expect("the process provider"))
            }
            Kind::Docker => Arc::new(docker(options).await),
            Kind::DockerPublished => Arc::new(docker(options).await.reaching(Reach::Published)),
            Kind::DockerRemote => {
                Arc::new(docker(options).await.reaching(Reach::Remote([127, 0, 0, 2].into())))
            }
        };
        let lines = provider.logs().expect("logs are there once");
        assert!(provider.logs().is_none(), "and only once");
        Self { kind, provider, run, scratch, lines, seen: Vec::new() }
    }

    pub(crate) async fn reserve(
        &self,
        names: &[&str],
        source: NodeSource,
    ) -> Result<Vec<Slot>, ProviderError> {
        self.reserve_in(names, source, None).await
    }

    pub(crate) async fn reserve_in(
        &self,
        names: &[&str],
        source: NodeSource,
        subnet: Option<&str>,
    ) -> Result<Vec<Slot>, ProviderError> {
        let requests: Vec<_> = names
            .iter()
            .map(|name| NodeRequest {
                name: (*name).to_owned(),
                source: source.clone(),
                upgrades: Vec::new(),
            })
            .collect();
        self.provider.reserve(&requests, subnet, &|_| ()).await
    }

    /// One node that may be started as another later.
    pub(crate) async fn reserve_to_upgrade(
        &self,
        source: NodeSource,
        upgrade: NodeSource,
    ) -> Result<Slot, ProviderError> {
        let request = NodeRequest { name: "solo".to_owned(), source, upgrades: vec![upgrade] };
        self.provider.reserve(&[request], None, &|_| ()).await.map(|mut slots| slots.remove(0))
    }

    /// One node that runs and answers.
    pub(crate) async fn one(&self, env: &[(&str, &str)]) -> Slot {
        let slot = self
            .reserve(&["solo"], NodeSource::Binary(fake(Fake::StaticOurs)))
            .await
            .expect("reserve")
            .remove(0);
        self.provider.start(&launch(&slot, env)).await.expect("start");
        slot
    }

    /// The answer of a node's RPC, tried again until it answers.
    pub(crate) async fn ask(&self, name: &str, path: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let address = self.provider.rpc(name).await.expect("an address");
            match get(self.provider.dialler().as_ref(), address, path).await {
                Ok(body) => return body,
                Err(error) => assert!(
                    Instant::now() < deadline,
                    "{name} does not answer at {address}: {error}"
                ),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills a node from outside, as anybody could, and waits until the provider has seen it.
    pub(crate) async fn kill(&self, name: &str) -> NodeState {
        let NodeState::Running(incarnation) = self.provider.state(name).await.expect("a state")
        else {
            panic!("{name} does not run")
        };
        if self.kind.is_process() {
            let status = Command::new("kill")
                .args(["-9", "--", &format!("-{}", incarnation.pid)])
                .status()
                .expect("kill runs");
            assert!(status.success(), "{name} cannot be killed");
        } else {
            docker_cli(&["kill", &format!("hegemon-{}-{name}", self.run)]);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.provider.state(name).await.expect("a state") {
                NodeState::Running(_) | NodeState::Frozen(_) => {
                    assert!(Instant::now() < deadline, "{name} outlives SIGKILL")
                }
                ended @ NodeState::Exited { .. } => return ended,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Reads logs until one node has said this line.
    pub(crate) async fn wait_for_line(&mut self, text: &str) {
        let found = tokio::time::timeout(PATIENCE, async {
            // Each line is looked at once: there may be thousands.
            let mut found = self.seen.iter().any(|line| line.text() == text);
            while !found {
                let line = self.lines.recv().await.expect("the log is open");
                found = line.text() == text;
                self.seen.push(line);
            }
        });
        assert!(found.await.is_ok(), "`{text}` is not in {:?}", self.texts());
    }

    /// Whether the log comes to its end.
    pub(crate) async fn log_is_closed(&mut self) -> bool {
        tokio::time::timeout(PATIENCE, async { while self.lines.recv().await.is_some() {} })
            .await
            .is_ok()
    }

    /// What was seen of the log so far.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.iter().flat_map(|line| line.bytes.iter().copied()).collect()
    }

    pub(crate) fn texts(&self) -> Vec<Cow<'_, str>> {
        self.seen.iter().map(LogLine::text).collect()
    }

    /// Tears down and says every line of the run.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        let mut lines = std::mem::replace(&mut self.lines, mpsc::channel(1).1);
        let mut seen = std::mem::take(&mut self.seen);
        let reader = tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                seen.push(line);
            }
            seen
        });
        self.provider.teardown().await.expect("teardown");
        let seen = tokio::time::timeout(PATIENCE, reader)
            .await
            .expect("the log closes at teardown")
            .expect("no panic");
        self.provider.teardown().await.expect("teardown once more");
        assert_nothing_left(self.kind, &self.run, self.scratch.path());
        seen.into_iter().map(|line| line.text().into_owned()).collect()
    }
}

/// What says where this machine's engine is.
pub(crate) fn environment() -> Environment {
    Environment::read(|name| std::env::var_os(name))
}

async fn docker(options: ProviderOptions) -> DockerProvider {
    DockerProvider::connect(options, &environment())
        .await
        .expect("these tests need a Docker engine; run the others with `cargo test process`")
}

pub(crate) fn unique_run() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("test-{:016x}", RandomState::new().hash_one(std::process::id()))
}

pub(crate) fn launch(slot: &Slot, env: &[(&str, &str)]) -> NodeLaunch {
    let mut args = vec![
        "--base-path".to_owned(),
        slot.base_path.display().to_string(),
        "--rpc-port".to_owned(),
        slot.rpc_port.to_string(),
    ];
    if slot.rpc_external {
        args.push("--rpc-external".to_owned());
    }
    let env: BTreeMap<_, _> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    NodeLaunch { name: slot.name.clone(), args, env }
}

pub(crate) fn source() -> NodeSource {
    NodeSource::Binary(fake(Fake::StaticOurs))
}

async fn get(dialler: &dyn Dial, address: SocketAddr, path: &str) -> std::io::Result<String> {
    let asked = async {
        let mut stream = dialler.dial(address).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        body.filter(|body| !body.is_empty()).ok_or_else(|| std::io::Error::other("no answer"))
    };
    tokio::time::timeout(Duration::from_secs(5), asked).await?
}

/// Asks the operating system and the engine's own command line, not the code under test.
pub(crate) fn assert_nothing_left(kind: Kind, run: &str, scratch: &Path) {
    let entries: Vec<_> = fs::read_dir(scratch)
        .map(|dir| dir.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    assert!(entries.is_empty(), "directories are left: {entries:?}");
    assert_eq!(processes_in(scratch), Vec::<String>::new(), "processes are left");
    if !kind.is_process() {
        assert_ne!(docker_cli(&["version"]), "", "without an engine nothing can be said");
        assert_eq!(
            engine_objects(&format!("org.hegemon.testbed.run={run}")),
            "",
            "objects of the engine are left"
        );
    }
}

/// Processes that run in or from a directory.
pub(crate) fn processes_in(dir: &Path) -> Vec<String> {
    let proc = fs::read_dir("/proc").expect("/proc").flatten();
    let inside = |path: PathBuf| fs::read_link(path).is_ok_and(|target| target.starts_with(dir));
    proc.map(|entry| entry.path())
        .filter(|process| inside(process.join("cwd")) || inside(process.join("exe")))
        .map(|process| process.display().to_string())
        .collect()
}

/// Everything that carries a label, one line each.
pub(crate) fn engine_objects(label: &str) -> String {
    let filter = format!("label={label}");
    [
        vec!["ps", "-aq"],
        vec!["network", "ls", "-q"],
        vec!["volume", "ls", "-q"],
        vec!["images", "-aq"],
    ]
    .into_iter()
    .map(|command| docker_cli(&[&command[..], &["--filter", &filter]].concat()))
    .collect()
}

/// Runs the engine's command line and returns what it prints; nothing if it fails.
pub(crate) fn docker_cli(args: &[&str]) -> String {
    let output = Command::new("docker")
        .args(args)
        .output()
        .expect("the Docker tests look at the engine through the `docker` command");
    if output.status.success() {
        String::from_utf8_lossy(&output.stdout).into_owned()
    } else {
        String::new()
    }
}

/// An executable script.
pub(crate) fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("a script is written");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("and made executable");
    path
}
