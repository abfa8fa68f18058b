//! The book's rules one by one: who gets a place, who gives it up, who is passed on, who is dialled
//! when. The invariants are `prop_book`'s.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hegemon_discovery::{
    Groups, Mono, PeerId,
    book::{Book, Bucket, Change, Grid, Layout, Noted, Table},
    limits::{
        BOOK_CAPACITY, BUCKET_SIZE, NEW_BUCKETS_PER_SOURCE, NEW_CAPACITY, NEW_PER_GROUP,
        TRIED_BUCKETS,
    },
    policy::{Group, Refusal},
};

const PEER: PeerId = PeerId([1; 32]);
const REACHED: Change = Change::Succeeded { peer: PEER };
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Two tried addresses in all.
const NARROW: Layout = Layout { tried: Grid { buckets: 1, size: 2, reach: 1 }, ..Layout::TABLES };

/// Four new addresses in all.
const SHORT: Layout = Layout { new: Grid { buckets: 1, size: 4, reach: 1 }, ..Layout::TABLES };

fn book(layout: Layout) -> Book {
    Book::new([9; 16], layout, Groups::Weighed)
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn heard(source: &str) -> Change {
    Change::Heard { source: source.parse().unwrap() }
}

/// The nth address of a /16; 262,144 of them before they repeat.
fn nth_of(net: [u8; 2], n: u32) -> SocketAddr {
    let [_, port, c, d] = n.to_be_bytes();
    SocketAddr::from(([net[0], net[1], c, d], 30_000 + u16::from(port % 4)))
}

/// An address in the nth of many networks.
fn scattered(n: u32) -> SocketAddr {
    let [_, b, c, d] = n.wrapping_mul(2_654_435_761).to_be_bytes();
    SocketAddr::from(([60 + (n % 100) as u8, b, c, d], 30_333))
}

fn source_of(n: u32) -> IpAddr {
    let [_, _, c, d] = n.wrapping_mul(40_503).to_be_bytes();
    IpAddr::from([30 + (n % 20) as u8, c, d, 1])
}

/// What a book of a node that lived among honest peers holds.
fn lived_in(layout: Layout) -> Book {
    let mut book = book(layout);
    for n in 0..2_000 {
        let _ = book.note(scattered(n), Change::Heard { source: source_of(n) }, Mono(0));
        if n % 4 == 0 {
            let _ = book.note(scattered(n), REACHED, Mono(1));
        }
    }
    book
}

fn in_group(book: &Book, group: Group) -> usize {
    book.groups().find(|(found, _)| *found == group).map_or(0, |(_, count)| count.new)
}

/// Addresses of one network, through many sources.
fn flood(book: &mut Book, count: u32, source: impl Fn(u32) -> IpAddr) {
    for n in 0..count {
        let _ = book.note(nth_of([45, 66], n), Change::Heard { source: source(n) }, Mono(2));
    }
}

#[test]
fn a_flood_through_one_peer_gets_a_sixteenth_of_the_new_table() {
    flooded_through(|_| [45, 66, 1, 1]);
}

#[test]
fn a_flood_through_200_sources_of_one_group_gets_a_sixteenth_of_the_new_table() {
    flooded_through(|n| [45, 77, 1, (n % 200) as u8]);
}

#[test]
fn a_flood_through_200_groups_gets_a_sixteenth_of_the_new_table() {
    flooded_through(|n| [45, (n % 200) as u8, 1, 1]);
}

fn flooded_through(source: impl Fn(u32) -> [u8; 4]) {
    let mut book = lived_in(Layout::TABLES);
    let (before, tried) = (book.new_entries(), book.tried());
    assert!(before > 1_400 && tried > 450, "{before} and {tried}");
    flood(&mut book, 30_000, |n| source(n).into());
    let got = in_group(&book, Group::V4([45, 66]));
    assert!(got <= NEW_CAPACITY / 16, "{got}");
    assert!(got > NEW_PER_GROUP / 2, "the flood was real: {got}");
    assert_eq!(
        (book.new_entries() - got, book.tried()),
        (before, tried),
        "nobody else lost a place"
    );
    let late = (2_000..2_500)
        .filter(|n| {
            book.note(scattered(*n), Change::Heard { source: source_of(*n) }, Mono(3))
                == Ok(Noted::New)
        })
        .count();
    assert!(late > 450, "fifteen of sixteen who come later find one: {late}");
}

#[test]
fn a_flat_book_is_the_floods() {
    let mut book = lived_in(Layout::FLAT);
    assert_eq!(book.tried(), 0);
    flood(&mut book, 30_000, |_| [45, 66, 1, 1].into());
    assert_eq!(book.len(), BOOK_CAPACITY);
    assert!(in_group(&book, Group::V4([45, 66])) > BOOK_CAPACITY * 9 / 10);
}

#[test]
fn where_groups_are_ignored_one_source_may_fill_the_book_with_one_network() {
    let mut book = Book::new([9; 16], Layout::TABLES, Groups::Ignored);
    flood(&mut book, 60_000, |_| [45, 66, 1, 1].into());
    assert!(book.new_entries() > NEW_CAPACITY * 95 / 100, "{}", book.new_entries());
}

#[test]
fn one_network_gets_a_sixteenth_of_the_tried_table() {
    let mut book = book(Layout::TABLES);
    for n in 0..20_000 {
        let _ = book.note(nth_of([45, 66], n), REACHED, Mono(0));
    }
    assert!(
        book.tried() <= usize::from(TRIED_BUCKETS) * BUCKET_SIZE / 16 && book.tried() > BUCKET_SIZE,
        "{}",
        book.tried()
    );
    assert!(
        book.new_entries() <= usize::from(NEW_BUCKETS_PER_SOURCE) * BUCKET_SIZE,
        "the others wait among the new"
    );
}

#[test]
fn a_full_book_makes_room_for_what_is_vouched_for_and_keeps_what_is_good() {
    let mut book = book(SHORT);
    for host in 1..=4 {
        book.note(nth_of([45, 66], host), heard("45.66.9.9"), Mono(0)).unwrap();
    }
    let newcomer = at("46.1.1.1:30333");
    assert_eq!(
        book.note(newcomer, heard("45.66.9.9"), Mono(1)),
        Err(Refusal::BookFull),
        "hearsay does not push out hearsay"
    );
    let news = Change::HeardAsNews { source: [45, 66, 9, 9].into(), not_before: Mono(1) };
    assert_eq!(book.note(newcomer, news, Mono(1)), Err(Refusal::BookFull), "nor does news");
    for failures in 1..=3 {
        assert_eq!(
            book.note(newcomer, heard("45.66.9.9"), Mono(1)),
            Err(Refusal::BookFull),
            "before failure {failures}"
        );
        book.note(nth_of([45, 66], 2), Change::Failed, Mono(1)).unwrap();
    }
    assert_eq!(book.note(newcomer, heard("45.66.9.9"), Mono(2)), Ok(Noted::New));
    assert!(!book.contains(nth_of([45, 66], 2)), "nobody ever answered there");
    assert_eq!(
        book.note(at("47.1.1.1:30333"), heard("45.66.9.9"), Mono(3)),
        Err(Refusal::BookFull)
    );
    for host in 1..=4 {
        assert_eq!(
            book.note(
                SocketAddr::from(([50, 1, 1, host], 30_333)),
                Change::Announced { by: PEER },
                Mono(4)
            ),
            Ok(Noted::New),
            "its owner says so"
        );
    }
    assert_eq!(
        book.note(at("51.1.1.1:30333"), Change::Announced { by: PEER }, Mono(5)),
        Err(Refusal::BookFull),
        "but nobody makes room for whom an owner vouches"
    );
    assert_eq!(book.len(), 4);
}

#[test]
fn a_group_with_its_share_makes_room_only_among_its_own() {
    let mut book = book(Layout { new_per_group: 3, ..SHORT });
    book.note(at("50.1.1.1:30333"), heard("45.66.9.9"), Mono(0)).unwrap();
    book.note(at("50.1.1.1:30333"), Change::Failed, Mono(0)).unwrap();
    for host in 1..=3 {
        book.note(nth_of([45, 66], host), heard("45.66.9.9"), Mono(0)).unwrap();
    }
    assert_eq!(
        book.note(nth_of([45, 66], 4), heard("99.1.1.1"), Mono(1)),
        Err(Refusal::GroupShare)
    );
    assert_eq!(
        book.note(nth_of([45, 66], 4), Change::Announced { by: PEER }, Mono(1)),
        Ok(Noted::New)
    );
    assert_eq!((book.len(), in_group(&book, Group::V4([45, 66]))), (4, 3));
    assert!(book.contains(at("50.1.1.1:30333")));
}

/// Two tried ones, which is all that there may be, and a newcomer who waits for a place.
fn full_of([oldest, second, newcomer]: [SocketAddr; 3]) -> Book {
    let mut book = book(NARROW);
    for (addr, time) in [(oldest, 10), (second, 20)] {
        book.note(addr, REACHED, Mono(time)).unwrap();
        assert!(book.is_tried(addr));
    }
    assert_eq!(book.tests_wanted().next(), None);
    book.note(newcomer, REACHED, Mono(30)).unwrap();
    assert_eq!(
        (book.is_tried(newcomer), book.tests_wanted().next()),
        (false, Some(oldest)),
        "the one that was silent longest"
    );
    book
}

#[test]
fn an_occupant_is_tested_before_it_gives_up_its_place() {
    let addrs = ["20.1.1.1:30333", "21.1.1.1:30333", "22.1.1.1:30333"].map(at);
    let [oldest, second, newcomer] = addrs;
    let full = || full_of(addrs);

    let mut dead = full();
    dead.note(oldest, Change::Failed, Mono(40)).unwrap();
    assert!(dead.is_tried(newcomer) && dead.is_tried(second) && !dead.is_tried(oldest));
    assert!(dead.is_reached(oldest), "it is new again, with what we know of it");
    assert_eq!(
        (dead.tests_wanted().next(), dead.ready_at(oldest)),
        (None, Some(Mono(30_040))),
        "and waits like any that failed"
    );

    for sign_of_life in [REACHED, Change::Lasted { not_before: Mono(50) }, Change::TurnedAway] {
        let mut alive = full();
        alive.note(oldest, sign_of_life, Mono(40)).unwrap();
        assert!(
            alive.is_tried(oldest) && !alive.is_tried(newcomer) && alive.is_reached(newcomer),
            "{sign_of_life:?}"
        );
        assert_eq!(alive.tests_wanted().next(), None);
    }

    let mut unjudged = full();
    unjudged.note(oldest, Change::Unjudged { not_before: Mono(50) }, Mono(40)).unwrap();
    assert_eq!(
        unjudged.tests_wanted().next(),
        Some(oldest),
        "a dial that did not leave this host is no test"
    );

    let mut given_up = full();
    given_up.note(newcomer, Change::Failed, Mono(40)).unwrap();
    given_up.note(oldest, Change::Failed, Mono(41)).unwrap();
    assert!(given_up.is_tried(oldest), "nobody waits for its place any more");

    let mut withdrawn = full();
    withdrawn.forget(newcomer);
    assert_eq!(withdrawn.tests_wanted().next(), None, "nobody waits");

    let mut moved = full();
    moved.forget(second);
    assert!(moved.is_tried(newcomer) && moved.is_tried(oldest), "there is room");
    assert_eq!(moved.tests_wanted().next(), None);
}

#[test]
fn an_occupant_without_a_place_among_the_new_is_forgotten() {
    let occupant = at("20.1.1.1:30333");
    let full = || {
        let mut book = book(Layout {
            new: Grid { buckets: 2, size: 2, reach: 1 },
            tried: NARROW.tried,
            ..Layout::TABLES
        });
        book.note(occupant, REACHED, Mono(1)).unwrap();
        book.note(at("21.1.1.1:30333"), REACHED, Mono(2)).unwrap();
        for net in 30..60 {
            let _ = book.note(
                SocketAddr::from(([net, 1, 1, 1], 30_333)),
                Change::Announced { by: PEER },
                Mono(3),
            );
        }
        assert_eq!(book.len(), 6);
        book
    };
    let mut kept = 0;
    for newcomer in
        full().records().map(|record| record.addr).filter(|addr| !full().is_tried(*addr))
    {
        let mut book = full();
        book.note(newcomer, REACHED, Mono(4)).unwrap();
        book.note(occupant, Change::Failed, Mono(5)).unwrap();
        assert!(book.is_tried(newcomer));
        // The newcomer left a place in its own bucket, and in no other.
        if book.contains(occupant) {
            kept += 1;
            assert_eq!((book.len(), book.failing_since(occupant)), (6, Some(Mono(5))));
        } else {
            assert_eq!(
                (book.len(), book.failing_since(occupant)),
                (5, None),
                "with its last record the host is forgotten"
            );
        }
    }
    assert_eq!(kept, 2, "two of the four newcomers were in the occupant's bucket");
}

#[test]
fn a_reached_address_is_terrible_only_after_weeks() {
    let mut book = book(Layout::TABLES);
    let addr = at("20.1.1.1:30333");
    book.note(addr, REACHED, Mono(0)).unwrap();
    let terrible = |book: &Book, after| book.get(addr).unwrap().is_terrible(Mono(0).after(after));
    for _ in 0..9 {
        book.note(addr, Change::Failed, Mono(1)).unwrap();
    }
    assert!(!terrible(&book, DAY * 8), "nine failures");
    book.note(addr, Change::Failed, Mono(1)).unwrap();
    assert!(!terrible(&book, DAY * 6), "ten, but it may be down for a week");
    assert!(terrible(&book, DAY * 7));
    book.note(addr, Change::Announced { by: PEER }, Mono(1)).unwrap();
    assert!(!terrible(&book, DAY * 60), "its owner is here");
    book.owner_left(PEER, [addr], Mono(2));
    assert!(terrible(&book, DAY * 31));
    book.note(addr, REACHED, Mono(3)).unwrap();
    assert!(!terrible(&book, DAY * 29));
    assert!(terrible(&book, DAY * 31), "no sign of it for a month");
}

#[test]
fn what_we_reached_is_passed_on_for_three_hours_after_its_last_sign_of_life_and_not_after_a_failure()
 {
    let mut book = book(Layout::TABLES);
    let addr = at("20.1.1.1:30333");
    let vouched =
        |book: &Book, after: Duration| book.get(addr).unwrap().is_vouched_for(Mono(0).after(after));
    book.note(addr, heard("21.1.1.1"), Mono(0)).unwrap();
    assert!(!vouched(&book, Duration::ZERO), "hearsay");
    book.note(addr, REACHED, Mono(0)).unwrap();
    assert!(vouched(&book, HOUR * 3) && !vouched(&book, HOUR * 3 + Duration::from_millis(1)));
    book.note(addr, heard("21.1.1.1"), Mono(0).after(HOUR * 3)).unwrap();
    assert!(!vouched(&book, HOUR * 4), "hearsay does not renew it");
    book.note(addr, Change::Lasted { not_before: Mono(0) }, Mono(0).after(HOUR * 3)).unwrap();
    assert!(vouched(&book, HOUR * 6));
    book.note(addr, Change::Failed, Mono(0).after(HOUR * 4)).unwrap();
    assert!(!vouched(&book, HOUR * 4));
    book.note(addr, Change::Announced { by: PEER }, Mono(0).after(HOUR * 4)).unwrap();
    assert!(vouched(&book, HOUR * 40), "its owner is here");
}

#[test]
fn a_host_has_four_ports_and_one_backoff() {
    let mut book = book(Layout::TABLES);
    let port = |port| SocketAddr::from(([20, 1, 1, 1], port));
    for n in 0..4 {
        book.note(port(30_000 + n), heard("21.1.1.1"), Mono(0)).unwrap();
    }
    assert_eq!(book.note(port(30_009), heard("21.1.1.1"), Mono(0)), Err(Refusal::PortsPerHost));
    assert_eq!(
        book.note(port(30_009), Change::Announced { by: PEER }, Mono(0)),
        Err(Refusal::PortsPerHost)
    );
    let mut waits = Vec::new();
    for n in 0..7 {
        book.note(port(30_000), Change::Failed, Mono(n)).unwrap();
        waits.push((book.ready_at(port(30_003)).unwrap().0 - n) / 1_000);
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900]);
    assert_eq!(book.failing_since(port(30_002)), Some(Mono(0)));
    book.note(port(30_001), REACHED, Mono(10)).unwrap();
    assert_eq!(
        (book.ready_at(port(30_000)), book.failing_since(port(30_000))),
        (Some(Mono(0)), None)
    );
    book.note(port(30_001), Change::TurnedAway, Mono(20)).unwrap();
    assert_eq!(
        book.ready_at(port(30_000)),
        Some(Mono(20 + 256_000)),
        "who lets us in only to turn us away has not earned a new start"
    );
    book.note(port(30_001), Change::Lasted { not_before: Mono(30) }, Mono(30)).unwrap();
    assert_eq!(book.ready_at(port(30_000)), Some(Mono(0)));
    for n in 0..4 {
        book.note(port(30_000), Change::Failed, Mono(40)).unwrap();
        book.forget(port(30_000 + n));
    }
    book.note(port(30_009), heard("21.1.1.1"), Mono(50)).unwrap();
    assert_eq!(
        book.ready_at(port(30_009)),
        Some(Mono(50)),
        "with its last record the host is forgotten"
    );
}

#[test]
fn who_fell_silent_with_the_network_is_not_waited_for_when_it_is_back() {
    let mut book = book(Layout::TABLES);
    let (long_gone, parted, full) =
        (at("20.1.1.1:30333"), at("21.1.1.1:30333"), at("22.1.1.1:30333"));
    for addr in [long_gone, parted, full] {
        book.note(addr, heard("23.1.1.1"), Mono(0)).unwrap();
    }
    for (addr, change, time) in [
        (long_gone, Change::Failed, 10),
        (long_gone, Change::Failed, 200),
        (parted, Change::Failed, 100),
        (parted, Change::Failed, 150),
        (full, Change::Failed, 120),
        (full, Change::TurnedAway, 150),
    ] {
        book.note(addr, change, Mono(time)).unwrap();
    }
    book.thaw(Mono(100), Mono(300));
    assert_eq!(book.ready_at(parted), Some(Mono(0)));
    assert_eq!(book.ready_at(long_gone), Some(Mono(60_200)));
    assert_eq!(book.ready_at(full), Some(Mono(4_150)), "it was there, and had no slot for us");
    book.note(parted, Change::Failed, Mono(400)).unwrap();
    assert_eq!(book.ready_at(parted), Some(Mono(30_400)), "it begins anew");
}

#[test]
fn what_says_nothing_of_an_unknown_address_takes_none_in() {
    let mut book = book(Layout::TABLES);
    let addr = at("20.1.1.1:30333");
    for change in [
        Change::Failed,
        Change::Dialled,
        Change::TurnedAway,
        Change::OwnerLeft,
        Change::Lasted { not_before: Mono(1) },
        Change::Unjudged { not_before: Mono(1) },
    ] {
        assert_eq!(book.note(addr, change, Mono(0)), Ok(Noted::Ignored), "{change:?}");
    }
    assert!(book.is_empty());
    book.note(addr, heard("21.1.1.1"), Mono(1)).unwrap();
    assert_eq!(book.ready_at(addr), Some(Mono(1)), "nor was a backoff kept");
    book.note(addr, Change::Dialled, Mono(2)).unwrap();
    assert_eq!(book.get(addr).unwrap().last_tried, Some(Mono(2)));
}

#[test]
fn what_was_tried_survives_any_clock_and_hearsay_a_month() {
    let mut before = book(Layout::TABLES);
    before.note(at("20.1.1.1:30333"), REACHED, Mono(0)).unwrap();
    before.note(at("21.1.1.1:30333"), heard("22.1.1.1"), Mono(0)).unwrap();
    let restored = |after: Duration| {
        let mut again = book(Layout::TABLES);
        for record in before.records() {
            let table = if before.is_tried(record.addr) { Table::Tried } else { Table::New };
            again.restore(record, table, Mono(0).after(after));
        }
        (again.tried(), again.new_entries())
    };
    assert_eq!(restored(DAY * 30), (1, 1));
    assert_eq!(restored(DAY * 31), (1, 0));
}

#[test]
fn a_source_reaches_its_buckets_only() {
    let mut book = book(Layout::TABLES);
    for n in 0..4_000 {
        let _ = book.note(scattered(n), heard("45.66.9.9"), Mono(0));
    }
    let reached: std::collections::BTreeSet<Bucket> =
        book.places().map(|(bucket, _)| bucket).collect();
    assert!(
        reached.len() <= usize::from(NEW_BUCKETS_PER_SOURCE) && reached.len() > 8,
        "{}",
        reached.len()
    );
    assert!(
        book.len() <= reached.len() * BUCKET_SIZE
            && book.len() > reached.len() * BUCKET_SIZE * 9 / 10,
        "{}",
        book.len()
    );
}
