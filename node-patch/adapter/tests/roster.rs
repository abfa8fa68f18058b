//! The roster by hand: what a network may tell in whatever order, one case each.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::{net::SocketAddr, time::Duration};

use hegemon_adapter::{
    Limits,
    limits::{CONNECTED_WITHIN, CUTS},
    roster::{End, Order, Roster},
};
use hegemon_discovery::{
    Config, DialError, DialId, Direction, Message, Mono, Now, PeerId, SeedIndex, SessionId,
    snapshot::Stored,
};

const THEM: PeerId = PeerId([2; 32]);

fn addr() -> SocketAddr {
    SocketAddr::from(([198, 18, 2, 1], 30_333))
}

/// A roster with one seed, at a time that only this moves.
struct Bench {
    roster: Roster,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        let now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };
        let config = Config::new(SocketAddr::from(([198, 18, 1, 1], 30_333)), 1);
        let limits = Limits { inbound: 5, outbound: 5 };
        let own = PeerId([1; 32]);
        let roster = Roster::new(own, limits, config, [3; 32], Stored::default(), now);
        Self { roster, now }
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Roster, Now, &mut Vec<Order>)) -> Vec<Order> {
        let mut out = Vec::new();
        tell(&mut self.roster, self.now, &mut out);
        out
    }

    fn connected(&mut self, is_outbound: bool) -> Vec<Order> {
        self.tell(|roster, now, out| roster.connected(THEM, addr(), is_outbound, now, out))
    }

    fn disconnected(&mut self) -> Vec<Order> {
        self.tell(|roster, now, out| roster.disconnected(THEM, now, out))
    }

    fn heard(&mut self) {
        self.tell(|roster, now, out| roster.frame(THEM, now, out));
    }

    fn hello(&mut self) {
        let hello = Ok(Message::Hello { listen_port: 30_333 });
        self.tell(|roster, now, out| roster.message(THEM, hello, now, out));
    }

    /// All that is due meanwhile.
    fn wait(&mut self, seconds: u64) -> Vec<Order> {
        let end = self.now.mono.after(Duration::from_secs(seconds));
        let mut out = Vec::new();
        while let Some(due) = self.roster.next_wakeup().filter(|due| *due <= end) {
            self.now.mono = due.max(self.now.mono);
            out.extend(self.tell(Roster::wakeup));
        }
        self.now.mono = end;
        out
    }

    /// The seed's dial.
    fn dial(&mut self) -> DialId {
        let seed = SeedIndex(0);
        self.tell(Roster::start);
        let out = self.tell(|roster, now, out| roster.resolved(seed, vec![addr()], now, out));
        let dial = |order: &Order| {
            if let Order::Connect { dial, addr: to } = order
                && *to == addr()
            {
                Some(*dial)
            } else {
                None
            }
        };
        out.iter().find_map(dial).unwrap()
    }

    fn dialled(&mut self, dial: DialId, result: Result<PeerId, DialError>) -> Vec<Order> {
        self.tell(|roster, now, out| roster.dialled(dial, result, now, out))
    }

    fn direction(&self) -> Option<Direction> {
        self.roster.peers(self.now.mono).next().map(|peer| peer.direction)
    }

    fn succeeded(&self) -> (u64, u64) {
        let dials = self.roster.status(self.now).counters.dials;
        (dials.succeeded, dials.duplicate)
    }
}

fn session(orders: &[Order]) -> SessionId {
    let open =
        |order: &Order| if let Order::Open { session, .. } = order { Some(*session) } else { None };
    orders.iter().find_map(open).unwrap()
}

fn ends(orders: &[Order]) -> Vec<End> {
    let end = |order: &Order| if let Order::End { why, .. } = order { Some(*why) } else { None };
    orders.iter().filter_map(end).collect()
}

fn disconnects(orders: &[Order]) -> bool {
    orders.contains(&Order::Disconnect { peer_id: THEM })
}

#[test]
fn a_disconnection_is_believed_unless_there_was_a_duplicate() {
    let mut bench = Bench::new();
    bench.connected(false);
    assert_eq!(ends(&bench.disconnected()), [End::Disconnected]);
    assert_eq!(bench.disconnected(), [], "twice is once");

    bench.connected(false);
    let second = session(&bench.connected(false));
    let orders = bench.disconnected();
    let message = Message::Addrs { addrs: Vec::new() };
    assert_eq!(orders, [Order::Send { session: second, message }], "is it still there?");
    let orders = bench.tell(|roster, now, out| roster.unsent(second, now, out));
    assert_eq!(ends(&orders), [End::Unsent], "no");
}

#[test]
fn what_comes_late_from_a_session_that_we_ended_does_not_end_the_next_one() {
    let mut bench = Bench::new();
    let first = session(&bench.connected(false));
    assert!(disconnects(&bench.tell(|roster, now, out| roster.unsent(first, now, out))));
    bench.connected(false);
    assert_eq!(ends(&bench.disconnected()), []);
    bench.heard();
    bench.wait(11);
    assert_eq!(ends(&bench.disconnected()), [End::Disconnected], "that was long ago");
}

#[test]
fn a_second_connection_takes_the_place_of_the_first_and_the_peer_counts_once() {
    let mut bench = Bench::new();
    let first = session(&bench.connected(false));
    bench.hello();
    let orders = bench.connected(false);
    assert!(session(&orders) > first && ends(&orders) == [End::Replaced] && !disconnects(&orders));
    assert_eq!(bench.roster.peers(bench.now.mono).count(), 1);
    assert_eq!(bench.roster.status(bench.now).peers, 1);
    bench.hello();
    assert_eq!(ends(&bench.wait(12)), []);
    bench.disconnected();
    assert_eq!(bench.roster.status(bench.now).peers, 0, "nothing is left of either");
}

#[test]
fn a_session_that_the_other_side_forgot_ends_and_is_disconnected() {
    let mut bench = Bench::new();
    bench.connected(false);
    bench.hello();
    assert_eq!(ends(&bench.wait(16)), [], "it has until then");
    let orders = bench.wait(2);
    assert!(ends(&orders) == [End::Silent] && disconnects(&orders));
}

#[test]
fn who_knows_nothing_of_discovery_may_be_silent_in_the_end() {
    let mut bench = Bench::new();
    for _ in 0..CUTS {
        bench.connected(false);
        // The tick's question puts the probe off once.
        assert_eq!(ends(&bench.wait(40)), [End::Silent]);
    }
    bench.connected(false);
    assert_eq!(ends(&bench.wait(600)), []);
    bench.hello();
    assert_eq!(ends(&bench.wait(600)), [End::Silent], "it does know");
}

#[test]
fn blocks_alone_prove_that_a_session_lives() {
    let mut bench = Bench::new();
    bench.connected(false);
    for _ in 0..60 {
        bench.heard();
        assert_eq!(ends(&bench.wait(3)), []);
    }
}

#[test]
fn a_dial_ends_with_its_connection_in_whatever_order_they_are_told() {
    let mut bench = Bench::new();
    let dial = bench.dial();
    bench.connected(true);
    assert_eq!(bench.dialled(dial, Ok(THEM)), []);
    assert_eq!((bench.succeeded(), bench.direction()), ((1, 0), Some(Direction::Outbound)));

    let mut bench = Bench::new();
    let dial = bench.dial();
    assert_eq!(bench.dialled(dial, Ok(THEM)), []);
    bench.connected(true);
    assert_eq!((bench.succeeded(), bench.direction()), ((1, 0), Some(Direction::Outbound)));
}

#[test]
fn a_dial_to_whom_we_have_is_a_duplicate_also_if_we_hear_of_it_later() {
    let mut bench = Bench::new();
    let dial = bench.dial();
    bench.connected(false);
    bench.dialled(dial, Ok(THEM));
    assert_eq!((bench.succeeded(), bench.direction()), ((0, 1), Some(Direction::Inbound)));

    let mut bench = Bench::new();
    let dial = bench.dial();
    bench.dialled(dial, Ok(THEM));
    bench.connected(false);
    assert_eq!((bench.succeeded(), bench.direction()), ((0, 1), Some(Direction::Inbound)));
}

#[test]
fn whom_the_network_says_it_has_is_taken_for_connected_and_has_to_prove_it() {
    let mut bench = Bench::new();
    let dial = bench.dial();
    bench.dialled(dial, Ok(THEM));
    let orders = bench.wait(CONNECTED_WITHIN.as_secs());
    assert_eq!(bench.succeeded(), (1, 0));
    let opened = session(&orders);
    let orders = bench.tell(|roster, now, out| roster.unsent(opened, now, out));
    assert_eq!(ends(&orders), [End::Unsent]);
}

#[test]
fn ourselves_are_no_peer() {
    let mut bench = Bench::new();
    let dial = bench.dial();
    bench.dialled(dial, Ok(PeerId([1; 32])));
    assert_eq!(bench.roster.status(bench.now).counters.dials.itself, 1);
    let own = PeerId([1; 32]);
    let orders = bench.tell(|roster, now, out| roster.connected(own, addr(), false, now, out));
    assert_eq!(orders, [Order::Disconnect { peer_id: own }]);
    assert_eq!(bench.direction(), None);
}
