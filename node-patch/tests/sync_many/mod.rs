//! Fetching from several peers, slow ones among them, in virtual time.

use std::{cell::Cell, rc::Rc, time::Duration};

use hegemon_node::{
    chain::{Block, MAX_DRIFT_MS, Template},
    net::handle::ChainProtocol,
    sync::message::{BlockAnnounce, SyncRequest},
};
use parity_scale_codec::Encode;

use crate::{Frame, NOW_MS, Net, answer, chain_of, extend, question};

#[test]
fn all_who_have_a_branch_give_of_it() {
    let mut net = Net::new(4, 20);
    let blocks = chain_of(&net.params, 4_000, 1);
    for node in 0..3 {
        net.chain(node).import_batch(&blocks[1..], NOW_MS).unwrap();
        net.connect(node, 3);
    }
    let mut said = false;
    while net.chain(3).best().number < 4_000 {
        assert!(net.now.0 < 5_000, "{:?}", net.chain(3).best());
        net.run_for(Duration::from_millis(5));
        said |= net.status(3).is_syncing;
        // From the first headers on, until the very tip is here.
        assert!(!said || net.status(3).is_syncing || net.chain(3).best().number == 4_000);
    }
    assert!(said && !net.status(3).is_syncing);
    for node in 0..3 {
        assert!(net.asked_bodies[&node] >= 3, "{:?}", net.asked_bodies);
    }
    // Nothing is fetched twice.
    assert!(net.asked_bodies.values().sum::<usize>() <= 24, "{:?}", net.asked_bodies);
    assert_eq!(net.offences, []);
}

#[test]
fn what_a_silent_one_was_asked_for_others_give() {
    let mut net = Net::new(2, 21);
    let blocks = chain_of(&net.params, 2_000, 1);
    net.chain(0).import_batch(&blocks[1..], NOW_MS).unwrap();
    let silent = net.puppet(move |_, data| match question(data) {
        None => announce(blocks.last().unwrap()),
        Some(SyncRequest::BlockBodies { .. }) => vec![],
        Some(question) => answer(&blocks, &question),
    });
    net.connect(silent, 1);
    net.connect(0, 1);
    let took = net.run_until_all_have(&[1], net.chain(0).best().hash, Duration::from_secs(20));
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(net.asked_bodies[&silent] > 0, "it had its chance");
    assert_eq!(net.offences, []);
}

/// As released nodes of some kind: takes four requests in ten seconds and drops what exceeds it.
/// With the number of those that it dropped.
fn rated(net: &mut Net, blocks: Vec<Block>) -> (usize, Rc<Cell<usize>>) {
    let (clock, dropped) = (net.clock.clone(), Rc::new(Cell::new(0)));
    let (counter, mut taken) = (dropped.clone(), Vec::new());
    let peer = net.puppet(move |_, data| {
        let Some(question) = question(data) else {
            return announce(blocks.last().unwrap());
        };
        let now = clock.get();
        taken.retain(|at: &hegemon_discovery::Mono| at.after(Duration::from_secs(10)) > now);
        if taken.len() >= 4 {
            counter.set(counter.get() + 1);
            return vec![];
        }
        taken.push(now);
        answer(&blocks, &question)
    });
    (peer, dropped)
}

#[test]
fn a_peer_with_a_rate_of_its_own_is_paced() {
    let mut net = Net::new(1, 22);
    let blocks = chain_of(&net.params, 1_500, 1);
    let best = blocks[1_500].hash();
    let (slow, dropped) = rated(&mut net, blocks);
    net.connect(0, slow);
    // 12 answers with headers and 12 with bodies, of 128 each: a minute at its rate.
    let took = net.run_until_all_have(&[0], best, Duration::from_secs(150));
    println!("paced: {took:?}, {} of {} requests dropped", dropped.get(), net.requests);
    assert!(dropped.get() * 3 <= net.requests, "{} of {}", dropped.get(), net.requests);
    assert_eq!(net.offences, []);
}

/// Where our chain left that of such a peer takes more questions to find than it takes at once.
#[test]
fn a_deep_fork_is_found_at_a_peer_with_a_rate_of_its_own() {
    let mut net = Net::new(1, 25);
    let common = chain_of(&net.params, 300, 1);
    net.chain(0).import_batch(&common[1..], NOW_MS).unwrap();
    net.grow(0, 100, 2);
    let above = extend(&net.params, &common[300], 120, 3);
    let blocks = [common, above].concat();
    let best = blocks[420].hash();
    let (slow, dropped) = rated(&mut net, blocks);
    net.connect(0, slow);
    // Eight answers until the fork is found, two with headers and one with bodies.
    let took = net.run_until_all_have(&[0], best, Duration::from_secs(60));
    println!("found: {took:?}, {} of {} requests dropped", dropped.get(), net.requests);
    assert!(dropped.get() * 3 <= net.requests, "{} of {}", dropped.get(), net.requests);
    assert_eq!(net.offences, []);
}

/// Who announces a block and does not give its parent is not the only one who is asked for it.
#[test]
fn an_orphans_parent_is_asked_of_others() {
    let mut net = Net::new(2, 23);
    net.connect(0, 1);
    net.run_for(Duration::from_secs(1));
    // Node 0 has five blocks, and nobody heard of them.
    net.grow(0, 5, 1);
    let tip = net.tip(0);
    let best = tip.hash();
    let announcer = net.puppet(move |_, data| match question(data) {
        None => announce(&tip),
        Some(_) => vec![],
    });
    net.connect(announcer, 1);
    let took = net.run_until_all_have(&[1], best, Duration::from_secs(60));
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert_eq!(net.offences, []);
}

/// A block ahead of our clock holds up its branch for about as long as it is ahead; and the longer
/// that takes, the less often its peer is asked.
#[test]
fn one_block_from_the_future_is_one_failure_however_many_follow_it() {
    let mut net = Net::new(1, 24);
    let mut blocks = chain_of(&net.params, 20, 1);
    for ahead in 1..100 {
        let parent = blocks.last().unwrap().header();
        let time = NOW_MS + MAX_DRIFT_MS + 20_000 + ahead;
        blocks.push(Template::on(&net.params, parent, [1; 32], time, Vec::new()).mine(0));
    }
    let tip = blocks.last().unwrap().clone();
    let best = tip.hash();
    let peer = net.puppet(move |_, data| match question(data) {
        None => announce(&tip),
        Some(question) => answer(&blocks, &question),
    });
    net.connect(0, peer);
    let took = net.run_until_all_have(&[0], best, Duration::from_secs(70));
    assert!((20..35).contains(&took.as_secs()), "{took:?}");
    assert!(net.asked_bodies[&peer] <= 8, "{:?}", net.asked_bodies);
    assert_eq!(net.offences, []);
}

fn announce(block: &Block) -> Vec<Frame> {
    vec![(ChainProtocol::BlockAnnounces, BlockAnnounce::best(block).encode())]
}
