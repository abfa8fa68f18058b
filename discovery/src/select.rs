//! Whom to dial of those who may be dialled: old acquaintances, newcomers and those who have waited
//! longest in turn, other network groups first.
//!
//! The three orders keep each other honest: who floods us with addresses gets at most one turn in
//! three, an old store of dead addresses cannot keep fresh ones waiting, and nobody waits for ever.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
};

use rand::{Rng, seq::SliceRandom};

use crate::{
    policy::{Group, Host},
    types::Mono,
};

/// An address that may be dialled now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) addr: SocketAddr,
    /// We shook hands there once, and nobody mentioned it of late.
    pub(crate) reached: bool,
    /// Since it was last dialled, or first heard of.
    pub(crate) waiting_since: Mono,
}

/// How much it matters that outbound peers are of distinct network groups. The groups are those
/// that we have already.
#[derive(Debug, Clone)]
pub(crate) enum Diversity {
    /// Not at all.
    Ignored,
    /// Of those whose turn it is, another group's comes first. For when most dials fail: that there
    /// is anybody matters more.
    InTurn(BTreeSet<Group>),
    /// Another group's comes before everybody else.
    First(BTreeSet<Group>),
}

/// Whose turn it is. Remembered from one choice to the next: most choices are of a single address.
#[derive(Debug, Default)]
pub(crate) struct Turns(usize);

/// At most `count` of `candidates`, one per host.
pub(crate) fn choose(
    mut candidates: Vec<Candidate>,
    count: usize,
    diversity: Diversity,
    turns: &mut Turns,
    rng: &mut impl Rng,
) -> Vec<SocketAddr> {
    if count == 0 || candidates.is_empty() {
        return Vec::new();
    }
    candidates.shuffle(rng);
    let (reached, fresh): (Vec<Candidate>, Vec<Candidate>) =
        candidates.iter().partition(|candidate| candidate.reached);
    candidates.sort_by_key(|candidate| candidate.waiting_since);
    let mut orders = match diversity {
        // Of what we knew before most is dead: who is vouched for now has every other turn.
        Diversity::InTurn(_) => vec![&fresh, &reached, &fresh, &candidates],
        Diversity::Ignored | Diversity::First(_) => vec![&reached, &fresh, &candidates],
    };
    let begin = turns.0 % orders.len();
    orders.rotate_left(begin);
    let (first, in_turn, groups) = match diversity {
        Diversity::Ignored => (false, false, BTreeSet::new()),
        Diversity::InTurn(groups) => (false, true, groups),
        Diversity::First(groups) => (true, true, groups),
    };
    let mut chosen = Chosen { addrs: Vec::new(), hosts: BTreeSet::new(), groups, count };
    if first {
        chosen.fill(&orders, |order, chosen| chosen.of_another_group(order));
    }
    chosen.fill(&orders, |order, chosen| {
        chosen.of_another_group(order).filter(|_| in_turn).or_else(|| chosen.of_another_host(order))
    });
    turns.0 = begin + chosen.addrs.len();
    chosen.addrs
}

struct Chosen {
    addrs: Vec<SocketAddr>,
    hosts: BTreeSet<Host>,
    groups: BTreeSet<Group>,
    count: usize,
}

impl Chosen {
    /// Takes one of each order in turn, as long as `next` finds any in one.
    fn fill(
        &mut self,
        orders: &[&Vec<Candidate>],
        next: impl Fn(&[Candidate], &Self) -> Option<SocketAddr>,
    ) {
        let mut orders: VecDeque<&Vec<Candidate>> = orders.iter().copied().collect();
        while self.addrs.len() < self.count
            && let Some(order) = orders.pop_front()
        {
            if let Some(addr) = next(order, self) {
                self.addrs.push(addr);
                self.hosts.insert(Host::of(addr));
                self.groups.insert(Group::of(addr));
                orders.push_back(order);
            }
        }
    }

    fn of_another_group(&self, order: &[Candidate]) -> Option<SocketAddr> {
        let fits = |candidate: &&Candidate| {
            !self.hosts.contains(&Host::of(candidate.addr))
                && !self.groups.contains(&Group::of(candidate.addr))
        };
        order.iter().find(fits).map(|candidate| candidate.addr)
    }

    fn of_another_host(&self, order: &[Candidate]) -> Option<SocketAddr> {
        order
            .iter()
            .find(|candidate| !self.hosts.contains(&Host::of(candidate.addr)))
            .map(|candidate| candidate.addr)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    use super::*;

    fn candidate(network: u8, host: u8, reached: bool, waiting_since: i64) -> Candidate {
        Candidate {
            addr: SocketAddr::from(([50, network, 0, host], 30_333)),
            reached,
            waiting_since: Mono(waiting_since),
        }
    }

    fn groups(networks: &[u8]) -> BTreeSet<Group> {
        networks.iter().map(|network| Group::V4([50, *network])).collect()
    }

    fn chosen(
        candidates: &[Candidate],
        count: usize,
        diversity: Diversity,
        seed: u8,
    ) -> Vec<(u8, u8)> {
        let addrs = choose(
            candidates.to_vec(),
            count,
            diversity,
            &mut Turns::default(),
            &mut ChaCha12Rng::from_seed([seed; 32]),
        );
        let octets = |addr: SocketAddr| {
            if let std::net::IpAddr::V4(ip) = addr.ip() {
                (ip.octets()[1], ip.octets()[3])
            } else {
                unreachable!()
            }
        };
        addrs.into_iter().map(octets).collect()
    }

    #[test]
    fn other_groups_come_first_and_the_same_one_when_there_is_nobody_else() {
        let candidates: Vec<Candidate> = (1..=20)
            .map(|host| candidate(1, host, false, 0))
            .chain([candidate(2, 1, false, 0), candidate(3, 1, false, 0)])
            .collect();
        for seed in 0..50 {
            let networks: Vec<u8> = chosen(&candidates, 4, Diversity::First(groups(&[])), seed)
                .into_iter()
                .map(|(network, _)| network)
                .collect();
            assert_eq!(networks[..3].iter().collect::<BTreeSet<_>>().len(), 3, "{networks:?}");
            assert_eq!(networks[3], 1, "nobody else is left");
            assert_ne!(
                chosen(&candidates, 1, Diversity::First(groups(&[1])), seed)[0].0,
                1,
                "taken already"
            );
        }
    }

    #[test]
    fn in_turn_a_fresh_one_of_a_known_group_comes_before_a_crowd_of_old_ones_of_others() {
        let mut candidates: Vec<Candidate> =
            (10..50).map(|network| candidate(network, 1, true, 0)).collect();
        candidates.push(candidate(1, 1, false, 1));
        for seed in 0..50 {
            let second = |diversity| chosen(&candidates, 6, diversity, seed).contains(&(1, 1));
            assert!(
                second(Diversity::InTurn(groups(&[1]))) && !second(Diversity::First(groups(&[1])))
            );
        }
    }

    #[test]
    fn turns_go_on_from_one_choice_to_the_next() {
        let candidates: Vec<Candidate> =
            (1..=9).map(|network| candidate(network, 1, network > 3, network.into())).collect();
        let mut turns = Turns::default();
        let mut next = || {
            choose(
                candidates.clone(),
                1,
                Diversity::Ignored,
                &mut turns,
                &mut ChaCha12Rng::from_seed([1; 32]),
            )[0]
        };
        let (reached, fresh, longest) = (next(), next(), next());
        assert!(
            candidates[3..].iter().any(|candidate| candidate.addr == reached)
                && candidates[..3].iter().any(|candidate| candidate.addr == fresh)
        );
        assert_eq!(longest, candidates[0].addr);
    }

    #[test]
    fn one_per_host() {
        let port = |port| Candidate {
            addr: SocketAddr::from(([50, 1, 0, 1], port)),
            reached: false,
            waiting_since: Mono(0),
        };
        assert_eq!(
            chosen(&[port(1_025), port(1_026), port(1_027)], 3, Diversity::Ignored, 1).len(),
            1
        );
    }

    #[test]
    fn a_flood_gets_at_most_a_turn_in_two_and_who_waited_longest_always_has_one() {
        let mut candidates: Vec<Candidate> =
            (0..=255).map(|host| candidate(host, host, false, 1_000)).collect();
        candidates.extend((0..4).map(|host| candidate(100 + host, host, true, 900)));
        candidates.push(candidate(200, 77, false, 0));
        for seed in 0..50 {
            let picks = chosen(&candidates, 6, Diversity::Ignored, seed);
            assert_eq!(
                picks[2],
                (200, 77),
                "the one that waited longest is third at the latest: {picks:?}"
            );
            assert!(
                picks.iter().filter(|(network, host)| *network >= 100 && *host < 4).count() >= 2,
                "{picks:?}"
            );
        }
    }
}
