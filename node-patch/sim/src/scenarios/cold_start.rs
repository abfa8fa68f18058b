//! Fifty nodes start in the same moment, without stores; all they know is one seed, which is the
//! first of them.
//!
//! Measured: the time until the last of them has eight outbound peers. The seed is everybody's
//! first peer, so that there is hardly anybody left whom it could dial itself: for it eight peers
//! count, whoever dialled.

use std::time::Duration;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::Times,
    town::Town,
    world::{Setting, World},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "cold-start",
    what: "50 nodes, one seed",
    goal: "all reach 8 outbound; p50 ≤ 2 s, p99 ≤ 5 s",
    run,
};

const NODES: usize = 50;
const OUTBOUND: usize = 8;
const LIMIT: Duration = Duration::from_secs(60);

fn run(bench: Bench) -> Outcome {
    let times = Times::new(bench.over_seeds(time_to_target));
    let met = times.at(50) <= Duration::from_secs(2) && times.at(99) <= Duration::from_secs(5);
    Outcome::new(times.describe(&[50, 99]), met)
}

fn time_to_target(seed: u64) -> Option<Duration> {
    let mut town = Town::planned(Setting::new(seed), NODES, 1, 0);
    town.start_within(Duration::ZERO);
    let first = town.nodes[0];
    let all = |world: &World| {
        let others = town.nodes.iter().skip(1).all(|node| world.outbound(*node).len() >= OUTBOUND);
        others && world.peers(first).len() >= OUTBOUND
    };
    town.world.run_until(LIMIT, all)
}
