//! What a peer that means harm cannot do.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use hegemon_discovery::{
    Action, Alarm, ChainState, CloseReason, Config, DecodeError, Event, Loopback, Message, PeerId,
    SeedIndex, SessionId, limits::ADDRS_PER_VISIT, policy::Refusal, snapshot::Stored,
};

use crate::bench::{Bench, at, dials, sends};

const MINUTE: Duration = Duration::from_secs(60);

fn far(group: u8, host: u8) -> SocketAddr {
    SocketAddr::from(([50, group, 0, host], 30_333))
}

fn open(bench: &mut Bench, number: u64, remote: SocketAddr) -> Vec<Action> {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_be_bytes());
    bench.tell(Event::Opened { session: SessionId(number), peer: PeerId(id), remote, dial: None })
}

fn say(bench: &mut Bench, number: u64, message: Message) -> Vec<Action> {
    bench.tell(Event::Message { session: SessionId(number), message: Ok(message) })
}

fn closed(actions: &[Action]) -> Vec<(SessionId, CloseReason)> {
    actions
        .iter()
        .filter_map(|action| {
            if let Action::Close { session, reason } = action {
                Some((*session, *reason))
            } else {
                None
            }
        })
        .collect()
}

fn alarms(bench: &mut Bench, time: Duration) -> Vec<(Alarm, bool)> {
    bench
        .run(time)
        .into_iter()
        .filter_map(|(_, action)| {
            if let Action::Alarm { alarm, raised } = action { Some((alarm, raised)) } else { None }
        })
        .collect()
}

#[test]
fn a_full_node_makes_room_for_a_newcomer_now_and_then() {
    let mut bench = Bench::with(
        Config { max_inbound: 30, ..Config::new(at("0.0.0.0:30333"), 0) },
        Stored::default(),
    );
    for number in 0..30_u8 {
        bench.now += 1_000;
        assert_eq!(
            closed(&open(
                &mut bench,
                number.into(),
                far(if number < 10 { number } else { 99 }, number)
            )),
            []
        );
    }
    bench.now += 1_000;
    let newcomer = open(&mut bench, 40, far(40, 1));
    assert_eq!(
        closed(&newcomer),
        [(SessionId(29), CloseReason::Evicted)],
        "the youngest of the crowd of one group"
    );
    let greeting =
        [Message::Hello { listen_port: 30_333 }, Message::GetAddrs { limit: 64 }].map(|m| (40, m));
    assert_eq!(sends(&newcomer), greeting, "it has a place: no visitor's list, and a question");
    bench.tell(Event::Closed { session: SessionId(29) });
    assert_eq!(
        closed(&open(&mut bench, 41, far(41, 1))),
        [],
        "not again so soon: the session table ends the newcomer"
    );
    bench.now += 30_000;
    assert_eq!(closed(&open(&mut bench, 42, far(42, 1))), [(SessionId(28), CloseReason::Evicted)]);
    assert_eq!(bench.status().counters.evicted, 2);
}

#[test]
fn a_visit_that_ends_for_a_newcomer_would_make_no_room() {
    let config = Config { max_inbound: 30, ..Config::new(at("0.0.0.0:30333"), 0) };
    let mut bench = Bench::with(config, Stored::default());
    for number in 0..30_u8 {
        bench.now += 1_000;
        open(&mut bench, number.into(), far(if number < 20 { number } else { 98 }, number));
    }
    bench.now += 1_000;
    assert_eq!(closed(&open(&mut bench, 40, far(40, 1))).len(), 1);
    bench.tell(Event::Closed { session: SessionId(29) });
    bench.now += 29_900;
    // Visitors, of a group that is larger than any other, and younger than all.
    for number in 50..70 {
        assert_eq!(closed(&open(&mut bench, number, far(99, number as u8))), []);
    }
    bench.now += 100;
    assert_eq!(closed(&open(&mut bench, 41, far(41, 1))), [(SessionId(28), CloseReason::Evicted)]);
}

#[test]
fn a_visitor_of_a_full_node_gets_one_short_list_at_once_and_no_more_by_asking() {
    let mut bench = Bench::with(
        Config { max_inbound: 30, ..Config::new(at("0.0.0.0:30333"), 0) },
        Stored::default(),
    );
    let listed = |actions: &[Action]| {
        let lists = sends(actions).into_iter().filter_map(|(id, message)| {
            if let Message::Addrs { addrs } = message { Some((id, addrs.len())) } else { None }
        });
        lists.collect::<Vec<_>>()
    };
    for number in 0..30_u8 {
        let greeting = open(&mut bench, number.into(), far(number, 1));
        assert_eq!(listed(&greeting), [], "one that may stay is answered when it asks");
        say(&mut bench, number.into(), Message::Hello { listen_port: 30_333 });
    }
    let whole = say(&mut bench, 0, Message::GetAddrs { limit: 64 });
    assert_eq!(listed(&whole), [(0, 29)]);
    for visitor in 100..1_100_u64 {
        let greeting = open(&mut bench, visitor, far(200, 1));
        assert_eq!(listed(&greeting), [(visitor, ADDRS_PER_VISIT)]);
        let asked = |(_, message)| matches!(message, Message::GetAddrs { .. });
        assert!(!sends(&greeting).into_iter().any(asked), "a visitor is asked nothing");
        assert_eq!(listed(&say(&mut bench, visitor, Message::GetAddrs { limit: 64 })), []);
        bench.tell(Event::Closed { session: SessionId(visitor) });
    }
}

#[test]
fn who_misbehaves_is_left_alone_for_a_while_but_for_seeds_and_this_host() {
    let outlaw = |remote: SocketAddr, loopback, seed: Option<SocketAddr>| {
        let mut bench = Bench::with(
            Config { loopback, ..Config::new(at("0.0.0.0:30333"), 1) },
            Stored::default(),
        );
        bench.tell(Event::Wakeup);
        bench.tell(Event::Resolved { seed: SeedIndex(0), addrs: seed.into_iter().collect() });
        open(&mut bench, 1, remote);
        let flood = bench.tell(Event::Message {
            session: SessionId(1),
            message: Err(DecodeError::TooManyAddresses),
        });
        assert_eq!(closed(&flood), [(SessionId(1), CloseReason::Misbehaviour)]);
        bench.tell(Event::Closed { session: SessionId(1) });
        let again = closed(&open(&mut bench, 2, remote));
        bench.tell(Event::Closed { session: SessionId(2) });
        bench.now += 10 * 60 * 1_000;
        assert_eq!(closed(&open(&mut bench, 3, remote)), [], "it ends");
        again.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>()
    };
    assert_eq!(outlaw(far(1, 1), Loopback::Refused, None), [CloseReason::Discouraged]);
    assert_eq!(outlaw(far(1, 1), Loopback::Refused, Some(far(1, 1))), []);
    assert_eq!(outlaw(at("127.0.0.1:50000"), Loopback::Allowed, None), []);
}

#[test]
fn an_outlaw_s_address_is_neither_learned_nor_dialled() {
    let mut bench = Bench::new(0);
    for number in 1..=3 {
        open(&mut bench, number, far(u8::try_from(number).unwrap(), 1));
    }
    say(&mut bench, 1, Message::Hello { listen_port: 30_333 });
    bench.tell(Event::Message {
        session: SessionId(1),
        message: Err(DecodeError::TooManyAddresses),
    });
    let after = bench.tell(Event::Closed { session: SessionId(1) });
    assert_eq!(dials(&after), [], "known, and not dialled");
    say(&mut bench, 2, Message::Addrs { addrs: vec![SocketAddr::new(far(1, 1).ip(), 30_334)] });
    assert_eq!((bench.known(), bench.refused(Refusal::Discouraged)), (1, 1));
}

#[test]
fn reconnecting_refills_no_allowance() {
    let mut bench = Bench::new(0);
    let mut told = 0;
    for number in 0..40_u64 {
        open(&mut bench, number, at("198.18.0.2:50000"));
        let addrs: Vec<SocketAddr> =
            (1..=64).map(|host| far(u8::try_from(number).unwrap(), host)).collect();
        say(&mut bench, number, Message::Addrs { addrs });
        told += 64;
        bench.tell(Event::Closed { session: SessionId(number) });
    }
    assert_eq!(
        bench.known() as u64
            + bench.refused(Refusal::BookFull)
            + bench.refused(Refusal::GroupShare),
        1_000,
        "one IP has a thousand in all"
    );
    assert_eq!(bench.refused(Refusal::RateLimit), told - 1_000);
}

#[test]
fn being_alone_is_an_alarm_and_company_ends_it() {
    let mut bench = Bench::new(0);
    assert_eq!(alarms(&mut bench, MINUTE / 2), [], "just started");
    assert_eq!(alarms(&mut bench, 2 * MINUTE), [(Alarm::Isolated, true)]);
    open(&mut bench, 1, far(1, 1));
    assert_eq!(alarms(&mut bench, MINUTE), [(Alarm::Isolated, false)]);
}

/// Eight outbound peers, all told by one inbound peer of the group 50.1, and others known by their
/// own `Hello`.
fn surrounded(strangers: u8) -> Bench {
    let mut bench = Bench::new(0);
    open(&mut bench, 1, far(1, 1));
    open(&mut bench, 2, far(1, 2));
    let mut out = dials(&say(
        &mut bench,
        1,
        Message::Addrs { addrs: (1..=8).map(|host| far(1, 100 + host)).collect() },
    ));
    let mut number = 100;
    while let Some(dial) = out.pop() {
        number += 1;
        out.extend(dials(&bench.reach(dial, number)));
    }
    for stranger in 0..strangers {
        // Said to the first peer's session, and nobody listens there for the moment.
        say(&mut bench, 2, Message::Addrs { addrs: vec![far(10 + stranger, 1)] });
    }
    bench
}

#[test]
fn outbound_peers_all_told_by_one_group_are_an_alarm_if_others_are_known() {
    assert_eq!(alarms(&mut surrounded(1), MINUTE), [], "one other group is chance");
    assert_eq!(alarms(&mut surrounded(2), MINUTE), [(Alarm::Eclipse, true)]);
}

#[test]
fn a_chain_that_stands_still_is_an_alarm_if_somebody_was_never_reached() {
    let mut bench = surrounded(1);
    bench.tell(Event::Chain(ChainState::Stalled));
    assert_eq!(alarms(&mut bench, MINUTE), [(Alarm::Eclipse, true)]);
    bench.tell(Event::Chain(ChainState::Advancing));
    assert_eq!(alarms(&mut bench, MINUTE), [(Alarm::Eclipse, false)]);
    let mut bench = surrounded(1);
    open(&mut bench, 3, far(10, 7));
    bench.tell(Event::Chain(ChainState::Stalled));
    assert_eq!(alarms(&mut bench, MINUTE), [], "an inbound peer is of that group");
    let mut bench = surrounded(0);
    bench.tell(Event::Chain(ChainState::Stalled));
    assert_eq!(alarms(&mut bench, MINUTE), [], "there is nobody else");
}

#[test]
fn many_questions_show_no_more_of_a_large_book_than_one() {
    // Room for all: visitors are told less.
    let config = Config { max_inbound: 2_000, ..Config::new(at("0.0.0.0:30333"), 0) };
    let mut bench = Bench::with(config, Stored::default());
    bench.tell(Event::Wakeup);
    // Every one of them lives, so that all could be served.
    for number in 0..1_200_u64 {
        open(
            &mut bench,
            number,
            SocketAddr::from((
                [
                    60 + u8::try_from(number / 200).unwrap(),
                    u8::try_from(number % 200).unwrap(),
                    0,
                    1,
                ],
                50_000,
            )),
        );
        say(&mut bench, number, Message::Hello { listen_port: 30_333 });
    }
    assert_eq!(bench.known(), 1_200);
    let mut seen = BTreeSet::new();
    let mut ask = |bench: &mut Bench, number| {
        let answers = sends(&say(bench, number, Message::GetAddrs { limit: 64 }))
            .into_iter()
            .filter(|(session, _)| *session == number);
        let full = |message| {
            if let Message::Addrs { addrs } = message {
                Some(addrs).filter(|addrs| addrs.len() == 64)
            } else {
                None
            }
        };
        let answer = answers.filter_map(|(_, message)| full(message)).next();
        seen.extend(answer.unwrap());
        seen.len()
    };
    for number in 0..400 {
        ask(&mut bench, number);
    }
    assert_eq!(ask(&mut bench, 400), 256);
    bench.now += 10 * 60 * 1_000;
    assert!(ask(&mut bench, 401) > 256, "drawn anew after ten minutes");
}
