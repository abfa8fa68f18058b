//! Peers that lie to a sync engine, in virtual time.

use std::{collections::BTreeMap, time::Duration};

use hegemon_node::{
    chain::{Block, Body, ChainParams, Hash, Template},
    net::handle::ChainProtocol,
    sync::{
        Offence,
        message::{BlockAnnounce, SyncMessage, SyncRequest, SyncResponse},
    },
};
use parity_scale_codec::Encode;

use crate::{Frame, Net, answer, chain_of, extend, headers_response, question, response};

/// Claims a better chain than anybody has, and gives such answers.
fn boaster(
    net: &mut Net,
    tip: &Block,
    answers: impl Fn(&SyncRequest) -> Vec<Frame> + 'static,
) -> usize {
    let boast = vec![(ChainProtocol::BlockAnnounces, BlockAnnounce::best(tip).encode())];
    net.puppet(move |_, data| match question(data) {
        None => boast.clone(),
        Some(question) => answers(&question),
    })
}

/// A boaster with all the headers, and such bodies for so many hashes.
fn with_bodies(
    net: &mut Net,
    fork: &[Block],
    bodies: fn(usize) -> Option<Vec<Option<Body>>>,
) -> usize {
    let chain = fork.to_vec();
    boaster(net, &fork[fork.len() - 1], move |question| match question {
        SyncRequest::BlockBodies { hashes } => bodies(hashes.len())
            .map_or(vec![], |bodies| response(SyncResponse::BlockBodies { request_id: 0, bodies })),
        SyncRequest::BlockHeaders { .. }
        | SyncRequest::StateRequest { .. }
        | SyncRequest::GetBlocks { .. } => answer(&chain, question),
    })
}

/// One of each kind.
fn liars(net: &mut Net) -> Vec<usize> {
    let fork = chain_of(&net.params, 600, 66);
    let tip = fork[600].clone();
    let foreign = chain_of(&ChainParams::trivial("another chain"), 10, 66);
    let some = headers_response(&fork[5..10]);
    let in_the_air = headers_response(&[fork[0].clone(), fork[7].clone()]);
    vec![
        // Never answers.
        boaster(net, &tip, |_| vec![]),
        // Answers every question with the same headers, or with such as have no ancestors.
        boaster(net, &tip, move |_| some.clone()),
        boaster(net, &tip, move |_| in_the_air.clone()),
        // Has no bodies, empty lists, other bodies, or does not say.
        with_bodies(net, &fork, |count| Some(vec![None; count])),
        with_bodies(net, &fork, |_| Some(Vec::new())),
        with_bodies(net, &fork, |count| Some(vec![Some(vec![vec![1]]); count])),
        with_bodies(net, &fork, |_| None),
        // Another chain.
        boaster(net, &foreign[9].clone(), move |_| headers_response(&foreign)),
        // Noise.
        net.puppet(|_, _| {
            vec![
                (ChainProtocol::Sync, vec![0xff; 100]),
                (ChainProtocol::BlockAnnounces, vec![3; 7]),
            ]
        }),
    ]
}

#[test]
fn lies_stall_nobody() {
    let mut net = Net::new(2, 4);
    net.grow(0, 500, 1);
    for liar in liars(&mut net) {
        net.connect(1, liar);
    }
    net.run_for(Duration::from_millis(50));
    net.connect(0, 1);
    let took = net.run_until_all_have(&[1], net.chain(0).best().hash, Duration::from_secs(60));
    assert!(took < Duration::from_secs(25), "{took:?}");

    for offence in [Offence::Undecodable, Offence::Misdescribed] {
        assert!(net.offences.iter().any(|(_, seen)| *seen == offence), "{offence}");
    }
}

/// A branch has to show more work before anything of it is fetched or stored.
#[test]
fn headers_of_a_lighter_branch_are_never_worth_their_bodies() {
    let mut net = Net::new(1, 9);
    net.grow(0, 400, 1);
    let fork = chain_of(&net.params, 300, 66);
    let tip = fork.last().unwrap().clone();
    let liar = net.puppet(move |_, data| match question(data) {
        None => vec![(ChainProtocol::BlockAnnounces, BlockAnnounce::best(&tip).encode())],
        Some(question) => answer(&fork, &question),
    });
    net.connect(0, liar);
    net.run_for(Duration::from_secs(120));
    assert_eq!(net.asked_bodies, BTreeMap::new());
    // A search for the common block, and another one when it has said nothing for a minute.
    assert!(net.requests < 40, "{}", net.requests);
    assert_eq!(net.chain(0).audit().unwrap().side_blocks, 0);
    assert!(!net.status(0).is_syncing);
    assert_eq!(net.offences, []);
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
        let liar = net.puppet(move |_, data| match question(data) {
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
        if protocol == ChainProtocol::Sync && question(data).is_none() {
            counter.set(counter.get() + 1);
        }
        let request = SyncRequest::GetBlocks { start_height: 1, max_blocks: u32::MAX };
        let request = (ChainProtocol::Sync, SyncMessage::Request(request).encode());
        let frames = if asked { 0 } else { 500 };
        asked = true;
        vec![request; frames]
    });
    net.connect(0, flooder);
    net.run_for(Duration::from_secs(5));
    assert!((32..45).contains(&answers.get()), "{}", answers.get());
    let floods = net.offences.iter().filter(|(_, offence)| *offence == Offence::Flood).count();
    assert_eq!(floods, 500 - answers.get());
}
