//! The session table against another one and against an older node's, in thousands of interleavings
//! drawn from a seed: two nodes that dial each other, twice or thrice, with every packet delayed at
//! random. Whatever happens, both sides end with the same single session.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod world;

use hegemon_discovery::{Direction, Mono, PeerId, SessionId};
use hegemon_node::net::table::{Admission, CloseReason, Command, Limits, OVERFLOW_SLOTS, Table};

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

    fn frame(&mut self, session: u64) -> Vec<Command> {
        let mut out = Vec::new();
        self.table.frame(SessionId(session), self.now, &mut out);
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
