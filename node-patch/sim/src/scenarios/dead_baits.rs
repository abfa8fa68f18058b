//! Forty honest nodes, a fifth of them behind NATs, and eight hostile peers. Each of these dials
//! six of the nodes, answers with lists of which nine of ten addresses are dead, and sends ten such
//! addresses as news every ten seconds. Ten minutes.
//!
//! Measured: what is really at the addresses that honest nodes answer with, in the moment in which
//! they do. A node that runs behind a NAT is counted apart: it is there, and announces itself over
//! its own session, but nobody can dial it.

use std::{sync::Arc, time::Duration};

use rand::seq::IndexedRandom;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::per_cent,
    hostile::{Pool, Script},
    town::Town,
    world::{Setting, Shared},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "dead-baits",
    what: "90 % of injected addresses dead",
    goal: "≤ 5 % of served addresses dead (NATed owners counted apart)",
    run,
};

const NODES: usize = 40;
const NATTED_PERCENT: u32 = 20;
const HOSTILE: u8 = 8;
const VICTIMS: usize = 6;
const BAITS: usize = 2_000;
const TIME: Duration = Duration::from_secs(600);

fn run(bench: Bench) -> Outcome {
    let served = bench.over_seeds(served).into_iter().fold(Shared::default(), Shared::plus);
    let all = served.live + served.unreachable + served.dead;
    let (dead, natted) = (per_cent(served.dead, all), per_cent(served.unreachable, all));
    Outcome::new(
        format!("{dead:.2} % dead, {natted:.1} % NATed, of {all} served"),
        all > 0 && dead <= 5.0,
    )
}

fn served(seed: u64) -> Shared {
    let mut town = Town::planned(Setting::new(seed), NODES, 1, NATTED_PERCENT);
    town.start_within(Duration::from_secs(10));
    town.world.run_for(Duration::from_secs(60));
    let world = &mut town.world;
    let mut rng = world.generator(10);
    let pool = Arc::new(Pool {
        baits: (0..BAITS).map(|_| world.draw_honest()).collect(),
        honest: town.nodes.iter().map(|node| world.host(*node).addr).collect(),
        baits_per_honest: 9,
    });
    for _ in 0..HOSTILE {
        let victims =
            town.nodes.sample(&mut rng, VICTIMS).map(|victim| world.host(*victim).addr).collect();
        let script = Script {
            pool: pool.clone(),
            victims,
            opening: None,
            news_every: Some(Duration::from_secs(10)),
            news_length: 10,
        };
        let addr = world.draw_hostile(HOSTILE);
        let hostile = world.add_hostile(addr, script);
        world.start(hostile);
    }
    world.run_for(TIME);
    town.nodes
        .iter()
        .map(|node| world.host(*node).tally.served)
        .fold(Shared::default(), Shared::plus)
}
