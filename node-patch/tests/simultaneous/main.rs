//! A thousand pairs of nodes that dial each other at the same moment, over real sockets: each pair
//! ends with one session, the same at both ends, and it works. Once with two nodes of ours, once
//! with a peer on the other side that behaves as older nodes do.
//!
//! `HEGEMON_TEST_INSERT_MS=500 cargo test -p hegemon-node --test simultaneous older -- --nocapture` says
//! how pairs settle with older nodes that take half a second between their look and their insert.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod legacy;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use hegemon_discovery::{Config, Exchange, Loopback, limits::SCORE_CLOSE};
use hegemon_node::{
    clock::Clock,
    host::Host,
    net::{
        discovery_driver::{DiscoveryDriver, Seed},
        handle::{ChainEvent, ChainNetwork, SessionId},
        hub::{HUB_QUEUE, Hub, HubParts},
        registry::Registry,
        table::Limits,
        view::{SessionView, SharedView},
    },
    transport::{envelope::Protocol, identity::Identity},
};
use tokio::{
    net::TcpListener,
    sync::{Barrier, Semaphore, SemaphorePermit, mpsc},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use legacy::Legacy;

const PAIRS: usize = 1_000;
/// At once. A pair waits for seconds and works for milliseconds, so the next one begins as soon as
/// any has settled.
const AT_ONCE: usize = 500;
const PATIENCE: Duration = Duration::from_secs(60);

/// Pairs that shake hands now, of all tests here: with hundreds at once on a busy machine a handshake
/// takes longer than its deadline, and what is tested is another thing. Those that wait do not count.
static OPENING: Semaphore = Semaphore::const_new(32);

/// How two sides came together.
struct Met {
    /// Two sessions really stood against each other.
    rivals: bool,
    /// When they had the session that lasted.
    settled: Duration,
    /// For how long ours counted a peer that knew of none of its sessions.
    deceived: Duration,
}

struct Side {
    view: SharedView,
    registry: Registry,
    chain: mpsc::Receiver<ChainEvent>,
    stop: CancellationToken,
}

/// A hub that has the other side as its seed, and starts at the barrier.
async fn side(
    listener: TcpListener,
    other: SocketAddr,
    identity: Arc<Identity>,
    start: Arc<Barrier>,
) -> Side {
    let (events, (chain_sender, chain)) = (mpsc::channel(HUB_QUEUE), mpsc::channel(64));
    let config = Config {
        exchange: Exchange::On,
        loopback: Loopback::Allowed,
        ..Config::new(listener.local_addr().unwrap(), 1)
    };
    let seeds = vec![Seed { host: other.ip().to_string(), port: other.port() }];
    // No store: nothing is written before the first ten seconds, and the directory does not exist.
    let host = Host::real(std::path::Path::new("/nonexistent"), Clock::start());
    let driver = DiscoveryDriver::new(seeds.into(), host.clone(), events.0.clone());
    let limits = Limits { inbound: 10, outbound: 10 };
    let peering = driver.peering(identity.peer_id(), limits, config, host.clock.now()).unwrap();
    let (registry, view, stop) =
        (Registry::default(), SharedView::default(), CancellationToken::new());
    let hub = Hub::new(HubParts {
        identity,
        peering,
        driver,
        host,
        registry: registry.clone(),
        view: view.clone(),
        chain: chain_sender,
        events,
    });
    let stopped = stop.clone();
    tokio::spawn(async move {
        start.wait().await;
        hub.run(Box::new(listener), stopped).await;
    });
    Side { view, registry, chain, stop }
}

fn identity(number: usize) -> Arc<Identity> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Arc::new(Identity::from_identity_seed(&seed))
}

async fn pair(number: usize) -> (Side, Side) {
    let start = Arc::new(Barrier::new(2));
    let (one, two) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (one_addr, two_addr) = (one.local_addr().unwrap(), two.local_addr().unwrap());
    (
        side(one, two_addr, identity(2 * number), start.clone()).await,
        side(two, one_addr, identity(2 * number + 1), start).await,
    )
}

/// Waits for a turn to shake hands.
async fn turn() -> SemaphorePermit<'static> {
    OPENING.acquire().await.unwrap()
}

/// Ends a turn once one of ours has a session: then the work is done, or all but done.
async fn end_turn(turn: SemaphorePermit<'static>, ours: &Side) {
    let begin = Instant::now();
    while ours.view.read().sessions.is_empty() && begin.elapsed() < PATIENCE {
        sleep(Duration::from_millis(20)).await;
    }
    drop(turn);
}

/// The session that both ends have, if each has exactly one and it is the same.
fn agreed(one: &Side, two: &Side) -> Option<(SessionView, SessionView)> {
    let (one, two) = (one.view.read().sessions, two.view.read().sessions);
    match (one.as_slice(), two.as_slice()) {
        ([one], [two])
            if one.outlet.transcript == two.outlet.transcript && one.settled && two.settled =>
        {
            Some((one.clone(), two.clone()))
        }
        _ => None,
    }
}

async fn receives(side: &mut Side, session: SessionId, expected: &[u8]) -> bool {
    let wanted = async {
        while let Some(event) = side.chain.recv().await {
            if let ChainEvent::Frame { session: over, data, .. } = event
                && over == session
                && data == expected
            {
                return true;
            }
        }
        false
    };
    timeout(PATIENCE, wanted).await.unwrap_or(false)
}

/// Settles, waits until every trial is over, and speaks both ways.
async fn settle((mut one, mut two): (Side, Side)) -> Met {
    let begin = Instant::now();
    while agreed(&one, &two).is_none() {
        assert!(
            begin.elapsed() < PATIENCE,
            "no single session: {:?} and {:?}",
            one.view.read().sessions,
            two.view.read().sessions
        );
        sleep(Duration::from_millis(50)).await;
    }
    let settled = begin.elapsed();
    // What a survivor has to show takes five seconds; it must be the same session after that.
    sleep(Duration::from_secs(6)).await;
    let (first, second) = agreed(&one, &two)
        .expect("one session, the same at both ends, also after the survivor was tried");
    one.registry.send(first.session, Protocol::Sync, b"there");
    two.registry.send(second.session, Protocol::Sync, b"and back");
    assert!(
        receives(&mut two, second.session, b"there").await
            && receives(&mut one, first.session, b"and back").await
    );
    let rivals = one.view.read().rivalries > 0 || two.view.read().rivalries > 0;
    one.stop.cancel();
    two.stop.cancel();
    Met { rivals, settled, deceived: Duration::ZERO }
}

/// Two of ours.
async fn our_pair(number: usize) -> Met {
    let turn = turn().await;
    let pair = pair(number).await;
    end_turn(turn, &pair.0).await;
    settle(pair).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_simultaneous_opens_end_in_a_thousand_sessions() {
    assert_pairs(our_pair).await;
}

/// Every pair's assertions hold, and nearly all of them were simultaneous opens.
#[expect(clippy::print_stdout, reason = "the figures, for who asks with --nocapture")]
async fn assert_pairs<F>(one: impl Fn(usize) -> F)
where
    F: Future<Output = Met> + Send + 'static,
{
    let met: Vec<Met> = stream::iter(0..PAIRS)
        .map(|number| tokio::spawn(one(number)))
        .buffer_unordered(AT_ONCE)
        .map(Result::unwrap)
        .collect()
        .await;
    let rivalries = met.iter().filter(|met| met.rivals).count();
    let spread = |figure: fn(&Met) -> Duration| {
        let mut all: Vec<Duration> = met.iter().map(figure).collect();
        all.sort_unstable();
        [50, 95, 100].map(|percent| all[(all.len() - 1) * percent / 100])
    };
    let (settled, deceived) = (spread(|met| met.settled), spread(|met| met.deceived));
    println!(
        "{rivalries} of {PAIRS} pairs held two sessions at once; settled after {settled:.1?}, deceived for {deceived:.1?}"
    );
    assert!(rivalries >= PAIRS * 9 / 10, "only {rivalries} pairs met at all: this proves nothing");
}

/// Ends when the chain side is told that a session ended.
async fn closed(side: &mut Side, session: SessionId) {
    while let Some(event) = side.chain.recv().await {
        if matches!(event, ChainEvent::Closed { session: closed } if closed == session) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misdeeds_on_the_chain_protocols_add_up_until_they_end_a_session() {
    let (dials, rests) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (addr, start) = (rests.local_addr().unwrap(), Arc::new(Barrier::new(2)));
    let mut one = side(dials, addr, identity(0), start.clone()).await;
    // Its seed is itself: it dials nobody.
    let two = side(rests, addr, identity(1), start).await;
    let opened = timeout(PATIENCE, one.chain.recv()).await.unwrap();
    let Some(ChainEvent::Opened { session, .. }) = opened else { panic!("{opened:?}") };
    one.registry.punish(session, "for a test", SCORE_CLOSE - 1);
    let early = timeout(Duration::from_millis(200), closed(&mut one, session)).await;
    assert!(early.is_err(), "one point is missing");
    one.registry.punish(session, "for a test", 1);
    timeout(PATIENCE, closed(&mut one, session)).await.unwrap();
    one.stop.cancel();
    two.stop.cancel();
}

/// One of ours and one that is older; every other time ours has the lower ID.
async fn mixed_pair(number: usize) -> Met {
    let turn = turn().await;
    let start = Arc::new(Barrier::new(2));
    let (one, two) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let (one_addr, two_addr) = (one.local_addr().unwrap(), two.local_addr().unwrap());
    let mut identities = [identity(2 * number), identity(2 * number + 1)];
    identities.sort_by_key(|identity| identity.peer_id());
    if number % 2 == 1 {
        identities.reverse();
    }
    let [ours, theirs] = identities;
    let (old, mut heard) = Legacy::start(two, one_addr, theirs, start.clone());
    let mut new = side(one, two_addr, ours, start).await;
    let begin = Instant::now();
    end_turn(turn, &new).await;
    let Lasting { session, transcript, since, deceived } = lasting(&new, &old).await;
    new.registry.send(session, Protocol::Sync, b"there");
    old.send(Protocol::Sync, b"and back").await;
    assert!(receives(&mut new, session, b"and back").await, "the older node's word is lost");
    let there = async { while heard.recv().await.expect("the older node runs") != b"there" {} };
    timeout(PATIENCE, there).await.expect("our word is lost");
    assert_eq!(old.current(), Some(transcript), "and over this session");
    new.stop.cancel();
    old.stop();
    let rivals = old.rivalries() > 0 || new.view.read().rivalries > 0;
    Met { rivals, settled: since - begin, deceived }
}

/// The session that both sides kept.
struct Lasting {
    session: SessionId,
    transcript: [u8; 32],
    since: Instant,
    deceived: Duration,
}

/// The one session that both ends know, once it has been so for longer than a survivor's trial. An
/// older node may forget a session that it had when another one ends: then ours has to notice, and
/// dial again.
async fn lasting(new: &Side, old: &Legacy) -> Lasting {
    let (begin, step) = (Instant::now(), Duration::from_millis(50));
    let (mut since, mut deceived): (Option<(Instant, [u8; 32])>, _) = (None, Duration::ZERO);
    loop {
        let sessions = new.view.read().sessions;
        let known = |session: &SessionView| old.current() == Some(session.outlet.transcript);
        if sessions.iter().any(|session| session.settled) && !sessions.iter().any(known) {
            deceived += step;
        }
        let agreed = match sessions.as_slice() {
            [session] if session.settled && old.current() == Some(session.outlet.transcript) => {
                Some((session.session, session.outlet.transcript))
            }
            _ => None,
        };
        match (agreed, since) {
            (Some((session, now)), Some((since, transcript))) if transcript == now => {
                if since.elapsed() > Duration::from_secs(6) {
                    return Lasting { session, transcript, since, deceived };
                }
            }
            (Some((_, transcript)), _) => since = Some((Instant::now(), transcript)),
            (None, _) => since = None,
        }
        assert!(
            begin.elapsed() < PATIENCE,
            "no session that lasts: {sessions:?} here, {:?} there",
            old.current()
        );
        sleep(step).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_simultaneous_opens_with_older_nodes_end_in_a_thousand_sessions() {
    assert_pairs(mixed_pair).await;
}
