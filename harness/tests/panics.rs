//! A bug of ours in the middle of a run with real containers and processes: exit code 70, and
//! nothing is left. The moment can be chosen (`PANIC_AFTER_MS`): `ci/leaks.sh` does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "real nodes take real time")]

#[path = "real/support.rs"]
#[expect(dead_code, reason = "every test binary uses its own part")]
mod provider;
#[path = "../run/tests/support/mod.rs"]
#[expect(dead_code, reason = "every test binary uses its own part")]
mod support;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, FutureExt};
use harness::provider::{
    Changes, Injector, LogLine, NetworkChoice, NodeLaunch, NodeRequest, Provider, ProviderError,
    ProviderOptions, Slot, docker::DockerProvider, process::ProcessProvider,
};
use harness_core::{
    exit::ExitCode,
    fault::Capability,
    node::{Incarnation, NodeState},
};
use harness_run::{
    http::Http,
    interrupt::Interrupt,
    link::{Connect, NodeLink},
};
use provider::{Fake, HARNESS, Kind, assert_nothing_left, environment, fake, unique_run};
use tokio::sync::mpsc;

/// Fake nodes never satisfy it: the run lasts until the panic.
const SCENARIO: &str = r#"
[scenario]
description = "a run with a bug in it"
[[nodes]]
name = "seed"
seed = true
bin = "BIN"
[[nodes]]
name = "node"
bin = "BIN"
[[phases]]
name = "wait"
[[phases.checks]]
check = "peers"
nodes = "*"
at_least = 1
within = "60s"
"#;

/// Everything is the inner provider's until the moment has come: then whatever is asked for is a
/// panic, teardown excepted.
struct Bug {
    inner: Arc<dyn Provider>,
    moment: Instant,
}

impl Bug {
    fn is_it_time(&self) {
        assert!(Instant::now() < self.moment, "a bug, on purpose");
    }
}

impl Connect for Bug {
    fn connect(&self, node: SocketAddr, patience: Duration) -> Arc<dyn NodeLink> {
        Http::through(self.inner.dialler()).connect(node, patience)
    }
}

impl Provider for Bug {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn facts(&self) -> serde_json::Value {
        self.inner.facts()
    }

    fn reserve<'a>(
        &'a self,
        nodes: &'a [NodeRequest],
        subnet: Option<&'a str>,
        progress: &'a (dyn Fn(String) + Send + Sync),
    ) -> BoxFuture<'a, Result<Vec<Slot>, ProviderError>> {
        async move {
            let slots = self.inner.reserve(nodes, subnet, progress).await;
            self.is_it_time();
            slots
        }
        .boxed()
    }

    fn start<'a>(
        &'a self,
        node: &'a NodeLaunch,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        async move {
            let started = self.inner.start(node).await;
            self.is_it_time();
            started
        }
        .boxed()
    }

    fn stop<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.inner.stop(name)
    }

    fn kill<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.inner.kill(name)
    }

    fn capabilities(&self) -> Vec<Capability> {
        self.inner.capabilities()
    }

    fn injector(&self) -> &dyn Injector {
        self.inner.injector()
    }

    fn start_again<'a>(
        &'a self,
        name: &'a str,
        changes: &'a Changes,
    ) -> BoxFuture<'a, Result<Incarnation, ProviderError>> {
        self.inner.start_again(name, changes)
    }

    fn state<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
        self.is_it_time();
        self.inner.state(name)
    }

    fn rpc<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SocketAddr, ProviderError>> {
        self.inner.rpc(name)
    }

    fn logs(&self) -> Option<mpsc::Receiver<LogLine>> {
        self.inner.logs()
    }

    fn teardown(&self) -> BoxFuture<'_, Result<(), ProviderError>> {
        self.inner.teardown()
    }
}

async fn panics(kind: Kind) {
    let scratch = tempfile::tempdir().unwrap();
    let options = ProviderOptions {
        run_id: unique_run(),
        scratch: scratch.path().to_owned(),
        profile: None,
        keep: false,
        network: NetworkChoice::Auto,
        build: Default::default(),
        program: HARNESS.into(),
    };
    let run = options.run_id.clone();
    let inner: Arc<dyn Provider> = match kind {
        Kind::Process | Kind::Loopback => Arc::new(ProcessProvider::create(options).unwrap()),
        Kind::Docker | Kind::DockerPublished | Kind::DockerRemote => {
            Arc::new(DockerProvider::connect(options, &environment()).await.unwrap())
        }
    };
    let after = std::env::var("PANIC_AFTER_MS").map_or(1500, |text| text.parse().unwrap());
    let bug = Arc::new(Bug { inner, moment: Instant::now() + Duration::from_millis(after) });
    let scenario = SCENARIO.replace("BIN", fake(Fake::StaticOurs).to_str().unwrap());
    let done = support::run(&scenario, bug, Interrupt::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Bug, "{:#}", done.json());
    assert_nothing_left(kind, &run, scratch.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn process() {
    panics(Kind::Process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn docker() {
    panics(Kind::Docker).await;
}
