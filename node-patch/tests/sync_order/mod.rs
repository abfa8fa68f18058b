//! Frames that arrive late, all at once, or in another order, from peers who are honest.

use std::time::Duration;

use hegemon_node::{
    net::handle::ChainProtocol,
    sync::{Offence, message::BlockAnnounce},
};
use parity_scale_codec::Encode;

use crate::{Net, extend};

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
