//! Nodes that are started again as another binary, with other arguments or variables, on the same
//! state.

use harness::provider::{Changes, ProviderError};
use harness_core::{
    fault::Capability,
    node::{NodeSource, NodeState},
};

use super::conformance;
use crate::support::{Bed, Fake, Kind, fake, launch, source};

conformance!(
    another_binary_runs_on_the_same_state_and_can_be_taken_back,
    what_runs_is_not_replaced_and_what_was_not_reserved_is_not_run,
    a_missing_upgrade_is_an_error_before_anything_starts,
    no_line_is_lost_or_doubled_over_a_change,
    a_node_that_is_replaced_is_down_and_never_unknown,
);

fn next() -> NodeSource {
    NodeSource::Binary(fake(Fake::StaticOursNext))
}

fn to(source: NodeSource) -> Changes {
    Changes { source: Some(source), ..Changes::default() }
}

fn with(name: &str, value: &str) -> Changes {
    Changes { env: [(name.to_owned(), value.to_owned())].into(), ..Changes::default() }
}

async fn another_binary_runs_on_the_same_state_and_can_be_taken_back(kind: Kind) {
    let bed = Bed::new(kind).await;
    assert!(bed.provider.capabilities().contains(&Capability::Changes));
    let slot = bed.reserve_to_upgrade(source(), next()).await.unwrap();
    bed.provider.start(&launch(&slot, &[("FIRST", "1")])).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "));
    let executes = async || bed.provider.injector().executable("solo").await.unwrap();
    let first = executes().await;
    assert!(first.id.starts_with("sha256:") && first.id.len() == 71, "{first:?}");
    assert_eq!(executes().await, first, "the same as long as it runs");

    let becomes = bed.provider.injector().slot_as("solo", &next()).unwrap();
    assert_eq!((becomes.p2p, &becomes.base_path), (slot.p2p, &slot.base_path));
    let args = [launch(&becomes, &[]).args, vec!["--other".to_owned()]].concat();
    bed.provider.stop("solo").await.unwrap();
    let changes = Changes { args: Some(args), ..with("SECOND", "2") };
    let changes = Changes { source: Some(next()), ..changes };
    let again = bed.provider.start_again("solo", &changes).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "), "on the same state");
    assert_eq!(bed.provider.state("solo").await.unwrap(), NodeState::Running(again));
    let second = executes().await;
    assert_ne!(second, first);

    bed.provider.kill("solo").await.unwrap();
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=3 "));
    assert_eq!(executes().await, second, "a change stays");
    bed.provider.stop("solo").await.unwrap();
    bed.provider.start_again("solo", &to(source())).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=4 "));
    assert_eq!(executes().await, first, "and can be taken back");
    let log = bed.finish().await;
    let count = |wanted: &str| log.iter().filter(|line| line.contains(wanted)).count();
    assert_eq!((count("env FIRST=1"), count("env SECOND=2")), (4, 3), "{log:?}");
    assert_eq!((count("args "), count(" --other")), (4, 3), "{log:?}");
}

async fn what_runs_is_not_replaced_and_what_was_not_reserved_is_not_run(kind: Kind) {
    let bed = Bed::new(kind).await;
    let slot = bed.reserve(&["solo"], source()).await.unwrap().remove(0);
    assert!(bed.provider.injector().executable("solo").await.is_err(), "it was never started");
    bed.provider.start(&launch(&slot, &[])).await.unwrap();
    bed.ask("solo", "/").await;
    let refused = bed.provider.start_again("solo", &with("X", "1")).await.unwrap_err();
    assert!(refused.to_string().contains("it is running"), "{refused}");
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "), "and goes on");
    bed.provider.stop("solo").await.unwrap();
    let refused = bed.provider.start_again("solo", &to(next())).await.unwrap_err();
    assert!(refused.to_string().contains("none of the sources"), "{refused}");
    assert!(bed.provider.injector().slot_as("solo", &next()).is_err());
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "), "it is what it was");
    let log = bed.finish().await;
    assert!(!log.iter().any(|line| line == "env X=1"), "{log:?}");
}

async fn a_missing_upgrade_is_an_error_before_anything_starts(kind: Kind) {
    let bed = Bed::new(kind).await;
    let missing = NodeSource::Binary("/no/such/node".into());
    let error = bed.reserve_to_upgrade(source(), missing).await.unwrap_err();
    assert_eq!(error.to_string(), "no node binary at `/no/such/node`");
    let image = NodeSource::Image("no/such:image".to_owned());
    let error = bed.reserve_to_upgrade(source(), image).await.unwrap_err();
    assert!(matches!(error, ProviderError::NoImage(_) | ProviderError::Unsupported(_)), "{error}");
    bed.finish().await;
}

async fn no_line_is_lost_or_doubled_over_a_change(kind: Kind) {
    const LINES: usize = 2_000;
    let mut bed = Bed::new(kind).await;
    let slot = bed.reserve_to_upgrade(source(), next()).await.unwrap();
    bed.provider.start(&launch(&slot, &[("FAKE_LINES", "2000")])).await.unwrap();
    for (start, changes) in [(1, to(next())), (2, with("X", "1")), (3, to(source()))] {
        bed.wait_for_line(&format!("err {start} {}", LINES - 1)).await;
        bed.ask("solo", "/").await;
        bed.provider.stop("solo").await.unwrap();
        let provider = std::sync::Arc::clone(&bed.provider);
        let wait_for = format!("bye {start}");
        let wait = bed.wait_for_line(&wait_for);
        // Whoever reads does so all the time, as a run does.
        let (started, ()) = tokio::join!(provider.start_again("solo", &changes), wait);
        started.unwrap();
    }
    bed.wait_for_line(&format!("err 4 {}", LINES - 1)).await;
    let log = bed.finish().await;
    for start in 1..=4 {
        let prefix = format!("err {start} ");
        let numbers: Vec<usize> =
            log.iter().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
        assert_eq!(numbers, (0..LINES).collect::<Vec<_>>(), "of start {start}");
        if start < 4 {
            let at = |text: String| log.iter().position(|line| *line == text).unwrap();
            let (bye, next) = (at(format!("bye {start}")), at(format!("start {}", start + 1)));
            assert!(bye < next, "the last words come first");
        }
    }
}

async fn a_node_that_is_replaced_is_down_and_never_unknown(kind: Kind) {
    let bed = Bed::new(kind).await;
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    let end = bed.provider.kill("solo").await.unwrap();
    assert_eq!(end, NodeState::Exited { code: None, signal: Some(9) });
    let changes = with("X", "1");
    let provider = std::sync::Arc::clone(&bed.provider);
    let mut replaced = std::pin::pin!(provider.start_again("solo", &changes));
    let mut looks = 0;
    loop {
        tokio::select! {
            biased;
            started = &mut replaced => break drop(started.unwrap()),
            state = bed.provider.state("solo") => {
                let state = state.unwrap();
                assert!(state == end || state.is_running(), "{state:?}");
                assert!(bed.provider.resources("solo").await.is_ok());
                looks += 1;
            }
        }
    }
    assert!(looks > 0, "nobody looked");
    assert!(bed.ask("solo", "/").await.starts_with("starts=2 "));
    bed.finish().await;
}
