//! Networks to begin a scenario with.

use std::time::Duration;

use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha12Rng;

use crate::{
    store,
    world::{HostIndex, Reach, Setting, World, network::EPOCH},
};

/// A network and those of its hosts that a scenario speaks of.
#[derive(Debug)]
pub struct Town {
    /// The network.
    pub world: World,
    /// Its nodes, in the order of their making; the first ones are the seeds.
    pub nodes: Vec<HostIndex>,
}

impl Town {
    /// So many nodes, none of which runs yet; the first `seeds` of them are what everybody's seeds
    /// resolve to. None of the seeds is behind a NAT, of the others `natted_percent`.
    #[must_use]
    pub fn planned(setting: Setting, nodes: usize, seeds: usize, natted_percent: u32) -> Self {
        let mut world = World::new(setting);
        let mut rng = world.generator(0);
        let reach = |index: usize, rng: &mut ChaCha12Rng| {
            if index >= seeds && rng.random_range(0..100) < natted_percent {
                Reach::Nat
            } else {
                Reach::Public
            }
        };
        let nodes: Vec<HostIndex> =
            (0..nodes).map(|index| world.add_node(reach(index, &mut rng))).collect();
        world.seeds = nodes.iter().take(seeds).map(|seed| vec![world.host(*seed).addr]).collect();
        Self { world, nodes }
    }

    /// Starts all nodes, at random moments within `over`, the seeds first.
    pub fn start_within(&mut self, over: Duration) {
        let mut rng = self.world.generator(1);
        let over = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
        let seeds = self.world.seeds.len();
        let moment = |index: usize, rng: &mut ChaCha12Rng| {
            if index < seeds { 0 } else { rng.random_range(0..=over) }
        };
        let mut starts: Vec<(u64, HostIndex)> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (moment(index, &mut rng), *node))
            .collect();
        starts.sort_unstable();
        let mut passed = 0;
        for (at, node) in starts {
            self.world.run_for(Duration::from_millis(at - passed));
            passed = at;
            self.world.start(node);
        }
        self.world.run_for(Duration::from_millis(over - passed));
    }

    /// A network that has run for a while: started within ten seconds, with one seed.
    #[must_use]
    pub fn settled(setting: Setting, nodes: usize, since: Duration) -> Self {
        let mut town = Self::planned(setting, nodes, 1, 0);
        town.start_within(Duration::from_secs(10));
        town.world.run_for(since);
        town
    }

    /// Gives every node a store with so many of the others, as if it had run before.
    pub fn remember(&mut self, each: usize) {
        let mut rng = self.world.generator(2);
        let addrs: Vec<_> = self.nodes.iter().map(|node| self.world.host(*node).addr).collect();
        for node in &self.nodes {
            let own = self.world.host(*node).addr;
            let known: Vec<_> =
                addrs.sample(&mut rng, each).copied().filter(|addr| *addr != own).collect();
            self.world.store(*node, store::legacy(&known, EPOCH));
        }
    }

    /// One more node, which runs at once.
    pub fn join(&mut self) -> HostIndex {
        let node = self.world.add_node(Reach::Public);
        self.nodes.push(node);
        self.world.start(node);
        node
    }

    /// Whether every running node has at least so many outbound peers.
    #[must_use]
    pub fn all_have(world: &World, outbound: usize) -> bool {
        world.nodes().all(|node| world.outbound(node).len() >= outbound)
    }
}
