//! One more node joins a network of two hundred that has settled for one minute; it knows the seed.
//! Nobody's tick is due for it in particular.
//!
//! Measured: the time until its address is in the book of nine tenths of the others.

use std::time::Duration;

use super::{Outcome, Scenario};
use crate::{bench::Bench, figures::Times, town::Town, world::Setting};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "late-joiner",
    what: "late joiner in 200 nodes",
    goal: "in the book of 90 % of them: p95 ≤ 60 s",
    run,
};

const NODES: usize = 200;
const LIMIT: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(500);

fn run(bench: Bench) -> Outcome {
    let times = Times::new(bench.over_seeds(time_to_fame));
    Outcome::new(times.describe(&[50, 95, 100]), times.at(95) <= Duration::from_secs(60))
}

fn time_to_fame(seed: u64) -> Option<Duration> {
    let mut town = Town::settled(Setting::new(seed), NODES, Duration::from_secs(60));
    let node = town.join();
    let addr = town.world.host(node).addr;
    town.world.run_until_asking(LOOK, LIMIT, |world| {
        let knowing = world
            .nodes()
            .filter_map(|node| world.engine(node))
            .filter(|engine| engine.book().contains(addr))
            .count();
        knowing * 10 >= NODES * 9
    })
}
