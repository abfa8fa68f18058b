//! Who is told of a new best block: at once, with its body and once each, every peer that is not known
//! to have it.

use std::time::Duration;

use hegemon_node::{
    chain::Hash,
    net::handle::{ChainProtocol, SessionId},
    sync::message::BlockAnnounce,
};
use parity_scale_codec::Encode;
use rand_chacha::rand_core::Rng;

use crate::{Net, Telling, extend};

const TOLD: Telling = Telling { heard: false, times: 1, echoes: 0, with_body: true };
const HAD_IT: Telling = Telling { heard: true, times: 0, echoes: 0, with_body: false };

impl Net {
    /// What was said of a block over a session, by the end that `session` is of.
    fn said(&self, session: SessionId, hash: Hash) -> Telling {
        self.told.get(&(session, hash)).copied().unwrap_or_default()
    }
}

#[test]
fn whoever_lacks_a_new_best_block_is_told_at_once_and_whoever_announced_it_is_not() {
    let mut net = Net::new(1, 21);
    let ends: Vec<_> = (0..5)
        .map(|_| {
            let peer = net.puppet(|_, _| Vec::new());
            net.connect(0, peer)
        })
        .collect();
    net.run_for(Duration::from_secs(1));
    let block = extend(&net.params, &net.params.genesis(), 1, 1).remove(0);
    let hash = block.hash();
    let whole = BlockAnnounce::best(&block);
    let header_only = BlockAnnounce { body: None, ..whole.clone() };
    let announces = ChainProtocol::BlockAnnounces;
    net.send(ends[3].1, announces, header_only.encode());
    net.run_for(Duration::from_millis(20));
    assert!(ends.iter().all(|(ours, _)| net.said(*ours, hash).times == 0), "it has no body yet");

    net.send(ends[1].1, announces, whole.encode());
    while net.chain(0).best().hash != hash {
        net.run_for(Duration::from_millis(1));
    }
    let said = |net: &Net| ends.iter().map(|(ours, _)| net.said(*ours, hash)).collect::<Vec<_>>();
    assert_eq!(said(&net), [TOLD, HAD_IT, TOLD, HAD_IT, TOLD], "in the moment that it was taken");

    // Whoever says so too, or again, changes nothing for anybody.
    for (_, theirs) in &ends {
        net.send(*theirs, announces, whole.encode());
    }
    net.run_for(Duration::from_secs(1));
    let heard = Telling { heard: true, ..TOLD };
    assert_eq!(said(&net), [heard, HAD_IT, heard, HAD_IT, heard]);
    assert_eq!(net.offences, []);
}

/// In networks of any form: one end of every session has told the other of each block, once, and
/// nobody was told what he had told before; so nobody is left out, and nobody has to ask.
#[test]
fn every_block_goes_once_over_every_session() {
    for seed in 0..12 {
        let mut net = Net::new(3 + seed as usize % 6, seed);
        let sessions = mesh(&mut net);
        net.run_for(Duration::from_secs(1));
        for _ in 0..10 {
            let miner = net.random.next_u32() as usize % net.nodes.len();
            net.mine(miner);
            let hash = net.chain(miner).best().hash;
            // Longer than the longest line of nodes takes: no forks.
            net.run_for(Duration::from_millis(100));
            for (one, other) in &sessions {
                let (one, other) = (net.said(*one, hash), net.said(*other, hash));
                assert!(one.times + other.times >= 1, "seed {seed}: nobody told {hash}");
                for side in [one, other] {
                    assert!(side.times <= 1 && side.echoes == 0, "seed {seed}: {side:?} of {hash}");
                    assert_eq!(side.with_body, side.times == 1, "seed {seed}: {side:?} of {hash}");
                }
            }
        }
        assert_eq!((net.requests, net.offences.as_slice()), (0, [].as_slice()), "seed {seed}");
    }
}

/// The same while two mine at once and chains are reorganised: a block that is the best one again was
/// not forgotten.
#[test]
fn forks_make_nobody_say_a_block_twice() {
    for seed in 0..12 {
        let mut net = Net::new(5, seed);
        (net.late, net.latest, net.ordered) = (30, Duration::from_millis(300), true);
        mesh(&mut net);
        for _ in 0..30 {
            let miner = net.random.next_u32() as usize % net.nodes.len();
            net.mine(miner);
            let pause = u64::from(net.random.next_u32() % 200);
            net.run_for(Duration::from_millis(pause));
        }
        net.run_for(Duration::from_secs(5));
        let twice = net.told.iter().find(|(_, side)| side.times > 1 || side.echoes > 0);
        assert_eq!(twice, None, "seed {seed}");
    }
}

/// Connects everybody, by a line and some more sessions; the two ends of each.
fn mesh(net: &mut Net) -> Vec<(SessionId, SessionId)> {
    let mut sessions = Vec::new();
    for node in 1..net.nodes.len() {
        for earlier in 0..node {
            if earlier + 1 == node || net.random.next_u32().is_multiple_of(2) {
                sessions.push(net.connect(earlier, node));
            }
        }
    }
    sessions
}
