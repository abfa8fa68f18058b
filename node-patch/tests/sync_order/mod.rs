//! Frames that arrive late, all at once, or in another order, from peers who are honest.

use std::time::Duration;

use hegemon_node::{
    net::handle::ChainProtocol,
    sync::{Offence, message::BlockAnnounce},
};
use parity_scale_codec::Encode;
use proptest::prelude::*;

use crate::{NOW_MS, Net, answer, chain_of, extend, headers_response, question};

/// A cut that TCP outlives: what both sides announced meanwhile arrives at once, and nobody is
/// blamed for it.
#[test]
fn what_was_announced_during_a_cut_is_no_flood() {
    let mut net = Net::new(2, 8);
    net.ordered = true;
    net.connect(0, 1);
    net.run_for(Duration::from_secs(1));
    net.cut_until = net.now.after(Duration::from_secs(45));
    while net.now < net.cut_until {
        for node in [0, 0, 1] {
            net.mine(node);
        }
        net.run_for(Duration::from_millis(300));
    }
    net.mine(0);
    net.run_until_all_have(&[0, 1], net.chain(0).best().hash, Duration::from_secs(5));
    assert_eq!(net.offences, []);
}

/// A peer whose answers come after a cut was slow, not silent: it is asked again at once.
#[test]
fn catching_up_goes_on_as_soon_as_a_cut_is_over() {
    let mut net = Net::new(2, 11);
    net.ordered = true;
    net.grow(0, 300, 1);
    net.connect(0, 1);
    // Both announcements are on their way, the first question is not.
    net.cut_until = net.now.after(Duration::from_secs(40));
    net.run_until(net.cut_until);
    assert!(net.requests >= 5 && net.chain(1).best().number == 0, "{} questions", net.requests);
    let took = net.run_until_all_have(&[1], net.chain(0).best().hash, Duration::from_secs(20));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// More than a cut explains is one, however cheap the block.
#[test]
fn announcements_without_end_are_a_flood() {
    let mut net = Net::new(1, 9);
    let block = extend(&net.params, &net.params.genesis(), 1, 1).remove(0);
    let announcement = (ChainProtocol::BlockAnnounces, BlockAnnounce::best(&block).encode());
    let flooder = net.puppet(move |_, _| vec![announcement.clone(); 1_000]);
    net.connect(0, flooder);
    // It is spoken to once when the session opens, and then whenever it is asked.
    net.run_for(Duration::from_millis(20));
    assert_eq!(net.offences, []);
    for _ in 0..2 {
        net.mine(0);
        net.run_for(Duration::from_millis(20));
    }
    assert!((1_070..=1_080).contains(&net.offences.len()), "{}", net.offences.len());
    assert!(net.offences.iter().all(|(_, offence)| *offence == Offence::Flood));
}

/// Nodes that answer and announce from queues of their own: an answer may be older than what was
/// announced before it came, and says nothing of that.
#[test]
fn an_old_answer_does_not_take_back_a_newer_announcement() {
    let mut net = Net::new(1, 10);
    net.ordered = true;
    let blocks = chain_of(&net.params, 13, 1);
    net.chain(0).import_batch(&blocks[1..=9], NOW_MS).unwrap();
    let announce = |number: usize| {
        (ChainProtocol::BlockAnnounces, BlockAnnounce::best(&blocks[number]).encode())
    };
    let first = vec![announce(11)];
    let second = [vec![announce(10), announce(13)], headers_response(&blocks[9..=11])].concat();
    let (tip, mut asked) = (blocks[13].hash(), 0);
    let peer = net.puppet(move |_, data| {
        let Some(question) = question(data) else {
            return if asked == 0 { first.clone() } else { Vec::new() };
        };
        asked += 1;
        if asked == 1 { second.clone() } else { answer(&blocks, &question) }
    });
    net.connect(0, peer);
    net.run_until_all_have(&[0], tip, Duration::from_secs(5));
    assert_eq!(net.offences, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// A peer mines on while another catches up, and answers and announcements take their time: when
    /// all of them have arrived and no more come, the other one is at the tip, or gets there soon.
    #[test]
    fn nobody_stands_still_below_a_tip_that_was_announced(
        seed in any::<u64>(),
        ahead in 0..300usize,
        late in 0..=100u32,
        latest in 10..6_000u64,
        ordered in any::<bool>(),
    ) {
        let mut net = Net::new(2, seed);
        net.grow(0, ahead, 1);
        (net.late, net.latest, net.ordered) = (late, Duration::from_millis(latest), ordered);
        net.connect(0, 1);
        for _ in 0..100 {
            net.mine(0);
            net.run_for(Duration::from_millis(100));
        }
        net.run_for(net.latest);
        net.late = 0;
        net.run_until_all_have(&[1], net.chain(0).best().hash, Duration::from_secs(15));
        prop_assert_eq!(net.offences, []);
    }
}
