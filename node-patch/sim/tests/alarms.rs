//! The eclipse alarm in whole networks: silent in honest ones, also in idle ones, and raised for who is
//! really surrounded.

use std::{sync::Arc, time::Duration};

use hegemon_discovery::{Alarm, ChainState};
use hegemon_sim::{
    HostIndex, Pool, Reach, Script, Setting, World, store, town::Town, world::network::EPOCH,
};

const MINUTE: Duration = Duration::from_secs(60);

fn alarmed(world: &World) -> Vec<HostIndex> {
    world
        .nodes()
        .filter(|node| world.status(*node).is_some_and(|status| !status.alarms.is_empty()))
        .collect()
}

fn raised(world: &World) -> u64 {
    world.hosts().map(|(_, host)| host.tally.alarms).sum()
}

/// Nobody ever makes a block. With a hundred nodes the seed is full and nobody is connected with all
/// groups, with a dozen everybody is.
#[test]
fn an_honest_idle_network_raises_no_alarm() {
    for (nodes, seed) in [(12, 1), (100, 1), (100, 2), (100, 3)] {
        let mut town = Town::settled(Setting::new(seed), nodes, MINUTE);
        town.world.run_for(10 * MINUTE);
        assert_eq!(
            raised(&town.world),
            0,
            "{nodes} nodes, seed {seed}: {:?}",
            alarmed(&town.world)
        );
    }
}

/// Blocks came, and come no more, since nobody mines: whoever could know of one is connected, if only
/// because he dialled.
#[test]
fn nor_does_one_whose_chain_stands_still_with_everybody_connected() {
    let mut town = Town::settled(Setting::new(1), 9, MINUTE);
    let outbound = |node: &HostIndex| town.world.outbound(*node).len();
    assert!(town.nodes.iter().map(outbound).min().unwrap() < 8, "some are inbound only");
    for node in town.nodes.clone() {
        town.world.chain(node, ChainState::Stalled);
    }
    town.world.run_for(10 * MINUTE);
    assert_eq!(raised(&town.world), 0, "{:?}", alarmed(&town.world));
}

/// A node of which the store knows the attacker's peers only: it has no slot for those that it hears
/// of later, and no block.
#[test]
fn a_node_with_hostile_peers_only_is_alarmed_when_its_chain_stands_still() {
    let mut town = Town::settled(Setting::new(1), 30, MINUTE);
    let world = &mut town.world;
    let addrs: Vec<_> = (0..40).map(|_| world.draw_hostile(4)).collect();
    let honest = town.nodes.iter().map(|node| world.host(*node).addr).collect();
    let pool = Arc::new(Pool { baits: addrs.clone(), honest, baits_per_honest: 1 });
    let script = Script {
        pool,
        victims: Vec::new(),
        opening: None,
        news_every: Some(MINUTE / 6),
        news_length: 10,
    };
    for addr in &addrs {
        let host = world.add_hostile(*addr, script.clone());
        world.start(host);
    }
    world.seeds.clear();
    let victim = world.add_node(Reach::Public);
    world.store(victim, store::legacy(&addrs, EPOCH));
    world.start(victim);
    world.run_for(2 * MINUTE);
    assert!(world.outbound(victim).iter().all(|peer| world.host(*peer).is_hostile()));
    assert_eq!(world.status(victim).unwrap().outbound, 8);

    let alarms = |world: &World| world.status(victim).unwrap().alarms;
    assert!(alarms(world).is_empty(), "its peers are of four groups, and blocks may come");
    world.chain(victim, ChainState::Stalled);
    world.run_for(MINUTE);
    assert_eq!(alarms(world).into_iter().collect::<Vec<_>>(), [Alarm::Eclipse]);
    world.chain(victim, ChainState::Advancing);
    world.run_for(MINUTE);
    assert!(alarms(world).is_empty());
}
