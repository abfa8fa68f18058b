//! Whole networks of real engines in virtual time: what a node is promised.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod common;

use std::time::Duration;

use common::{Network, address};
use hegemon_discovery::Exchange;

const SECOND: Duration = Duration::from_secs(1);

/// A node can have as many outbound peers as there are other nodes; distinct ones are what counts.
fn complete(network: &Network) -> bool {
    (0..network.nodes.len()).all(|index| network.peers(index).len() == network.nodes.len() - 1)
}

#[test]
fn three_nodes_that_know_only_the_seed_find_each_other() {
    for entropy in 0..100 {
        let mut network = Network::new(3, Exchange::On, entropy);
        network.start_all();
        let took = network.run_until(SECOND, complete);
        assert!(took.is_some(), "entropy {entropy}: not within a second of virtual time");
    }
}

#[test]
fn they_find_each_other_in_whatever_order_they_start() {
    for (entropy, order) in
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].into_iter().enumerate()
    {
        for pause in [0, 30, 150, 700, 3_000] {
            let mut network = Network::new(3, Exchange::On, u8::try_from(entropy).unwrap());
            for index in order {
                network.start(index);
                network.run_for(Duration::from_millis(pause));
            }
            let took = network.run_until(10 * SECOND, complete);
            assert!(took.is_some(), "order {order:?}, {pause} ms apart");
        }
    }
}

#[test]
fn without_address_exchange_they_do_not() {
    let mut network = Network::new(3, Exchange::Off, 1);
    network.start_all();
    network.run_for(120 * SECOND);
    assert_eq!([0, 1, 2].map(|index| network.peers(index).len()), [2, 1, 1]);
    assert!(network.nodes.iter().all(|node| node.sent == 0));
}

#[test]
fn the_others_outlive_the_seed_and_it_comes_back() {
    for entropy in 0..50 {
        let mut network = Network::new(3, Exchange::On, entropy);
        network.start_all();
        network.run_for(15 * SECOND);
        network.stop(0);
        network.run_for(7 * SECOND);
        assert_eq!([1, 2].map(|index| network.peers(index).len()), [1, 1]);
        network.start(0);
        let took = network.run_until(2 * SECOND, complete);
        assert!(took.is_some(), "entropy {entropy}");
    }
}

#[test]
fn a_node_without_its_seed_comes_back_from_its_store() {
    let mut network = Network::new(5, Exchange::On, 3);
    network.start_all();
    network.run_for(60 * SECOND);
    network.stop(0);
    network.stop(4);
    network.run_for(3_600 * SECOND);
    network.start(4);
    let took = network.run_until(2 * SECOND, |network| network.peers(4).len() == 3);
    assert!(took.is_some());
}

#[test]
fn a_late_joiner_becomes_known_without_anybody_s_tick() {
    let mut network = Network::new(20, Exchange::On, 7);
    network.start_all();
    network.run_for(60 * SECOND);
    let late = network.add(Exchange::On);
    network.start(late);
    network.run_for(10 * SECOND);
    let dialled_by = (0..late)
        .filter(|index| network.nodes[*index].dials.iter().any(|(_, addr)| *addr == address(late)))
        .count();
    let knows = (0..late).filter(|index| network.status(*index).known >= late).count();
    assert!(network.peers(late).len() >= 8, "{:?}", network.peers(late));
    assert!(knows + dialled_by >= late / 2, "{knows} of {late} know it, {dialled_by} dialled it");
}

#[test]
fn nobody_storms_and_nobody_dials_itself_twice() {
    let mut network = Network::new(4, Exchange::On, 9);
    network.start_all();
    network.run_for(600 * SECOND);
    assert!(complete(&network));
    for (index, node) in network.nodes.iter().enumerate() {
        let to_itself = node.dials.iter().filter(|(_, addr)| *addr == node.addr).count();
        assert!(to_itself <= 1, "node {index} dialled itself {to_itself} times");
        let later = node.dials.iter().filter(|(at, _)| at.0 > 5_000).count();
        assert_eq!(later, 0, "node {index}, connected to everybody, still dials");
    }
}

#[test]
fn a_dead_address_is_tried_ever_more_rarely() {
    let mut network = Network::new(4, Exchange::On, 11);
    network.start_all();
    network.run_for(30 * SECOND);
    network.stop(3);
    network.run_for(3_600 * SECOND);
    for index in 1..3 {
        let tries = network.nodes[index]
            .dials
            .iter()
            .filter(|(at, addr)| at.0 > 30_000 && *addr == address(3))
            .count();
        // At once, then after 30 s, 1, 2, 4, 8 and 15 min: eight in an hour.
        assert!((5..=9).contains(&tries), "node {index} tried {tries} times in an hour");
    }
}

#[test]
fn the_same_entropy_makes_the_same_run() {
    let run = |entropy| {
        let mut network = Network::new(8, Exchange::On, entropy);
        network.start_all();
        network.run_for(60 * SECOND);
        network.nodes.iter().map(|node| node.dials.clone()).collect::<Vec<_>>()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}
