//! A settled network of forty nodes is parted into two random halves for ten minutes. The seed is
//! in one of them. Within a minute and a half all sessions between the halves are given up, and
//! each half fills its slots with its own. Then packets pass again.
//!
//! Measured: the time until all nodes have eight outbound peers and all are in one part.

use std::time::Duration;

use rand::seq::SliceRandom;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::Times,
    town::Town,
    world::{Setting, World},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "partition",
    what: "two halves of 40 nodes parted for 10 min, then healed",
    goal: "every node back at target, one component, ≤ 10 s",
    run,
};

const NODES: usize = 40;
const OUTBOUND: usize = 8;
const LIMIT: Duration = Duration::from_secs(120);

fn run(bench: Bench) -> Outcome {
    let times = Times::new(bench.over_seeds(time_to_heal));
    Outcome::new(times.describe(&[50, 95, 100]), times.at(100) <= Duration::from_secs(10))
}

fn time_to_heal(seed: u64) -> Option<Duration> {
    let mut town = Town::settled(Setting::new(seed), NODES, Duration::from_secs(120));
    let mut halves = town.nodes.clone();
    halves.shuffle(&mut town.world.generator(10));
    let other = halves.split_off(NODES / 2);
    town.world.part(&[halves, other]);
    town.world.run_for(Duration::from_secs(600));
    town.world.join();
    town.world.run_until(LIMIT, whole)
}

fn whole(world: &World) -> bool {
    Town::all_have(world, OUTBOUND) && world.components().len() == 1
}
