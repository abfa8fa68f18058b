//! A thousand nodes, or ten thousand, start in the same moment, without stores; all they know is one
//! seed, which is the first of them and has room for forty. Up to ten runs of the thousand, one of
//! the ten thousand.
//!
//! Measured: for each node the moment at which it has eight outbound peers, to a tenth of a second,
//! if it then has them for ten: a place that it was only lent for a moment does not count. The seed
//! is everybody's first peer: for it eight peers count, whoever dialled. And discovery messages per
//! node and minute of the first three; a thousand nodes sent 102 before full nodes answered unasked.

use std::time::Duration;

use super::{Outcome, Scenario};
use crate::{
    bench::Bench,
    figures::Times,
    town::Town,
    world::{Setting, World, network::Stores},
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "crowd",
    what: "1,000 nodes at once, one seed",
    goal: "8 outbound: p50 ≤ 3 s, p99 ≤ 15 s, last ≤ 30 s; ≤ 102 messages per node and minute",
    run: |bench| run(bench.exactly(bench.seeds.min(RUNS)), 1_000, &GOAL),
};

pub(super) const LARGE: Scenario = Scenario {
    name: "crowd-10k",
    what: "10,000 nodes at once, one seed",
    goal: "8 outbound: p50 ≤ 10 s, p99 ≤ 30 s, last ≤ 60 s; ≤ 150 messages per node and minute",
    run: |bench| run(bench.exactly(1), 10_000, &GOAL_LARGE),
};

/// Seconds until half of them, 99 of a hundred and all have their target; messages.
struct Goal {
    times: [(usize, u64); 3],
    messages: f64,
}

const GOAL: Goal = Goal { times: [(50, 3), (99, 15), (100, 30)], messages: 102.0 };
/// One generation of full nodes more stands between the last one and those with room.
const GOAL_LARGE: Goal = Goal { times: [(50, 10), (99, 30), (100, 60)], messages: 150.0 };

/// Of a thousand nodes each.
const RUNS: u64 = 10;
const OUTBOUND: usize = 8;
const MINUTES: u32 = 3;
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 600 * MINUTES;
/// Longer than any visit.
const KEPT: Duration = Duration::from_secs(10);

struct Crowd {
    reached: Vec<Option<Duration>>,
    messages: f64,
}

/// How a node is doing.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// It has had its target since.
    since: Option<Duration>,
    /// The first such moment that was kept.
    reached: Option<Duration>,
}

fn run(bench: Bench, nodes: usize, goal: &Goal) -> Outcome {
    let crowds = bench.over_seeds(|seed| crowd(seed, nodes));
    let times = Times::new(crowds.iter().flat_map(|crowd| crowd.reached.iter().copied()));
    let messages =
        crowds.iter().map(|crowd| crowd.messages).sum::<f64>() / crowds.len().max(1) as f64;
    let in_time = goal
        .times
        .iter()
        .all(|(percent, seconds)| times.at(*percent) <= Duration::from_secs(*seconds));
    Outcome::new(
        format!("{}; {messages:.1} messages", times.describe(&[50, 99, 100])),
        in_time && messages <= goal.messages,
    )
}

fn crowd(seed: u64, nodes: usize) -> Crowd {
    let setting = Setting { stores: Stores::Unread, ..Setting::new(seed) };
    let mut town = Town::planned(setting, nodes, 1, 0);
    town.start_within(Duration::ZERO);
    let mut progress = vec![Progress::default(); nodes];
    for look in 1..=LOOKS {
        town.world.run_for(LOOK);
        for (index, node) in progress.iter_mut().enumerate() {
            if node.reached.is_none() {
                node.note(has_enough(&town, index), LOOK * look);
            }
        }
    }
    Crowd {
        reached: progress.into_iter().map(|node| node.reached).collect(),
        messages: sent(&town.world) as f64 / f64::from(MINUTES) / nodes as f64,
    }
}

impl Progress {
    fn note(&mut self, enough: bool, at: Duration) {
        let since = if enough { Some(self.since.unwrap_or(at)) } else { None };
        self.since = since;
        self.reached = since.filter(|since| at - *since >= KEPT);
    }
}

fn has_enough(town: &Town, index: usize) -> bool {
    let node = town.nodes[index];
    let peers =
        if index == 0 { town.world.peers(node).len() } else { town.world.outbound(node).len() };
    peers >= OUTBOUND
}

fn sent(world: &World) -> u64 {
    world.hosts().map(|(_, host)| host.tally.messages).sum()
}
