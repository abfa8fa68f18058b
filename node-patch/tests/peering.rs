//! [`Peering`] told by hand what happens: what engine and table tell each other through it, and the
//! one score for misdeeds of all protocols.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::{net::SocketAddr, time::Duration};

use hegemon_discovery::{
    CloseReason, Config, DecodeError, DialError, DialId, Message, Mono, Now, PeerId, SessionId,
    limits::SCORE_CLOSE, snapshot::Stored,
};
use hegemon_node::{
    net::{
        peering::{Attempts, End, Output, Peering},
        table::{self, Limits},
    },
    sync::Offence,
};

const US: PeerId = PeerId([0; 32]);
const MISBEHAVIOUR: End = End::Engine(CloseReason::Misbehaviour);

/// A [`Peering`] and the time.
struct Bench {
    peering: Peering,
    now: i64,
}

fn clock(mono: i64) -> Now {
    let wall = Duration::from_millis(1_795_000_000_000 + u64::try_from(mono).unwrap());
    Now { mono: Mono(mono), wall }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let config = Config::new(at("0.0.0.0:30333"), 0);
        let peering = Peering::new(US, limits, config, [7; 32], Stored::default(), clock(0));
        let mut bench = Self { peering, now: 0 };
        bench.tell(Peering::start);
        bench
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Peering, Now, &mut Vec<Output>)) -> Vec<Output> {
        let mut out = Vec::new();
        tell(&mut self.peering, clock(self.now), &mut out);
        out
    }

    /// A session `number` with the peer of that number.
    fn open(
        &mut self,
        number: u8,
        remote: &str,
        dial: Option<DialId>,
    ) -> (Result<(), DialError>, Vec<Output>) {
        let (session, peer) = (SessionId(number.into()), PeerId([number; 32]));
        let (mut out, now) = (Vec::new(), clock(self.now));
        let opened = self.peering.opened(session, peer, at(remote), dial, now, &mut out);
        (opened, out)
    }

    fn inbound(&mut self, number: u8, remote: &str) -> Vec<Output> {
        let (opened, out) = self.open(number, remote, None);
        assert_eq!(opened, Ok(()));
        out
    }

    fn say(&mut self, number: u64, message: Result<Message, DecodeError>) -> Vec<Output> {
        self.tell(|peering, now, out| peering.message(SessionId(number), message, now, out))
    }

    fn garbage(&mut self, number: u64) -> Vec<Output> {
        self.say(number, Err(DecodeError::Malformed))
    }

    fn offend(&mut self, number: u64, offence: Offence) -> Vec<Output> {
        let points = offence.points();
        self.tell(|peering, now, out| peering.misbehaved(SessionId(number), points, now, out))
    }

    /// A session with somebody who answers our question with one address; the dial of it.
    fn led_to_dial(&mut self) -> (DialId, SocketAddr) {
        self.inbound(1, "50.1.0.1:40000");
        let answer = Message::Addrs { addrs: vec![at("50.2.0.1:30333")] };
        let out = self.say(1, Ok(answer));
        let dial = |output: &Output| {
            if let Output::Dial { dial, addr, .. } = output { Some((*dial, *addr)) } else { None }
        };
        out.iter().find_map(dial).expect("it is dialled")
    }
}

fn ended(outputs: &[Output]) -> Vec<(u64, End)> {
    let end = |output: &Output| {
        if let Output::Ended { session, why, .. } = output { Some((session.0, *why)) } else { None }
    };
    outputs.iter().filter_map(end).collect()
}

const ROOM: Limits = Limits { inbound: 20, outbound: 20 };

#[test]
fn misdeeds_of_all_protocols_together_end_a_session_once_and_discourage_its_ip() {
    for last_is_discovery in [true, false] {
        let mut bench = Bench::new(ROOM);
        bench.inbound(1, "50.1.0.1:40000");
        bench.inbound(2, "50.2.0.1:40000");
        // 20 + 50 + 10 + 10: neither side's points are enough alone, nor are all of them.
        let mut before = bench.garbage(1);
        before.extend(bench.offend(1, Offence::Misdescribed));
        before.extend(bench.offend(1, Offence::Undecodable));
        before.extend(bench.offend(1, Offence::Flood));
        assert_eq!(ended(&before), []);
        let last =
            if last_is_discovery { bench.garbage(1) } else { bench.offend(1, Offence::Flood) };
        assert_eq!(ended(&last), [(1, MISBEHAVIOUR)]);
        let mut more = bench.offend(1, Offence::InvalidBlock);
        more.extend(bench.garbage(1));
        assert_eq!(more, [], "nothing is left to end");
        let status = bench.peering.engine().status(clock(bench.now));
        assert_eq!((status.counters.misbehaved, status.discouraged), (1, 1));
        assert_eq!(
            ended(&bench.inbound(3, "50.1.0.1:40001")),
            [(3, End::Engine(CloseReason::Discouraged))]
        );
        assert_eq!(bench.peering.sessions().map(|(id, _)| id.0).collect::<Vec<_>>(), [2]);
    }
}

#[test]
fn one_invalid_block_is_enough_and_no_other_misdeed_is() {
    for offence in
        [Offence::Undecodable, Offence::Misdescribed, Offence::InvalidBlock, Offence::Flood]
    {
        let mut bench = Bench::new(ROOM);
        bench.inbound(1, "50.1.0.1:40000");
        let expected = offence == Offence::InvalidBlock;
        assert_eq!(ended(&bench.offend(1, offence)), vec![(1, MISBEHAVIOUR); expected.into()]);
        assert_eq!(offence.points() >= SCORE_CLOSE, expected);
    }
}

#[test]
fn on_this_host_a_session_ends_and_the_next_one_may_come() {
    let mut bench = Bench::new(ROOM);
    bench.inbound(1, "127.0.0.1:40000");
    assert_eq!(ended(&bench.offend(1, Offence::InvalidBlock)), [(1, MISBEHAVIOUR)]);
    assert_eq!(ended(&bench.inbound(2, "127.0.0.1:40001")), []);
}

/// The engine takes an unanswered dial for the address's fault if somebody was heard a second or
/// more after it began. A frame of before that must not count for it, only because the engine is
/// told of it late.
#[test]
fn a_frame_from_before_a_dial_is_not_taken_for_one_during_it() {
    for (heard, blamed) in [(900, 0), (1_500, 1)] {
        let mut bench = Bench::new(ROOM);
        let (dial, _) = bench.led_to_dial();
        bench.now = heard;
        bench.tell(|peering, now, out| peering.frame(SessionId(1), now, out));
        bench.now = 5_000;
        bench.tell(|peering, now, out| peering.dial_failed(dial, DialError::Unreachable, now, out));
        let failing = bench.peering.engine().status(clock(bench.now)).failing;
        assert_eq!(failing, blamed, "heard {heard} ms after the dial began");
    }
}

/// A store of dead addresses must not cost two sockets each for long.
#[test]
fn a_dial_is_tried_twice_only_while_there_are_fewer_than_two_peers() {
    for (peers, expected) in [(1, Attempts::Two), (2, Attempts::One)] {
        let mut bench = Bench::new(ROOM);
        (1..=peers).for_each(|number| _ = bench.inbound(number, &format!("50.{number}.0.1:4000")));
        let out = bench.say(1, Ok(Message::Addrs { addrs: vec![at("50.2.0.9:30333")] }));
        let attempts = out.iter().find_map(|output| {
            if let Output::Dial { attempts, .. } = output { Some(*attempts) } else { None }
        });
        assert_eq!(attempts, Some(expected), "{peers} peers");
    }
}

#[test]
fn a_refused_connection_leaves_no_session_and_the_engine_hears_why() {
    let mut bench = Bench::new(Limits { inbound: 1, outbound: 0 });
    let (dial, addr) = bench.led_to_dial();
    let (opened, out) = bench.open(2, &addr.to_string(), Some(dial));
    assert_eq!((opened, ended(&out)), (Err(DialError::NoSlot), vec![]));

    let mut bench = Bench::new(ROOM);
    let (dial, addr) = bench.led_to_dial();
    let (opened, _) = bench.open(0, &addr.to_string(), Some(dial));
    assert_eq!(opened, Err(DialError::Itself));
    assert_eq!(bench.open(0, "50.9.0.1:40000", None), (Err(DialError::Itself), vec![]));

    let status = bench.peering.engine().status(clock(bench.now));
    assert_eq!((status.counters.dials.itself, status.dialling), (1, 0));
    assert_eq!(bench.peering.sessions().count(), 1);
}

#[test]
fn where_a_peer_listens_is_known_from_the_dial_or_from_its_hello() {
    let mut bench = Bench::new(ROOM);
    let (dial, addr) = bench.led_to_dial();
    assert_eq!(bench.open(2, &addr.to_string(), Some(dial)).0, Ok(()));
    bench.say(2, Ok(Message::Hello { listen_port: 1_234 }));
    bench.say(1, Ok(Message::Hello { listen_port: 0 }));
    let listen = |bench: &Bench, number| bench.peering.session(SessionId(number)).unwrap().listen;
    assert_eq!((listen(&bench, 1), listen(&bench, 2)), (None, Some(addr)));
    bench.say(1, Ok(Message::Hello { listen_port: 30_333 }));
    assert_eq!(listen(&bench, 1), Some(at("50.1.0.1:30333")));
}

#[test]
fn what_the_table_ends_the_engine_forgets_and_nothing_more_is_said_of_it() {
    let mut bench = Bench::new(ROOM);
    bench.inbound(1, "50.1.0.1:40000");
    // It answers, so from now on its silence means something.
    bench.say(1, Ok(Message::Addrs { addrs: vec![] }));
    let mut out = Vec::new();
    while let Some(due) = bench.peering.next_wakeup().filter(|due| due.0 <= 200_000) {
        bench.now = due.0.max(bench.now);
        out.extend(bench.tell(Peering::wakeup));
    }
    assert_eq!(ended(&out), [(1, End::Table(table::CloseReason::Silent))]);
    assert_eq!(bench.peering.engine().status(clock(bench.now)).peers, 0);
    let mut late = bench.say(1, Ok(Message::GetAddrs { limit: 64 }));
    late.extend(bench.tell(|peering, now, out| peering.ended(SessionId(1), now, out)));
    assert_eq!(late, []);
}

#[test]
fn who_displaced_somebody_at_a_full_node_keeps_the_place() {
    let mut bench = Bench::new(Limits { inbound: 30, outbound: 20 });
    for number in 1..=31 {
        bench.now += 1_000;
        bench.inbound(number, &format!("50.1.{number}.1:40000"));
    }
    assert!(bench.peering.session(SessionId(30)).is_none(), "the youngest of a crowd");
    bench.now += 29_900;
    bench.inbound(40, "50.2.1.1:40000");
    bench.now += 100;
    bench.inbound(41, "50.3.1.1:40000");
    assert!(bench.peering.session(SessionId(31)).is_none(), "and the next one");
    for _ in 0..4 {
        bench.now += 250;
        bench.tell(Peering::wakeup);
    }
    let stays = |number| bench.peering.session(SessionId(number)).is_some();
    assert!(stays(41) && !stays(40), "a visitor that came before takes nothing from it");
    assert_eq!(bench.peering.sessions().count(), 30);
}

#[test]
fn a_crowd_at_a_full_node_is_answered_one_by_one_and_takes_nobody_s_place() {
    for pause in [0, 1, 40, 300] {
        let mut bench = Bench::new(Limits { inbound: 2, outbound: 20 });
        for number in 1..=2 {
            bench.inbound(number, &format!("50.{number}.0.1:40000"));
            bench.say(number.into(), Ok(Message::Hello { listen_port: 30_333 }));
        }
        for number in 3..=200 {
            bench.now += pause;
            bench.tell(Peering::wakeup);
            let out = bench.inbound(number, &format!("50.{number}.0.1:40000"));
            let answer = |output: &Output| {
                matches!(output, Output::Send { session, message: Message::Addrs { addrs } }
                    if session.0 == u64::from(number) && !addrs.is_empty())
            };
            assert!(out.iter().any(answer), "{out:?}");
            let own = |(session, _): &(u64, End)| *session == u64::from(number);
            assert!(!ended(&out).iter().any(own), "it lives to get it");
            let sessions = bench.peering.sessions().count();
            assert!(sessions <= 2 + table::OVERFLOW_SLOTS, "{sessions} at once");
            assert!([1, 2].iter().all(|id| bench.peering.session(SessionId(*id)).is_some()));
        }
        bench.now += 1_000;
        bench.tell(Peering::wakeup);
        assert_eq!(bench.peering.sessions().count(), 2, "visits end");
    }
}
