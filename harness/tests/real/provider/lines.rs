//! Lines between nodes are cut, bad and whole again, and the probe says what is so: the same on every
//! provider that has them.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use harness::provider::{Changes, docker::Leftovers};
use harness_core::line::{BadLine, Connect, Datagrams, Line, LineChange, PathSeen};

use crate::support::{
    Bed, Kind, PATIENCE, docker_cli, engine_objects, environment, launch, source,
};

macro_rules! on_both {
    ($($behaviour:ident),* $(,)?) => {
        mod process { $(#[tokio::test(flavor = "multi_thread")] async fn $behaviour() { super::$behaviour(super::Kind::Process).await; })* }
        mod docker { $(#[tokio::test(flavor = "multi_thread")] async fn $behaviour() { super::$behaviour(super::Kind::Docker).await; })* }
    };
}

on_both!(
    a_cut_is_one_direction_and_stays_when_nodes_start_again,
    what_cannot_be_changed_changes_nothing,
    a_bad_line_is_as_bad_as_was_asked_for,
    a_bad_line_changes_nothing_in_what_it_carries,
    what_the_harness_tries_is_none_of_a_nodes_dials,
);

/// Nodes that run and answer.
async fn running(kind: Kind, names: &[&str]) -> Bed {
    let bed = Bed::new(kind).await;
    let slots = bed.reserve(names, source()).await.unwrap();
    for slot in &slots {
        bed.provider.start(&launch(slot, &[])).await.unwrap();
    }
    for name in names {
        bed.ask(name, "/").await;
    }
    bed
}

fn change(from: &str, to: &str, line: Line) -> LineChange {
    LineChange { from: from.to_owned(), to: to.to_owned(), line }
}

async fn set(bed: &Bed, lines: &[(&str, &str, Line)]) {
    let changes: Vec<_> =
        lines.iter().map(|(from, to, line)| change(from, to, line.clone())).collect();
    bed.provider.injector().lines(&changes).await.unwrap();
}

async fn seen(bed: &Bed, ways: &[(&str, &str)], datagrams: Datagrams) -> Vec<PathSeen> {
    let ways: Vec<_> =
        ways.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let seen = bed.provider.injector().probe(&ways, datagrams).await.unwrap();
    let same: Vec<_> = seen.iter().map(|path| (path.from.clone(), path.to.clone())).collect();
    assert_eq!(same, ways);
    seen
}

fn assert_passes(path: &PathSeen) {
    // A fake node has no transport: that it is refused came from its own network.
    assert_eq!(path.connect, Connect::Refused, "{path:?}");
    assert_eq!((path.sent, path.arrived, path.echoed), (5, 5, 5), "{path:?}");
    assert!(path.round_trip_us.is_some_and(|trip| trip < 500_000), "{path:?}");
}

/// Packets are lost to the other, and pass back.
fn assert_cut(path: &PathSeen) {
    assert_eq!(path.connect, Connect::Silent, "{path:?}");
    assert_eq!((path.sent, path.arrived, path.echoed), (5, 0, 0), "{path:?}");
    assert_eq!(path.round_trip_us, None, "{path:?}");
}

/// Packets arrive at the other, and none comes back.
fn assert_unanswered(path: &PathSeen) {
    assert_eq!(path.connect, Connect::Silent, "{path:?}");
    assert_eq!((path.sent, path.arrived, path.echoed), (5, 5, 0), "{path:?}");
}

async fn a_cut_is_one_direction_and_stays_when_nodes_start_again(kind: Kind) {
    let bed = running(kind, &["a", "b", "c"]).await;
    let all = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "b")];
    seen(&bed, &all, Datagrams::Few).await.iter().for_each(assert_passes);

    set(&bed, &[("a", "b", Line::Cut)]).await;
    for again in [false, true] {
        if again {
            for name in ["a", "b"] {
                bed.provider.stop(name).await.unwrap();
                bed.provider.start_again(name, &Changes::default()).await.unwrap();
                assert!(bed.ask(name, "/").await.starts_with("starts=2 "), "RPC is not cut");
            }
        }
        let paths = seen(&bed, &all, Datagrams::Few).await;
        assert_cut(&paths[0]);
        assert_unanswered(&paths[1]);
        paths[2..].iter().for_each(assert_passes);
    }

    set(&bed, &[("b", "a", Line::Cut)]).await;
    seen(&bed, &all[..2], Datagrams::Few).await.iter().for_each(assert_cut);
    for name in ["a", "b"] {
        bed.ask(name, "/").await;
    }
    set(&bed, &[("a", "b", Line::Open), ("b", "a", Line::Open)]).await;
    seen(&bed, &all, Datagrams::Few).await.iter().for_each(assert_passes);

    bed.provider.stop("c").await.unwrap();
    let down = [("a".to_owned(), "c".to_owned())];
    let refused = bed.provider.injector().probe(&down, Datagrams::Few).await.unwrap_err();
    assert!(refused.to_string().contains("it is down"), "{refused}");
    bed.finish().await;
}

async fn what_cannot_be_changed_changes_nothing(kind: Kind) {
    let bed = running(kind, &["a", "b"]).await;
    let changes = [change("a", "b", Line::Cut), change("a", "nobody", Line::Cut)];
    let refused = bed.provider.injector().lines(&changes).await.unwrap_err().to_string();
    assert!(refused.contains("no node of this name"), "{refused}");
    seen(&bed, &[("a", "b")], Datagrams::Few).await.iter().for_each(assert_passes);
    bed.finish().await;
}

async fn a_bad_line_is_as_bad_as_was_asked_for(kind: Kind) {
    let bed = running(kind, &["a", "b"]).await;
    let ways = [("a", "b"), ("b", "a")];
    let ms = Duration::from_millis;
    let usual = seen(&bed, &ways, Datagrams::Many).await;
    let usual = usual[0].round_trip_us.unwrap();

    let late = BadLine { delay: ms(60), jitter: ms(5), ..BadLine::default() };
    set(&bed, &[("a", "b", Line::Bad(late))]).await;
    for path in seen(&bed, &ways, Datagrams::Many).await {
        let more = path.round_trip_us.unwrap() - usual;
        // Later than asked for is a busy machine's.
        assert!((45_000..200_000).contains(&more), "{path:?}, before {usual} µs");
        assert_eq!((path.arrived, path.echoed), (200, 200), "{path:?}");
        assert_eq!(path.connect, Connect::Refused, "{path:?}");
    }

    let lossy = BadLine { loss: 30.0, ..BadLine::default() };
    set(&bed, &[("a", "b", Line::Bad(lossy))]).await;
    let paths = seen(&bed, &ways, Datagrams::Many).await;
    assert!((110..170).contains(&paths[0].arrived), "{paths:?}");
    assert_eq!(paths[0].echoed, paths[0].arrived, "nothing is lost on the way back: {paths:?}");
    assert_eq!(paths[1].arrived, 200, "{paths:?}");
    assert!((110..170).contains(&paths[1].echoed), "{paths:?}");

    bed.provider.stop("a").await.unwrap();
    bed.provider.start_again("a", &Changes::default()).await.unwrap();
    bed.ask("a", "/").await;
    let paths = seen(&bed, &ways[..1], Datagrams::Many).await;
    assert!((110..170).contains(&paths[0].arrived), "it stays: {paths:?}");

    set(&bed, &[("a", "b", Line::Open)]).await;
    for path in seen(&bed, &ways, Datagrams::Many).await {
        assert_eq!((path.arrived, path.echoed), (200, 200), "{path:?}");
        assert!(path.round_trip_us.unwrap() < usual + 40_000, "{path:?}, before {usual} µs");
    }
    bed.finish().await;
}

/// Nodes leave checksums and the cutting of large segments to their network card, and there is none.
async fn a_bad_line_changes_nothing_in_what_it_carries(kind: Kind) {
    let bed = running(kind, &["a", "b"]).await;
    let fetch = format!("/fetch/{}", bed.provider.rpc("b").await.unwrap());
    let usual = bed.ask("a", &fetch).await;
    assert!(usual.starts_with("41943"), "4 MiB and a header: {usual}");
    let line =
        |rate| Line::Bad(BadLine { delay: Duration::from_millis(10), rate, ..BadLine::default() });
    set(&bed, &[("a", "b", line(None)), ("b", "a", line(None))]).await;
    assert_eq!(bed.ask("a", &fetch).await, usual);
    set(&bed, &[("b", "a", line(Some(4_000_000)))]).await;
    let began = Instant::now();
    assert_eq!(bed.ask("a", &fetch).await, usual);
    // No faster than it may be; how much slower is a busy machine's.
    let took = began.elapsed().as_millis();
    assert!(took >= 900, "4 MiB at 4 MB/s took {took} ms");
    bed.finish().await;
}

/// Not a test of its own: the harness that the next one kills, with a helper in its node's network.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child process of the test below"]
async fn child_harness() {
    let bed = running(Kind::Docker, &["a", "b"]).await;
    set(&bed, &[("a", "b", Line::Cut)]).await;
    println!("\nrun {}", bed.run);
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_ends_with_a_harness_that_is_killed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "provider::lines::child_harness", "--ignored", "--nocapture"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let run = lines.find_map(|line| line.strip_prefix("run ").map(str::to_owned)).unwrap();
    let helpers = || {
        let name = format!("name=hegemon-{run}-a.helper");
        docker_cli(&["ps", "-aq", "--filter", &name])
    };
    assert_eq!(helpers().lines().count(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !helpers().is_empty() {
        assert!(Instant::now() < deadline, "the helper outlives its harness");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Leftovers::connect(&environment()).await.unwrap().remove(&run).await.unwrap();
    assert_eq!(engine_objects(&format!("org.hegemon.testbed.run={run}")), "");
}

/// Neither of the two knows the other, so neither dials anybody.
async fn what_the_harness_tries_is_none_of_a_nodes_dials(kind: Kind) {
    let bed = running(kind, &["left", "right"]).await;
    let dialled = async || bed.provider.injector().dialled("left").await.unwrap();
    let before = dialled().await;
    seen(&bed, &[("left", "right"), ("right", "left")], Datagrams::Few).await;
    assert_eq!(dialled().await, before);
    bed.provider.stop("left").await.unwrap();
    bed.provider.start_again("left", &Changes::default()).await.unwrap();
    bed.ask("left", "/").await;
    let after = dialled().await;
    assert!(after.network != before.network || after.attempts == before.attempts, "{after:?}");
}
