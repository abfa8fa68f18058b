//! A network of a hundred and one of ten thousand, each node with a store of a hundred others, four
//! seeds, started within a minute. When it has run for three minutes, six nodes a minute join
//! either of them, for three minutes: the same absolute rate. One seed.
//!
//! Measured: discovery messages and their frames' bytes, per node and minute of the last three.

use std::time::Duration;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    town::Town,
    world::{HostIndex, Setting, World},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "scale",
    what: "10,000 nodes against 100, 6 joiners a minute in both",
    goal: "messages and bytes per node and minute flat: ≤ 1.5 times those of 100 nodes",
    run,
};

const SIZES: [usize; 2] = [100, 10_000];
const REMEMBERED: usize = 100;
const SEEDS: usize = 4;
const SETTLE: Duration = Duration::from_secs(180);
const JOINERS: u32 = 18;
const PAUSE: Duration = Duration::from_secs(10);
const FLAT: f64 = 1.5;

struct Load {
    messages: f64,
    bytes: f64,
}

fn run(bench: Bench) -> Outcome {
    let loads = bench
        .exactly(SIZES.len() as u64)
        .over_seeds(|index| load(SIZES[usize::try_from(index).unwrap_or(0)]));
    let [small, large] = &loads[..] else { return Outcome::new("did not run".to_owned(), false) };
    let ours = format!(
        "{:.1} messages, {:.0} B; with 100: {:.1} messages, {:.0} B",
        large.messages, large.bytes, small.messages, small.bytes
    );
    Outcome::new(ours, large.messages <= FLAT * small.messages && large.bytes <= FLAT * small.bytes)
}

fn load(nodes: usize) -> Load {
    let mut town = Town::planned(Setting::new(0), nodes, SEEDS, 0);
    town.remember(REMEMBERED);
    town.start_within(Duration::from_secs(60));
    town.world.run_for(SETTLE);
    let old = town.nodes.clone();
    let before = sent(&town.world, &old);
    for _ in 0..JOINERS {
        town.join();
        town.world.run_for(PAUSE);
    }
    let after = sent(&town.world, &old);
    let per_node =
        |total: u64| total as f64 / (PAUSE * JOINERS).as_secs_f64() * 60.0 / nodes as f64;
    Load { messages: per_node(after.0 - before.0), bytes: per_node(after.1 - before.1) }
}

fn sent(world: &World, nodes: &[HostIndex]) -> (u64, u64) {
    nodes
        .iter()
        .map(|node| &world.host(*node).tally)
        .fold((0, 0), |(messages, bytes), tally| (messages + tally.messages, bytes + tally.bytes))
}
