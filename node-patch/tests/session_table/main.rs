//! The session table against another one and against an older node's, in thousands of interleavings
//! drawn from a seed: two nodes that dial each other, twice or thrice, with every packet delayed at
//! random. Whatever happens, both sides end with the same single session.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod older;
mod world;

use hegemon_discovery::{Direction, Mono, PeerId, SessionId};
use hegemon_node::net::table::{
    Admission, CloseReason, Command, FrameKind, Limits, OVERFLOW_SLOTS, Table,
};

use self::world::{Event, UNLIMITED, World};

/// Runs one schedule; `dials` are who dials and when. Wake-ups are bounded by deduplication in
/// time: a table is woken at most once per millisecond.
fn settle(seed: u64, lower_first: bool, legacy: Option<usize>, dials: &[(usize, i64)]) {
    let mut world = World::new(seed, lower_first, legacy);
    world.empty_since = [Some(i64::MAX / 2); 2];
    for (from, at) in dials {
        world.post(*at, Event::Dial { from: *from });
    }
    world.run_until(45_000);
    let what =
        format!("seed {seed}, lower first {lower_first}, legacy {legacy:?}, dials {dials:?}");
    let (one, two) = (world.live(0), world.live(1));
    assert_eq!(one.len(), 1, "{what}: {one:?} and {two:?}");
    assert_eq!(one, two, "{what}");
}

fn schedules(legacy: Option<usize>, runs: u64) {
    for seed in 0..runs {
        for lower_first in [true, false] {
            let apart = i64::try_from(seed % 120).unwrap();
            settle(seed, lower_first, legacy, &[(0, 0), (1, apart)]);
            settle(seed, lower_first, legacy, &[(0, 0), (1, apart), (0, 10)]);
            settle(seed, lower_first, legacy, &[(1, 0), (1, apart)]);
            settle(seed, lower_first, legacy, &[(0, 0), (1, 7_000 + apart)]);
        }
    }
}

#[test]
fn two_of_ours_end_with_the_same_single_session() {
    schedules(None, 500);
}

#[test]
fn so_they_do_with_an_older_node_whichever_has_the_lower_id() {
    schedules(Some(1), 500);
}

const US: PeerId = PeerId([2; 32]);
const THEM: PeerId = PeerId([1; 32]);

/// A table of ours, driven by hand.
struct Bench {
    table: Table,
    now: Mono,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self { table: Table::new(US, limits), now: Mono(0) }
    }

    fn open(
        &mut self,
        session: u64,
        peer: PeerId,
        direction: Direction,
    ) -> (Admission, Vec<Command>) {
        let mut out = Vec::new();
        (self.table.open(SessionId(session), peer, direction, self.now, &mut out), out)
    }

    /// A frame of a node of ours.
    fn frame(&mut self, session: u64) -> Vec<Command> {
        self.receive(session, FrameKind::Empty)
    }

    /// A frame as older nodes send them, too.
    fn words(&mut self, session: u64) -> Vec<Command> {
        self.receive(session, FrameKind::Full)
    }

    fn receive(&mut self, session: u64, kind: FrameKind) -> Vec<Command> {
        let mut out = Vec::new();
        self.table.frame(SessionId(session), kind, self.now, &mut out);
        out
    }

    /// Everything that is due in the next `seconds`.
    fn wait(&mut self, seconds: i64) -> Vec<Command> {
        let (mut out, end) = (Vec::new(), Mono(self.now.0 + seconds * 1_000));
        while let Some(due) = self.table.next_wakeup().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.table.wakeup(self.now, &mut out);
        }
        self.now = end;
        out
    }
}

fn admitted(opened: &(Admission, Vec<Command>)) -> bool {
    opened.0 == Admission::Admitted
}

#[test]
fn a_peer_that_restarted_replaces_its_dead_session_and_only_once_in_a_while() {
    let mut bench = Bench::new(UNLIMITED);
    assert!(admitted(&bench.open(1, THEM, Direction::Inbound)));
    bench.frame(1);
    bench.now = Mono(50_000);
    assert_eq!(
        bench.open(2, THEM, Direction::Inbound),
        (Admission::Admitted, vec![Command::Probe(SessionId(1))])
    );
    bench.frame(2);
    assert_eq!(
        bench.wait(5),
        [Command::Close(SessionId(1), CloseReason::Duplicate)],
        "the one that stayed silent"
    );
    assert_eq!(bench.wait(1), [Command::Probe(SessionId(2))]);
    bench.frame(2);
    assert_eq!(bench.wait(5), [], "it has shown that it lives");
    assert_eq!(
        bench.open(3, THEM, Direction::Inbound).0,
        Admission::Refused(CloseReason::Duplicate),
        "one replacement in 30 s"
    );
    bench.wait(1);
    bench.frame(2);
    bench.wait(30);
    assert!(admitted(&bench.open(4, THEM, Direction::Inbound)));
}

#[test]
fn of_two_that_both_live_the_listener_keeps_the_newer_and_the_dialer_its_first() {
    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Inbound);
    bench.open(2, THEM, Direction::Inbound);
    bench.frame(1);
    bench.frame(2);
    assert_eq!(bench.wait(5), [Command::Close(SessionId(1), CloseReason::Duplicate)]);

    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Outbound);
    assert_eq!(
        bench.open(2, THEM, Direction::Outbound),
        (Admission::Refused(CloseReason::Duplicate), vec![])
    );
}

#[test]
fn a_survivor_that_says_nothing_goes_too_and_further_dials_do_not_save_it() {
    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Outbound);
    bench.frame(1);
    for session in 2..5 {
        assert!(!admitted(&bench.open(session, THEM, Direction::Outbound)));
        bench.now = Mono(bench.now.0 + 1_000);
    }
    let rest = bench.wait(3);
    assert_eq!(
        rest,
        [Command::Probe(SessionId(1)), Command::Close(SessionId(1), CloseReason::Silent)]
    );
    assert_eq!(bench.table.sessions().count(), 0);
}

/// It is on a line with a long round trip, or knows no question: each session would be looked at
/// because the last one was closed for nothing.
#[test]
fn an_older_node_that_never_answers_in_time_loses_four_sessions_and_no_fifth() {
    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Inbound);
    bench.open(2, THEM, Direction::Outbound);
    assert_eq!(bench.words(1), [], "it may have taken the other one as well, and say so soon");
    assert_eq!(bench.wait(1), [Command::Close(SessionId(2), CloseReason::Duplicate)]);
    let mut silent = Vec::new();
    for session in 3..10 {
        let ended = bench.wait(4).into_iter().filter_map(|command| match command {
            Command::Close(session, CloseReason::Silent) => Some(session.0),
            Command::Close(..) | Command::Probe(_) => None,
        });
        silent.extend(ended);
        if bench.table.sessions().count() == 0 {
            assert!(admitted(&bench.open(session, THEM, Direction::Inbound)));
            bench.words(session);
        }
    }
    assert_eq!(silent, [1, 3, 4, 5], "the survivor, and what may have been forgotten with it");
}

#[test]
fn silence_ends_only_a_session_whose_peer_answered_before() {
    for answered in [false, true] {
        let mut bench = Bench::new(UNLIMITED);
        bench.open(1, THEM, Direction::Inbound);
        bench.frame(1);
        if answered {
            bench.table.answered(SessionId(1));
        }
        let probe = Command::Probe(SessionId(1));
        assert_eq!(bench.wait(59), []);
        assert_eq!(bench.wait(60), [probe, probe]);
        let third =
            if answered { Command::Close(SessionId(1), CloseReason::Silent) } else { probe };
        assert_eq!(bench.wait(5), [third]);
    }
}

#[test]
fn limits_are_apart_and_a_full_node_still_serves_a_newcomer_for_a_moment() {
    let mut bench = Bench::new(Limits { inbound: 2, outbound: 1 });
    let mut opened = |session: u64, direction| {
        let peer = PeerId([u8::try_from(100 + session).unwrap(); 32]);
        admitted(&bench.open(session, peer, direction))
    };
    assert!(opened(1, Direction::Inbound) && opened(2, Direction::Inbound));
    assert!(opened(3, Direction::Outbound), "inbound sessions leave the outbound slot free");
    assert!(!opened(4, Direction::Outbound));
    let crowd = 5..5 + u64::try_from(OVERFLOW_SLOTS).unwrap();
    assert!(
        crowd.clone().all(|session| opened(session, Direction::Inbound)),
        "some more, for a moment"
    );
    assert!(opened(crowd.end, Direction::Inbound), "the oldest visitor's place");
    let ended: Vec<Command> = (crowd.start + 1..=crowd.end)
        .map(|session| Command::Close(SessionId(session), CloseReason::Full))
        .collect();
    assert_eq!(bench.wait(1), ended);
    assert_eq!(bench.table.sessions().count(), 3);
}

#[test]
fn a_peer_counts_for_as_long_as_it_is_heard_and_not_while_it_may_have_forgotten_its_session() {
    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Inbound);
    bench.words(1);
    assert_eq!(bench.table.settled_peers(Mono(119_999)), 1);
    assert_eq!(bench.table.settled_peers(Mono(120_000)), 0, "two probes went unanswered");
    bench.now = Mono(130_000);
    bench.words(1);
    assert_eq!(bench.table.settled_peers(bench.now), 1);

    for older in [true, false] {
        let mut bench = Bench::new(UNLIMITED);
        let receive = if older { Bench::words } else { Bench::frame };
        for (session, direction) in [(1, Direction::Inbound), (2, Direction::Outbound)] {
            assert!(admitted(&bench.open(session, THEM, direction)));
        }
        receive(&mut bench, 2);
        assert_eq!(bench.table.settled_peers(bench.now), 1, "two, and one of them was heard");
        if older {
            // It had looked for one before it took this one.
            bench.table.closed(SessionId(1), bench.now);
        } else {
            let closed = receive(&mut bench, 1);
            assert_eq!(closed, [Command::Close(SessionId(2), CloseReason::Duplicate)]);
        }
        let left = if older { 2 } else { 1 };
        let counted = |bench: &Bench| bench.table.settled_peers(bench.now) == 1;
        assert_eq!(counted(&bench), !older, "an older one may know of neither now");
        bench.wait(1);
        receive(&mut bench, left);
        assert!(counted(&bench), "it has shown that it knows");
        assert_eq!(bench.wait(5), []);
    }
}

/// It forgets both when either ends: whether it says so over each or, having taken both before its
/// first word, over one, and also if it said so of the first before we heard of the second.
#[test]
fn an_older_node_that_took_two_loses_both_at_once_and_the_next_one_is_looked_at() {
    let hello = |bench: &mut Bench, session| bench.receive(session, FrameKind::Hello);
    let both = [1, 2].map(|session| Command::Close(SessionId(session), CloseReason::Forgotten));
    for (early, first, second) in [(false, 1, 2), (false, 2, 1), (false, 2, 2), (true, 1, 2)] {
        let mut bench = Bench::new(UNLIMITED);
        bench.open(1, THEM, Direction::Inbound);
        if early {
            assert_eq!(hello(&mut bench, first), []);
        }
        assert!(admitted(&bench.open(2, THEM, Direction::Outbound)));
        if !early {
            assert_eq!(hello(&mut bench, first), []);
            assert_eq!(bench.words(first), [], "that says nothing of the other one");
        }
        assert_eq!(hello(&mut bench, second), both, "{early} {first} {second}");
        assert_eq!(bench.table.sessions().count(), 0);
        bench.open(3, THEM, Direction::Outbound);
        hello(&mut bench, 3);
        assert_eq!(bench.table.settled_peers(bench.now), 1);
        assert_eq!(bench.wait(1), [Command::Probe(SessionId(3))]);
        bench.words(3);
        assert_eq!(bench.wait(10), []);
    }
}

#[test]
fn an_older_node_that_took_one_or_has_restarted_keeps_the_one_that_it_knows() {
    let hello = |bench: &mut Bench, session| bench.receive(session, FrameKind::Hello);
    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Inbound);
    hello(&mut bench, 1);
    bench.open(2, THEM, Direction::Outbound);
    bench.words(1);
    // It looked, and closed the newer.
    bench.table.closed(SessionId(2), bench.now);
    for _ in 0..3 {
        assert!(bench.wait(1).iter().all(|command| *command == Command::Probe(SessionId(1))));
        bench.words(1);
    }

    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Outbound);
    hello(&mut bench, 1);
    bench.now = Mono(5_000);
    bench.open(2, THEM, Direction::Inbound);
    assert_eq!(hello(&mut bench, 2), [], "the first one's `Hello` was another process's");
    assert_eq!(bench.wait(1), [Command::Close(SessionId(1), CloseReason::Duplicate)]);
}

/// A hostile peer dials as often as it likes, and answers what it is asked.
#[test]
fn redials_of_a_peer_that_lives_end_nobodys_session_and_cost_two_probes_a_second() {
    const STRANGER: PeerId = PeerId([3; 32]);
    for kind in [FrameKind::Full, FrameKind::Empty] {
        let mut bench = Bench::new(UNLIMITED);
        bench.open(1, STRANGER, Direction::Inbound);
        bench.frame(1);
        bench.open(2, THEM, Direction::Inbound);
        bench.receive(2, kind);
        let (mut probes, mut ended) = (0, 0);
        let seconds = 20;
        for number in 0..seconds * 50 {
            bench.now = Mono(bench.now.0 + 20);
            let (admission, mut commands) = bench.open(10 + number, THEM, Direction::Inbound);
            if admission == Admission::Admitted {
                commands.extend(bench.receive(10 + number, kind));
            }
            bench.table.wakeup(bench.now, &mut commands);
            for command in commands {
                match command {
                    Command::Probe(session) => {
                        assert_ne!(session, SessionId(1), "nobody else is asked");
                        probes += 1;
                        bench.receive(session.0, kind);
                    }
                    Command::Close(session, reason) => {
                        assert_eq!(reason, CloseReason::Duplicate, "{session:?}");
                        ended += 1;
                    }
                }
            }
        }
        assert_eq!(ended, 1, "one replacement in 30 s, by a session of the same peer");
        assert_eq!(bench.table.sessions().count(), 2);
        assert!((1..=2 * seconds + 1).contains(&probes), "{probes} probes in {seconds} s");
    }
}

#[test]
fn a_peer_counts_once_and_when_it_has_spoken_or_stood_alone_for_a_while() {
    let mut bench = Bench::new(UNLIMITED);
    bench.open(1, THEM, Direction::Inbound);
    assert_eq!(bench.table.settled_peers(bench.now), 0);
    assert_eq!(bench.table.settled_peers(Mono(2_000)), 1);
    bench.frame(1);
    bench.open(2, THEM, Direction::Outbound);
    bench.frame(2);
    assert_eq!(bench.table.settled_peers(bench.now), 1);
}
