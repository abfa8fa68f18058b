//! A node comes back with a store of 200 addresses, each once connected. Thirty of them are nodes
//! of a settled network of sixty; 170 are dead: a fifth of these refuse, the others are black holes
//! that cost a dial five seconds. Its one seed is a black hole too.
//!
//! Measured: the time until it has eight peers.

use std::time::Duration;

use rand::seq::{IndexedRandom, SliceRandom};

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::Times,
    store,
    town::Town,
    world::{Reach, Setting, network::EPOCH},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "dead-store",
    what: "85 % of the store dead, four fifths of those black holes, no seed reachable",
    goal: "8 live peers: p95 ≤ 10 s",
    run,
};

const NODES: usize = 60;
const LIVE: usize = 30;
const DEAD: usize = 170;
const PEERS: usize = 8;
const LIMIT: Duration = Duration::from_secs(120);

fn run(bench: Bench) -> Outcome {
    let times = Times::new(bench.over_seeds(time_to_peers));
    Outcome::new(times.describe(&[50, 95]), times.at(95) <= Duration::from_secs(10))
}

fn time_to_peers(seed: u64) -> Option<Duration> {
    let mut town = Town::settled(Setting::new(seed), NODES, Duration::from_secs(60));
    let world = &mut town.world;
    let mut rng = world.generator(10);
    let mut stored: Vec<_> =
        town.nodes.sample(&mut rng, LIVE).map(|node| world.host(*node).addr).collect();
    stored.extend((0..DEAD).map(|_| world.draw_honest()));
    stored.shuffle(&mut rng);
    // A host that is not there at all: nobody answers.
    world.seeds = vec![vec![world.draw_black_hole()]];
    let node = world.add_node(Reach::Public);
    world.store(node, store::legacy(&stored, EPOCH));
    world.start(node);
    world.run_until(LIMIT, |world| world.peers(node).len() >= PEERS)
}
