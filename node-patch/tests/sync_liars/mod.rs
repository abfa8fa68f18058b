//! Peers that lie to a sync engine, in virtual time.

use std::time::Duration;

use hegemon_node::{
    chain::{Block, ChainParams, Hash, Template},
    net::handle::ChainProtocol,
    sync::{
        Offence,
        message::{BlockAnnounce, SyncMessage, SyncRequest},
    },
};
use parity_scale_codec::Encode;

use crate::{Net, blocks_response, extend, request};

#[test]
fn lies_stall_nobody() {
    let params = ChainParams::trivial("simulation");
    let fork = extend(&params, &params.genesis(), 600, 66);
    let tip = fork.last().unwrap().clone();
    let other = ChainParams::trivial("another chain");
    let foreign = extend(&other, &other.genesis(), 10, 66);
    let announce =
        |block: &Block| (ChainProtocol::BlockAnnounces, BlockAnnounce::best(block).encode());

    let mut net = Net::new(2, 4);
    net.grow(0, 500, 1);
    let (fork_2, fork_3) = (fork.clone(), fork.clone());
    let (tip_1, tip_2, tip_3) = (announce(&tip), announce(&tip), announce(&tip));
    let liars = [
        // Claims a long chain and never answers.
        net.puppet(
            move |_, data| if request(data).is_none() { vec![tip_1.clone()] } else { vec![] },
        ),
        // Answers every question with the same blocks.
        net.puppet(move |_, data| {
            if request(data).is_none() {
                vec![tip_2.clone()]
            } else {
                vec![blocks_response(&fork_2[5..10])]
            }
        }),
        // Has only blocks without ancestors.
        net.puppet(move |_, data| match request(data) {
            None => vec![tip_3.clone()],
            Some((start, _)) if start > 1 => {
                vec![blocks_response(&fork_3[start as usize - 1..start as usize])]
            }
            Some(_) => vec![blocks_response(&[])],
        }),
        // Another chain.
        net.puppet(move |_, data| match request(data) {
            None => vec![announce(&foreign[9])],
            Some(_) => vec![blocks_response(&foreign)],
        }),
        // Noise.
        net.puppet(|_, _| {
            vec![
                (ChainProtocol::Sync, vec![0xff; 100]),
                (ChainProtocol::BlockAnnounces, vec![3; 7]),
            ]
        }),
    ];
    for liar in liars {
        net.connect(1, liar);
    }
    net.run_for(Duration::from_millis(50));
    net.connect(0, 1);
    let took = net.run_until_all_have(&[1], net.chain(0).best().hash, Duration::from_secs(60));
    assert!(took < Duration::from_secs(25), "{took:?}");

    assert!(net.offences.iter().any(|(_, offence)| *offence == Offence::Undecodable));
}

/// Forty peers that claim more than anybody has and give nothing, and ten new ones each second,
/// delay a node that catches up; they do not keep it from its chain, and what they claim is not
/// what it says of itself.
#[test]
fn a_crowd_of_liars_that_grows_for_ever_keeps_nobody_from_the_chain() {
    let mut net = Net::new(2, 8);
    net.grow(0, 500, 1);
    let fork = extend(&net.params, &net.params.genesis(), 600, 66);
    let boast = BlockAnnounce::best(fork.last().unwrap()).encode();
    let one_more = |net: &mut Net| {
        let boast = boast.clone();
        let liar = net.puppet(move |_, data| match request(data) {
            None => vec![(ChainProtocol::BlockAnnounces, boast.clone())],
            Some(_) => vec![],
        });
        net.connect(1, liar);
    };
    (0..40).for_each(|_| one_more(&mut net));
    net.run_for(Duration::from_millis(50));
    let status = net.status(1);
    assert_eq!((status.is_syncing, status.highest), (false, 0));

    net.connect(0, 1);
    let (begin, best) = (net.now, net.chain(0).best().hash);
    while net.chain(1).best().hash != best {
        assert!(net.now.since(begin) < Duration::from_secs(50), "{:?}", net.chain(1).best());
        one_more(&mut net);
        net.run_for(Duration::from_millis(100));
    }
    println!("caught up after {:?}", net.now.since(begin));
    assert_eq!((net.status(1).highest, net.offences.as_slice()), (500, [].as_slice()));
}

#[test]
fn an_invalid_block_costs_its_sender() {
    let mut net = Net::new(1, 5);
    // The right work for another difficulty than the one that follows.
    let genesis = net.params.genesis();
    let (mut header, body) = extend(&net.params, &genesis, 1, 1)[0].clone().into_parts();
    header.extrinsics_root = Hash([1; 32]);
    header.digest.pop();
    let block = Template::from_unsealed(header, body, 16).mine(0);
    let liar = net.puppet(move |_, _| {
        vec![(ChainProtocol::BlockAnnounces, BlockAnnounce::best(&block).encode())]
    });
    net.connect(0, liar);
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.offences, [(0, Offence::InvalidBlock)]);
    assert_eq!(net.chain(0).best().number, 0);
}

#[test]
fn a_flood_is_answered_at_the_rate_and_scored() {
    let mut net = Net::new(1, 6);
    net.grow(0, 10, 1);
    let (mut asked, answers) = (false, std::rc::Rc::new(std::cell::Cell::new(0)));
    let counter = answers.clone();
    let flooder = net.puppet(move |protocol, data| {
        if protocol == ChainProtocol::Sync && request(data).is_none() {
            counter.set(counter.get() + 1);
        }
        let question = SyncRequest::GetBlocks { start_height: 1, max_blocks: u32::MAX };
        let question = (ChainProtocol::Sync, SyncMessage::Request(question).encode());
        let frames = if asked { 0 } else { 500 };
        asked = true;
        vec![question; frames]
    });
    net.connect(0, flooder);
    net.run_for(Duration::from_secs(5));
    assert!((32..45).contains(&answers.get()), "{}", answers.get());
    let floods = net.offences.iter().filter(|(_, offence)| *offence == Offence::Flood).count();
    assert_eq!(floods, 500 - answers.get());
}
