//! The engine's rules one by one: what it serves, learns, passes on, refuses and closes.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use hegemon_discovery::{
    Action, CloseReason, Config, DecodeError, DialError, Engine, Event, Message, PeerId, SeedIndex,
    SessionId, policy::Refusal, snapshot, snapshot::Stored,
};

use crate::bench::{Bench, addrs, at, clock, dials, sends};

#[test]
fn every_session_begins_with_hello_and_a_question() {
    let mut bench = Bench::new(0);
    let said = sends(&bench.inbound(1, "198.18.0.2:50000"));
    assert_eq!(
        said,
        [(1, Message::Hello { listen_port: 30_333 }), (1, Message::GetAddrs { limit: 64 })]
    );
}

#[test]
fn an_answer_is_recorded_whole_and_dialled_four_at_once() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    let actions = bench.say(1, addrs(1, 20));
    assert_eq!(dials(&actions).len(), 4);
    assert_eq!(bench.known(), 20);
    assert_eq!(sends(&actions), [], "hearsay is not passed on");
    let (dial, _) = dials(&actions)[0];
    let next = bench.tell(Event::DialFailed { dial, error: DialError::Refused });
    assert_eq!(
        dials(&next).len(),
        5,
        "a dial that ended makes room for more, up to the eight slots"
    );
}

#[test]
fn only_what_is_vouched_for_is_served_and_never_the_asker_s_own() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    bench.say(1, Message::Hello { listen_port: 30_333 });
    let dialled = dials(&bench.say(1, addrs(1, 2)));
    assert_eq!(bench.served(2).unwrap(), [at("198.18.0.2:30333")], "hearsay is not served");
    assert_eq!(bench.served(2), None, "once in ten seconds");
    let (dial, reached) = dialled[0];
    bench.tell(Event::Opened {
        session: SessionId(9),
        peer: PeerId([9; 32]),
        remote: reached,
        dial: Some(dial),
    });
    bench.wait(Duration::from_secs(10));
    let mut served = bench.served(2).unwrap();
    served.sort_unstable();
    assert_eq!(served, [at("198.18.0.2:30333"), reached]);
    assert_eq!(bench.served(1).unwrap(), [reached], "not its own");
    bench.tell(Event::Closed { session: SessionId(1) });
    bench.wait(Duration::from_secs(10));
    assert_eq!(bench.served(2).unwrap(), [reached], "its owner's session does not live any more");
}

#[test]
fn a_question_too_soon_gets_a_sign_of_life() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.served(1).unwrap();
    let actions = bench.say(1, Message::GetAddrs { limit: 64 });
    assert!(
        actions.contains(&Action::KeepAlive { session: SessionId(1) }),
        "it may be a probe: silence would end the session"
    );
}

#[test]
fn news_is_passed_on_once_to_others_and_dialled_after_a_moment() {
    let mut bench = Bench::new(0);
    for number in 1..=6 {
        bench.inbound(number, &format!("198.18.0.{}:50000", number + 1));
    }
    bench.say(1, addrs(1, 0));
    let actions = bench.say(1, addrs(2, 1));
    let told = sends(&actions);
    assert_eq!(told.len(), 3, "three random peers");
    assert!(told.iter().all(|(session, message)| *session != 1 && *message == addrs(2, 1)));
    assert_eq!(dials(&actions), [], "the newcomer is probably dialling us");
    assert_eq!(dials(&bench.wait(Duration::from_millis(300))).len(), 1);
    let again = bench.say(2, addrs(2, 1));
    assert_eq!((sends(&again), dials(&again)), (vec![], vec![]), "known");
    let soon = bench.say(2, addrs(3, 1));
    assert_eq!(sends(&soon), [], "one batch a second");
    assert_eq!(sends(&bench.wait(Duration::from_secs(1))).len(), 3);
}

#[test]
fn a_dump_that_nobody_asked_for_causes_nothing() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    bench.say(1, addrs(1, 0));
    let actions = bench.say(1, addrs(2, 11));
    assert_eq!((sends(&actions), dials(&actions)), (vec![], vec![]));
    assert_eq!(bench.known(), 11);
}

#[test]
fn a_session_has_so_many_addresses_to_tell_and_no_more() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    for network in 1..=8 {
        bench.say(1, addrs(network, 60));
    }
    assert_eq!(bench.known(), 64);
    assert_eq!(bench.refused(Refusal::RateLimit), 8 * 60 - 64);
}

#[test]
fn long_lists_and_garbage_are_scored_and_a_declared_flood_closes_at_once() {
    let closes = |actions: &[Action]| {
        actions
            .iter()
            .any(|action| matches!(action, Action::Close { reason: CloseReason::Misbehaviour, .. }))
    };
    let mut bench = Bench::new(0);
    (1..=3)
        .for_each(|number| drop(bench.inbound(number, &format!("198.18.0.{}:50000", number + 1))));
    assert!(closes(&bench.tell(Event::Message {
        session: SessionId(1),
        message: Err(DecodeError::TooManyAddresses)
    })));
    for last in 1..=5 {
        assert_eq!(
            closes(&bench.tell(Event::Message {
                session: SessionId(2),
                message: Err(DecodeError::Malformed)
            })),
            last == 5
        );
    }
    for last in 1..=10 {
        assert_eq!(closes(&bench.say(3, addrs(1, 65))), last == 10);
    }
    assert!(bench.known() <= 64, "the first 64 of a long list are used");
}

#[test]
fn what_must_not_be_learned_is_not() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    let bad = [
        "127.0.0.1:30333",
        "10.0.0.1:30333",
        "169.254.0.1:30333",
        "224.0.0.1:30333",
        "0.0.0.0:30333",
        "203.0.113.1:30333",
        "198.18.0.9:0",
        "198.18.0.9:25",
    ];
    let mut list: Vec<SocketAddr> = bad.map(at).to_vec();
    list.extend([
        at("[::ffff:127.0.0.1]:30333"),
        at("[::ffff:10.1.2.3]:30333"),
        at("[2001:db8::1]:30333"),
        at("[fe80::1]:30333"),
    ]);
    let actions = bench.say(1, Message::Addrs { addrs: list });
    assert_eq!((bench.known(), dials(&actions)), (0, vec![]));
    bench.say(1, Message::Hello { listen_port: 0 });
    bench.say(1, Message::Hello { listen_port: 30_333 });
    assert_eq!(bench.known(), 0, "one Hello per session");
    let five: Vec<SocketAddr> =
        (0..5).map(|port| SocketAddr::from(([198, 18, 5, 5], 30_000 + port))).collect();
    bench.say(1, Message::Addrs { addrs: five });
    assert_eq!((bench.known(), bench.refused(Refusal::PortsPerHost)), (4, 1));
}

#[test]
fn our_own_address_is_dialled_once_and_then_refused_for_an_hour() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    let (dial, own) = dials(&bench.say(1, addrs(1, 1)))[0];
    bench.tell(Event::DialFailed { dial, error: DialError::Itself });
    assert_eq!(bench.known(), 0);
    bench.say(1, Message::Addrs { addrs: vec![own] });
    assert_eq!((bench.known(), bench.refused(Refusal::Own)), (0, 1));
    bench.wait(Duration::from_secs(3_601));
    bench.say(1, Message::Addrs { addrs: vec![own] });
    assert_eq!(bench.known(), 1, "addresses move");
}

#[test]
fn a_local_outage_blames_nobody() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    let out = dials(&bench.say(1, addrs(1, 4)));
    bench.tell(Event::Closed { session: SessionId(1) });
    for (dial, _) in out {
        let next = bench.tell(Event::DialFailed { dial, error: DialError::LocalNetwork });
        assert_eq!(dials(&next), [], "not at once again into an outage");
    }
    assert_eq!(bench.engine.status(clock(bench.now)).failing, 0);
    let mut probed = Vec::new();
    for _ in 0..10 {
        for (dial, addr) in dials(&bench.wait(Duration::from_secs(2))) {
            probed.push(addr);
            bench.tell(Event::DialFailed { dial, error: DialError::Unreachable });
        }
    }
    assert!((8..=10).contains(&probed.len()), "one in two seconds, and no more: {probed:?}");
    assert_eq!(probed.iter().collect::<BTreeSet<_>>().len(), 4, "everybody's turn comes");
    assert_eq!(bench.engine.status(clock(bench.now)).failing, 0);
    assert!(bench.engine.status(clock(bench.now)).cut_off.is_some());
    let mut back = bench.inbound(2, "198.18.0.3:50000");
    back.extend(bench.wait(Duration::from_secs(2)));
    assert_eq!(dials(&back).len(), 4, "all again as soon as it is over");
}

#[test]
fn an_address_out_of_reach_is_to_blame_while_others_answer() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    let out = dials(&bench.say(1, addrs(1, 4)));
    bench.tell(Event::DialFailed { dial: out[0].0, error: DialError::LocalNetwork });
    assert_eq!(
        bench.engine.status(clock(bench.now)).failing,
        0,
        "not before somebody has said that the network is up"
    );
    bench.now += 1_000;
    bench.tell(Event::Heard);
    assert_eq!(bench.engine.status(clock(bench.now)).failing, 1, "now it is the address");
    assert_eq!(
        dials(&bench.wait(Duration::from_secs(3))),
        [],
        "and it waits like any other that failed"
    );
}

#[test]
fn a_peer_of_many_addresses_is_dialled_at_each_of_them_once() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.inbound(2, "198.18.0.3:50000");
    let mut out = dials(&bench.say(1, addrs(1, 10)));
    let mut tried = 0;
    while let Some((dial, _)) = out.pop() {
        tried += 1;
        assert!(tried <= 10, "dialled again although it belongs to a living peer");
        out.extend(dials(
            &bench.tell(Event::DialFailed { dial, error: DialError::Duplicate(PeerId([1; 32])) }),
        ));
    }
    assert_eq!(tried, 10);
    bench.tell(Event::Closed { session: SessionId(1) });
    assert_eq!(
        dials(&bench.wait(Duration::from_secs(3))).len(),
        10,
        "free again with its last session, after a moment"
    );
}

#[test]
fn a_claim_keeps_nobody_from_an_address_that_somebody_else_proved() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    let (dial, reached) = dials(&bench.say(1, addrs(1, 1)))[0];
    bench.tell(Event::Opened {
        session: SessionId(9),
        peer: PeerId([9; 32]),
        remote: reached,
        dial: Some(dial),
    });
    bench.now += 60_000;
    bench.tell(Event::Closed { session: SessionId(9) });
    // Somebody else behind the same IP says that it listens there.
    bench.inbound(5, "198.18.1.1:50000");
    let mut out = bench.say(5, Message::Hello { listen_port: reached.port() });
    out.extend(bench.wait(Duration::from_millis(300)));
    assert_eq!(dials(&out).iter().map(|(_, addr)| *addr).collect::<Vec<_>>(), [reached]);
}

#[test]
fn a_lost_peer_is_dialled_again_after_a_jittered_moment() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    let (dial, reached) = dials(&bench.say(1, addrs(1, 1)))[0];
    bench.tell(Event::Opened {
        session: SessionId(9),
        peer: PeerId([9; 32]),
        remote: reached,
        dial: Some(dial),
    });
    bench.now += 60_000;
    let lost = bench.tell(Event::Closed { session: SessionId(9) });
    assert_eq!(dials(&lost), [], "the other side lost it in the same moment");
    assert_eq!(dials(&bench.wait(Duration::from_millis(90))), []);
    assert_eq!(dials(&bench.wait(Duration::from_millis(210))).len(), 1);
}

#[test]
fn all_slots_taken_is_enough_even_alone() {
    let config = Config { min_peers: 1, target_outbound: 1, ..Config::new(at("0.0.0.0:30333"), 0) };
    let mut bench = Bench::with(config, Stored::default());
    bench.inbound(1, "198.18.0.2:50000");
    let (dial, reached) = dials(&bench.say(1, addrs(1, 5)))[0];
    bench.tell(Event::Closed { session: SessionId(1) });
    let opened = bench.tell(Event::Opened {
        session: SessionId(9),
        peer: PeerId([9; 32]),
        remote: reached,
        dial: Some(dial),
    });
    assert_eq!(dials(&opened), []);
}

#[test]
fn the_other_addresses_of_a_connected_seed_are_candidates_like_any() {
    let mut bench = Bench::new(1);
    let seed = [at("198.18.0.10:30333"), at("198.18.0.11:30333")];
    let out = dials(&bench.tell(Event::Resolved { seed: SeedIndex(0), addrs: seed.to_vec() }));
    assert_eq!(out.iter().map(|(_, addr)| *addr).collect::<Vec<_>>(), seed);
    bench.tell(Event::Opened {
        session: SessionId(9),
        peer: PeerId([9; 32]),
        remote: seed[0],
        dial: Some(out[0].0),
    });
    bench.tell(Event::DialFailed { dial: out[1].0, error: DialError::Refused });
    let told = bench.say(9, Message::Addrs { addrs: vec![seed[1]] });
    assert_eq!(dials(&told).iter().map(|(_, addr)| *addr).collect::<Vec<_>>(), [seed[1]]);
}

#[test]
fn seeds_are_tried_quickly_then_politely_and_for_ever() {
    let mut bench = Bench::new(1);
    let mut waits = Vec::new();
    for _ in 0..12 {
        bench.tell(Event::Resolved { seed: SeedIndex(0), addrs: vec![] });
        let due = bench.engine.next_wakeup().unwrap();
        let begin = bench.now;
        let mut tried = false;
        while !tried {
            bench.now = bench.engine.next_wakeup().unwrap().0.max(bench.now);
            tried = bench.tell(Event::Wakeup).contains(&Action::Resolve { seed: SeedIndex(0) });
        }
        assert!(due.0 >= begin);
        waits.push(bench.now - begin);
    }
    assert_eq!(waits[..3], [100, 200, 400]);
    for (wait, nominal) in
        waits[3..].iter().zip([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000])
    {
        assert!((nominal * 3 / 4..=nominal * 5 / 4).contains(wait), "{waits:?}");
    }
}

#[test]
fn what_is_persisted_is_what_comes_back() {
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    bench.say(1, Message::Hello { listen_port: 30_333 });
    bench.say(1, addrs(1, 20));
    let persists = |actions: Vec<Action>| actions.contains(&Action::Persist);
    assert!(persists(bench.wait(Duration::from_secs(1))), "a second after the first change");
    let stored = bench.engine.snapshot(clock(bench.now));
    let stored = snapshot::decode(&stored, clock(bench.now)).unwrap();
    assert_eq!(stored.records.len(), 21);
    assert!(!persists(bench.tell(Event::Shutdown)), "nothing changed since");
    bench.say(1, addrs(2, 1));
    assert!(!persists(bench.wait(Duration::from_secs(8))), "at most one write in ten seconds");
    assert!(persists(bench.tell(Event::Shutdown)), "and one at exit");
    let restarted = Engine::new(Config::new(at("0.0.0.0:30333"), 0), [1; 32], stored, clock(0));
    assert_eq!(restarted.status(clock(0)).known, 21);
}

#[test]
fn one_of_few_addresses_is_written_a_second_after_it_came() {
    let second = Duration::from_secs(1);
    let persists = |actions: &[Action]| actions.contains(&Action::Persist);
    let mut bench = Bench::new(0);
    bench.inbound(1, "198.18.0.2:50000");
    let dialled = dials(&bench.say(1, addrs(1, 3)));
    assert!(persists(&bench.wait(second)));
    bench.say(1, addrs(2, 20));
    assert!(persists(&bench.wait(second)), "few were known when the first of them came");
    bench.say(1, addrs(3, 1));
    assert!(!persists(&bench.wait(8 * second)), "many are known");
    let (dial, remote) = dialled[0];
    let opened =
        Event::Opened { session: SessionId(9), peer: PeerId([9; 32]), remote, dial: Some(dial) };
    bench.tell(opened);
    assert!(persists(&bench.wait(second)), "but few were reached");
}
