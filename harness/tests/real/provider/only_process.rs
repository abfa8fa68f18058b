//! What only the process provider does: it refuses what processes cannot be, and its nodes end with
//! the harness however that ends.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use harness::provider::{
    NetworkChoice, Provider, ProviderError, ProviderOptions, process::ProcessProvider,
};
use harness_core::{node::NodeSource, profile::NodeProfile};

use crate::support::{
    Bed, Fake, HARNESS, Kind, PATIENCE, fake, launch, processes_in, script, source,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_process_is_refused_before_anything_starts() {
    let bed = Bed::new(Kind::Loopback).await;
    for (source, subnet, reason) in [
        (
            NodeSource::Binary(fake(Fake::StaticForeign)),
            None,
            "a released hegemon node refuses loopback addresses",
        ),
        (
            NodeSource::Image("some/image".to_owned()),
            None,
            "an image (`some/image`) cannot be run as a process",
        ),
        (source(), Some("198.18.7.0/24"), "processes have loopback addresses only"),
    ] {
        let error = bed.reserve_in(&["solo"], source, subnet).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unsupported(_)));
        assert!(error.to_string().contains(reason), "{error}");
    }
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_node_that_knows_loopback_can_be_called_ours() {
    let bed =
        Bed::with(Kind::Loopback, |options| options.profile = Some(NodeProfile::ours())).await;
    let slot = bed
        .reserve(&["solo"], NodeSource::Binary(fake(Fake::StaticForeign)))
        .await
        .unwrap()
        .remove(0);
    bed.provider.start(&launch(&slot, &[])).await.unwrap();
    bed.ask("solo", "/").await;
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapper_scripts_node_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let node = fake(Fake::StaticOurs);
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {0} --version\n{0} \"$@\" &\nwait\n",
        node.display()
    );
    let wrapper = NodeSource::Binary(script(dir.path(), "wrapper.sh", &text));
    let bed = Bed::new(Kind::Process).await;
    let slot = bed.reserve(&["solo"], wrapper).await.unwrap().remove(0);
    bed.provider.start(&launch(&slot, &[])).await.unwrap();
    bed.ask("solo", "/").await;
    bed.kill("solo").await;
    let deadline = Instant::now() + PATIENCE;
    while !processes_in(&bed.scratch.path().join("nodes")).is_empty() {
        assert!(Instant::now() < deadline, "the wrapper's child outlives it");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_that_cannot_be_executed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = script(dir.path(), "node.sh", "#!/bin/sh\necho 'x (hegemon-testbed)'\n");
    let bed = Bed::new(Kind::Process).await;
    let slot = bed.reserve(&["solo"], NodeSource::Binary(path.clone())).await.unwrap().remove(0);
    script(dir.path(), "node.sh", "#!/no/such/interpreter\n");
    let error = bed.provider.start(&launch(&slot, &[])).await.unwrap_err().to_string();
    assert!(error.contains(&format!("cannot execute `{}`", path.display())), "{error}");
    bed.finish().await;
}

/// Not a test of its own: the harness that the next ones kill. Runs one node until it is ended.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child process of the tests below"]
async fn child_harness() {
    let scratch = std::env::var_os("CHILD_SCRATCH").expect("the parent names a directory").into();
    let options = ProviderOptions {
        run_id: "child".to_owned(),
        scratch,
        profile: None,
        keep: std::env::var_os("CHILD_KEEPS").is_some(),
        network: if std::env::var_os("CHILD_INSISTS").is_some() {
            NetworkChoice::Namespace
        } else {
            NetworkChoice::Auto
        },
        build: Default::default(),
        program: HARNESS.into(),
    };
    let provider = ProcessProvider::create(options).unwrap();
    let request = [harness::provider::NodeRequest {
        name: "solo".to_owned(),
        source: NodeSource::Binary(fake(Fake::StaticOurs)),
        upgrades: Vec::new(),
    }];
    let slots = provider.reserve(&request, None, &|_| ()).await.unwrap();
    let incarnation = provider.start(&launch(&slots[0], &[])).await.unwrap();
    println!("\nnode {}", incarnation.pid);
    println!("hint {}", provider.keep_hint());
    std::future::pending::<()>().await;
}

pub(crate) struct ChildHarness {
    pub(crate) process: std::process::Child,
    hint: String,
}

pub(crate) fn child_harness_in(scratch: &Path, keep: bool) -> ChildHarness {
    child_harness_with(scratch, |command| {
        if keep {
            command.env("CHILD_KEEPS", "1");
        }
    })
}

pub(crate) fn child_harness_with(
    scratch: &Path,
    change: impl FnOnce(&mut Command),
) -> ChildHarness {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "provider::only_process::child_harness", "--ignored", "--nocapture"])
        .env("CHILD_SCRATCH", scratch);
    change(&mut command);
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let hint = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("hint ").map(str::to_owned))
        .expect("the child starts its node");
    ChildHarness { process, hint }
}

fn node_runs(scratch: &Path) -> bool {
    !processes_in(&scratch.join("nodes")).is_empty()
}

#[test]
fn nodes_die_with_a_harness_that_is_killed() {
    let scratch = tempfile::tempdir().unwrap();
    let mut child = child_harness_in(scratch.path(), false);
    assert!(node_runs(scratch.path()));
    child.process.kill().unwrap();
    child.process.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while node_runs(scratch.path()) {
        assert!(Instant::now() < deadline, "the node outlives its harness");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn kept_nodes_outlive_the_harness_until_its_hint_is_followed() {
    // A shell would take this name to pieces, and execute one of them.
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("it's here; $(touch executed) \"x\" y");
    std::fs::create_dir(&scratch).unwrap();
    let mut child = child_harness_in(&scratch, true);
    child.process.kill().unwrap();
    child.process.wait().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(node_runs(&scratch), "it was to be kept");
    assert_eq!(processes_in(&scratch).len(), 2, "the node, and the keeper of its network");
    // Whoever froze it: SIGTERM alone would wait for ever.
    for process in processes_in(&scratch.join("nodes")) {
        let pid = process.rsplit('/').next().unwrap();
        assert!(Command::new("kill").args(["-STOP", pid]).status().unwrap().success());
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", &child.hint]).current_dir(folder.path());
    assert!(shell.status().unwrap().success(), "{}", child.hint);
    let deadline = Instant::now() + PATIENCE;
    while !processes_in(&scratch).is_empty() {
        assert!(Instant::now() < deadline, "{} did not end it", child.hint);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
    assert!(!folder.path().join("executed").exists());
}
