//! The plan of addresses and network groups. They exist in engines only: nothing is ever sent to
//! one.
//!
//! | who | where | groups (/16) |
//! | --- | --- | --- |
//! | honest nodes, and addresses of nodes that are gone | 20.0.0.0/8 | 256, the group of rank r as often as 1 / (r + 1): a few hosting providers have most nodes (the first one of six), many have a few |
//! | an attacker | 60.0.0.0/8 | as many as the scenario gives it, equally often |
//!
//! Every host has an IP of its own, and port 30333.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
};

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::chance::{Chance, Purpose};

/// Where nodes listen.
pub const PORT: u16 = 30_333;

/// The plan in a line, for whoever reads figures that depend on it.
pub const PLAN: &str = "honest and dead addresses in 256 groups (/16) of 20.0.0.0/8, the one of rank r as often as 1 / (r + 1); an attacker's in 60.0.0.0/8; an IP for each host";

const HONEST: u8 = 20;
const HOSTILE: u8 = 60;

/// Gives out addresses, each once.
#[derive(Debug)]
pub(crate) struct Addresses {
    rng: ChaCha12Rng,
    given: BTreeSet<Ipv4Addr>,
    /// Sum of the honest groups' weights up to each.
    weights: Vec<f64>,
}

impl Addresses {
    pub(crate) fn new(chance: Chance) -> Self {
        let mut sum = 0.0;
        let weights = (0..=u8::MAX).map(|rank| {
            sum += 1.0 / (f64::from(rank) + 1.0);
            sum
        });
        let weights = weights.collect();
        Self { rng: chance.generator(Purpose::Addresses, 0, 0), given: BTreeSet::new(), weights }
    }

    /// One for an honest node, or of one that is gone.
    pub(crate) fn honest(&mut self) -> SocketAddr {
        self.unused(HONEST, |addresses| {
            let most = addresses.weights.last().copied().unwrap_or_default();
            let drawn = addresses.rng.random_range(0.0..most);
            u8::try_from(addresses.weights.partition_point(|weight| *weight <= drawn))
                .unwrap_or(u8::MAX)
        })
    }

    /// One of an attacker who has addresses in so many groups.
    pub(crate) fn hostile(&mut self, groups: u8) -> SocketAddr {
        self.unused(HOSTILE, |addresses| addresses.rng.random_range(0..groups.max(1)))
    }

    fn unused(&mut self, net: u8, group: impl Fn(&mut Self) -> u8) -> SocketAddr {
        loop {
            let [high, low]: [u8; 2] = self.rng.random_range(1..u16::MAX).to_be_bytes();
            let ip = Ipv4Addr::new(net, group(self), high, low);
            if self.given.insert(ip) {
                return SocketAddr::from((ip, PORT));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_first_provider_has_a_sixth_and_no_address_is_given_twice() {
        let mut addresses = Addresses::new(Chance(1));
        let mut groups: BTreeMap<u8, usize> = BTreeMap::new();
        let given: BTreeSet<SocketAddr> = (0..10_000).map(|_| addresses.honest()).collect();
        for addr in &given {
            let SocketAddr::V4(v4) = addr else { panic!("{addr} is none of ours") };
            *groups.entry(v4.ip().octets()[1]).or_default() += 1;
        }
        assert_eq!(given.len(), 10_000);
        assert!((1_500..1_750).contains(&groups[&0]), "{}", groups[&0]);
        assert!(groups.len() > 240, "{}", groups.len());
    }
}
