//! Lines between nodes are cut, bad and whole again, and the probe says what is so: the same on every
//! provider that has them.

use std::time::Duration;

use harness::provider::Changes;
use harness_core::line::{BadLine, Connect, Datagrams, Line, LineChange, PathSeen};

use crate::support::{Bed, Kind, launch, source};

macro_rules! on_both {
    ($($behaviour:ident),* $(,)?) => {
        mod process { $(#[tokio::test(flavor = "multi_thread")] async fn $behaviour() { super::$behaviour(super::Kind::Process).await; })* }
    };
}

on_both!(
    a_cut_is_one_direction_and_stays_when_nodes_start_again,
    what_cannot_be_changed_changes_nothing,
    a_bad_line_is_as_bad_as_was_asked_for,
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
        assert!((45_000..75_000).contains(&more), "{path:?}, before {usual} µs");
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
        assert!(path.round_trip_us.unwrap() < usual + 15_000, "{path:?}, before {usual} µs");
    }
    bed.finish().await;
}
