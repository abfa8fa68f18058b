//! An attacker with 200 peers, and 2,000 listeners that accept everybody and tell of each other,
//! all in four network groups. Every one of the 200 dials the victim, again and again when it is
//! turned away; asked or not, all of them tell of ten hostile addresses for each honest one. The
//! honest network has a hundred nodes. The victim, a new node, is under attack from its first
//! second: five minutes, then a restart in order, then two minutes more.
//!
//! Measured: the outbound peers of the victim at the end, and how many of them are the attacker's;
//! the same with a flat book, on the same seeds, with and without the preference for other groups.
//! (Four groups of the attacker's cannot have more than four of eight outbound slots as long as the
//! preference holds; what the tables do is keep room in the book.)

use std::{sync::Arc, time::Duration};

use hegemon_discovery::{Groups, book::Layout};
use rand::seq::IndexedRandom;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::{per_cent, percentile},
    hostile::{Pool, Script},
    town::Town,
    world::{Exit, HostIndex, Reach, Setting},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "eclipse",
    what: "200 hostile inbounds, hostile addresses 10:1, 5 min and a restart",
    goal: "8 outbound kept; share of hostile outbound stated, below that of a flat book without groups on the same seeds",
    run,
};

const NODES: usize = 100;
const ASSAILANTS: usize = 200;
const LISTENERS: usize = 2_000;
const GROUPS: u8 = 4;
const OUTBOUND: usize = 8;
const ATTACK: Duration = Duration::from_secs(300);
const AFTER_RESTART: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy)]
struct Held {
    outbound: usize,
    hostile: usize,
}

fn run(bench: Bench) -> Outcome {
    let books = [
        (Layout::TABLES, Groups::Weighed),
        (Layout::FLAT, Groups::Weighed),
        (Layout::FLAT, Groups::Ignored),
    ];
    let runs = bench.over_seeds(|seed| books.map(|(layout, groups)| attack(seed, layout, groups)));
    let of = |book: usize| runs.iter().map(|held| held[book]).collect::<Vec<_>>();
    let tables = of(0);
    let fewest = tables.iter().map(|held| held.outbound).min().unwrap_or(0);
    let [ours, flat, without] = [0, 1, 2].map(|book| hostile_share(&of(book)));
    let hostile: Vec<usize> = tables.iter().map(|held| held.hostile).collect();
    let [median, most] = [50, 100].map(|percent| percentile(&hostile, percent).unwrap_or(0));
    let met = fewest >= OUTBOUND && ours < without;
    let stated = format!(
        "≥ {fewest} outbound, {ours:.1} % hostile (p50 {median}, max {most}); flat book {flat:.1} %, without groups {without:.1} %"
    );
    Outcome::new(stated, met)
}

fn hostile_share(runs: &[Held]) -> f64 {
    let sum = |count: fn(&Held) -> usize| runs.iter().map(count).sum::<usize>() as u64;
    per_cent(sum(|held| held.hostile), sum(|held| held.outbound))
}

fn attack(seed: u64, layout: Layout, groups: Groups) -> Held {
    let mut setting = Setting::new(seed);
    (setting.config.layout, setting.config.groups) = (layout, groups);
    let mut town = Town::settled(setting, NODES, Duration::from_secs(60));
    let victim = town.world.add_node(Reach::Public);
    let assailants = assail(&mut town, victim);
    assailants.into_iter().for_each(|host| town.world.start(host));
    town.world.start(victim);
    town.world.run_for(ATTACK);
    town.world.stop(victim, Exit::Orderly);
    town.world.run_for(Duration::from_secs(1));
    town.world.start(victim);
    town.world.run_for(AFTER_RESTART);
    let outbound = town.world.outbound(victim);
    Held {
        outbound: outbound.len(),
        hostile: outbound.iter().filter(|peer| town.world.host(**peer).is_hostile()).count(),
    }
}

fn assail(town: &mut Town, victim: HostIndex) -> Vec<HostIndex> {
    let world = &mut town.world;
    let listening: Vec<_> = (0..LISTENERS).map(|_| world.draw_hostile(GROUPS)).collect();
    let pool = Arc::new(Pool {
        baits: listening.clone(),
        honest: town.nodes.iter().map(|node| world.host(*node).addr).collect(),
        baits_per_honest: 10,
    });
    let script = Script {
        pool,
        victims: Vec::new(),
        opening: None,
        news_every: Some(Duration::from_secs(10)),
        news_length: 10,
    };
    let mut rng = world.generator(10);
    let attacking: Vec<_> = listening.sample(&mut rng, ASSAILANTS).copied().collect();
    let victims = vec![world.host(victim).addr];
    let hosts = listening.into_iter().map(|addr| {
        let victims = if attacking.contains(&addr) { victims.clone() } else { Vec::new() };
        world.add_hostile(addr, Script { victims, ..script.clone() })
    });
    hosts.collect()
}
