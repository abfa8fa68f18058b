//! A node of a settled network of fifty is stopped in order. The seed goes for ever, half of the
//! others go and as many come at other addresses. Seven days later by its wall clock the node
//! starts again from its store; its seed's name still resolves to the host that is gone.
//!
//! The others' week is five minutes long: what matters to the node is that its stamps are seven
//! days old and half of its addresses dead.
//!
//! Measured: the time until it has four peers.

use std::time::Duration;

use rand::seq::IndexedRandom;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::Times,
    town::Town,
    world::{Exit, Setting},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "restart",
    what: "restart with the seed gone, after 7 days",
    goal: "≥ 4 peers: p95 ≤ 2 s",
    run,
};

const NODES: usize = 50;
const PEERS: usize = 4;
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const LIMIT: Duration = Duration::from_secs(60);

fn run(bench: Bench) -> Outcome {
    let times = Times::new(bench.over_seeds(time_to_peers));
    Outcome::new(times.describe(&[50, 95, 100]), times.at(95) <= Duration::from_secs(2))
}

fn time_to_peers(seed: u64) -> Option<Duration> {
    let mut town = Town::settled(Setting::new(seed), NODES, Duration::from_secs(300));
    let (first, node) = (town.nodes[0], town.nodes[NODES - 1]);
    town.world.stop(node, Exit::Orderly);
    let others = &town.nodes[1..NODES - 1];
    let leaving: Vec<_> =
        others.sample(&mut town.world.generator(10), others.len() / 2).copied().collect();
    for leaver in leaving {
        town.world.stop(leaver, Exit::PowerLoss);
        town.join();
        town.world.run_for(Duration::from_secs(5));
    }
    town.world.stop(first, Exit::PowerLoss);
    town.world.run_for(Duration::from_secs(180));
    town.world.advance_clock(node, WEEK);
    town.world.start(node);
    town.world.run_until(LIMIT, |world| world.peers(node).len() >= PEERS)
}
