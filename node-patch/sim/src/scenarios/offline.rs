//! One node of a settled network of sixty is without a network for ten minutes: with even seeds its
//! interface is down, and dials fail at once as its own fault; with odd ones its router forwards
//! nothing, and dials time out.
//!
//! Measured: addresses in its book that have more failures after the ten minutes than before, and
//! the time from the network's return until it has its eight outbound peers.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::{Times, percentile},
    town::Town,
    world::{HostIndex, Outage, Setting, World},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "offline",
    what: "host offline 10 min",
    goal: "no address blamed, target reached: p95 ≤ 5 s",
    run,
};

const NODES: usize = 60;
const OUTBOUND: usize = 8;
const OFFLINE: Duration = Duration::from_secs(600);
const LIMIT: Duration = Duration::from_secs(120);

fn run(bench: Bench) -> Outcome {
    let runs = bench.over_seeds(one);
    let blamed: Vec<usize> = runs.iter().map(|(blamed, _)| *blamed).collect();
    let times = Times::new(runs.into_iter().map(|(_, time)| time));
    let most = percentile(&blamed, 100).unwrap_or(0);
    Outcome::new(
        format!("{most} blamed at most, {}", times.describe(&[50, 95])),
        most == 0 && times.at(95) <= Duration::from_secs(5),
    )
}

fn one(seed: u64) -> (usize, Option<Duration>) {
    let mut town = Town::settled(Setting::new(seed), NODES, Duration::from_secs(120));
    let (world, node) = (&mut town.world, town.nodes[NODES / 2]);
    let before = failures(world, node);
    world.set_outage(
        node,
        Some(if seed.is_multiple_of(2) { Outage::InterfaceDown } else { Outage::Upstream }),
    );
    world.run_for(OFFLINE);
    world.set_outage(node, None);
    let blamed = failures(world, node)
        .into_iter()
        .filter(|(addr, failures)| *failures > before.get(addr).copied().unwrap_or(0))
        .count();
    (blamed, world.run_until(LIMIT, |world| world.outbound(node).len() >= OUTBOUND))
}

fn failures(world: &World, node: HostIndex) -> BTreeMap<SocketAddr, u32> {
    world
        .engine(node)
        .map(|engine| {
            engine.book().records().map(|record| (record.addr, record.failures)).collect()
        })
        .unwrap_or_default()
}
