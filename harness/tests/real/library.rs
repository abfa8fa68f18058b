//! Networks that a Rust test has, by the library: each step is proven, what fails says where its evidence is,
//! and nothing is left, whatever ends the test.

use std::{
    fs,
    io::{BufRead, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use harness::network::{
    Builder, Error, Network, Provider, RunVerdict, check, height_at_least, peers,
};
use serde_json::json;

use crate::support::{HARNESS, PATIENCE, docker_cli, engine_objects, processes_in};

#[path = "../../examples/network.rs"]
#[expect(dead_code, reason = "its `main` is for `cargo run --example`")]
mod example;

const SOON: Duration = Duration::from_secs(60);
const BRIEFLY: Duration = Duration::from_millis(300);

/// A network whose evidence is in a folder of the test's own.
fn network(folder: &Path, provider: Provider) -> Builder {
    Network::builder().seed().provider(provider).evidence(folder)
}

/// The one bundle in a folder.
fn bundle(folder: &Path) -> PathBuf {
    let mut bundles = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let bundle = bundles.next().unwrap();
    assert_eq!(bundles.next(), None, "one network, one bundle");
    bundle
}

/// What `harness verify` says of it, when it is whole.
fn verified(bundle: &Path) -> String {
    let output = Command::new(HARNESS).arg("verify").arg(bundle).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}{errors}");
    words
}

/// By the operating system's and the engine's own word.
fn nothing_is_left(bundle: &Path) {
    assert!(!bundle.join("scratch").exists(), "states of nodes are left");
    assert_eq!(processes_in(bundle), Vec::<String>::new(), "processes are left");
    assert_ne!(docker_cli(&["version"]), "", "without an engine nothing can be said of it");
    assert_eq!(engine_objects(&format!("org.hegemon.testbed.run={}", run(bundle))), "");
}

fn run(bundle: &Path) -> &str {
    bundle.to_str().unwrap().rsplit('-').next().unwrap()
}

#[tokio::test]
async fn the_example_holds_on_processes() {
    example::outlives_a_restart(Provider::Process).await.unwrap();
}

#[tokio::test]
async fn the_example_holds_in_containers() {
    example::outlives_a_restart(Provider::Docker).await.unwrap();
}

/// What a test does one by one is a scenario to whoever reads its evidence.
#[tokio::test]
async fn every_fault_is_proven_and_the_evidence_is_that_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path(), Provider::Process).nodes(1).mine().name("faults");
    let network = network.start().await.unwrap();
    let node = network.node("node-1");
    let url = node.rpc_url().unwrap();
    node.kill().await.unwrap();
    let silent = node.rpc("system_health", json!([])).await.unwrap_err();
    assert!(matches!(silent, Error::Unanswered { .. }), "{silent}");
    node.start().await.unwrap();
    node.pause().await.unwrap();
    network.until(height_at_least(1).of("seed").holding(BRIEFLY), SOON).await.unwrap();
    node.resume().await.unwrap();
    node.isolate().await.unwrap();
    node.rejoin().await.unwrap();
    node.stop().await.unwrap();
    node.start().await.unwrap();
    network.until(peers(1).holding(BRIEFLY), SOON).await.unwrap();
    assert_eq!(node.rpc_url().unwrap(), url, "it stays the same over restarts");
    assert!(node.log().unwrap().contains("hegemon-node"), "{}", node.log().unwrap());
    let evidence = network.evidence().to_owned();
    network.end().await.unwrap();

    nothing_is_left(&evidence);
    let words = verified(&evidence);
    assert!(words.contains("PASS"), "{words}");
    let verdict = fs::read_to_string(evidence.join("verdict.json")).unwrap();
    let verdict: serde_json::Value = serde_json::from_str(&verdict).unwrap();
    let phases: Vec<&str> = verdict["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| phase["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        phases,
        [
            "until rpc",
            "kill node-1",
            "start node-1",
            "pause node-1",
            "until rpc",
            "resume node-1",
            "isolate node-1",
            "rejoin node-1",
            "stop node-1",
            "start node-1",
            "until peers"
        ]
    );
}

/// A mistake is said with what there is, and costs nothing; a failure is said with its evidence, and stays.
#[tokio::test]
async fn what_cannot_be_and_what_does_not_hold_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path(), Provider::Process).nodes(1).start().await.unwrap();
    let wrong = network.node("nod-1").restart().await.unwrap_err().to_string();
    assert_eq!(wrong, "no node `nod-1` in this network; there is node-1, seed");
    assert!(network.node("nod-1").rpc_url().is_err() && network.node("nod-1").log().is_err());
    let refused = network.node("node-1").resume().await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(why) if why.contains("pause")), "{refused}");
    let refused = network.until(check("peer"), SOON).await.unwrap_err().to_string();
    assert!(refused.contains("did you mean `peers`?"), "{refused}");
    let error = network.node("seed").rpc("no_such_method", json!([])).await.unwrap_err();
    assert!(error.to_string().starts_with("seed: no_such_method: "), "{error}");
    network.until(peers(1).holding(BRIEFLY), SOON).await.unwrap();

    let failed = network.until(peers(2), SOON).await.unwrap_err();
    let evidence = bundle(folder.path());
    let words = failed.to_string();
    assert!(words.starts_with("FAIL: peers of *: impossible"), "{words}");
    assert!(words.ends_with(&format!("\n  evidence: {}", evidence.display())), "{words}");
    assert_eq!(format!("{failed:?}"), words, "a test that returns it shows the same");
    let again = network.node("node-1").restart().await.unwrap_err();
    assert_eq!(again.to_string(), words, "it stays failed");
    let health = network.node("node-1").rpc("system_health", json!([])).await.unwrap();
    assert_eq!(health["peers"], 1, "its nodes can be looked at");
    drop(network);
    nothing_is_left(&evidence);
    assert!(verified(&evidence).contains("FAIL"));
}

/// A node that ends by itself is nobody's pass, also where nobody looks any more.
fn a_crash_is_said_to_who_lets_go(let_go: impl FnOnce(Network)) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let network = runtime.block_on(network(folder.path(), Provider::Process).start()).unwrap();
    let evidence = network.evidence().to_owned();
    for process in processes_in(&evidence.join("scratch/nodes")) {
        let pid = process.rsplit('/').next().unwrap();
        assert!(Command::new("kill").args(["-9", pid]).status().unwrap().success());
    }
    let dropped = catch_unwind(AssertUnwindSafe(|| let_go(network))).unwrap_err();
    let words = dropped.downcast_ref::<String>().unwrap();
    assert!(words.contains("nobody was told") && words.contains("seed exited"), "{words}");
    assert!(words.contains(evidence.to_str().unwrap()), "{words}");
    nothing_is_left(&evidence);
}

#[test]
fn a_node_that_crashes_fails_the_test_that_does_not_look_again() {
    a_crash_is_said_to_who_lets_go(drop);
}

/// An end that nobody waits for has told nobody.
#[test]
fn a_node_that_crashes_fails_the_test_that_gives_up_the_end() {
    a_crash_is_said_to_who_lets_go(|network| drop(network.end().now_or_never()));
}

fn a_panic_leaves_nothing(provider: Provider) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let _network = network(folder.path(), provider).start().await.unwrap();
            panic!("as a test fails");
        });
    }));
    assert_eq!(*panicked.unwrap_err().downcast_ref::<&str>().unwrap(), "as a test fails");
    let evidence = bundle(folder.path());
    nothing_is_left(&evidence);
    let said = verified(&evidence);
    assert!(said.contains("ENVIRONMENT") && said.contains("the program panicked"), "{said}");
}

#[test]
fn a_panic_leaves_no_process() {
    a_panic_leaves_nothing(Provider::Process);
}

#[test]
fn a_panic_leaves_no_container() {
    a_panic_leaves_nothing(Provider::Docker);
}

/// What was begun to be done to a node is not proven because nobody waits for it any more.
#[tokio::test]
async fn a_step_that_is_given_up_is_no_pass() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let network = network(folder.path(), Provider::Process).nodes(1).start().await.unwrap();
        // One that has not begun when its run ends leaves nothing to be proven.
        let given_up = tokio::select! {
            _ = network.node("node-1").restart() => false,
            () = has_begun(folder.path()) => true,
        };
        // On a busy machine it may be over before anybody can give it up, or end the run.
        let (true, Err(why)) = (given_up, network.end().await) else { continue };
        let why = why.to_string();
        assert!(why.contains("the run ended before `restart node-1` was over"), "{why}");
        let evidence = bundle(folder.path());
        nothing_is_left(&evidence);
        assert!(verified(&evidence).contains("INCONCLUSIVE"));
        return;
    }
    panic!("each restart was over before the run's end");
}

/// Until a fault of the run is under way.
async fn has_begun(folder: &Path) {
    let events = bundle(folder).join("events.jsonl");
    while !fs::read_to_string(&events).unwrap().contains("fault-started") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A start that nobody waits for any more takes with it what was begun.
#[test]
fn a_start_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let start = network(folder.path(), Provider::Process).nodes(2).start();
        let given_up = tokio::time::timeout(Duration::from_millis(50), start).await;
        assert!(given_up.is_err(), "nodes that answer within 50 ms are no trial");
    });
    nothing_is_left(&bundle(folder.path()));
}

/// Not a test of its own: the test process that is killed.
#[tokio::test]
#[ignore = "executed by the tests below"]
async fn child_test() {
    let Some(folder) = std::env::var_os("CHILD_FOLDER") else { return };
    let provider = match std::env::var("CHILD_PROVIDER").as_deref() {
        Ok("docker") => Provider::Docker,
        _ => Provider::Process,
    };
    let network = network(Path::new(&folder), provider).nodes(1).start().await.unwrap();
    println!("up {}", network.nodes().count());
    std::future::pending::<()>().await;
}

/// The whole process group at once, as a CI system does it.
fn a_killed_test_leaves_nothing(provider: &str) {
    use std::os::unix::process::CommandExt;

    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "library::child_test", "--ignored", "--nocapture"]).process_group(0);
    command.env("CHILD_FOLDER", folder.path()).env("CHILD_PROVIDER", provider);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("up 2")), "the child starts its network");
    let evidence = bundle(folder.path());
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
    child.wait().unwrap();

    let log = evidence.join("watchdog.log");
    let deadline = Instant::now() + PATIENCE;
    let said = || fs::read_to_string(&log).unwrap_or_default();
    while !said().contains("nothing is left") {
        assert!(Instant::now() < deadline, "the watchdog says: {}", said());
        thread::sleep(Duration::from_millis(20));
    }
    nothing_is_left(&evidence);
}

#[test]
fn a_killed_test_leaves_no_process() {
    a_killed_test_leaves_nothing("process");
}

#[test]
fn a_killed_test_leaves_no_container() {
    a_killed_test_leaves_nothing("docker");
}

/// Found before anything is made, or said with the evidence of what was.
#[tokio::test]
async fn a_network_that_cannot_be_is_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let start = |builder: Builder| async move { builder.start().await.unwrap_err() };
    let nobody = Network::builder().nodes(2).evidence(folder.path());
    assert!(start(nobody).await.to_string().contains("seed"));
    let misnamed = network(folder.path(), Provider::Process).name("../up");
    assert!(start(misnamed).await.to_string().contains("`../up`"));
    let image = network(folder.path(), Provider::Process).image("node:1");
    assert!(start(image).await.to_string().contains("cannot be run as a process"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let absent = network(folder.path(), Provider::Process).binary("/no/such/node");
    let why = start(absent).await;
    let Error::Failed { verdict, reason, evidence } = why else { panic!("{why}") };
    assert_eq!(verdict, RunVerdict::Environment);
    assert!(reason.contains("/no/such/node"), "{reason}");
    assert_eq!(evidence, bundle(folder.path()));
    nothing_is_left(&evidence);
    verified(&evidence);
}
