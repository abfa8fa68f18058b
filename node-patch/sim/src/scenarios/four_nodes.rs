//! Four nodes are all that there is, and each wants eight. Half an hour.
//!
//! Measured: the most dials of a node in any minute after the first, how often a node dialled
//! itself, and dials to somebody with whom the dialler had a session already.

use std::time::Duration;

use hegemon_discovery::Mono;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    town::Town,
    world::{Host, Setting},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "four-nodes",
    what: "four nodes in all, target 8, 30 min",
    goal: "≤ 6 dials per node and minute, ≤ 1 self-dial, no redial of a connected peer, all connected",
    run,
};

const NODES: usize = 4;
const MINUTES: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
const BOUND: usize = 6;

struct Counted {
    busiest: usize,
    itself: usize,
    redials: u64,
    connected: bool,
}

fn run(bench: Bench) -> Outcome {
    let runs = bench.over_seeds(one);
    let busiest = runs.iter().map(|run| run.busiest).max().unwrap_or(0);
    let itself = runs.iter().map(|run| run.itself).max().unwrap_or(0);
    let redials = runs.iter().map(|run| run.redials).max().unwrap_or(0);
    let connected = runs.iter().filter(|run| run.connected).count();
    let met = busiest <= BOUND && itself <= 1 && redials == 0 && connected == runs.len();
    let ours = format!(
        "at most {busiest} dials in a minute, {itself} self-dials, {redials} redials; all connected in {connected} of {}",
        runs.len()
    );
    Outcome::new(ours, met)
}

fn one(seed: u64) -> Counted {
    let mut town = Town::planned(Setting::new(seed), NODES, 1, 0);
    town.start_within(Duration::ZERO);
    town.world.run_for(MINUTE * MINUTES);
    let hosts: Vec<&Host> = town.nodes.iter().map(|node| town.world.host(*node)).collect();
    let minutes = (1..MINUTES)
        .map(|minute| (Mono(0).after(MINUTE * minute), Mono(0).after(MINUTE * (minute + 1))));
    let in_minute = |host: &Host, (from, to): (Mono, Mono)| {
        host.tally.dials_from(from).len() - host.tally.dials_from(to).len()
    };
    Counted {
        busiest: minutes
            .flat_map(|minute| hosts.iter().map(move |host| in_minute(host, minute)))
            .max()
            .unwrap_or(0),
        itself: hosts
            .iter()
            .map(|host| host.tally.started.iter().filter(|(_, addr)| *addr == host.addr).count())
            .max()
            .unwrap_or(0),
        redials: hosts.iter().map(|host| host.tally.redials).sum(),
        connected: town.nodes.iter().all(|node| town.world.peers(*node).len() == NODES - 1),
    }
}
