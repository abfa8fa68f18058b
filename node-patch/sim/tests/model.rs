//! The world keeps its own promises: what a packet costs, what a fault does, when somebody notices.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hegemon_discovery::{Mono, status::Dials};
use hegemon_sim::{
    Exit, HostIndex, Outage, Pool, Reach, Script, Setting, World, store, town::Town,
    world::network::EPOCH,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Every packet takes 50 ms.
fn even(seed: u64) -> Setting {
    Setting {
        latency: (Duration::from_millis(50), Duration::from_millis(50)),
        ..Setting::new(seed)
    }
}

/// A node that knows nobody but these.
fn node_with(world: &mut World, known: &[SocketAddr]) -> HostIndex {
    let node = world.add_node(Reach::Public);
    world.store(node, store::legacy(known, EPOCH));
    world.start(node);
    node
}

/// Runs a millisecond at a time until something holds; when it first did.
fn moment(world: &mut World, limit: Duration, done: impl Fn(&World) -> bool) -> Option<Duration> {
    world.run_until_asking(Duration::from_millis(1), limit, done)
}

#[test]
fn a_dial_costs_what_its_end_is_worth() {
    let refusing = World::new(Setting { refusing_percent: 100, ..even(1) });
    let silent = World::new(Setting { refusing_percent: 0, ..even(1) });
    for (mut world, expected, outcome) in [
        (refusing, Duration::from_millis(100), Dials { refused: 1, ..Dials::default() }),
        (silent, 5 * SECOND, Dials { unreachable: 1, ..Dials::default() }),
    ] {
        let dead = world.draw_honest();
        let node = node_with(&mut world, &[dead]);
        let took = moment(&mut world, 10 * SECOND, |world| {
            world.host(node).tally.dials != Dials::default()
        });
        assert_eq!((took, world.host(node).tally.dials), (Some(expected), outcome));
    }
}

#[test]
fn a_session_costs_the_dialler_two_round_trips_and_the_listener_half_a_one_more() {
    let mut world = World::new(even(1));
    let listener = world.add_node(Reach::Public);
    world.start(listener);
    let addr = world.host(listener).addr;
    let dialler = node_with(&mut world, &[addr]);
    assert_eq!(
        moment(&mut world, SECOND, |world| world.peers(dialler) == [listener]),
        Some(Duration::from_millis(202))
    );
    assert!(world.peers(listener).is_empty());
    assert_eq!(
        moment(&mut world, SECOND, |world| world.peers(listener) == [dialler]),
        Some(Duration::from_millis(50))
    );
}

#[test]
fn a_node_behind_a_nat_dials_and_cannot_be_dialled() {
    let mut world = World::new(even(1));
    let natted = world.add_node(Reach::Nat);
    world.start(natted);
    let addr = world.host(natted).addr;
    let other = node_with(&mut world, &[addr]);
    world.run_for(6 * SECOND);
    assert_eq!(world.host(other).tally.dials, Dials { unreachable: 1, ..Dials::default() });
    world.stop(natted, Exit::Orderly);
    let to_other = store::legacy(&[world.host(other).addr], EPOCH);
    world.store(natted, to_other);
    world.start(natted);
    world.run_for(SECOND);
    assert_eq!(world.peers(other), [natted]);
    assert!(
        world.engine(other).is_some_and(|engine| engine.book().contains(addr)),
        "it announces itself all the same"
    );
}

#[test]
fn a_dial_of_oneself_ends_as_that() {
    let mut world = World::new(even(1));
    let node = world.add_node(Reach::Public);
    world.seeds = vec![vec![world.host(node).addr]];
    world.start(node);
    world.run_for(MINUTE);
    assert_eq!(world.host(node).tally.dials, Dials { itself: 1, ..Dials::default() });
}

#[test]
fn the_end_of_a_process_is_heard_at_once_and_that_of_a_host_after_a_minute() {
    for (exit, earliest, latest) in [
        (Exit::Orderly, Duration::from_millis(50), Duration::from_millis(50)),
        (Exit::Killed, Duration::from_millis(50), Duration::from_millis(50)),
        (Exit::PowerLoss, MINUTE, 90 * SECOND),
    ] {
        let mut town = Town::settled(even(3), 2, MINUTE);
        let [one, other] = town.nodes[..] else { unreachable!("two nodes were asked for") };
        assert_eq!(town.world.peers(one), [other]);
        town.world.stop(other, exit);
        let took = moment(&mut town.world, 2 * MINUTE, |world| world.peers(one).is_empty());
        assert!(took.is_some_and(|took| took >= earliest && took <= latest), "{exit:?}: {took:?}");
    }
}

#[test]
fn a_short_partition_ends_no_session_and_what_was_said_arrives_afterwards() {
    let mut town = Town::settled(even(3), 2, MINUTE);
    let [one, other] = town.nodes[..] else { unreachable!("two nodes were asked for") };
    town.world.part(&[vec![one], vec![other]]);
    assert_eq!(town.world.components(), [1, 1]);
    town.world.run_for(30 * SECOND);
    town.world.join();
    town.world.run_for(10 * MINUTE);
    assert_eq!((town.world.peers(one), town.world.components()), (vec![other], vec![2]));
    assert_eq!(town.world.host(one).tally.handshakes, 1, "it is still the first session");
}

#[test]
fn a_long_partition_ends_sessions_at_both_ends() {
    let mut town = Town::settled(even(3), 2, MINUTE);
    let [one, other] = town.nodes[..] else { unreachable!("two nodes were asked for") };
    town.world.part(&[vec![one], vec![other]]);
    town.world.run_for(59 * SECOND);
    assert_eq!((town.world.peers(one).len(), town.world.peers(other).len()), (1, 1));
    town.world.run_for(31 * SECOND);
    assert_eq!((town.world.peers(one).len(), town.world.peers(other).len()), (0, 0));
}

#[test]
fn a_host_without_a_network_fails_at_home_or_on_the_way() {
    for (outage, failed) in [
        (Outage::InterfaceDown, Dials { local_network: 1, ..Dials::default() }),
        (Outage::Upstream, Dials { unreachable: 1, ..Dials::default() }),
    ] {
        let mut world = World::new(even(1));
        let there = world.add_node(Reach::Public);
        world.start(there);
        let node = world.add_node(Reach::Public);
        world.set_outage(node, Some(outage));
        let known = store::legacy(&[world.host(there).addr], EPOCH);
        world.store(node, known);
        world.start(node);
        let first = world.run_until_asking(SECOND, 10 * SECOND, |world| {
            world.host(node).tally.dials != Dials::default()
        });
        assert!(first.is_some());
        assert_eq!(
            world.host(node).tally.dials.succeeded + world.host(node).tally.dials.refused,
            0
        );
        assert_eq!(
            (
                world.host(node).tally.dials.local_network > 0,
                world.host(node).tally.dials.unreachable > 0
            ),
            (failed.local_network > 0, failed.unreachable > 0)
        );
        world.set_outage(node, None);
        assert!(world.run_until(MINUTE, |world| world.peers(node) == [there]).is_some());
    }
}

#[test]
fn idle_sessions_live_on_keepalives_alone() {
    // One peer is less than a node wants: without this it would ask at every tick.
    let mut setting = even(5);
    setting.config.tick = 120 * MINUTE;
    let mut town = Town::settled(setting, 2, MINUTE);
    let [one, other] = town.nodes[..] else { unreachable!("two nodes were asked for") };
    let before = town.world.host(one).tally.clone();
    town.world.run_for(60 * MINUTE);
    let after = &town.world.host(one).tally;
    assert_eq!(town.world.peers(one), [other]);
    assert_eq!(
        (after.handshakes, after.messages),
        (before.handshakes, before.messages),
        "neither a new session nor a probe"
    );
    // One in 20 s; those of the last minute are counted later, at either end of the hour.
    assert!(
        (177..=183).contains(&(after.keepalives - before.keepalives)),
        "{}",
        after.keepalives - before.keepalives
    );
}

#[test]
fn a_store_survives_an_orderly_exit_and_only_what_was_written_a_kill() {
    let mut town = Town::planned(even(7), 3, 1, 0);
    town.world.start(town.nodes[0]);
    for (node, exit) in [(town.nodes[1], Exit::Orderly), (town.nodes[2], Exit::Killed)] {
        town.world.start(node);
        // Longer than a session takes, shorter than the store's first write waits.
        town.world.run_for(Duration::from_millis(900));
        assert!(!town.world.peers(node).is_empty());
        town.world.stop(node, exit);
    }
    let written = [1, 2].map(|index: usize| !town.world.host(town.nodes[index]).stored.is_empty());
    assert_eq!(written, [true, false]);
}

#[test]
fn a_hostile_peer_is_believed_to_be_there_and_its_baits_are_dialled() {
    let mut town = Town::settled(even(2), 5, MINUTE);
    let victim = town.nodes[4];
    let baits: Vec<SocketAddr> = (0..50).map(|_| town.world.draw_hostile(50)).collect();
    let pool = Arc::new(Pool { baits: baits.clone(), honest: Vec::new(), baits_per_honest: 1 });
    let victims = vec![town.world.host(victim).addr];
    let script =
        Script { pool, victims, opening: None, news_every: Some(5 * SECOND), news_length: 5 };
    let addr = town.world.draw_hostile(50);
    let hostile = town.world.add_hostile(addr, script);
    town.world.start(hostile);
    town.world.run_for(5 * MINUTE);
    assert!(town.world.peers(victim).contains(&hostile));
    assert!(
        town.world.host(victim).tally.dials_from(Mono(0)).iter().any(|(_, to)| baits.contains(to))
    );
    let told = &town.world.host(hostile).tally;
    assert!(
        told.served.dead > 0 && told.passed_on.dead > 0,
        "it told of them when it was asked, and without being asked"
    );
}
