//! What a running node may use: less for a while, by the kernel's or engine's word.

use harness::provider::{Changes, ProviderError};
use harness_core::{fault::Capability, state::Limits};

use super::conformance;
use crate::support::{Bed, Kind};

conformance!(limits_are_read_back_stay_over_a_start_and_are_restored);

/// What each provider can limit.
fn limits(kind: Kind) -> (Limits, Vec<Capability>) {
    let none = Limits::default();
    match kind {
        Kind::Process | Kind::Loopback => {
            (Limits { open_files: Some(50), ..none }, vec![Capability::LimitFiles])
        }
        Kind::Docker | Kind::DockerPublished | Kind::DockerRemote => (
            Limits { memory: Some(64 << 20), cpu: Some(200), ..none },
            vec![Capability::LimitMemory, Capability::LimitCpu],
        ),
    }
}

async fn limits_are_read_back_stay_over_a_start_and_are_restored(kind: Kind) {
    let bed = Bed::new(kind).await;
    let injector = bed.provider.injector();
    let all = [Capability::LimitMemory, Capability::LimitCpu, Capability::LimitFiles];
    let (wanted, can) = limits(kind);
    let has = bed.provider.capabilities();
    assert_eq!(all.into_iter().filter(|it| has.contains(it)).collect::<Vec<_>>(), can);
    bed.one(&[]).await;
    bed.ask("solo", "/").await;
    let read = async || injector.limits("solo").await.unwrap();
    let usual = read().await;

    injector.limit("solo", &wanted).await.unwrap();
    assert_eq!(read().await, wanted);
    assert!(bed.ask("solo", "/").await.starts_with("starts=1 "), "it runs on");
    for changes in [Changes::default(), with_variable()] {
        bed.provider.stop("solo").await.unwrap();
        bed.provider.start_again("solo", &changes).await.unwrap();
        bed.ask("solo", "/").await;
        assert_eq!(read().await, wanted, "after a start");
    }
    injector.limit("solo", &Limits::default()).await.unwrap();
    assert_eq!(read().await, usual);
    bed.provider.stop("solo").await.unwrap();
    bed.provider.start_again("solo", &with_variable()).await.unwrap();
    assert_eq!(read().await, usual, "for good");

    let refused = match kind {
        Kind::Process | Kind::Loopback => Limits { cpu: Some(50), ..Limits::default() },
        Kind::Docker | Kind::DockerPublished | Kind::DockerRemote => {
            Limits { open_files: Some(5), ..Limits::default() }
        }
    };
    let error = injector.limit("solo", &refused).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unsupported(_)), "{error}");
    bed.finish().await;
}

fn with_variable() -> Changes {
    Changes { env: [("X".to_owned(), "1".to_owned())].into(), ..Changes::default() }
}

/// Alone, each limit leaves the other as it is.
#[tokio::test(flavor = "multi_thread")]
async fn an_engines_limits_are_one_by_one() {
    let bed = Bed::new(Kind::Docker).await;
    bed.one(&[]).await;
    let injector = bed.provider.injector();
    injector.limit("solo", &Limits { cpu: Some(1_500), ..Limits::default() }).await.unwrap();
    let first = injector.limits("solo").await.unwrap();
    assert_eq!((first.cpu, first.memory), (Some(1_500), Some(4 << 30)));
    let less = Limits { memory: Some(100 << 20), ..Limits::default() };
    injector.limit("solo", &less).await.unwrap();
    let second = injector.limits("solo").await.unwrap();
    assert_eq!((second.cpu, second.memory), (Some(1_500), Some(100 << 20)));
    bed.finish().await;
}
