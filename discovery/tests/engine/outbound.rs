//! Whom the engine dials: anchors first, other groups first, everybody in the end, and not too
//! many.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use hegemon_discovery::{
    Action, CloseReason, Config, DialError, DialId, Event, Groups, Message, PeerId, SeedIndex,
    SessionId, policy::Group, snapshot, snapshot::Stored,
};

use crate::bench::{Bench, at, clock, dials};

const MINUTE: Duration = Duration::from_secs(60);

/// Host `host` of the network group `group`.
fn far(group: u8, host: u8) -> SocketAddr {
    SocketAddr::from(([50, group, 0, host], 30_333))
}

fn list(addrs: impl IntoIterator<Item = SocketAddr>) -> Message {
    Message::Addrs { addrs: addrs.into_iter().collect() }
}

/// Two inbound peers, so that it is not alone, the first of which answers with `addrs`; the dials
/// that follow until eight are reached, in order.
fn with_eight_outbound(
    bench: &mut Bench,
    addrs: impl IntoIterator<Item = SocketAddr>,
) -> Vec<SocketAddr> {
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    let mut out = dials(&bench.say(1, list(addrs)));
    let mut reached = Vec::new();
    while let Some(dial) = (reached.len() < 8).then(|| out.pop()).flatten() {
        reached.push(dial.1);
        out.extend(dials(&bench.reach(dial, 100 + u8::try_from(reached.len()).unwrap())));
    }
    reached
}

/// What a node stores when it exits.
fn persisted(bench: &mut Bench) -> Vec<u8> {
    assert!(bench.tell(Event::Shutdown).contains(&Action::Persist));
    bench.engine.snapshot(clock(bench.now))
}

#[test]
fn a_restarted_node_dials_its_last_outbound_peers_first() {
    let mut bench = Bench::new(0);
    let anchors: BTreeSet<SocketAddr> =
        with_eight_outbound(&mut bench, (1..=60).map(|host| far(host, 1))).into_iter().collect();
    bench.now += 60_000;
    bench.inbound(3, "198.18.0.4:50000");
    bench.say(3, Message::Hello { listen_port: 30_333 });
    let snapshot = persisted(&mut bench);
    let stored = snapshot::decode(&snapshot, clock(0)).unwrap();
    assert_eq!(stored.anchors.iter().copied().collect::<BTreeSet<_>>(), anchors);
    let mut restarted = Bench::with(Config::new(at("0.0.0.0:30333"), 0), stored);
    let first: BTreeSet<SocketAddr> =
        dials(&restarted.tell(Event::Wakeup)).into_iter().take(8).map(|(_, addr)| addr).collect();
    assert_eq!(first, anchors);
}

#[test]
fn who_ends_alone_keeps_the_anchors_of_before() {
    let mut bench = Bench::new(0);
    with_eight_outbound(&mut bench, (1..=8).map(|host| far(host, 1)));
    bench.now += 60_000;
    assert!(bench.close(1).contains(&Action::Persist));
    let lasting = bench.engine.snapshot(clock(bench.now));
    bench.close(2);
    assert_eq!(snapshot::decode(&lasting, clock(0)).unwrap().anchors.len(), 8);
    (101..=108).for_each(|number| drop(bench.close(number)));
    let alone = persisted(&mut bench);
    assert_eq!(snapshot::decode(&alone, clock(0)).unwrap().anchors.len(), 8);
}

#[test]
fn outbound_peers_are_of_distinct_groups_as_long_as_there_are_any() {
    let mut bench = Bench::new(0);
    let offered = (1..=50).map(|host| far(1, host)).chain((2..=8).map(|group| far(group, 1)));
    let reached = with_eight_outbound(&mut bench, offered);
    assert_eq!(reached.into_iter().map(Group::of).collect::<BTreeSet<_>>().len(), 8);
    assert_eq!((bench.status().outbound, bench.status().outbound_groups), (8, 8));
}

#[test]
fn one_switch_makes_groups_not_matter() {
    let groups = |groups| {
        let mut bench = Bench::with(
            Config { groups, ..Config::new(at("0.0.0.0:30333"), 0) },
            Stored::default(),
        );
        let offered = (1..=50).map(|host| far(1, host)).chain((2..=8).map(|group| far(group, 1)));
        with_eight_outbound(&mut bench, offered)
            .into_iter()
            .map(Group::of)
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert!(groups(Groups::Ignored) < groups(Groups::Weighed));
}

#[test]
fn the_same_group_is_taken_when_there_is_nobody_else() {
    let mut bench = Bench::new(0);
    assert_eq!(with_eight_outbound(&mut bench, (1..=20).map(|host| far(1, host))).len(), 8);
}

#[test]
fn a_feeler_finds_out_who_is_there_and_hangs_up() {
    let mut bench = Bench::new(0);
    with_eight_outbound(&mut bench, (1..=9).map(|group| far(group, 1)));
    let done = bench.run(Duration::from_secs(16));
    let feelers: Vec<(DialId, SocketAddr)> =
        done.iter().flat_map(|(_, action)| dials(std::slice::from_ref(action))).collect();
    assert_eq!(feelers.len(), 1, "within 15 s, one at a time: {done:?}");
    let said = bench.reach(feelers[0], 200);
    assert_eq!(said, [Action::Close { session: SessionId(200), reason: CloseReason::Feeler }]);
    bench.close(200);
    let record = bench.engine.book().get(feelers[0].1).unwrap();
    assert_eq!(record.proven, Some(PeerId([200; 32])));
    assert_eq!(bench.status().outbound, 8);
}

#[test]
fn a_feeler_that_finds_a_free_slot_stays() {
    let mut bench = Bench::new(0);
    with_eight_outbound(&mut bench, (1..=9).map(|group| far(group, 1)));
    let done = bench.run(Duration::from_secs(16));
    let feeler =
        done.iter().flat_map(|(_, action)| dials(std::slice::from_ref(action))).next().unwrap();
    bench.close(101);
    assert!(!bench.reach(feeler, 200).iter().any(|action| matches!(action, Action::Close { .. })));
    assert_eq!(bench.status().outbound, 8);
}

#[test]
fn who_has_nobody_to_feel_for_feels_for_nobody() {
    let mut bench = Bench::new(0);
    with_eight_outbound(&mut bench, (1..=8).map(|group| far(group, 1)));
    assert!(bench.run(5 * MINUTE).iter().all(|(_, action)| !matches!(action, Action::Dial { .. })));
}

#[test]
fn a_list_of_addresses_that_refuse_at_once_makes_us_nobody_s_scanner() {
    let mut bench = Bench::new(0);
    let mut out: Vec<DialId> = Vec::new();
    for number in 1..=10 {
        bench.inbound(number, &format!("198.18.{number}.2:50000"));
        let told = bench.say(number, list((1..=64).map(|host| far(10 * number + host / 16, host))));
        out.extend(dials(&told).into_iter().map(|(dial, _)| dial));
    }
    let mut dialled = 0;
    for _ in 0..100 {
        out.extend(
            dials(&bench.wait(Duration::from_millis(100))).into_iter().map(|(dial, _)| dial),
        );
        while let Some(dial) = out.pop() {
            dialled += 1;
            out.extend(
                dials(&bench.fail(dial, DialError::Refused)).into_iter().map(|(dial, _)| dial),
            );
        }
    }
    assert!(
        (150..=64 + 16 * 10).contains(&dialled),
        "{dialled} dials in ten seconds: 64 at once, 16 a second"
    );
}

#[test]
fn nobody_waits_for_ever_behind_a_stream_of_newcomers() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    let old: BTreeSet<SocketAddr> = (1..=40).map(|host| far(host, 1)).collect();
    let mut out = dials(&bench.say(1, list(old.iter().copied())));
    let mut retried = BTreeSet::new();
    for minute in 0..60 {
        while let Some((dial, addr)) = out.pop() {
            if minute > 5 {
                retried.insert(addr);
            }
            out.extend(dials(&bench.fail(dial, DialError::Refused)));
        }
        out.extend(bench.run(MINUTE).into_iter().flat_map(|(_, action)| dials(&[action])));
        bench.tell(Event::Probe { session: SessionId(2) });
        out.extend(dials(&bench.say(2, list((1..=20).map(|host| far(100 + minute, host))))));
    }
    assert!(
        old.is_subset(&retried),
        "{:?} never had another turn",
        old.difference(&retried).collect::<Vec<_>>()
    );
}

#[test]
fn who_answers_again_vouches_for_those_who_fell_silent_with_it() {
    let mut bench = Bench::new(1);
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    let mut out = dials(&bench.say(1, list((1..=4).map(|host| far(host, 1)))));
    for _ in 0..4 {
        for (dial, _) in std::mem::take(&mut out) {
            bench.fail(dial, DialError::Refused);
        }
        bench.now += 200_000;
        out = dials(&bench.tell(Event::Wakeup));
    }
    let (dial, seed) =
        dials(&bench.tell(Event::Resolved { seed: SeedIndex(0), addrs: vec![far(1, 1)] }))[0];
    out.into_iter().for_each(|(dial, _)| drop(bench.fail(dial, DialError::Refused)));
    assert_eq!(dials(&bench.wait(Duration::from_secs(1))), [], "eight minutes to wait");
    let again: BTreeSet<SocketAddr> =
        dials(&bench.reach((dial, seed), 9)).into_iter().map(|(_, addr)| addr).collect();
    assert_eq!(again, (2..=4).map(|host| far(host, 1)).collect());
}

#[test]
fn peers_that_fall_silent_are_no_outage_as_long_as_a_seed_answers() {
    let mut bench = Bench::new(1);
    bench.inbound(1, "198.18.0.2:50000");
    let out = dials(&bench.say(1, list((1..=8).map(|host| far(host, 1)))));
    bench.close(1);
    bench.now += 5_000;
    for (dial, _) in out {
        bench.fail(dial, DialError::Unreachable);
    }
    assert_eq!(bench.status().cut_off, None, "no seed failed");
    bench.tell(Event::Resolved { seed: SeedIndex(0), addrs: vec![] });
    bench.tell(Event::Wakeup);
    assert!(bench.status().cut_off.is_some(), "now nothing answers");
    bench.inbound(2, "198.18.0.3:50000");
    assert_eq!(
        (bench.status().cut_off, bench.status().failing),
        (None, 0),
        "and nobody is to blame"
    );
}
