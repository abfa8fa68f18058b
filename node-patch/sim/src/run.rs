//! One run of one network, and its figures: what `hegemon-sim run` does, and what the harness's
//! `simulate` verb shows.

use std::time::Duration;

use hegemon_discovery::{Mono, status::Dials};
use rand::{RngExt, seq::IteratorRandom};
use serde::Serialize;

use crate::{
    figures::percentile,
    town::Town,
    world::{Exit, HostIndex, Setting, World, network::Stores},
};

/// What to run.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Honest nodes at the start.
    pub nodes: usize,
    /// Virtual time after the start of the last one.
    pub minutes: u64,
    /// Decides everything.
    pub seed: u64,
    /// Of the nodes that are not seeds, behind a NAT.
    pub natted_percent: u32,
    /// Nodes that everybody has as a seed.
    pub seeds: usize,
    /// Nodes that leave, and new ones that join, in a minute.
    pub churn_per_minute: u32,
}

/// What came out, over the whole run and all honest nodes.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// What was run.
    pub plan: Plan,
    /// Virtual time until every node that then ran had its target, in seconds; `null` if that never
    /// was.
    pub all_at_target_seconds: Option<f64>,
    /// Nodes in each part of the network at the end.
    pub components: Vec<usize>,
    /// Nodes at their target at the end.
    pub at_target: usize,
    /// Outbound peers at the end: 1st, 50th, 99th percentile.
    pub outbound: [usize; 3],
    /// Addresses in the book at the end: 1st, 50th, 99th percentile.
    pub known: [usize; 3],
    /// Per node and minute.
    pub dials: f64,
    /// Per node and minute.
    pub messages: f64,
    /// Of discovery, with frames; per node and minute.
    pub bytes: f64,
    /// Ended dials by outcome.
    pub outcomes: Outcomes,
    /// Of the addresses in answers, dead ones, in per cent.
    pub served_dead_percent: f64,
    /// Things that happened.
    pub events: u64,
    /// Equal for equal runs.
    pub digest: String,
}

/// Ended dials by outcome, of all honest nodes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcomes {
    succeeded: u64,
    refused: u64,
    unreachable: u64,
    handshake: u64,
    local_network: u64,
    no_slot: u64,
    itself: u64,
    duplicate: u64,
}

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Runs a plan.
#[must_use]
pub fn run(plan: Plan) -> Figures {
    // Who leaves does not come back.
    let setting = Setting { stores: Stores::Unread, ..Setting::new(plan.seed) };
    let target = setting.config.target_outbound.min(plan.nodes.saturating_sub(1));
    let mut town = Town::planned(setting, plan.nodes, plan.seeds, plan.natted_percent);
    town.start_within(Duration::from_secs(10));
    let end = town.world.now().after(Duration::from_secs(60 * plan.minutes));
    let mut rng = town.world.generator(3);
    let pause = Duration::from_secs(60).checked_div(plan.churn_per_minute);
    let mut next_change = pause.map(|pause| town.world.now().after(pause));
    let mut reached = None;
    while town.world.now() < end {
        town.world.run_for(LOOK);
        if reached.is_none() && Town::all_have(&town.world, target) {
            reached = Some(town.world.now());
        }
        while let (Some(due), Some(pause)) = (next_change, pause)
            && due <= town.world.now()
        {
            let leaves = town.world.nodes().filter(|node| node.0 >= plan.seeds).choose(&mut rng);
            let exit = if rng.random_range(0..2) == 0 { Exit::Orderly } else { Exit::PowerLoss };
            leaves.into_iter().for_each(|node| town.world.stop(node, exit));
            town.join();
            next_change = Some(due.after(pause));
        }
    }
    figures(plan, &town.world, target, reached)
}

fn figures(plan: Plan, world: &World, target: usize, reached: Option<Mono>) -> Figures {
    let running: Vec<HostIndex> = world.nodes().collect();
    let outbound: Vec<usize> = running.iter().map(|node| world.outbound(*node).len()).collect();
    let known: Vec<usize> = running
        .iter()
        .filter_map(|node| world.engine(*node))
        .map(|engine| engine.book().len())
        .collect();
    let spread =
        |values: &[usize]| [1, 50, 99].map(|percent| percentile(values, percent).unwrap_or(0));
    let minutes = world.now().since(Mono(0)).as_secs_f64() / 60.0;
    let per_node = |total: u64| total as f64 / minutes / running.len().max(1) as f64;
    let tallies = || world.hosts().map(|(_, host)| &host.tally);
    let served = tallies()
        .map(|tally| tally.served)
        .fold(crate::world::Shared::default(), crate::world::Shared::plus);
    Figures {
        all_at_target_seconds: reached.map(|at| at.since(Mono(0)).as_secs_f64()),
        components: world.components(),
        at_target: outbound.iter().filter(|outbound| **outbound >= target).count(),
        outbound: spread(&outbound),
        known: spread(&known),
        dials: per_node(tallies().map(|tally| tally.started.len() as u64).sum()),
        messages: per_node(tallies().map(|tally| tally.messages).sum()),
        bytes: per_node(tallies().map(|tally| tally.bytes).sum()),
        outcomes: tallies().fold(Outcomes::default(), |sum, tally| sum.plus(tally.dials)),
        served_dead_percent: crate::figures::per_cent(
            served.dead,
            served.live + served.unreachable + served.dead,
        ),
        events: world.events(),
        digest: format!("{:016x}", world.digest()),
        plan,
    }
}

impl Outcomes {
    fn plus(self, dials: Dials) -> Self {
        Self {
            succeeded: self.succeeded + dials.succeeded,
            refused: self.refused + dials.refused,
            unreachable: self.unreachable + dials.unreachable,
            handshake: self.handshake + dials.handshake,
            local_network: self.local_network + dials.local_network,
            no_slot: self.no_slot + dials.no_slot,
            itself: self.itself + dials.itself,
            duplicate: self.duplicate + dials.duplicate,
        }
    }
}
