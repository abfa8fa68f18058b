//! One suite of behaviours, run against every provider. A Docker engine that is missing fails these tests:
//! it does not skip them.
//!
//! `changes`: another build on the same state. `frozen`, `limited`, `lines`, `state`: what faults need of a provider.
//! `only_docker`, `only_process`, `namespaces`, `places`: what one provider alone has.

mod changes;
mod frozen;
mod limited;
mod lines;
mod namespaces;
mod only_docker;
mod only_process;
mod places;
mod state;

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use crate::support::{Bed, Kind, PATIENCE, launch, source};
use harness::provider::{Changes, NodeLaunch};
use harness_core::{node::NodeState, profile::NodeProfile};

/// Each behaviour as a test of every provider.
macro_rules! conformance {
    ($($behaviour:ident),* $(,)?) => {
        mod process { $(#[tokio::test(flavor = "multi_thread")] async fn $behaviour() { super::$behaviour($crate::support::Kind::Process).await; })* }
        mod process_loopback { $(#[tokio::test(flavor = "multi_thread")] async fn $behaviour() { super::$behaviour($crate::support::Kind::Loopback).await; })* }
        mod docker { $(#[tokio::test(flavor = "multi_thread")] async fn $behaviour() { super::$behaviour($crate::support::Kind::Docker).await; })* }
        mod docker_published { $(#[tokio::test(flavor = "multi_thread")] async fn $behaviour() { super::$behaviour($crate::support::Kind::DockerPublished).await; })* }
    };
}
pub(crate) use conformance;

conformance!(
    a_node_starts_with_what_it_was_given_and_nothing_else,
    a_restart_keeps_address_and_data_and_proves_itself,
    a_killed_node_says_nothing_and_starts_again,
    a_node_that_exits_is_reported_with_its_code,
    a_running_node_uses_memory_and_a_stopped_one_nothing,
    a_stubborn_node_is_killed_after_its_time,
    no_log_line_is_lost_or_doubled,
    every_byte_of_a_log_is_kept,
    a_slow_reader_slows_nobody,
    runs_beside_each_other_do_not_meet,
    what_is_not_there_is_an_error,
    teardown_interrupts_a_start,
    an_abandoned_provider_cleans_up,
);

async fn a_node_starts_with_what_it_was_given_and_nothing_else(kind: Kind) {
    let mut bed = Bed::new(kind).await;
    let slot = bed.one(&[("HEGEMON_MINE", "1")]).await;
    assert_eq!(slot.profile, NodeProfile::ours());
    assert_eq!(slot.loopback, kind == Kind::Loopback);
    bed.wait_for_line("start 1").await;
    bed.wait_for_line("env HEGEMON_MINE=1").await;
    let environment: Vec<_> = bed
        .texts()
        .into_iter()
        .filter(|line| line.starts_with("env "))
        .map(Cow::into_owned)
        .collect();
    // An engine adds these itself.
    let given: Vec<_> = environment
        .iter()
        .filter(|line| {
            !["env PATH=", "env HOSTNAME=", "env HOME="].iter().any(|start| line.starts_with(start))
        })
        .collect();
    assert_eq!(given, ["env HEGEMON_MINE=1"]);
    if kind.is_process() {
        assert_eq!(environment.len(), 1, "nothing of the harness's environment");
    }
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "));
    assert!(matches!(bed.provider.state("solo").await.unwrap(), NodeState::Running(_)));
    bed.finish().await;
}

async fn a_restart_keeps_address_and_data_and_proves_itself(kind: Kind) {
    let bed = Bed::new(kind).await;
    let slot = bed.reserve(&["solo"], source()).await.unwrap().remove(0);
    let first = bed.provider.start(&launch(&slot, &[])).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "));
    assert_eq!(bed.provider.state("solo").await.unwrap(), NodeState::Running(first.clone()));
    assert_eq!(
        bed.provider.stop("solo").await.unwrap(),
        NodeState::Exited { code: Some(0), signal: None }
    );
    assert_eq!(
        bed.provider.state("solo").await.unwrap(),
        NodeState::Exited { code: Some(0), signal: None }
    );
    assert_eq!(
        bed.provider.stop("solo").await.unwrap(),
        NodeState::Exited { code: Some(0), signal: None },
        "to stop twice is no error"
    );
    let second = bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.provider.start_again("solo", &Changes::default()).await.is_err(), "it is running");
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "), "the same data");
    assert_ne!((first.pid, first.started), (second.pid, second.started));
    assert!(second.started > first.started);
    assert_eq!(bed.provider.state("solo").await.unwrap(), NodeState::Running(second));
    let log = bed.finish().await;
    for line in ["start 1", "SIGTERM", "bye 1", "start 2"] {
        assert_eq!(log.iter().filter(|text| *text == line).count(), 1, "{line} in {log:?}");
    }
}

async fn a_running_node_uses_memory_and_a_stopped_one_nothing(kind: Kind) {
    let bed = Bed::new(kind).await;
    assert!(bed.provider.resources("solo").await.is_err(), "nobody reserved it");
    bed.one(&[]).await;
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "));
    let first = bed.provider.resources("solo").await.unwrap().unwrap();
    assert!((1 << 14..1 << 28).contains(&first.memory_bytes), "{first:?}");
    let second = bed.provider.resources("solo").await.unwrap().unwrap();
    assert!(second.cpu_ms >= first.cpu_ms, "{first:?} {second:?}");
    bed.provider.stop("solo").await.unwrap();
    assert_eq!(bed.provider.resources("solo").await.unwrap(), None);
    bed.finish().await;
}

async fn a_killed_node_says_nothing_and_starts_again(kind: Kind) {
    let bed = Bed::new(kind).await;
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    let killed = NodeState::Exited { code: None, signal: Some(9) };
    assert_eq!(bed.kill("solo").await, killed);
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "));
    let log = bed.finish().await;
    assert!(!log.iter().any(|line| line == "SIGTERM"), "{log:?}");
}

async fn a_node_that_exits_is_reported_with_its_code(kind: Kind) {
    let mut bed = Bed::new(kind).await;
    bed.one(&[("FAKE_EXIT", "3")]).await;
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        match bed.provider.state("solo").await.unwrap() {
            NodeState::Exited { code, signal } => {
                break assert_eq!((code, signal), (Some(3), None));
            }
            NodeState::Running(_) | NodeState::Frozen(_) => {
                assert!(Instant::now() < deadline, "its end must be seen within 2 s")
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bed.wait_for_line("leaving with 3").await;
    bed.finish().await;
}

async fn a_stubborn_node_is_killed_after_its_time(kind: Kind) {
    let bed = Bed::new(kind).await;
    bed.one(&[("FAKE_STUBBORN", "1")]).await;
    bed.ask("solo", "/").await;
    let began = Instant::now();
    assert_eq!(
        bed.provider.stop("solo").await.unwrap(),
        NodeState::Exited { code: None, signal: Some(9) }
    );
    assert!(
        (Duration::from_secs(9)..Duration::from_secs(15)).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    bed.finish().await;
}

async fn no_log_line_is_lost_or_doubled(kind: Kind) {
    const LINES: usize = 2_000;
    let mut bed = Bed::new(kind).await;
    bed.one(&[("FAKE_LINES", "2000")]).await;
    for start in 1..=3 {
        bed.wait_for_line(&format!("err {start} {}", LINES - 1)).await;
        bed.ask("solo", "/").await;
        bed.provider.stop("solo").await.unwrap();
        bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    }
    bed.wait_for_line(&format!("err 4 {}", LINES - 1)).await;
    let log = bed.finish().await;
    for start in 1..=4 {
        for (stream, prefix) in
            [("out", format!("\u{1b}[32mout\u{1b}[0m {start} ")), ("err", format!("err {start} "))]
        {
            let numbers: Vec<usize> =
                log.iter().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
            assert_eq!(numbers, (0..LINES).collect::<Vec<_>>(), "{stream} of start {start}");
        }
    }
}

async fn every_byte_of_a_log_is_kept(kind: Kind) {
    let mut bed = Bed::new(kind).await;
    bed.one(&[("FAKE_BYTES", "1")]).await;
    bed.wait_for_line("end of bytes").await;
    let log = bed.bytes();
    let strange: &[u8] = match kind {
        Kind::Process | Kind::Loopback => b"caf\xe9 \x00\xff\r\n",
        // The engine keeps text; the evidence says so.
        Kind::Docker | Kind::DockerPublished | Kind::DockerRemote => {
            assert!(bed.provider.facts()["logs"].as_str().unwrap().contains("not UTF-8"));
            "caf\u{fffd} \0\u{fffd}\r\n".as_bytes()
        }
    };
    for wanted in [[&[b'x'; 200 * 1024][..], b"\n"].concat(), strange.to_vec()] {
        let found = log.windows(wanted.len()).any(|window| window == wanted);
        assert!(found, "{} bytes as they were written", wanted.len());
    }
    bed.finish().await;
}

async fn a_slow_reader_slows_nobody(kind: Kind) {
    let bed = Bed::new(kind).await;
    // Far more than any queue holds, and nobody reads.
    bed.one(&[("FAKE_LINES", "50000")]).await;
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "), "the node came through its lines");
    bed.provider.stop("solo").await.unwrap();
    // Such a reader holds teardown up for 10 s at most.
    let teardown = tokio::time::timeout(Duration::from_secs(30), bed.provider.teardown());
    let error = teardown.await.expect("nobody is waited for").unwrap_err().to_string();
    assert!(
        error.contains("log of solo incomplete"),
        "what nobody took is missing in the evidence: {error}"
    );
    bed.finish().await;
}

async fn runs_beside_each_other_do_not_meet(kind: Kind) {
    let beds = futures_util::future::join_all((0..3).map(|_| Bed::new(kind))).await;
    let started = beds.iter().map(|bed| async {
        let slots = bed.reserve(&["seed", "node-1"], source()).await.unwrap();
        futures_util::future::join_all(
            slots
                .iter()
                .map(|slot| async { bed.provider.start(&launch(slot, &[])).await.unwrap() }),
        )
        .await;
        for slot in &slots {
            assert!(bed.ask(&slot.name, "/").await.starts_with("starts=1 "));
        }
        slots
    });
    let mut addresses: Vec<_> = futures_util::future::join_all(started)
        .await
        .into_iter()
        .flatten()
        .map(|slot| slot.p2p)
        .collect();
    addresses.sort();
    addresses.dedup();
    // Namespaces are worlds of their own: there the same address is another one in each.
    let distinct = if kind == Kind::Process { 2 } else { 6 };
    assert_eq!(addresses.len(), distinct, "all addresses differ");
    let mut beds = beds;
    let last = beds.pop().unwrap();
    for bed in beds {
        bed.finish().await;
    }
    assert!(
        last.ask("node-1", "/").await.starts_with("starts=1 "),
        "the others' teardown does not touch it"
    );
    last.finish().await;
}

async fn what_is_not_there_is_an_error(kind: Kind) {
    let bed = Bed::new(kind).await;
    let slot = bed.reserve(&["solo"], source()).await.unwrap().remove(0);
    let stranger =
        NodeLaunch { name: "nobody".to_owned(), args: Vec::new(), env: Default::default() };
    assert!(bed.provider.start(&stranger).await.is_err());
    for outcome in [
        bed.provider.stop("solo").await.map(drop),
        bed.provider.state("solo").await.map(drop),
        bed.provider.start_again("solo", &Changes::default()).await.map(drop),
    ] {
        assert!(outcome.unwrap_err().to_string().contains("never started"));
    }
    bed.provider.start(&launch(&slot, &[])).await.unwrap();
    assert!(
        bed.provider
            .start(&launch(&slot, &[]))
            .await
            .unwrap_err()
            .to_string()
            .contains("started before")
    );
    bed.provider.teardown().await.unwrap();
    assert!(
        bed.provider.start_again("solo", &Changes::default()).await.is_err(),
        "after teardown nothing starts"
    );
    bed.finish().await;
}

/// An interrupt in the middle of a start: the caller's future is dropped, and teardown follows at
/// once.
async fn teardown_interrupts_a_start(kind: Kind) {
    for millis in [0, 5, 30, 100, 200] {
        let bed = Bed::new(kind).await;
        let names = ["a", "b", "c", "d"];
        let interrupted = async {
            let slots = bed.reserve(&names, source()).await.unwrap();
            let launches: Vec<_> = slots.iter().map(|slot| launch(slot, &[])).collect();
            futures_util::future::join_all(
                launches.iter().map(|launch| bed.provider.start(launch)),
            )
            .await;
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(Duration::from_millis(millis), interrupted).await;
        bed.finish().await;
    }
}

async fn an_abandoned_provider_cleans_up(kind: Kind) {
    let bed = Bed::new(kind).await;
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    let (run, scratch, began) = (bed.run.clone(), bed.scratch, Instant::now());
    drop(bed.provider);
    assert!(began.elapsed() < PATIENCE);
    crate::support::assert_nothing_left(kind, &run, scratch.path());
}
