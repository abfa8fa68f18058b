//! Nodes that are frozen: they are there, and get no time.

use std::time::{Duration, Instant};

use harness::provider::Changes;
use harness_core::{fault::Capability, node::NodeState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::conformance;
use crate::support::{self, Bed, Fake, Kind, PATIENCE, fake, launch, script};

conformance!(
    a_frozen_node_is_there_and_does_nothing_until_it_is_thawed,
    a_frozen_node_is_stopped_killed_and_started_again,
    a_frozen_node_is_torn_down,
    a_frozen_node_of_an_abandoned_provider_is_removed,
    what_does_not_run_is_not_frozen,
);

async fn frozen(kind: Kind) -> Bed {
    let bed = Bed::new(kind).await;
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    bed.provider.injector().pause("solo").await.unwrap();
    assert!(matches!(bed.provider.state("solo").await.unwrap(), NodeState::Frozen(_)));
    bed
}

async fn cpu_ms(bed: &Bed) -> u64 {
    bed.provider.resources("solo").await.unwrap().expect("it is there").cpu_ms
}

/// The kernel accepts, and nobody answers.
async fn connects_and_hears_nothing(bed: &Bed) {
    let address = bed.provider.rpc("solo").await.unwrap();
    let mut stream = bed.provider.dialler().dial(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let heard = tokio::time::timeout(Duration::from_millis(300), stream.read_u8()).await;
    assert!(heard.is_err(), "{heard:?}");
}

async fn a_frozen_node_is_there_and_does_nothing_until_it_is_thawed(kind: Kind) {
    let bed = Bed::new(kind).await;
    assert!(bed.provider.capabilities().contains(&Capability::Pause));
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    let running = bed.provider.state("solo").await.unwrap();
    let incarnation = running.incarnation().unwrap().clone();

    bed.provider.injector().pause("solo").await.unwrap();
    let frozen = NodeState::Frozen(incarnation.clone());
    assert_eq!(bed.provider.state("solo").await.unwrap(), frozen, "the same execution");
    let before = cpu_ms(&bed).await;
    connects_and_hears_nothing(&bed).await;
    assert_eq!(cpu_ms(&bed).await, before, "processor time stands still");
    assert!(bed.provider.start_again("solo", &Changes::default()).await.is_err(), "it is running");
    assert_eq!(bed.provider.state("solo").await.unwrap(), frozen, "until it is thawed");

    bed.provider.injector().resume("solo").await.unwrap();
    assert_eq!(bed.provider.state("solo").await.unwrap(), NodeState::Running(incarnation));
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "));
    let deadline = Instant::now() + PATIENCE;
    while cpu_ms(&bed).await == before {
        assert!(Instant::now() < deadline, "processor time does not move");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bed.finish().await;
}

async fn a_frozen_node_is_stopped_killed_and_started_again(kind: Kind) {
    let bed = frozen(kind).await;
    let left = NodeState::Exited { code: Some(0), signal: None };
    assert_eq!(bed.provider.stop("solo").await.unwrap(), left, "it was asked to, and did");
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "), "and what was frozen is not");

    bed.provider.injector().pause("solo").await.unwrap();
    let killed = NodeState::Exited { code: None, signal: Some(9) };
    assert_eq!(bed.provider.kill("solo").await.unwrap(), killed);
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=3 "));
    let log = bed.finish().await;
    for line in ["SIGTERM", "bye 1", "start 2", "start 3"] {
        assert_eq!(log.iter().filter(|text| *text == line).count(), 1, "{line} in {log:?}");
    }
}

async fn a_frozen_node_is_torn_down(kind: Kind) {
    let log = frozen(kind).await.finish().await;
    assert!(log.iter().any(|line| line == "start 1"), "its log is whole: {log:?}");
}

async fn a_frozen_node_of_an_abandoned_provider_is_removed(kind: Kind) {
    let bed = frozen(kind).await;
    let (run, scratch) = (bed.run.clone(), bed.scratch);
    drop(bed.provider);
    support::assert_nothing_left(kind, &run, scratch.path());
}

async fn what_does_not_run_is_not_frozen(kind: Kind) {
    let bed = Bed::new(kind).await;
    bed.one(&[]).await;
    bed.provider.stop("solo").await.unwrap();
    for outcome in [
        bed.provider.injector().pause("solo").await,
        bed.provider.injector().resume("solo").await,
        bed.provider.injector().pause("nobody").await,
    ] {
        assert!(outcome.is_err());
    }
    bed.finish().await;
}

/// What a wrapper script has started is as much of the node as the script.
#[tokio::test(flavor = "multi_thread")]
async fn all_processes_of_a_group_are_frozen() {
    let dir = tempfile::tempdir().unwrap();
    let node = fake(Fake::StaticOurs);
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {0} --version\n{0} \"$@\" &\nwait\n",
        node.display()
    );
    let wrapper = harness_core::node::NodeSource::Binary(script(dir.path(), "wrapper.sh", &text));
    let bed = Bed::new(Kind::Process).await;
    let slot = bed.reserve(&["solo"], wrapper).await.unwrap().remove(0);
    let leader = bed.provider.start(&launch(&slot, &[])).await.unwrap().pid;
    bed.ask("solo", "/").await;
    let signal = |signal: &str, whom: String| {
        let sent = std::process::Command::new("kill").args([signal, "--", &whom]).status();
        assert!(sent.unwrap().success());
    };
    // The script alone, which waits anyhow.
    signal("-STOP", leader.to_string());
    let deadline = Instant::now() + PATIENCE;
    let stat = format!("/proc/{leader}/stat");
    while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
        assert!(Instant::now() < deadline, "the script is not stopped");
    }
    assert!(matches!(bed.provider.state("solo").await.unwrap(), NodeState::Running(_)));
    bed.provider.injector().pause("solo").await.unwrap();
    assert!(matches!(bed.provider.state("solo").await.unwrap(), NodeState::Frozen(_)));
    connects_and_hears_nothing(&bed).await;
    bed.finish().await;
}
